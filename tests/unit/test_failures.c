#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/master/failures.h"

#include "common/banned.h"

#define START 1000000
#define FORGET 600000

static struct failures failures;

static int
forget_all(void **state)
{
	(void)state;
	memset(&failures, 0, sizeof(failures));
	return 0;
}

static struct address_key
key_of(uint32_t number)
{
	struct address_key key = {{0}};

	memcpy(key.bytes, &number, sizeof(number));
	return key;
}

static uint64_t
wait_of(uint32_t address, uint64_t now)
{
	struct address_key key = key_of(address);

	return failures_reserve(&failures, &key, now, FORGET) - now;
}

static void
fail_at(uint32_t address, uint64_t now)
{
	struct address_key key = key_of(address);

	failures_add(&failures, &key, now, FORGET);
}

static void
test_no_failure_no_wait(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(wait_of(1, START), 0);
	assert_int_equal(failures.used, 0);
}

/* Each failure doubles the wait, up to a bound. */
static void
test_delays(void **state)
{
	static const uint64_t waits[] = {250, 500, 1000, 2000, 4000, 4000, 4000};
	uint64_t now = START;

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		fail_at(1, now);
		assert_int_equal(wait_of(1, now), waits[i]);
		assert_int_equal(wait_of(2, now), 0);	/* others do not pay for it */
		now += 20000;
	}
}

/* Waiting is what a failure costs: who comes late enough does not wait again. */
static void
test_wait_runs(void **state)
{
	(void)state;
	fail_at(1, START);
	assert_int_equal(wait_of(1, START + 100), 150);
	forget_all(state);
	fail_at(1, START);
	assert_int_equal(wait_of(1, START + 250), 0);
	forget_all(state);
	fail_at(1, START);
	assert_int_equal(wait_of(1, START + 5000), 0);
}

/* Connections side by side do not try faster than one would. */
static void
test_parallel_attempts_queue(void **state)
{
	(void)state;
	fail_at(1, START);
	fail_at(1, START);
	for (uint64_t i = 1; i <= 50; i++)
		assert_int_equal(wait_of(1, START), i * 500);
	/* what fails meanwhile does not shorten what is reserved */
	fail_at(1, START);
	assert_true(wait_of(1, START) >= 50 * 500);
}

static void
test_forgetting(void **state)
{
	(void)state;
	fail_at(1, START);
	fail_at(1, START);
	fail_at(1, START);
	assert_int_equal(wait_of(1, START + FORGET), 0);
	assert_int_equal(wait_of(1, START + FORGET), 0);	/* and nothing is reserved any more */
	fail_at(1, START + FORGET);
	assert_int_equal(wait_of(1, START + FORGET), 250);	/* counted from the beginning */
}

static void
test_last_failure_counts(void **state)
{
	(void)state;
	fail_at(1, START);
	fail_at(1, START + FORGET - 1);
	assert_int_equal(wait_of(1, START + FORGET - 1), 500);
	assert_int_equal(wait_of(1, START + FORGET + 10), 989);	/* behind the one before */
}

static void
test_bounded_memory(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 3 * FAILURES_MAX; i++)
		fail_at(i, START + i);
	assert_int_equal(failures.used, FAILURES_MAX);
	/* the least recent gave way */
	assert_int_equal(wait_of(1, START + 3 * FAILURES_MAX), 0);
	assert_int_equal(wait_of(2 * FAILURES_MAX, START + 3 * FAILURES_MAX), 0);
	assert_int_equal(wait_of(3 * FAILURES_MAX, START + 3 * FAILURES_MAX), 250);
}

/* An address that fails all the time is not pushed out by many that fail once. */
static void
test_frequent_stays(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 3 * FAILURES_MAX; i++) {
		fail_at(i + 1, START + i);
		if (i % 100 == 0)
			fail_at(1, START + i);
	}
	assert_true(wait_of(1, START + 3 * FAILURES_MAX) >= 4000 - 100);
}

static void
test_forgotten_entry_is_reused(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= FAILURES_MAX; i++)
		fail_at(i, START + (i == 7 ? 0 : FORGET));
	fail_at(FAILURES_MAX + 1, START + FORGET);
	assert_int_equal(wait_of(7, START + FORGET), 0);
	assert_int_equal(wait_of(1, START + FORGET), 250);
	assert_int_equal(wait_of(FAILURES_MAX + 1, START + FORGET), 250);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_no_failure_no_wait, forget_all),
	    cmocka_unit_test_setup(test_delays, forget_all),
	    cmocka_unit_test_setup(test_wait_runs, forget_all),
	    cmocka_unit_test_setup(test_parallel_attempts_queue, forget_all),
	    cmocka_unit_test_setup(test_forgetting, forget_all),
	    cmocka_unit_test_setup(test_last_failure_counts, forget_all),
	    cmocka_unit_test_setup(test_bounded_memory, forget_all),
	    cmocka_unit_test_setup(test_frequent_stays, forget_all),
	    cmocka_unit_test_setup(test_forgotten_entry_is_reused, forget_all),
	};

	return cmocka_run_group_tests_name("failures", tests, NULL, NULL);
}
