/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/time_parse.h"

#include "common/banned.h"

static void
test_bad(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
	    {"", -EINVAL},
	    {"now", -EINVAL},
	    {"2020", -EINVAL},
	    {"2020010112345", -EINVAL},
	    {"202001011234561", -EINVAL},
	    {" 20200101123456", -EINVAL},
	    {"20200101123456 ", -EINVAL},
	    {"+2020010112345", -EINVAL},
	    {"2020-01-01T12:34", -EINVAL},
	    {"2020010112345x", -EINVAL},
	    {"20200101123456.", -EINVAL},
	    {"20200101123456.x", -EINVAL},
	    {"20200101123456.1x", -EINVAL},
	    {"20200101123456.1.2", -EINVAL},
	    {"20200101123456,1", -EINVAL},
	    {"20200101123456.-1", -EINVAL},
	    {"20200001000000", -ERANGE},
	    {"20201301000000", -ERANGE},
	    {"20200100000000", -ERANGE},
	    {"20200132000000", -ERANGE},
	    {"20200431000000", -ERANGE},
	    {"20190229000000", -ERANGE},
	    {"21000229000000", -ERANGE},
	    {"20200230000000", -ERANGE},
	    {"20200101240000", -ERANGE},
	    {"20200101006000", -ERANGE},
	    {"20200101000061", -ERANGE},
	    {"20200101009900", -ERANGE},
	    {"00001231235959", -ERANGE},
	    {"00000101000000", -ERANGE},
	    {"99999999999999", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t seconds = 42;
		int r = time_parse(rows[i].text, strlen(rows[i].text), &seconds);

		if (r != rows[i].result)
			fail_msg("'%s': %d, not %d", rows[i].text, r, rows[i].result);
		assert_int_equal(seconds, 42);
	}
}

static void
test_good(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
	    {"16010101000000", -11644473600},
	    {"19691231235959", -1},
	    {"19700101000000", 0},
	    {"19700101000001", 1},
	    {"20000229000000", 951782400},
	    {"20200229123456", 1582979696},
	    {"20380119031408", 2147483648},
	    {"99991231235959", 253402300799},
	    {"20200229123456.1", 1582979696},
	    {"20200229123456.999999999999", 1582979696},
	    /* a leap second is the next one's first */
	    {"20161231235960", 1483228800},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t seconds = -1;

		if (time_parse(rows[i].text, strlen(rows[i].text), &seconds) != 0)
			fail_msg("'%s' is refused", rows[i].text);
		assert_int_equal(seconds, rows[i].seconds);
	}
}

/* The length counts, not a NUL, and nothing behind it is looked at. */
static void
test_length(void **state)
{
	int64_t seconds;

	(void)state;
	assert_int_equal(time_parse("20200229123456 path", 14, &seconds), 0);
	assert_int_equal(seconds, 1582979696);
	assert_int_equal(time_parse("2020022912345\0", 14, &seconds), -EINVAL);
	assert_int_equal(time_parse("20200229123456", 13, &seconds), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
