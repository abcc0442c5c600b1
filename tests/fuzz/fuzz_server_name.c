/* SPDX-License-Identifier: ISC */
/* The extension "server_name" of a ClientHello. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "privsep/tls/server_name.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* A name is what the input ends with, whole; a refusal changes nothing. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *body = malloc(size == 0 ? 1 : size);	/* at its size, so that a read beyond it is seen */
	char name[SERVER_NAME_SIZE], nothing[SERVER_NAME_SIZE];
	int r;

	if (body == NULL)
		return 0;
	memcpy(body, data, size);
	memset(name, 0x5a, sizeof(name));
	memset(nothing, 0x5a, sizeof(nothing));
	r = server_name_parse(body, size, name);
	must(r == 0 || r == -EINVAL);
	if (r < 0)
		must(memcmp(name, nothing, sizeof(name)) == 0);
	else
		must(size == strlen(name) + 5 && memcmp(body + 5, name, strlen(name)) == 0 && name[0] != '\0');
	free(body);
	return 0;
}
