/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/deflate.h"

#include "common/banned.h"

#define PLAIN (1024 * 1024)

/* Deflate len bytes in pieces, with an output of size bytes at a time. Returns what came out. */
static size_t
pack(const char *plain, size_t len, size_t piece, size_t size, char *out)
{
	size_t used = 0;
	long n;

	assert_int_equal(deflate_begin_sending(6), 0);
	for (size_t at = 0; at < len; at += piece) {
		deflate_input(plain + at, len - at < piece ? len - at : piece);
		while ((n = deflate_next(out + used, size, false)) > 0)
			used += (size_t)n;
		assert_int_equal(n, 0);
	}
	deflate_input("", 0);
	while ((n = deflate_next(out + used, size, true)) > 0)
		used += (size_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(deflate_next(out + used, size, true), 0);
	deflate_close();
	return used;
}

/* Returns the number of bytes that came out, or the error of inflate_next(). */
static long
unpack(const char *packed, size_t len, size_t piece, size_t size, uint64_t most, char *out, bool *is_complete)
{
	size_t used = 0;
	long n = 0;

	assert_int_equal(deflate_begin_receiving(most), 0);
	for (size_t at = 0; at < len && n >= 0; at += piece) {
		deflate_input(packed + at, len - at < piece ? len - at : piece);
		while ((n = inflate_next(out + used, size)) > 0)
			used += (size_t)n;
	}
	*is_complete = inflate_is_complete();
	deflate_close();
	return n < 0 ? n : (long)used;
}

static char *
some_plain(void)
{
	char *plain = malloc(PLAIN);

	assert_non_null(plain);
	for (size_t i = 0; i < PLAIN; i++)
		plain[i] = (char)(i % 251 * (i >> 12));
	return plain;
}

static void
test_round(void **state)
{
	static const size_t lengths[] = {0, 1, 1000, PLAIN}, pieces[] = {1, 7, 4096, PLAIN}, sizes[] = {1, 100, 65536};
	char *plain = some_plain(), *packed = malloc(2 * PLAIN), *back = malloc(PLAIN + 65536);
	bool is_complete;

	(void)state;
	assert_non_null(packed);
	assert_non_null(back);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 4; j++)
			for (size_t k = 0; k < 3; k++) {
				size_t len;

				if (lengths[i] == PLAIN && (pieces[j] == 1 || sizes[k] == 1))
					continue; /* one byte at a time takes too long for this length */
				len = pack(plain, lengths[i], pieces[j], sizes[k], packed);
				assert_true(len > 0);
				assert_int_equal(
				    unpack(packed, len, pieces[j], sizes[k], PLAIN, back, &is_complete), lengths[i]);
				assert_true(is_complete);
				assert_memory_equal(back, plain, lengths[i]);
			}
	free(plain);
	free(packed);
	free(back);
}

static void
test_bad(void **state)
{
	char *plain = some_plain(), *packed = malloc(2 * PLAIN), *back = malloc(PLAIN + 65536);
	size_t len = pack(plain, PLAIN, PLAIN, 65536, packed);
	bool is_complete;

	(void)state;
	/* cut off: no error by itself, but not complete */
	assert_true(unpack(packed, len - 1, 4096, 65536, PLAIN, back, &is_complete) >= 0);
	assert_false(is_complete);
	assert_int_equal(unpack(packed, 1, 1, 65536, PLAIN, back, &is_complete), 0);
	assert_false(is_complete);
	/* bytes after the end */
	packed[len] = 'x';
	assert_int_equal(unpack(packed, len + 1, len + 1, 65536, PLAIN, back, &is_complete), -EPROTO);
	/* a wrong checksum */
	packed[len - 1] ^= 1;
	assert_int_equal(unpack(packed, len, 4096, 65536, PLAIN, back, &is_complete), -EPROTO);
	assert_int_equal(unpack("no zlib at all", 14, 14, 65536, PLAIN, back, &is_complete), -EPROTO);
	assert_int_equal(unpack("\x1f\x8b\x08", 3, 3, 65536, PLAIN, back, &is_complete), -EPROTO);
	free(plain);
	free(packed);
	free(back);
}

/* The limit of the output is exact to the byte. */
static void
test_limit(void **state)
{
	char *plain = calloc(1, PLAIN), *packed = malloc(PLAIN), *back = malloc(PLAIN + 65536);
	size_t len = pack(plain, PLAIN, PLAIN, 65536, packed);
	bool is_complete;

	(void)state;
	assert_true(len < PLAIN / 500);
	assert_int_equal(unpack(packed, len, len, 65536, PLAIN, back, &is_complete), PLAIN);
	assert_true(is_complete);
	assert_int_equal(unpack(packed, len, len, 65536, PLAIN - 1, back, &is_complete), -EFBIG);
	assert_int_equal(unpack(packed, len, 1, 65536, 0, back, &is_complete), -EFBIG);
	free(plain);
	free(packed);
	free(back);
}

/* Closing without a begin, or twice, is harmless. */
static void
test_close(void **state)
{
	(void)state;
	deflate_close();
	assert_int_equal(deflate_begin_sending(1), 0);
	deflate_close();
	deflate_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
