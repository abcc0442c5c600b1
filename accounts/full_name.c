/* SPDX-License-Identifier: ISC */
#include "accounts/full_name.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/banned.h"

int
full_name_make(char name[ACCOUNT_NAME_MAX + 1], const char *server)
{
	size_t len = strlen(name), more = strlen(server);

	if (more == 0)
		return 0;
	if (len + 1 + more > ACCOUNT_NAME_MAX)
		return -ENAMETOOLONG;
	name[len] = '@';
	memcpy(name + len + 1, server, more + 1);
	return 0;
}

size_t
full_name_server(const char *servers, const char *name)
{
	const char *at = strrchr(name, '@'), *next = servers == NULL ? "" : servers;
	size_t len;

	if (at == NULL)
		return 0;
	for (; *next != '\0'; next += len + (next[len] == ',')) {
		len = strcspn(next, ",");
		if (strlen(at + 1) == len && strncasecmp(at + 1, next, len) == 0)
			return (size_t)(at - name);
	}
	return 0;
}
