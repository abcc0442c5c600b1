/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/master/control_request.h"

#include "common/banned.h"

static struct control_request request;

static int
parse_bytes(const void *bytes, size_t len)
{
	static char line[CONTROL_LINE_MAX];
	const char *error = NULL;
	int r;

	assert_true(len < sizeof(line));
	memcpy(line, bytes, len);
	line[len] = '#'; /* not a NUL by chance */
	r = control_request_parse(line, len, &request, &error);
	assert_true(r == 0 || (r == -EINVAL && error != NULL && error[0] != '\0'));
	return r;
}

static int
parse(const char *line)
{
	return parse_bytes(line, strlen(line));
}

static void
test_bad_requests(void **state)
{
	static const char *const bad[] = {
	    "",
	    "\t",
	    "\t\t\t\t\t\t\t",
	    "Status",
	    "status ",
	    "status\t",
	    "status\tx",
	    "session-kick",
	    "session-kick\tid",
	    "session-kick\tall\tx",
	    "session-kick\tname\talice",
	    "session-kick\tid\tx\ty",
	    "session-kick\taddress\texample.org",
	    "session-kick\taddress\t192.0.2.1/24",
	    "session-notify\tall\t",
	    "session-notify\tall\t\t",
	    "session-notify\taddress\t192.0.2.1\ttext",
	    "session-notify\tall\t\ttext\tmore",
	    "session-notify\tall\t\tbell\a",
	    "session-notify\tall\t\tnot utf-8 \xff",
	    "session-notify\tall\t\tescape \033[2J",
	    "log-level\tloud",
	    "log-level\t",
	    "ban-add\t192.0.2.1",
	    "ban-add\t192.0.2.1\t-5",
	    "ban-add\t192.0.2.1\t5s",
	    "ban-add\t192.0.2.0/24\t5",
	    "ban-add\texample.org\t5",
	    "ban-del\t",
	    "count-home",
	    "count-home\t",
	    "count-home\t../alice",
	    "no-such-request",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i]) == 0)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(parse_bytes("status\0x", 8), -EINVAL);
}

static void
test_good_requests(void **state)
{
	(void)state;
	assert_int_equal(parse("status"), 0);
	assert_int_equal(request.command, CONTROL_STATUS);
	assert_int_equal(parse("session-kick\tid\t0123456789abcdef"), 0);
	assert_int_equal(request.command, CONTROL_SESSION_KICK);
	assert_int_equal(request.target, CONTROL_ID);
	assert_string_equal(request.value, "0123456789abcdef");
	assert_int_equal(parse("session-kick\taddress\t::ffff:192.0.2.1"), 0);
	assert_int_equal(request.address.family, AF_INET);
	assert_int_equal(parse("session-notify\tuser\talice\tback at noon, \xc3\xbc"), 0);
	assert_int_equal(request.target, CONTROL_USER);
	assert_string_equal(request.value, "alice");
	assert_string_equal(request.text, "back at noon, \xc3\xbc");
	assert_int_equal(parse("session-notify\tall\t\thello"), 0);
	assert_int_equal(request.target, CONTROL_ALL);
	assert_int_equal(parse("ban-add\t192.0.2.1\t600"), 0);
	assert_int_equal(request.seconds, 600);
	assert_int_equal(parse("ban-del\t2001:db8:1:2::/64"), 0);
	assert_int_equal(request.address.family, AF_INET6);
	assert_int_equal(parse("reload"), 0);
	assert_int_equal(request.command, CONTROL_RELOAD);
	assert_int_equal(parse("upgrade"), 0);
	assert_int_equal(request.command, CONTROL_UPGRADE);
	assert_int_equal(parse("count-home\talice"), 0);
	assert_int_equal(request.command, CONTROL_COUNT_HOME);
	assert_string_equal(request.value, "alice");
	assert_int_equal(parse("brake-lifted\tbob@shop"), 0);
	assert_int_equal(request.command, CONTROL_BRAKE_LIFTED);
	assert_string_equal(request.value, "bob@shop");
	assert_int_equal(parse("brake-lifted\t+shared"), -EINVAL);
	assert_int_equal(parse("log-level\tcritical"), 0);
	assert_int_equal(request.level, LEVEL_CRITICAL);
}

static void
test_notice_length(void **state)
{
	char line[CONTROL_LINE_MAX] = "session-notify\tall\t\t";
	size_t start = strlen(line);

	(void)state;
	memset(line + start, 'x', NOTICE_TEXT_MAX);
	assert_int_equal(parse(line), 0);
	line[start + NOTICE_TEXT_MAX] = 'x';
	assert_int_equal(parse(line), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_requests),
	    cmocka_unit_test(test_good_requests),
	    cmocka_unit_test(test_notice_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
