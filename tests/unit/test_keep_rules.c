/* SPDX-License-Identifier: ISC */
/* The options keep, keep-quota, retain and keep-brake. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/account.h"

static void
test_days(void **state)
{
	static const struct {
		const char *text;
		uint32_t days;	/* 0: refused */
	} rows[] = {
	    {"1d", 1},
	    {"30d", 30},
	    {"3650d", 3650},
	    {"3651d", 0},
	    {"0d", 0},
	    {"", 0},
	    {"d", 0},
	    {"30", 0},
	    {"30h", 0},
	    {"-1d", 0},
	    {"1 d", 0},
	    {"10000d", 0},
	    {"1dd", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t days = 0;

		assert_int_equal(
		    keep_days_parse(rows[i].text, strlen(rows[i].text), &days), rows[i].days > 0 ? 0 : -EINVAL);
		assert_int_equal(days, rows[i].days);
	}
}

static void
parse_options_of(const char *options, struct account *account)
{
	const char *error = NULL;

	assert_int_equal(account_take_options(account, options, strlen(options), &error), 0);
}

static void
test_options(void **state)
{
	static struct account account;
	const char *error = NULL;

	(void)state;
	parse_options_of("", &account);
	assert_int_equal(account.keep.days, 0);
	assert_true(account.keep.quota_bytes == KEEP_NO_QUOTA);
	parse_options_of("keep=30d keep-quota=10G", &account);
	assert_int_equal(account.keep.days, 30);
	assert_true(account.keep.quota_bytes == UINT64_C(10) << 30);
	parse_options_of("keep=none keep-quota=none", &account);
	assert_int_equal(account.keep.days, 0);
	assert_true(account.keep.quota_bytes == KEEP_NO_QUOTA);
	assert_int_equal(account_take_options(&account, "keep=30", 7, &error), -EINVAL);
	assert_non_null(strstr(error, "such as keep=30d"));
	assert_int_equal(account_take_options(&account, "keep=1d keep=2d", 15, &error), -EINVAL);
	assert_int_equal(account_take_options(&account, "keep-quota=x", 12, &error), -EINVAL);
}

static void
test_brake(void **state)
{
	static const struct {
		const char *text;
		uint32_t changes, seconds; /* 0: refused */
	} rows[] = {
	    {"200/10m", 200, 600},
	    {"1/1s", 1, 1},
	    {"10000/7d", 10000, 604800},
	    {"10000/604800s", 10000, 604800},
	    {"50/2h", 50, 7200},
	    {"0/10m", 0, 0},
	    {"10001/10m", 0, 0},
	    {"200/0s", 0, 0},
	    {"200/8d", 0, 0},
	    {"200/604801s", 0, 0},
	    {"200/", 0, 0},
	    {"/10m", 0, 0},
	    {"200", 0, 0},
	    {"", 0, 0},
	    {"200/10x", 0, 0},
	    {"200/10m/1", 0, 0},
	    {"-1/10m", 0, 0},
	    {"0000000000200/10m", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t changes = 0, seconds = 0;

		assert_int_equal(keep_brake_parse(rows[i].text, strlen(rows[i].text), &changes, &seconds),
		    rows[i].changes > 0 ? 0 : -EINVAL);
		assert_int_equal(changes, rows[i].changes);
		assert_int_equal(seconds, rows[i].seconds);
	}
}

static void
test_may_go(void **state)
{
	static const struct {
		uint32_t days, retain_days;
		enum keep_wish wish;
		uint64_t first; /* day on which it may go, kept on day 1000 */
	} rows[] = {
	    {30, 0, KEEP_BY_AGE, 1031}, {30, 0, KEEP_BY_ADMINISTRATOR, 1000}, {30, 10, KEEP_BY_AGE, 1031},
	    {30, 10, KEEP_BY_ADMINISTRATOR, 1011}, {30, 30, KEEP_BY_ADMINISTRATOR, 1031},
	    {10, 30, KEEP_BY_AGE, 1031}, /* a contradiction: the longer time holds */
	    {0, 30, KEEP_BY_ADMINISTRATOR, 1031}, /* kept before keep was taken away */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct keep_rules rules = {.days = rows[i].days, .retain_days = rows[i].retain_days};

		assert_int_equal(keep_goes_on_day(&rules, 1000, rows[i].wish), rows[i].first);
		assert_false(keep_may_go(&rules, 1000, rows[i].first - 1, rows[i].wish));
		assert_true(keep_may_go(&rules, 1000, rows[i].first, rows[i].wish));
		assert_true(keep_may_go(&rules, 1000, rows[i].first + 1, rows[i].wish));
	}
}

static void
test_contradiction(void **state)
{
	static const char group[] = "retain=90d";
	static struct account account;
	const char *error = NULL;

	(void)state;
	parse_options_of("keep=30d retain=30d keep-brake=200/10m", &account);
	assert_int_equal(account.keep.retain_days, 30);
	assert_int_equal(account.keep.brake_changes, 200);
	assert_int_equal(account.keep.brake_s, 600);
	parse_options_of("retain=31d", &account);
	parse_options_of("retain=none keep-brake=none", &account);
	assert_int_equal(account.keep.brake_changes, 0);
	assert_int_equal(account_take_options(&account, "keep=30d retain=31d", 19, &error), -EINVAL);
	assert_non_null(strstr(error, "retain is longer than keep"));
	assert_int_equal(account_group_check("retain=31d keep=30d", 19, &error), -EINVAL);
	assert_int_equal(account_take_options(&account, "retain=1y", 9, &error), -EINVAL);
	assert_int_equal(account_take_options(&account, "keep-brake=0/10m", 16, &error), -EINVAL);
	assert_non_null(strstr(error, "such as keep-brake=200/10m"));
	/* between the account and its group: said, and the longer time holds */
	parse_options_of("keep=30d group=g", &account);
	assert_null(account.contradiction);
	assert_int_equal(account_take_group(&account, group, sizeof(group) - 1, &error), 0);
	assert_non_null(account.contradiction);
	assert_int_equal(account.keep.retain_days, 90);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_days),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_brake),
	    cmocka_unit_test(test_may_go),
	    cmocka_unit_test(test_contradiction),
	};

	return cmocka_run_group_tests_name("keep rules", tests, NULL, NULL);
}
