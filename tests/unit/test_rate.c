/* SPDX-License-Identifier: ISC */
/* Rates that sessions share: which session waits, and for how long. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/rate.h"

#include "common/banned.h"

#define RATE 1000000ULL
#define SLACK_US 60000

static char path[] = "/tmp/test-rate.XXXXXX";

static void
assert_about(uint64_t us, uint64_t expected)
{
	if (us + SLACK_US < expected || us > expected + SLACK_US)
		fail_msg("%llu us instead of about %llu", (unsigned long long)us, (unsigned long long)expected);
}

static void
test_sessions_queue_up(void **state)
{
	int one = rate_open(path), two = rate_open(path);

	(void)state;
	assert_true(one >= 0 && two >= 0);
	assert_about(rate_take(one, RATE_DOWN, RATE, 500000), 0);
	assert_about(rate_take(two, RATE_DOWN, RATE, 500000), 500000);
	assert_about(rate_take(one, RATE_DOWN, RATE, 1), 1000000);
	assert_about(rate_take(one, RATE_UP, RATE, 1), 0);	/* each direction has its own rate */
	close(one);
	close(two);
}

static void
test_no_rate(void **state)
{
	int fd = rate_open(path);

	(void)state;
	assert_int_equal(rate_take(fd, RATE_DOWN, 0, 1000000), 0);
	close(fd);
}

/* A moment from before a reboot, or from a damaged file, delays no session. */
static void
test_nonsense_in_the_file(void **state)
{
	uint64_t far = UINT64_MAX / 2;
	int fd = rate_open(path);

	(void)state;
	assert_int_equal(pwrite(fd, &far, sizeof(far), 0), sizeof(far));
	assert_about(rate_take(fd, RATE_DOWN, RATE, 1), 0);
	close(fd);
}

static void
test_cannot_open(void **state)
{
	(void)state;
	assert_int_equal(rate_open("/nonexistent/rate"), -ENOENT);
}

static void
servers_share_a_rate(void **state)
{
	(void)state;
	assert_int_equal(rate_part(0, 5), 0);
	assert_int_equal(rate_part(RATE, 0), RATE);
	assert_int_equal(rate_part(RATE, 1), RATE);
	assert_int_equal(rate_part(RATE, 3), RATE / 3);
	assert_int_equal(rate_part(2, 3), 1);
	assert_int_equal(rate_part(UINT64_MAX, UINT32_MAX), UINT64_MAX / UINT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(servers_share_a_rate),
	    cmocka_unit_test(test_sessions_queue_up),
	    cmocka_unit_test(test_no_rate),
	    cmocka_unit_test(test_nonsense_in_the_file),
	    cmocka_unit_test(test_cannot_open),
	};
	int fd = mkstemp(path);
	int failed;

	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
