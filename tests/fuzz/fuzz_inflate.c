/* SPDX-License-Identifier: ISC */
/* The bytes that a client sends in MODE Z. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/protocol/deflate.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

#define MOST_BYTES (256 * 1024)

/*
 * The first byte gives the size of the pieces in and out. The output keeps its limit, and complete data come out
 * the same after they are packed and unpacked again.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char plain[MOST_BYTES + 65536], packed[MOST_BYTES * 2], again[MOST_BYTES + 65536];
	size_t piece, room, used = 0, packed_len = 0, again_len = 0;
	bool is_complete;
	long n = 0;

	if (size < 1)
		return 0;
	piece = (size_t)(data[0] & 15) * 17 + 1;
	room = (size_t)(data[0] >> 4) * 1000 + 1;
	must(deflate_begin_receiving(MOST_BYTES) == 0);
	for (size_t at = 1; at < size && n >= 0; at += piece) {
		deflate_input(data + at, size - at < piece ? size - at : piece);
		while ((n = inflate_next(plain + used, room)) > 0) {
			used += (size_t)n;
			must(used <= MOST_BYTES);
		}
		must(n == 0 || n == -EPROTO || n == -EFBIG);
	}
	is_complete = n == 0 && inflate_is_complete();
	deflate_close();
	if (!is_complete)
		return 0;
	must(deflate_begin_sending(1) == 0);
	deflate_input(plain, used);
	while ((n = deflate_next(packed + packed_len, 65536, true)) > 0)
		packed_len += (size_t)n;
	must(n == 0);
	deflate_close();
	must(deflate_begin_receiving(used) == 0);
	deflate_input(packed, packed_len);
	while ((n = inflate_next(again + again_len, 65536)) > 0)
		again_len += (size_t)n;
	must(n == 0 && inflate_is_complete() && again_len == used && memcmp(again, plain, used) == 0);
	deflate_close();
	return 0;
}
