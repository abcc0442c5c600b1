/* SPDX-License-Identifier: ISC */
/* Text for a terminal: no byte moves the cursor, and the count of columns is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/ui/columns.h"
#include "client/ui/term_text.h"
#include "common/units.h"
#include "common/buf.h"

#include "common/banned.h"

static const char *
text_of(const struct buf *buf)
{
	return buf->len == 0 ? "" : buf->data;
}

static void
test_add(void **state)
{
	static const struct {
		const char *text, *shown;
		size_t width;
	} rows[] = {
	    {"", "", 0},
	    {"a\033[2Jb", "a?[2Jb", 6},
	    {"a\rb\nc\td", "a?b?c?d", 7},
	    {"\x7f\x01", "??", 2},
	    {"\xc2\x9b"
	     "31m",
		"?31m", 4}, /* CSI of C1 */
	    {"\xff\xfe"
	     "a",
		"??a", 3},
	    {"\xe2\x82", "??", 2}, /* not UTF-8 */
	    {"\xe2\x80\xae"
	     "gpj.exe",
		"?gpj.exe", 8}, /* right-to-left override */
	    {"a\xe2\x81\xa6z", "a?z", 3}, /* an isolate of direction */
	    {"a\xe2\x80\x8bz", "a?z", 3}, /* a blank without width */
	    {"\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", 3}, /* Persian, ZWNJ */
	    {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac",
		4}, /* ZWJ */
	    {"\xe6\x96\x87\xe4\xbb\xb6", "\xe6\x96\x87\xe4\xbb\xb6", 4},
	    {"e\xcc\x81", "e\xcc\x81", 1},
	    {"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81?", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;
		size_t width;

		buf_init(&out, 256);
		width = term_add(&out, rows[i].text, strlen(rows[i].text));
		assert_string_equal(text_of(&out), rows[i].shown);
		assert_int_equal(width, rows[i].width);
		assert_int_equal(term_width(rows[i].text, strlen(rows[i].text)), rows[i].width);
		buf_free(&out);
	}
}

static void
test_cut(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
		const char *shown;
	} rows[] = {
	    {"report.pdf", 10, "report.pdf"},
	    {"report.pdf", 20, "report.pdf"},
	    {"report-of-2026.pdf", 12, "repor....pdf"},
	    {"abcdefgh", 0, ""},
	    {"abcdefgh", 3, "abc"},
	    {"abcdefghij", 8, "abc...ij"},
	    /* seven wide characters of two columns each in nine: the last column of the head stays empty */
	    {"\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87\xe4\xbb\xb6\xe6\x96\x87", 9,
		"\xe6\x96\x87...\xe4\xbb\xb6\xe6\x96\x87"},
	    {"\xe6\x96\x87\xe4\xbb\xb6", 3, "\xe6\x96\x87"},
	    {"\xe6\x96\x87\xe4\xbb\xb6", 1, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;
		size_t width;

		buf_init(&out, 256);
		width = term_cut(&out, rows[i].text, strlen(rows[i].text), rows[i].columns);
		assert_string_equal(text_of(&out), rows[i].shown);
		assert_int_equal(width, term_width(text_of(&out), out.len));
		assert_true(width <= rows[i].columns || rows[i].columns >= strlen(rows[i].text));
		buf_clear(&out);
		term_pad(&out, rows[i].text, strlen(rows[i].text), rows[i].columns);
		assert_int_equal(term_width(text_of(&out), out.len), rows[i].columns);
		buf_free(&out);
	}
}

static void
test_lines(void **state)
{
	static const char text[] = "a\r\nb\tc\033[0m\rx\xe6\x96";
	struct buf out;
	size_t used;

	(void)state;
	buf_init(&out, 256);
	used = term_add_lines(&out, text, strlen(text), 0);
	assert_string_equal(out.data, "a\nb\tc?[0m?x");
	assert_int_equal(used, strlen(text) - 2);
	buf_clear(&out);
	used = term_add_lines(&out, text, strlen(text), 1);
	assert_string_equal(out.data, "a\nb\tc?[0m?x??");
	assert_int_equal(used, strlen(text));
	buf_free(&out);
}

