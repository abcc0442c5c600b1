/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

struct number_row {
	const char *text;
	uint64_t max;
	int result;
	uint64_t value;
};

static void
check_numbers(const struct number_row *rows, size_t count, int (*parse)(const char *, uint64_t, uint64_t *))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 4711;
		int r = parse(rows[i].text, rows[i].max, &value);

		if (r != rows[i].result || value != (r < 0 ? 4711 : rows[i].value))
			fail_msg("'%s': %d, %llu", rows[i].text, r, (unsigned long long)value);
	}
}

static void
test_u64(void **state)
{
	static const struct number_row rows[] = {
	    {"", 9, -EINVAL, 0},
	    {" 1", 9, -EINVAL, 0},
	    {"1 ", 9, -EINVAL, 0},
	    {"+1", 9, -EINVAL, 0},
	    {"-1", UINT64_MAX, -EINVAL, 0},
	    {"0x1", 9, -EINVAL, 0},
	    {"1.0", 9, -EINVAL, 0},
	    {"10", 9, -ERANGE, 0},
	    {"18446744073709551616", UINT64_MAX, -ERANGE, 0},
	    {"99999999999999999999999", UINT64_MAX, -ERANGE, 0},
	    {"9999999999999999999999a", UINT64_MAX, -EINVAL, 0},
	    {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
	    {"0", 0, 0, 0},
	    {"007", 9, 0, 7},
	    {"000000000000000000000000000009", 9, 0, 9},
	};

	(void)state;
	check_numbers(rows, sizeof(rows) / sizeof(rows[0]), parse_u64);
}

static void
test_size(void **state)
{
	static const struct number_row rows[] = {
	    {"", 9, -EINVAL, 0},
	    {"K", UINT64_MAX, -EINVAL, 0},
	    {"1k", UINT64_MAX, -EINVAL, 0},
	    {"1KK", UINT64_MAX, -EINVAL, 0},
	    {"1KB", UINT64_MAX, -EINVAL, 0},
	    {"-1K", UINT64_MAX, -EINVAL, 0},
	    {"1.5G", UINT64_MAX, -EINVAL, 0},
	    {"16777216T", UINT64_MAX, -ERANGE, 0},
	    {"1K", 1023, -ERANGE, 0},
	    {"11111111111111111111111111", UINT64_MAX, -ERANGE, 0},
	    {"512", 512, 0, 512},
	    {"10M", UINT64_MAX, 0, 10485760},
	    {"2G", UINT64_MAX, 0, 2147483648},
	    {"16777215T", UINT64_MAX, 0, 16777215ull << 40},
	    {"0T", 0, 0, 0},
	};

	(void)state;
	check_numbers(rows, sizeof(rows) / sizeof(rows[0]), parse_size);
}

static void
test_duration(void **state)
{
	static const struct number_row rows[] = {
	    {"", 9, -EINVAL, 0},
	    {"s", 9, -EINVAL, 0},
	    {"1M", 9, -EINVAL, 0},
	    {"1w", 9, -EINVAL, 0},
	    {"1m30s", 999, -EINVAL, 0},
	    {"2m", 119, -ERANGE, 0},
	    {"999999999999999999d", UINT64_MAX, -ERANGE, 0},
	    {"90", 90, 0, 90},
	    {"90s", 90, 0, 90},
	    {"10m", 600, 0, 600},
	    {"2h", 7200, 0, 7200},
	    {"7d", 604800, 0, 604800},
	};

	(void)state;
	check_numbers(rows, sizeof(rows) / sizeof(rows[0]), parse_duration);
}

static void
test_mode(void **state)
{
	static const char *const bad[] = {"", "7", "64", "0888", "00640", "-640", "0x40", "640 ", "u+rw"};
	uint32_t mode = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_mode(bad[i], &mode), -EINVAL);
	assert_int_equal(parse_mode("640", &mode), 0);
	assert_int_equal(mode, 0640);
	assert_int_equal(parse_mode("7777", &mode), 0);
	assert_int_equal(mode, 07777);
}

static void
test_utf8(void **state)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80",
	    "\xe2\x82", "\xe2\x28\xa1", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x9f\x98",
	    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "ok\xc3"};
	static const char *const good[] = {"", "a", "\xc3\xb6", "\xe2\x82\xac", "\xed\x9f\xbf", "\xee\x80\x80",
	    "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (utf8_valid(bad[i], strlen(bad[i])))
			fail_msg("row %zu taken for UTF-8", i);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	assert_int_equal(utf8_sequence((const unsigned char *)"", 0), 0);
}

static void
test_control(void **state)
{
	(void)state;
	assert_true(has_control("a\x7f", 2));
	assert_true(has_control("a\0b", 3));
	assert_true(has_control("\n", 1));
	assert_false(has_control("a b\x80", 4));
	assert_false(has_control("", 0));
}

