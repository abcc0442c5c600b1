/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/ascii.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define BYTES(literal) (literal), sizeof(literal) - 1
#define ROUNDS 2000
#define FILE_MAX 64

struct row {
	const char *file;
	size_t file_len;
	const char *network;
	size_t network_len;
};

/* Decode in pieces. Input and output have exactly the promised size, so that a sanitizer sees a byte too far. */
static size_t
decode_in_pieces(const char *in, size_t len, size_t (*next_piece)(size_t left, size_t wanted), size_t wanted, char *out)
{
	bool held = false;
	size_t done = 0, written = 0;
	char last;

	while (done < len) {
		size_t n = next_piece(len - done, wanted);
		char *piece = malloc(n == 0 ? 1 : n), *room = malloc(n + 1);
		size_t got;

		assert_non_null(piece);
		assert_non_null(room);
		memcpy(piece, in + done, n);
		got = ascii_decode(piece, n, &held, room);
		assert_uint_in_range(got, 0, n + 1);
		memcpy(out + written, room, got);
		written += got;
		done += n;
		free(piece);
		free(room);
	}
	if (ascii_decode_end(&held, &last) == 1)
		out[written++] = last;
	assert_false(held);
	return written;
}

static size_t
fixed_piece(size_t left, size_t wanted)
{
	return left < wanted ? left : wanted;
}

static size_t
random_piece(size_t left, size_t wanted)
{
	return (size_t)rand() % ((left < wanted ? left : wanted) + 1);	/* a piece of no bytes counts too */
}

static void
test_decode(void **state)
{
	static const struct row rows[] = {
	    {BYTES(""), BYTES("")},
	    {BYTES("\r"), BYTES("\r")},
	    {BYTES("\r\r"), BYTES("\r\r")},
	    {BYTES("a\rb"), BYTES("a\rb")},
	    {BYTES("\r\n"), BYTES("\r\r\n")},
	    {BYTES("\r\r\n\r"), BYTES("\r\r\r\n\r")},
	    {BYTES("\n\r"), BYTES("\r\n\r")},
	    {BYTES("\n\n"), BYTES("\r\n\r\n")},
	    {BYTES("\n"), BYTES("\r\n")},
	    {BYTES("\n"), BYTES("\n")},
	    {BYTES("a\nb\n"), BYTES("a\nb\r\n")},
	    {BYTES("a\nb"), BYTES("a\r\nb")},
	    {BYTES("\r\0\n"), BYTES("\r\0\r\n")},
	    {BYTES("\0\xff"), BYTES("\0\xff")},
	    {BYTES("plain"), BYTES("plain")},
	};
	char out[FILE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t piece = 1; piece <= rows[i].network_len; piece++) {
			size_t len = decode_in_pieces(rows[i].network, rows[i].network_len, fixed_piece, piece, out);

			if (len != rows[i].file_len || memcmp(out, rows[i].file, len) != 0)
				fail_msg("row %zu in pieces of %zu", i, piece);
		}
	}
}

static void
test_encode(void **state)
{
	static const struct row rows[] = {
	    {BYTES(""), BYTES("")},
	    {BYTES("\r"), BYTES("\r")},
	    {BYTES("\r\n"), BYTES("\r\r\n")},
	    {BYTES("\n"), BYTES("\r\n")},
	    {BYTES("\n\n\n"), BYTES("\r\n\r\n\r\n")},
	    {BYTES("a\nb"), BYTES("a\r\nb")},
	    {BYTES("a\n"), BYTES("a\r\n")},
	    {BYTES("\0\xff"), BYTES("\0\xff")},
	    {BYTES("plain"), BYTES("plain")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *out = malloc(2 * rows[i].file_len + 1);
		size_t len;

		assert_non_null(out);
		len = ascii_encode(rows[i].file, rows[i].file_len, out);
		if (len != rows[i].network_len || memcmp(out, rows[i].network, len) != 0)
			fail_msg("row %zu", i);
		free(out);
	}
}

/* Any file comes back unchanged, whatever the sizes of the pieces in both directions. */
static void
test_round_trip(void **state)
{
	static const char alphabet[] = {'\r', '\n', '\r', '\n', 'a', '\0'};
	char file[FILE_MAX] = {0}, network[2 * FILE_MAX], back[2 * FILE_MAX + 1];

	(void)state;
	srand(20240229);
	for (int round = 0; round < ROUNDS; round++) {
		size_t len = (size_t)rand() % (FILE_MAX + 1), network_len = 0;

		for (size_t i = 0; i < len; i++)
			file[i] = alphabet[(size_t)rand() % sizeof(alphabet)];
		for (size_t done = 0, n; done < len; done += n) {
			n = random_piece(len - done, 9);
			network_len += ascii_encode(file + done, n, network + network_len);
		}
		if (decode_in_pieces(network, network_len, random_piece, 5, back) != len ||
		    memcmp(file, back, len) != 0)
			fail_msg("round %d of %zu bytes", round, len);
	}
}

static void
test_end(void **state)
{
	bool held = false;
	char out[2] = "x";

	(void)state;
	assert_int_equal(ascii_decode_end(&held, out), 0);
	assert_int_equal(out[0], 'x');
	assert_int_equal(ascii_decode("\r", 1, &held, out), 0);
	assert_true(held);
	assert_int_equal(ascii_decode("", 0, &held, out), 0);	/* an empty piece decides nothing */
	assert_true(held);
	assert_int_equal(ascii_decode_end(&held, out), 1);
	assert_int_equal(out[0], '\r');
	assert_false(held);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_decode),
	    cmocka_unit_test(test_encode),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests_name("ascii", tests, NULL, NULL);
}