static void
test_units(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *size, *compact;
	} rows[] = {
	    {0, "0 B", "0"},
	    {1023, "1023 B", "1023"},
	    {1024, "1.0 KiB", "1.0K"},
	    {1536, "1.5 KiB", "1.5K"},
	    {10239, "10.0 KiB", "10K"},
	    {102399, "100 KiB", "100K"},
	    {1048575, "1.0 MiB", "1.0M"},
	    {1023 * 1024, "1023 KiB", "1023K"},
	    {12897485, "12.3 MiB", "12M"},
	    {5368709120, "5.0 GiB", "5.0G"},
	    {UINT64_MAX, "16.0 EiB", "16E"},
	};
	static const struct {
		uint64_t seconds;
		const char *text;
	} times[] = {{0, "0:00"}, {5, "0:05"}, {754, "12:34"}, {3723, "1:02:03"}, {86400 * 3 + 3600 * 4, "3d04h"},
	    {UINT64_MAX, "> 999d"}};
	char text[UNITS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		units_size(rows[i].bytes, text);
		assert_string_equal(text, rows[i].size);
		units_short_size(rows[i].bytes, text);
		assert_string_equal(text, rows[i].compact);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		units_duration(times[i].seconds, text);
		assert_string_equal(text, times[i].text);
	}
	units_elapsed(12, text);
	assert_string_equal(text, "12 ms");
	units_elapsed(3499, text);
	assert_string_equal(text, "3.4 s");
	units_elapsed(61000, text);
	assert_string_equal(text, "1:01");
}

static void
test_columns(void **state)
{
	static const size_t widths[] = {5, 10, 3, 4, 8, 2, 7};
	struct columns columns;

	(void)state;
	columns_set(widths, 0, 80, 2, &columns);
	assert_int_equal(columns.count, 0);
	columns_set(widths, 7, 80, 2, &columns);
	assert_int_equal(columns.rows, 1);
	assert_int_equal(columns.count, 7);
	columns_set(widths, 7, 30, 2, &columns); /* 5 10 | 3 4 | 8 2 | 7: 10 + 4 + 8 + 7 and three gaps is too wide */
	assert_int_equal(columns.rows, 3);
	assert_int_equal(columns.count, 3);
	assert_int_equal(columns.widths[0], 10);
	assert_int_equal(columns.widths[1], 8);
	assert_int_equal(columns.widths[2], 7);
	columns_set(widths, 7, 4, 2, &columns);
	assert_int_equal(columns.count, 1);
	assert_int_equal(columns.rows, 7);
}

static void
test_wrap(void **state)
{
	static const struct {
		const char *text;
		size_t columns, first, indent;
		const char *shown;
	} rows[] = {
	    {"", 10, 0, 2, ""},
	    {"one two three", 80, 0, 2, "one two three"},
	    {"one two three", 7, 0, 2, "one two\n  three"},
	    {"one two three", 8, 4, 0, "one\ntwo\nthree"},
	    {"a-word-that-is-too-long b", 8, 0, 1, "a-word-that-is-too-long\n b"},
	    {"b a-word-that-is-too-long", 8, 0, 1, "b\n a-word-that-is-too-long"},
	    {"  one  two", 7, 0, 4, "  one\n    two"},
	    {"\xe6\x96\x87\xe4\xbb\xb6 \xe6\x96\x87", 6, 0, 0, "\xe6\x96\x87\xe4\xbb\xb6\n\xe6\x96\x87"},
	    {"a\033[2J b", 4, 0, 0, "a?[2J\nb"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out;

		buf_init(&out, 256);
		term_wrap(&out, rows[i].text, strlen(rows[i].text), rows[i].columns, rows[i].first, rows[i].indent);
		assert_string_equal(text_of(&out), rows[i].shown);
		buf_free(&out);
	}
}

static void
test_exact_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
	    {0, "0"},
	    {1000, "1000"},
	    {1023, "1023"},
	    {1024, "1K"},
	    {1025, "1025"},
	    {1536, "1536"},
	    {65536, "64K"},
	    {1024 * 1024, "1M"},
	    {10ULL << 30, "10G"},
	    {1ULL << 50, "1024T"},
	};
	char text[UNITS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		units_exact_size(rows[i].bytes, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
test_size_down(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
	    {0, "0 B"},
	    {1023, "1023 B"},
	    {1024, "1.0 KiB"},
	    {5000, "4.8 KiB"},
	    {1048575, "1023.9 KiB"},
	    {1048576, "1.0 MiB"},
	    {UINT64_MAX, "15.9 EiB"},
	};
	char text[UNITS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		units_size_down(rows[i].bytes, text);
		assert_string_equal(text, rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_add),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_wrap),
	    cmocka_unit_test(test_units),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_exact_size),
	    cmocka_unit_test(test_size_down),
	};

	term_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
