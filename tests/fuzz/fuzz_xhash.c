/* SPDX-License-Identifier: ISC */
/* The arguments of XCRC and its kind, of HOST and OPTS HASH. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/protocol/hash_names.h"
#include "daemon/protocol/host_parse.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static void
check_xhash(const char *text)
{
	char *argument = strdup(text), *path = NULL;
	uint64_t from = 0, to = 0;
	int r;

	if (argument == NULL)
		return;
	r = xhash_parse(argument, &path, &from, &to);
	must(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r == 0) {
		must(path >= argument && path + strlen(path) <= argument + strlen(text));
		must(*path != '\0' && from <= to && from <= INT64_MAX);
		must(memcmp(path, text + (path - argument), strlen(path)) == 0);
	}
	free(argument);
}

static void
check_host(const char *text)
{
	union address literal, again;
	char host[ADDRESS_TEXT_MAX], name[ADDRESS_TEXT_MAX + 2];

	memset(&literal, 0x5a, sizeof(literal));
	if (host_parse(text, &literal) < 0 || literal.family == AF_UNSPEC)
		return;
	address_text(&literal, host);
	if (strchr(host, ':') != NULL)
		snprintf(name, sizeof(name), "[%s]", host);
	else
		snprintf(name, sizeof(name), "%s", host);
	must(host_parse(name, &again) == 0 && address_same_host(&literal, &again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	enum ipc_hash hash;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_xhash(text);
	check_host(text);
	if (hash_find(text, &hash) == 0)
		must(strcasecmp(hash_name(hash), text) == 0);
	free(text);
	return 0;
}
