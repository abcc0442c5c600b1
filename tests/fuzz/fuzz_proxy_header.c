/* SPDX-License-Identifier: ISC */
/* A header of the PROXY protocol: any bytes. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_header(const struct proxy_header *header, int r, size_t size)
{
	bool has_client = header->told == PROXY_TOLD_CLIENT;

	if ((r == -EBADMSG) != (header->fault != PROXY_FAULT_NONE) || (unsigned)header->fault >= PROXY_FAULT_COUNT)
		abort();
	if (r == 0 && (header->length == 0 || header->length > size || header->length > PROXY_HEADER_MAX))
		abort();
	if (r == 0 && has_client != (header->source.family != AF_UNSPEC))
		abort();
	if (r == 0 && has_client != (header->destination.family != AF_UNSPEC))
		abort();
	if (header->unique_id_len > PROXY_UNIQUE_ID_MAX || (r == -EAGAIN && size >= PROXY_HEADER_MAX))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of its exact size, so that a byte too far is seen */
	uint8_t *bytes = malloc(size == 0 ? 1 : size);
	struct proxy_header header, shorter;
	int r;

	if (bytes == NULL)
		return 0;
	memcpy(bytes, data, size);
	r = proxy_header_parse(bytes, size, &header);
	check_header(&header, r, size);
	/* later bytes do not change the verdict */
	if (size > 0) {
		int before = proxy_header_parse(bytes, size - 1, &shorter);

		if (before != -EAGAIN && (before != r || shorter.length != header.length))
			abort();
		if (r == 0 && before == 0 && header.length == size)
			abort();
	}
	free(bytes);
	return 0;
}
