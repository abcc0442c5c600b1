/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/budget.h"

#include "common/banned.h"

static int
take_all(struct budget *budget, const struct budget_size *size, uint64_t now_ms)
{
	int taken = 0;

	while (budget_take(budget, size, now_ms))
		taken++;
	return taken;
}

static void
test_burst_then_rate(void **state)
{
	static const struct budget_size size = {.burst = 100, .per_s = 50};
	struct budget budget = {0};
	uint64_t now = 5000;

	(void)state;
	assert_int_equal(take_all(&budget, &size, now), 100);
	assert_false(budget_take(&budget, &size, now + 19));
	assert_true(budget_take(&budget, &size, now + 20));
	assert_false(budget_take(&budget, &size, now + 20));
	/* a long pause saves no more than this */
	now += 24ULL * 3600 * 1000;
	assert_int_equal(take_all(&budget, &size, now), 100);
	for (int i = 0; i < 1000; i++)
		assert_true(budget_take(&budget, &size, now += 20));
	assert_false(budget_take(&budget, &size, now));
}

static void
test_no_rate(void **state)
{
	static const struct budget_size size = {.burst = 2, .per_s = 0};
	struct budget budget = {0};

	(void)state;
	assert_int_equal(take_all(&budget, &size, 1), 2);
	assert_int_equal(take_all(&budget, &size, UINT64_MAX), 0);
}

static void
test_clock_at_its_ends(void **state)
{
	static const struct budget_size size = {.burst = UINT32_MAX, .per_s = UINT32_MAX};
	struct budget budget = {0};

	(void)state;
	assert_true(budget_take(&budget, &size, 1));
	assert_true(budget_take(&budget, &size, UINT64_MAX));
	assert_int_equal(budget.left_milli, (uint64_t)UINT32_MAX * 1000 - 1000);
	assert_true(budget_take(&budget, &size, 1));	/* a clock that went back adds nothing */
	assert_int_equal(budget.left_milli, (uint64_t)UINT32_MAX * 1000 - 2000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_burst_then_rate),
	    cmocka_unit_test(test_no_rate),
	    cmocka_unit_test(test_clock_at_its_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
