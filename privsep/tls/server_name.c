/* SPDX-License-Identifier: ISC */
#include "privsep/tls/server_name.h"

#include <errno.h>
#include <string.h>

#include "common/banned.h"

#define HOST_NAME 0	/* the one kind of name that there is */
#define LIST_HEAD 2	/* bytes: its length */
#define NAME_HEAD 3	/* bytes: kind, length */

static size_t
length_at(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

int
server_name_parse(const uint8_t *bytes, size_t len, char name[SERVER_NAME_SIZE])
{
	size_t name_len;

	if (len < LIST_HEAD + NAME_HEAD || length_at(bytes) != len - LIST_HEAD || bytes[LIST_HEAD] != HOST_NAME)
		return -EINVAL;
	name_len = length_at(bytes + LIST_HEAD + 1);
	bytes += LIST_HEAD + NAME_HEAD;
	/* libssl takes no second name either: a client cannot send a list that one of both reads otherwise */
	if (name_len != len - LIST_HEAD - NAME_HEAD || name_len == 0 || name_len >= SERVER_NAME_SIZE ||
	    memchr(bytes, '\0', name_len) != NULL)
		return -EINVAL;
	memcpy(name, bytes, name_len);
	name[name_len] = '\0';
	return 0;
}
