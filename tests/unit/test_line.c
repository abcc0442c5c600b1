/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/line.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define BYTES(literal) (literal), sizeof(literal) - 1

/* Feed the reader all bytes, piece bytes at a time; stops at the first line end. */
static enum line_event
feed(struct line_reader *reader, const char *bytes, size_t len, size_t piece, size_t *used)
{
	enum line_event event = LINE_MORE;

	*used = 0;
	while (event == LINE_MORE && *used < len) {
		size_t n = len - *used < piece ? len - *used : piece, taken = 0;

		event = line_feed(reader, (const uint8_t *)bytes + *used, n, &taken);
		assert_uint_in_range(taken, event == LINE_MORE ? n : 1, n);
		*used += taken;
	}
	return event;
}

struct line_row {
	const char *bytes;
	size_t len;
	enum line_event event;
	const char *text;
	size_t text_len;
};

/* Each row in one piece, byte by byte, and in pieces of every size between. */
static void
check_rows(const struct line_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t piece = 1; piece <= rows[i].len; piece++) {
			struct line_reader reader;
			enum line_event event;
			size_t used;

			memset(&reader, 0, sizeof(reader));
			event = feed(&reader, rows[i].bytes, rows[i].len, piece, &used);
			if (event != rows[i].event || used != rows[i].len)
				fail_msg("row %zu in pieces of %zu: event %d, %zu used", i, piece, (int)event, used);
			if (event == LINE_MORE)
				continue;
			if (reader.len != rows[i].text_len || memcmp(reader.text, rows[i].text, reader.len) != 0)
				fail_msg("row %zu in pieces of %zu: '%s'", i, piece, reader.text);
			assert_int_equal(reader.text[reader.len], '\0');
		}
	}
}

