/* SPDX-License-Identifier: ISC */
/* Is a clock that was set told from one that is slewed, or slept? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/master/clock_watch.h"

#define BEGIN 1800000000

static void
test_looks(void **state)
{
	static const struct {
		int64_t real_s, boot_s; /* since the first look */
		int64_t step_s;
		uint64_t sure_s;
	} rows[] = {
	    {60, 60, 0, 60},
	    {121, 120, 0, 120},	/* slewed */
	    {120 + 8 * 3600, 120 + 8 * 3600, 0, 120 + 8 * 3600},	/* slept */
	    {31536000, 120 + 8 * 3600, 31536000 - 120 - 8 * 3600, 0},	/* set by a year */
	    {31536060, 180 + 8 * 3600, 0, 60},
	    {240 + 8 * 3600, 240 + 8 * 3600, 240 - 60 - 60 - 31536000 + 8 * 3600, 0},	/* and back */
	    {300 + 8 * 3600, 300 + 8 * 3600, 0, 60},
	    {359 + 8 * 3600, 300 + 8 * 3600, 0, 60},
	    {419 + 8 * 3600, 300 + 8 * 3600, 60, 0},
	};
	struct clock_watch watch;

	(void)state;
	clock_watch_begin(&watch, BEGIN, 5);
	assert_int_equal(watch.sure_s, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(clock_watch_look(&watch, BEGIN + rows[i].real_s, 5 + rows[i].boot_s), rows[i].step_s);
		assert_int_equal(watch.sure_s, rows[i].sure_s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_looks)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
