/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/master/deadlines.h"

#include "common/banned.h"

#define MANY 1000

static struct deadline *room[MANY];
static struct deadline all[MANY];
static struct deadlines deadlines;

static int
begin(void **state)
{
	(void)state;
	for (size_t i = 0; i < MANY; i++)
		all[i] = (struct deadline){0};
	deadlines_init(&deadlines, room, MANY);
	return 0;
}

static void
test_empty(void **state)
{
	(void)state;
	assert_null(deadlines_first(&deadlines));
	deadlines_drop(&deadlines, &all[0]);
	assert_null(deadlines_first(&deadlines));
}

/* Deadlines are set, moved and dropped at random: all of them come out, in order. */
static void
test_order(void **state)
{
	uint64_t last = 0;
	size_t expected = 0, got = 0;

	(void)state;
	srandom(1);
	for (size_t i = 0; i < MANY; i++)
		deadlines_set(&deadlines, &all[i], (uint64_t)random() % 500);
	for (size_t i = 0; i < 10 * MANY; i++) {
		struct deadline *one = &all[(size_t)random() % MANY];

		if (random() % 3 == 0)
			deadlines_drop(&deadlines, one);
		else
			deadlines_set(&deadlines, one, (uint64_t)random() % 500);
	}
	for (size_t i = 0; i < MANY; i++)
		expected += all[i].place != 0;
	assert_true(expected > MANY / 2);
	for (struct deadline *next; (next = deadlines_first(&deadlines)) != NULL; got++) {
		assert_true(next->at_ms >= last);
		last = next->at_ms;
		deadlines_drop(&deadlines, next);
		assert_int_equal(next->place, 0);
	}
	assert_int_equal(got, expected);
}

static void
test_moved(void **state)
{
	(void)state;
	deadlines_set(&deadlines, &all[0], 10);
	deadlines_set(&deadlines, &all[1], 20);
	deadlines_set(&deadlines, &all[1], 5);
	assert_ptr_equal(deadlines_first(&deadlines), &all[1]);
	deadlines_set(&deadlines, &all[1], 30);
	assert_ptr_equal(deadlines_first(&deadlines), &all[0]);
	assert_int_equal(deadlines.count, 2);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_empty, begin),
	    cmocka_unit_test_setup(test_order, begin),
	    cmocka_unit_test_setup(test_moved, begin),
	};

	return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
