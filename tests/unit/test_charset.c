/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine/charset.h"
#include "common/buf.h"

#include "common/banned.h"

static void
test_bad_sets(void **state)
{
	static const struct {
		const char *wire, *local;
		int result;
	} rows[] = {
	    {"nonsense", "UTF-8", -EINVAL},
	    {"ISO-8859-1", "nonsense", -EINVAL},
	    {"UTF-16", "UTF-8", -EDOM},
	    {"UTF-16LE", "UTF-8", -EDOM},
	    {"UTF-7", "UTF-8", -EDOM},
	    {"IBM037", "UTF-8", -EDOM},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = 0;

		assert_null(charset_new(rows[i].wire, rows[i].local, &r));
		if (r != rows[i].result)
			fail_msg("%s: %d", rows[i].wire, r);
	}
	charset_free(NULL);
}

/* Each name of the server has this name here, and comes back. */
static void
test_to_local(void **state)
{
	static const struct {
		const char *wire, *local, *bytes, *text;
	} rows[] = {
	    {"ISO-8859-1", "UTF-8", "", ""},
	    {"ISO-8859-1", "UTF-8", "plain name\n", "plain name\n"},
	    {"ISO-8859-1", "UTF-8", "caf\xe9", "caf\xc3\xa9"},
	    {"ISO-8859-1", "US-ASCII", "caf\xe9", "caf\\xE9"},
	    {"ISO-8859-1", "UTF-8", "a\\b", "a\\b"},
	    {"ISO-8859-1", "UTF-8", "a\\x41", "a\\x41"},
	    {"ISO-8859-1", "UTF-8", "a\\xE9", "a\\x5CxE9"},
	    {"ISO-8859-1", "UTF-8", "a\\x5CxE9", "a\\x5Cx5CxE9"},
	    {"US-ASCII", "UTF-8", "\xe9\xff", "\\xE9\\xFF"},
	    {"CP1252", "UTF-8", "\x80\x81", "\xe2\x82\xac\\x81"},
	    {"KOI8-R", "UTF-8", "\xc6\xc1\xca\xcc", "\xd1\x84\xd0\xb0\xd0\xb9\xd0\xbb"},
	    /* the second byte of a character may be a backslash, or a letter */
	    {"CP932", "UTF-8", "\x95\x5c\x8e\xa6", "\xe8\xa1\xa8\xe7\xa4\xba"},
	    {"CP932", "UTF-8", "\x95", "\\x95"},
	    {"CP932", "UTF-8",
		"\xa0"
		"A",
		"\\xA0"
		"A"},
	    {"GB18030", "UTF-8", "\x81\x30\x81\x30", "\xc2\x80"},
	    {"UTF-8", "UTF-8", "caf\xc3\xa9 \xc3", "caf\xc3\xa9 \\xC3"},
	    {"UTF-8", "ISO-8859-1", "caf\xc3\xa9 \xe2\x82\xac", "caf\xe9 \\xE2\\x82\\xAC"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r;
		struct charset *charset = charset_new(rows[i].wire, rows[i].local, &r);
		struct buf text, bytes;

		assert_non_null(charset);
		buf_init(&text, 1000);
		buf_init(&bytes, 1000);
		assert_int_equal(charset_to_local(charset, rows[i].bytes, strlen(rows[i].bytes), &text), 0);
		if (text.len != strlen(rows[i].text) ||
		    strncmp(text.len == 0 ? "" : text.data, rows[i].text, text.len) != 0)
			fail_msg("row %zu: '%s', not '%s'", i, text.data, rows[i].text);
		assert_int_equal(charset_to_wire(charset, rows[i].text, strlen(rows[i].text), &bytes), 0);
		assert_int_equal(bytes.len, strlen(rows[i].bytes));
		if (bytes.len > 0)
			assert_memory_equal(bytes.data, rows[i].bytes, bytes.len);
		buf_free(&text);
		buf_free(&bytes);
		charset_free(charset);
	}
}

/* Names that the server's set does not have, or that would be another name there. */
static void
test_to_wire_bad(void **state)
{
	static const struct {
		const char *wire, *text;
	} rows[] = {
	    {"ISO-8859-1", "\xe2\x82\xac"},
	    {"ISO-8859-1", "not UTF-8: \xe9"},
	    {"ISO-8859-1", "caf\\xE9"},
	    {"ISO-8859-1", "a\\x5Cb"},
	    {"CP932", "\xc3\xa9"},
	    {"ISO-2022-JP", "\xe8\xa1\xa8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r;
		struct charset *charset = charset_new(rows[i].wire, "UTF-8", &r);
		struct buf bytes;

		assert_non_null(charset);
		buf_init(&bytes, 1000);
		if (charset_to_wire(charset, rows[i].text, strlen(rows[i].text), &bytes) != -EILSEQ)
			fail_msg("row %zu: '%s'", i, rows[i].text);
		buf_free(&bytes);
		charset_free(charset);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_sets),
	    cmocka_unit_test(test_to_local),
	    cmocka_unit_test(test_to_wire_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
