/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/master/tally.h"

#include "common/banned.h"

#define KEYS_MAX 50000

static struct tally *tally;

static int
begin(void **state)
{
	(void)state;
	return tally_new(KEYS_MAX, &tally);
}

static int
end(void **state)
{
	(void)state;
	tally_free(tally);
	return 0;
}

static void
test_nothing_is_there_at_first(void **state)
{
	(void)state;
	assert_int_equal(tally_count(tally, "a", 1), 0);
	tally_remove(tally, "a", 1);
	assert_int_equal(tally_count(tally, "a", 1), 0);
}

static void
test_counts_up_and_down(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(tally_add(tally, "alice", 5), 0);
		assert_int_equal(tally_count(tally, "alice", 5), i);
	}
	assert_int_equal(tally_count(tally, "alic", 4), 0);
	assert_int_equal(tally_count(tally, "alice\0", 6), 0);
	for (uint32_t i = 3; i > 0; i--) {
		assert_int_equal(tally_count(tally, "alice", 5), i);
		tally_remove(tally, "alice", 5);
	}
	assert_int_equal(tally_count(tally, "alice", 5), 0);
}

static void
test_lengths_that_no_key_has(void **state)
{
	char key[TALLY_KEY_MAX + 1] = "";

	(void)state;
	assert_int_equal(tally_add(tally, key, 0), -EINVAL);
	assert_int_equal(tally_add(tally, key, sizeof(key)), -EINVAL);
	assert_int_equal(tally_add(tally, key, TALLY_KEY_MAX), 0);
	assert_int_equal(tally_count(tally, key, TALLY_KEY_MAX), 1);
}

/* More keys than buckets, so that some share one; then keys go, and others take their room. */
static void
test_many_keys(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < KEYS_MAX; i++)
			assert_int_equal(tally_add(tally, &i, sizeof(i)), 0);
		assert_int_equal(tally_add(tally, "one more", 8), -ENOSPC);
		for (uint32_t i = 0; i < KEYS_MAX; i += 2)
			tally_remove(tally, &i, sizeof(i));
		for (uint32_t i = 0; i < KEYS_MAX; i++)
			assert_int_equal(tally_count(tally, &i, sizeof(i)), i % 2);
		assert_int_equal(tally_add(tally, "one more", 8), 0);
		tally_remove(tally, "one more", 8);
		for (uint32_t i = 1; i < KEYS_MAX; i += 2)
			tally_remove(tally, &i, sizeof(i));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_nothing_is_there_at_first, begin, end),
	    cmocka_unit_test_setup_teardown(test_counts_up_and_down, begin, end),
	    cmocka_unit_test_setup_teardown(test_lengths_that_no_key_has, begin, end),
	    cmocka_unit_test_setup_teardown(test_many_keys, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
