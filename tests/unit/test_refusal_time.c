/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accounts/refusal_time.h"

#include "common/banned.h"

/* A step is longer than the slowest hash, with a margin for a busy processor, but short enough for clients. */
static void
test_step(void **state)
{
	(void)state;
	assert_int_equal(refusal_step_ms(0, false), 100);
	assert_int_equal(refusal_step_ms(25000, false), 150);
	assert_int_equal(refusal_step_ms(0, true), 400);
	assert_int_equal(refusal_step_ms(500000, false), 1100);
	assert_int_equal(refusal_step_ms(4000000, false), 5000);
	assert_int_equal(refusal_step_ms(UINT64_MAX, true), 5000);
}

static void
test_due(void **state)
{
	(void)state;
	assert_int_equal(refusal_due_ms(1000, 150, 900), 1150);
	assert_int_equal(refusal_due_ms(1000, 150, 1000), 1150);
	/* any cost within a step gives the same time */
	assert_int_equal(refusal_due_ms(1000, 150, 1001), 1150);
	assert_int_equal(refusal_due_ms(1000, 150, 1149), 1150);
	assert_int_equal(refusal_due_ms(1000, 150, 1150), 1150);
	assert_int_equal(refusal_due_ms(1000, 150, 1151), 1300);
	assert_int_equal(refusal_due_ms(1000, 400, 4010), 4200);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_step),
	    cmocka_unit_test(test_due),
	};

	return cmocka_run_group_tests_name("refusal_time", tests, NULL, NULL);
}
