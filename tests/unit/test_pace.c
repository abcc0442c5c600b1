/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/engine/pace.h"
#include "common/io.h"

#include "common/banned.h"

static void
test_no_limit(void **state)
{
	struct pace pace = PACE_INITIALIZER;
	unsigned int wait_ms;

	(void)state;
	assert_int_equal(pace_grant(NULL, 1000000, &wait_ms), 1000000);
	assert_int_equal(pace_grant(&pace, 1000000, &wait_ms), 1000000);
	assert_int_equal(wait_ms, 0);
	pace_return(NULL, 10);
	pace_return(&pace, 10);
}

/* What is granted is at most the rate's share of the time, and one burst. */
static void
test_rate(void **state)
{
	struct pace pace = PACE_INITIALIZER;
	uint64_t begin = monotonic_ms(), granted = 0, elapsed;
	unsigned int wait_ms;

	(void)state;
	pace_set(&pace, 1000000);
	do {
		granted += pace_grant(&pace, 10000, &wait_ms);
		assert_true(wait_ms <= 100);
		elapsed = monotonic_ms() - begin;
	} while (elapsed < 200);
	assert_in_range(granted, 50000, elapsed * 1000 + 2 * 50000);
}

/* A burst is short, whatever is wanted; what comes back may be granted again. */
static void
test_burst_and_return(void **state)
{
	struct pace pace = PACE_INITIALIZER;
	unsigned int wait_ms;
	size_t first;

	(void)state;
	pace_set(&pace, 100);
	first = pace_grant(&pace, SIZE_MAX, &wait_ms);
	assert_int_equal(first, 5);
	assert_int_equal(pace_grant(&pace, SIZE_MAX, &wait_ms), 0);
	assert_in_range(wait_ms, 1, 100);
	pace_return(&pace, first);
	assert_int_equal(pace_grant(&pace, SIZE_MAX, &wait_ms), 5);
	/* the old rate's debt is gone with it, and what was granted then comes back without harm */
	pace_set(&pace, 1);
	assert_int_equal(pace_grant(&pace, SIZE_MAX, &wait_ms), 1);
	pace_set(&pace, 1 << 30);
	pace_return(&pace, 1000);
	assert_true(pace_grant(&pace, 1, &wait_ms) == 1);
}

static void
test_piece(void **state)
{
	struct pace pace = PACE_INITIALIZER;

	(void)state;
	pace_set(&pace, 5);
	assert_int_equal(pace_piece(&pace, 1000), 1);
	pace_set(&pace, 5000);
	assert_int_equal(pace_piece(&pace, 1000), 500);
	pace_set(&pace, 50000);
	assert_int_equal(pace_piece(&pace, 1000), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_limit),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_burst_and_return),
	    cmocka_unit_test(test_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
