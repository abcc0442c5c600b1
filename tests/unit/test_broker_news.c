/* SPDX-License-Identifier: ISC */
/* What a database says that other nodes have told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "privsep/broker/news_line.h"

#include "common/banned.h"

static struct news_line line;

static int
parse(const char *text)
{
	return news_line_parse(text, strlen(text), &line);
}

static void
lines_that_are_none(void **state)
{
	static const char *const bad[] = {"", " ", "ban", "ban 192.0.2.1 auto 60 5", "ban 192.0.2.1 auto 60 5 a b",
	    "ban 192.0.2.0/24 auto 60 5 a", "ban 192.0.2.1 auto 60  a", "ban 192.0.2.1 AUTO 60 5 a",
	    "ban 192.0.2.1 auto 0 5 a", "ban 192.0.2.1 auto 315360001 5 a", "ban 192.0.2.1 auto -1 5 a",
	    "ban 192.0.2.1 auto 60 -5 a", "ban 192.0.2.1 auto 60 99999999999999999999 a",
	    "ban 2001:db8::/32 auto 60 5 a", "ban  auto 60 5 a", "ban 192.0.2.1 auto 60 5 ",
	    "ban 192.0.2.1 auto 60 5 a\n", "ban 192.0.2.1\tauto 60 5 a", "ban 192.0.2.1 auto 60 5 \xff", "kick",
	    "kick user anna 5", "kick user  5 a", "kick group anna 5 a", "kick address anna 5 a",
	    "kick user anna five a", "kick user anna 5 a b", "kick user 192.0.2.1 60 5 a"};
	char text[1200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i]) != -EINVAL)
			fail_msg("'%s' is a line", bad[i]);
	snprintf(text, sizeof(text), "kick user %065d 5 a", 1);
	assert_int_equal(parse(text), -EINVAL);
	snprintf(text, sizeof(text), "ban 192.0.2.1 auto 60 5 %0254d", 1);
	assert_int_equal(parse(text), -EINVAL);
	assert_int_equal(news_line_parse("kick user a\0b 5 a", 17, &line), -EINVAL);
}

static void
bans_and_kicks(void **state)
{
	char address[ADDRESS_TEXT_MAX];

	(void)state;
	assert_int_equal(parse("ban 192.0.2.1 auto 60 5 node-a"), 0);
	assert_false(line.is_kick);
	assert_int_equal(line.ban, NEWS_BAN_AUTO);
	assert_int_equal(line.left_s, 60);
	assert_int_equal(line.age_ms, 5);
	assert_string_equal(line.node, "node-a");
	address_key_text(&line.address, address);
	assert_string_equal(address, "192.0.2.1");
	assert_int_equal(parse("ban 2001:db8:0:7::/64 lifted 315360000 0 b"), 0);
	assert_int_equal(line.ban, NEWS_BAN_LIFTED);
	address_key_text(&line.address, address);
	assert_string_equal(address, "2001:db8:0:7::/64");
	assert_int_equal(parse("kick user \xc3\xbc-n\xc3\xaf 7 b"), 0);
	assert_true(line.is_kick);
	assert_int_equal(line.target, NEWS_USER);
	assert_string_equal(line.value, "\xc3\xbc-n\xc3\xaf");
	assert_int_equal(parse("kick address 2001:db8::1 7 b"), 0);
	assert_int_equal(line.target, NEWS_ADDRESS);
}

static void
a_bad_line_hides_no_good_one(void **state)
{
	static const char text[] = "kick user anna 1 a\nnonsense\n\nkick user ben 2 a\n";
	const char *rest = text;
	size_t len = sizeof(text) - 1;

	(void)state;
	assert_int_equal(news_line_next(&rest, &len, &line), 1);
	assert_string_equal(line.value, "anna");
	assert_int_equal(news_line_next(&rest, &len, &line), -EINVAL);
	assert_int_equal(news_line_next(&rest, &len, &line), -EINVAL);
	assert_int_equal(news_line_next(&rest, &len, &line), 1);
	assert_string_equal(line.value, "ben");
	assert_int_equal(news_line_next(&rest, &len, &line), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_that_are_none),
	    cmocka_unit_test(bans_and_kicks),
	    cmocka_unit_test(a_bad_line_hides_no_good_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
