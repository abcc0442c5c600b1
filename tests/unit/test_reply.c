/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine/reply.h"

#include "common/banned.h"

/* Feed the text in pieces of this size until a reply or an error. */
static int
feed(struct reply *reply, const char *text, size_t len, size_t piece, size_t *total)
{
	*total = 0;
	while (*total < len) {
		size_t n = len - *total < piece ? len - *total : piece, used = 0;
		int r = reply_feed(reply, text + *total, n, &used);

		assert_true(used <= n);
		*total += used;
		if (r != 0)
			return r;
		assert_int_equal(used, n);
	}
	return 0;
}

static void
test_bad(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
	    /* no replies, and passed over */
	    {"\r\n", 0},
	    {"\n", 0},
	    {"hello\r\n", 0},
	    {" 220 x\r\n", 0},
	    {"22\r\n", 0},
	    {"2200 x\r\n", 0},
	    {"22x x\r\n", 0},
	    {"020 x\r\n", 0},
	    {"620 x\r\n", 0},
	    {"220\tx\r\n", 0},
	    {"* OK IMAP4rev1\r\n", -EBADMSG},
	    {"hello\r\nSSH-2.0-OpenSSH_9.2\r\n", -EBADMSG},
	    {"a\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\n", 0},
	    {"a\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\na\n",
		-EBADMSG},
	    {"HTTP/1.1 400 Bad Request\r\n", -EBADMSG},
	    {"SSH-2.0-OpenSSH_9.2\r\n", -EBADMSG},
	    {"220-never\r\n ends\r\n221 x\r\n220-x\r\n", 0},
	    {"220 no line end", 0},
	    {"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct reply reply;
		size_t total;

		reply_init(&reply);
		if (feed(&reply, rows[i].text, strlen(rows[i].text), 3, &total) != rows[i].result)
			fail_msg("'%s'", rows[i].text);
		assert_string_equal(reply_message(&reply), "");
		reply_free(&reply);
	}
}

static void
test_good(void **state)
{
	static const struct {
		const char *bytes;
		int code;
		const char *text, *message;
	} rows[] = {
	    {"220 ready\r\n", 220, "220 ready", "ready"},
	    {"220 ready\n", 220, "220 ready", "ready"},
	    {"220\r\n", 220, "220", ""},
	    {"220 \r\n", 220, "220 ", ""},
	    {"220-one\r\n220 two\r\n", 220, "220-one\n220 two", "two"},
	    {"211-Features:\r\n MLST\r\n211-x\r\n220 y\r\n\r\n211 End\r\n", 211,
		"211-Features:\n MLST\n211-x\n220 y\n\n211 End", "End"},
	    {"220-\r\n220\r\n", 220, "220-\n220", ""},
	    {"\r\n\nhello\n220 x\r\n", 220, "220 x", "x"},
	    {"125Data\r\n", 125, "125Data", "Data"},
	    {"230-a\r\n\r\n230b\r\n230 c\r\n", 230, "230-a\n\n230b\n230 c", "c"},
	    {"230-2300 x\r\n2300 y\r\n230 end\r\n", 230, "230-2300 x\n2300 y\n230 end", "end"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t piece = 1; piece < 20; piece++) {
			struct reply reply;
			size_t total;

			reply_init(&reply);
			assert_int_equal(feed(&reply, rows[i].bytes, strlen(rows[i].bytes), piece, &total), 1);
			assert_int_equal(total, strlen(rows[i].bytes));
			assert_int_equal(reply.code, rows[i].code);
			assert_string_equal(reply.text.data, rows[i].text);
			assert_string_equal(reply_message(&reply), rows[i].message);
			reply_free(&reply);
		}
	}
}

/* Several replies in one piece: each is taken alone, and the bytes of the next are left. */
static void
test_sticky(void **state)
{
	static const char bytes[] = "150 go\r\n226-a\r\n226 done\r\n421 bye\r\n";
	static const int codes[] = {150, 226, 421};
	const char *next = bytes;
	struct reply reply;
	size_t used;

	(void)state;
	reply_init(&reply);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(reply_feed(&reply, next, strlen(next), &used), 1);
		assert_int_equal(reply.code, codes[i]);
		next += used;
	}
	assert_string_equal(next, "");
	reply_free(&reply);
}

static void
test_nul(void **state)
{
	struct reply reply;
	size_t used;

	(void)state;
	reply_init(&reply);
	assert_int_equal(reply_feed(&reply, "220 a\0b\r\n", 9, &used), 1);
	assert_string_equal(reply.text.data, "220 a?b");
	reply_free(&reply);
}

static void
test_too_long(void **state)
{
	static char bytes[REPLY_LINE_MAX + 1];
	struct reply reply;
	size_t used;
	int r = 0;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	reply_init(&reply);
	assert_int_equal(reply_feed(&reply, bytes, sizeof(bytes), &used), -EMSGSIZE);
	reply_free(&reply);

	bytes[100] = '\n';
	reply_init(&reply);
	assert_int_equal(reply_feed(&reply, "220-\n", 5, &used), 0);
	for (int i = 0; i < 20000 && r == 0; i++)
		r = reply_feed(&reply, bytes, 101, &used);
	assert_int_equal(r, -EMSGSIZE);
	reply_free(&reply);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_sticky),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