static void
test_nul(void **state)
{
	static const struct line_row rows[] = {
	    {BYTES("NO\0OP\r\n"), LINE_WITH_NUL, BYTES("NO\0OP")},
	    {BYTES("\0\n"), LINE_WITH_NUL, BYTES("\0")},
	    {BYTES("NOOP\0\r\n"), LINE_WITH_NUL, BYTES("NOOP\0")},
	    {BYTES("a\r\0\0b\n"), LINE_WITH_NUL, BYTES("a\r\0b")},
	    {BYTES("\xff\0\n"), LINE_WITH_NUL, BYTES("\xff\0")},
	    /* RFC 854: CR NUL is a bare CR */
	    {BYTES("a\r\0b\r\n"), LINE_WHOLE, BYTES("a\rb")},
	    {BYTES("a\r\0\r\n"), LINE_WHOLE, BYTES("a\r")},
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_no_end(void **state)
{
	static const struct line_row rows[] = {
	    {BYTES("NOOP"), LINE_MORE, BYTES("")}, {BYTES("NOOP\r"), LINE_MORE, BYTES("")},
	    {BYTES("NOOP\r\r"), LINE_MORE, BYTES("")}, {BYTES("NOOP\xff"), LINE_MORE, BYTES("")},
	    {BYTES("NOOP\xff\xfd"), LINE_MORE, BYTES("")},
	    {BYTES("NOOP\xff\xfd\n"), LINE_MORE, BYTES("")},	/* the LF is the option's number */
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_ends(void **state)
{
	static const struct line_row rows[] = {
	    {BYTES("\n"), LINE_WHOLE, BYTES("")},
	    {BYTES("\r\n"), LINE_WHOLE, BYTES("")},
	    {BYTES("NOOP\n"), LINE_WHOLE, BYTES("NOOP")},
	    {BYTES("NOOP\r\n"), LINE_WHOLE, BYTES("NOOP")},
	    {BYTES("a\rb\n"), LINE_WHOLE, BYTES("a\rb")},
	    {BYTES("a\r\r\n"), LINE_WHOLE, BYTES("a\r")},
	    {BYTES("\r\r\r\n"), LINE_WHOLE, BYTES("\r\r")},
	    {BYTES("CWD  a \r\n"), LINE_WHOLE, BYTES("CWD  a ")},
	    {BYTES("CWD \xc3\xa4\xe4\x80\r\n"), LINE_WHOLE, BYTES("CWD \xc3\xa4\xe4\x80")},
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/*
 * RFC 1123, 4.1.2.12: the reader refuses WILL and DO, and answers nothing else: two sides that refuse would never
 * end.
 */
static void
test_refusals(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *refusals;
		size_t refusals_len;
	} rows[] = {
	    {BYTES("NOOP\r\n"), BYTES("")},
	    {BYTES("\xff\xfb\001NOOP\r\n"), BYTES("\xff\xfe\001")},
	    {BYTES("\xff\xfd\xffNOOP\r\n"), BYTES("\xff\xfc\xff")},
	    {BYTES("\xff\xfc\001\xff\xfe\001NOOP\r\n"), BYTES("")},
	    {BYTES("\xff\xfd\001\xff\xfb\002\r\n"), BYTES("\xff\xfc\001\xff\xfe\002")},
	    {BYTES("\xff\xf4\xff\362ABOR\r\n"), BYTES("")},
	};
	struct line_reader reader = {0};
	uint8_t many[3 * (TELNET_REFUSALS_MAX + 5)];
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t piece = 1; piece <= rows[i].len; piece++) {
			memset(&reader, 0, sizeof(reader));
			for (size_t at = 0; at < rows[i].len; at += used) {
				size_t n = rows[i].len - at < piece ? rows[i].len - at : piece;

				line_feed(&reader, (const uint8_t *)rows[i].bytes + at, n, &used);
			}
			assert_int_equal(reader.refusals_len, rows[i].refusals_len);
			assert_memory_equal(reader.refusals, rows[i].refusals, rows[i].refusals_len);
		}
	}
	for (size_t i = 0; i < sizeof(many); i += 3)
		memcpy(many + i, "\xff\xfb\001", 3);
	memset(&reader, 0, sizeof(reader));
	line_feed(&reader, many, sizeof(many), &used);
	assert_int_equal(reader.refusals_len, 3 * TELNET_REFUSALS_MAX);
}

static void
test_telnet(void **state)
{
	static const struct line_row rows[] = {
	    /* clients send IAC IP, IAC DM before ABOR */
	    {BYTES("\xff\xf4\xff\362ABOR\r\n"), LINE_WHOLE, BYTES("ABOR")},
	    {BYTES("AB\xff\xf1OR\r\n"), LINE_WHOLE, BYTES("ABOR")},
	    {BYTES("\xff\xfb\001A\xff\xfc\001B\xff\xfd\x01O\xff\xfe\x01R\r\n"), LINE_WHOLE, BYTES("ABOR")},
	    {BYTES("\xff\xfd\xffNOOP\r\n"), LINE_WHOLE, BYTES("NOOP")},
	    {BYTES("\xff\xfd\0NOOP\r\n"), LINE_WHOLE, BYTES("NOOP")},
	    {BYTES("NOOP\r\xff\xf1\n"), LINE_WHOLE, BYTES("NOOP")},
	    {BYTES("NOOP\xff\xf1\r\n"), LINE_WHOLE, BYTES("NOOP")},
	    /* the reader removes a subnegotiation, and at most the rest of the line when it does not end */
	    {BYTES("AB\xff\xfa\030\001xterm\xff\xff\xff\xf0OR\r\n"), LINE_WHOLE, BYTES("ABOR")},
	    {BYTES("NOOP\xff\xfa\030x\r\n"), LINE_WHOLE, BYTES("NOOP")},
	    /* IAC IAC is the byte, and so is IAC before a byte that is no telnet command */
	    {BYTES("DELE \xff\xff\r\n"), LINE_WHOLE, BYTES("DELE \xff")},
	    {BYTES("DELE \xff\xff\xff\xff\r\n"), LINE_WHOLE, BYTES("DELE \xff\xff")},
	    {BYTES("DELE \xff\xff\xf4\r\n"), LINE_WHOLE, BYTES("DELE \xff\xf4")},
	    {BYTES("DELE \377a\r\n"), LINE_WHOLE, BYTES("DELE \377a")},
	    {BYTES("DELE \xff\r\n"), LINE_WHOLE, BYTES("DELE \xff")},
	    {BYTES("DELE \xff\n"), LINE_WHOLE, BYTES("DELE \xff")},
	    /* a bare CR stays before the byte that follows it */
	    {BYTES("a\r\xff\377b\n"), LINE_WHOLE, BYTES("a\r\377b")},
	    {BYTES("a\r\377b\n"), LINE_WHOLE, BYTES("a\r\377b")},
	    {BYTES("a\r\xff\n"), LINE_WHOLE, BYTES("a\r\xff")},
	    {BYTES("a\r\xff\r\n"), LINE_WHOLE, BYTES("a\r\xff")},
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_length(void **state)
{
	static const struct {
		size_t len;
		const char *end;
		enum line_event event;
	} rows[] = {
	    {COMMAND_LINE_MAX + 1, "\n", LINE_TOO_LONG},
	    {COMMAND_LINE_MAX + 1, "\r\n", LINE_TOO_LONG},
	    {COMMAND_LINE_MAX, "\r\r\n", LINE_TOO_LONG},
	    {COMMAND_LINE_MAX, "\xff\xff\n", LINE_TOO_LONG},
	    {COMMAND_LINE_MAX * 3, "\r\n", LINE_TOO_LONG},
	    {COMMAND_LINE_MAX, "\n", LINE_WHOLE},
	    {COMMAND_LINE_MAX, "\r\n", LINE_WHOLE},
	    {COMMAND_LINE_MAX, "\xff\xf1\n", LINE_WHOLE},
	    {COMMAND_LINE_MAX - 1, "\r\r\n", LINE_WHOLE},
	};
	static const size_t pieces[] = {1, 1000, COMMAND_LINE_MAX, SIZE_MAX};
	static char bytes[COMMAND_LINE_MAX * 3 + 16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
			static struct line_reader reader;
			size_t len = rows[i].len + strlen(rows[i].end), used;

			memset(&reader, 0, sizeof(reader));
			memset(bytes, 'a', rows[i].len);
			memcpy(bytes + rows[i].len, rows[i].end, strlen(rows[i].end) + 1);
			if (feed(&reader, bytes, len, pieces[p], &used) != rows[i].event || used != len)
				fail_msg("row %zu in pieces of %zu", i, pieces[p]);
			assert_uint_in_range(reader.len, 0, COMMAND_LINE_MAX);

			/* the next line is read as usual */
			line_reset(&reader);
			assert_int_equal(feed(&reader, BYTES("NOOP\r\n"), SIZE_MAX, &used), LINE_WHOLE);
			assert_string_equal(reader.text, "NOOP");
		}
	}
}

static void
test_several_lines(void **state)
{
	static const char bytes[] = "USER a\r\nPASS b\nSYST\r\nQUI";
	static const char *const lines[] = {"USER a", "PASS b", "SYST"};
	struct line_reader reader;
	size_t start = 0, used;

	(void)state;
	memset(&reader, 0, sizeof(reader));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(feed(&reader, bytes + start, sizeof(bytes) - 1 - start, SIZE_MAX, &used), LINE_WHOLE);
		assert_string_equal(reader.text, lines[i]);
		start += used;
		line_reset(&reader);
	}
	assert_int_equal(feed(&reader, bytes + start, sizeof(bytes) - 1 - start, SIZE_MAX, &used), LINE_MORE);
	assert_int_equal(feed(&reader, BYTES("T\n"), SIZE_MAX, &used), LINE_WHOLE);
	assert_string_equal(reader.text, "QUIT");
}

/* The line may have been a password. */
static void
test_reset_wipes(void **state)
{
	static const char zeros[COMMAND_LINE_MAX + 1];
	static struct line_reader reader;
	size_t used;

	(void)state;
	feed(&reader, BYTES("PASS secret\r\n"), SIZE_MAX, &used);
	line_reset(&reader);
	assert_memory_equal(reader.text, zeros, sizeof(zeros));
}

static void
test_split_bad(void **state)
{
	static const char *const rows[] = {
	    "",
	    " ",
	    " NOOP",
	    "1NOOP",
	    "-NOOP",
	    "\tNOOP",
	    "NOOP\t",
	    "CWD\ta",
	    "NO-OP",
	    "NOOP\r",
	    "N\xc3\x96OP",
	    "\xffNOOP",
	    "\xdf",
	    "ABCDEFGHIJKLMNOP",
	    "ABCDEFGHIJKLMNOP a",
	    "NOOP,",
	    "CWD/",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[64], verb[16], *argument;
		size_t len;

		memcpy(line, rows[i], strlen(rows[i]) + 1);
		if (line_split(line, verb, &argument, &len) != -EINVAL)
			fail_msg("accepted '%s'", rows[i]);
	}
}

static void
test_split(void **state)
{
	static const struct {
		const char *line, *verb, *argument;
	} rows[] = {
	    {"NOOP", "NOOP", NULL},
	    {"NOOP ", "NOOP", NULL},
	    {"NOOP  ", "NOOP", " "},
	    {"nOoP", "NOOP", NULL},
	    {"x1y2", "X1Y2", NULL},
	    {"CWD a", "CWD", "a"},
	    {"cwd  a b ", "CWD", " a b "},
	    {"CWD \xff", "CWD", "\xff"},
	    {"CWD -a", "CWD", "-a"},
	    {"CWD a\rb", "CWD", "a\rb"},
	    {"ABCDEFGHIJKLMNO a", "ABCDEFGHIJKLMNO", "a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[64], verb[16], *argument;
		size_t len;

		memcpy(line, rows[i].line, strlen(rows[i].line) + 1);
		if (line_split(line, verb, &argument, &len) != 0)
			fail_msg("refused '%s'", rows[i].line);
		assert_string_equal(verb, rows[i].verb);
		if (rows[i].argument == NULL) {
			assert_null(argument);
			assert_int_equal(len, 0);
			continue;
		}
		assert_string_equal(argument, rows[i].argument);
		assert_int_equal(len, strlen(rows[i].argument));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_no_end),
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_telnet),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_several_lines),
	    cmocka_unit_test(test_reset_wipes),
	    cmocka_unit_test(test_split_bad),
	    cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
