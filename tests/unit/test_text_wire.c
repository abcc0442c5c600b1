/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine/text_wire.h"

#include "common/banned.h"

static const struct {
	const char *wire, *text;
} received[] = {
    {"", ""},
    {"a", "a"},
    {"a\r\nb\r\n", "a\nb\n"},
    {"\r\n", "\n"},
    {"\n", "\n"},
    {"a\rb", "a\rb"},
    {"a\r\r\nb", "a\r\nb"},
    {"a\r", "a\r"},
    {"\r\r\r", "\r\r\r"},
    {"a\n\rb", "a\n\rb"},
};

/* Whatever the pieces are in which the bytes come. */
static void
test_receive(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(received) / sizeof(received[0]); i++) {
		for (size_t piece = 1; piece < 10; piece++) {
			struct text_wire text = {.is_on = true};
			char all[32] = "";
			size_t len = strlen(received[i].wire), used = 0;

			for (size_t at = 0; at < len; at += piece) {
				size_t n = len - at < piece ? len - at : piece;
				char bytes[16];

				memcpy(bytes, received[i].wire + at, n);
				n = text_wire_receive(&text, bytes, n);
				memcpy(all + used, bytes, n);
				used += n;
			}
			if (text.has_held)
				all[used++] = '\r';
			if (used != strlen(received[i].text) || memcmp(all, received[i].text, used) != 0)
				fail_msg("row %zu in pieces of %zu", i, piece);
		}
	}
}

static void
test_send(void **state)
{
	static const struct {
		const char *text, *wire;
	} rows[] = {
	    {"", ""},
	    {"a", "a"},
	    {"a\nb\n", "a\r\nb\r\n"},
	    {"\n\n", "\r\n\r\n"},
	    {"a\r\nb", "a\r\nb"},
	    {"a\rb", "a\rb"},
	    {"\r", "\r"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t piece = 1; piece < 10; piece++) {
			struct text_wire text = {.is_on = true};
			size_t len = strlen(rows[i].text), used = 0;
			char all[32] = "";

			for (size_t at = 0; at < len; at += piece) {
				size_t n = len - at < piece ? len - at : piece;

				used += text_wire_send(&text, rows[i].text + at, n, all + used);
			}
			if (used != strlen(rows[i].wire) || memcmp(all, rows[i].wire, used) != 0)
				fail_msg("row %zu in pieces of %zu", i, piece);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_receive),
	    cmocka_unit_test(test_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
