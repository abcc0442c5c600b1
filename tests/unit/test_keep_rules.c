/* SPDX-License-Identifier: ISC */
/* The options keep and keep-quota. */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_days),
	    cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests_name("keep rules", tests, NULL, NULL);
}