static void
test_escape(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *reply, *log, *terminal;	/* NULL: as log */
	} rows[] = {
	    {"a\r\n331 b", 8, "a??331 b", "a\\x0d\\x0a331 b", NULL},
	    {"\x1b[2J", 4, "?[2J", "\\x1b[2J", NULL},
	    {"a\0b", 3, "a?b", "a\\x00b", NULL},
	    {"\xc2\x9b", 2, "?", "\\xc2\\x9b", NULL},
	    {"\x9b\xff", 2, "\x9b\xff", "\\x9b\\xff", NULL},
	    {"a\"b\\", 4, "a\"b\\", "a\\x22b\\x5c", "a\"b\\"},
	    {"\xc3\xb6 \xf0\x9f\x98\x80", 7, "\xc3\xb6 \xf0\x9f\x98\x80", "\xc3\xb6 \xf0\x9f\x98\x80", NULL},
	    {"\x7f", 1, "?", "\\x7f", NULL},
	    /* right-to-left override, an isolate, a mark; letters beside them */
	    {"\342\200\256a", 4, "\342\200\256a", "\\xe2\\x80\\xaea", NULL},
	    {"\xe2\x81\xa6", 3, "\xe2\x81\xa6", "\\xe2\\x81\\xa6", NULL},
	    {"\xd8\x9c\xd8\xa7", 4, "\xd8\x9c\xd8\xa7", "\\xd8\\x9c\xd8\xa7", NULL},
	    {"\xef\xbb\xbf\xe2\x82\xac", 6, "\xef\xbb\xbf\xe2\x82\xac", "\\xef\\xbb\\xbf\xe2\x82\xac", NULL},
	};
	struct buf out;

	(void)state;
	buf_init(&out, 256);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&out);
		assert_int_equal(escape_bytes(&out, ESCAPE_REPLY, rows[i].in, rows[i].len), 0);
		assert_string_equal(out.data, rows[i].reply);
		buf_clear(&out);
		assert_int_equal(escape_bytes(&out, ESCAPE_LOG, rows[i].in, rows[i].len), 0);
		assert_string_equal(out.data, rows[i].log);
		buf_clear(&out);
		assert_int_equal(escape_bytes(&out, ESCAPE_TERMINAL, rows[i].in, rows[i].len), 0);
		assert_string_equal(out.data, rows[i].terminal == NULL ? rows[i].log : rows[i].terminal);
	}
	buf_free(&out);
	buf_init(&out, 3);
	assert_int_equal(escape_bytes(&out, ESCAPE_LOG, "\n", 1), -ENOBUFS);
	buf_free(&out);
}

static void
test_escape_lines(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} rows[] = {
	    {"", 0, ""},
	    {"a", 1, "a"},
	    {"a\0b", 3, "a?b"},
	    {"\r", 1, "?"},
	    {"\r\n", 2, "\n"},
	    {"\n\r\r\n\n", 5, "\n?\n\n"},
	    {"a\rb\r\nc\x1b\t\x7f", 9, "a?b\nc???"},
	    {"\xc3\xbc\xff\n\xc2\x9b", 6, "\xc3\xbc\xff\n?"},
	};
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&out);
		assert_int_equal(escape_lines(&out, rows[i].in, rows[i].len), 0);
		assert_string_equal(out.data == NULL ? "" : out.data, rows[i].out);
	}
	buf_free(&out);
	buf_init(&out, 3);
	assert_int_equal(escape_lines(&out, "ab\ncd\n", 6), -ENOBUFS);
	buf_free(&out);
}

static void
test_buffer(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 5);
	assert_int_equal(buf_addf(&buf, "%s", "123456"), -ENOBUFS);
	assert_int_equal(buf_add(&buf, "1", 1), -ENOBUFS);	/* the error sticks */
	buf_clear(&buf);
	assert_int_equal(buf_addf(&buf, "%d", 12345), 0);
	assert_string_equal(buf.data, "12345");
	buf_consume(&buf, 4);
	assert_string_equal(buf.data, "5");
	assert_null(buf_room(&buf, SIZE_MAX));
	buf_free(&buf);
	assert_int_equal(buf.len, 0);
}

static void
test_join_cuts(void **state)
{
	char text[8];

	(void)state;
	text_join(text, sizeof(text), "ab", "", "cd", (char *)NULL);
	assert_string_equal(text, "abcd");
	text_join(text, sizeof(text), "abcd", "efg", (char *)NULL);
	assert_string_equal(text, "abcdefg");
	text_join(text, sizeof(text), "abcd", "efgh", "i", (char *)NULL);
	assert_string_equal(text, "abcdefg");
	text_join(text, 1, "a", (char *)NULL);
	assert_string_equal(text, "");
	text_join(text, sizeof(text), (char *)NULL);
	assert_string_equal(text, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_join_cuts),
	    cmocka_unit_test(test_u64),
	    cmocka_unit_test(test_size),
	    cmocka_unit_test(test_duration),
	    cmocka_unit_test(test_mode),
	    cmocka_unit_test(test_utf8),
	    cmocka_unit_test(test_control),
	    cmocka_unit_test(test_escape),
	    cmocka_unit_test(test_escape_lines),
	    cmocka_unit_test(test_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
