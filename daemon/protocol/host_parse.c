/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/host_parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/banned.h"

#define NAME_BYTES_MAX 253 /* RFC 1035, 2.3.4, as text */
#define LABEL_BYTES_MAX 63

/* Letters, digits and '-', which neither begins nor ends it. */
static bool
is_label(const char *label, size_t len)
{
	if (len == 0 || len > LABEL_BYTES_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)label[i]) && label[i] != '-')
			return false;
	return true;
}

static bool
is_server_name(const char *name)
{
	if (strlen(name) > NAME_BYTES_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(name, ".");

		if (!is_label(name, len))
			return false;
		if (name[len] == '\0')
			return true;
		name += len + 1;
	}
}

static int
parse_in_brackets(const char *argument, union address *literal)
{
	char text[ADDRESS_TEXT_MAX];
	size_t len = strlen(argument);
	union address address;

	if (len < 3 || len - 2 >= sizeof(text) || argument[len - 1] != ']')
		return -EINVAL;
	memcpy(text, argument + 1, len - 2);
	text[len - 2] = '\0';
	/* "::ffff:192.0.2.1" may be IPv4 by now: the colon says what was meant */
	if (strchr(text, ':') == NULL || address_parse(text, &address) < 0)
		return -EINVAL;
	*literal = address;
	return 0;
}

int
host_parse(const char *argument, union address *literal)
{
	union address address;

	if (argument[0] == '[')
		return parse_in_brackets(argument, literal);
	if (!is_server_name(argument))
		return -EINVAL;
	memset(&address, 0, sizeof(address));
	if (address_parse(argument, &address) < 0) {
		memset(&address, 0, sizeof(address));
		address.family = AF_UNSPEC;
	}
	*literal = address;
	return 0;
}
