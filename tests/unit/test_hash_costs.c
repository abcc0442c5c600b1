/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/hash_costs.h"
#include "common/io.h"

#include "common/banned.h"

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static char path[128];

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/hash-costs", directory);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void
test_lines(void **state)
{
	static const char *const bad[] = {"", " ", "12", "0 $y$", "-1 $y$", "x $y$", " $y$", "99999999999999999999 $y$",
	    "5 0123456789012345678901234567890123456789012345678901234567890123"};
	struct hash_cost cost;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (hash_cost_parse(bad[i], &cost) == 0)
			fail_msg("'%s' was taken", bad[i]);
	assert_int_equal(hash_cost_parse("25000 $6$rounds=5$", &cost), 0);
	assert_int_equal(cost.cost_us, 25000);
	assert_string_equal(cost.front, "$6$rounds=5$");
	assert_int_equal(hash_cost_parse("7 ", &cost), 0);
	assert_string_equal(cost.front, "");
}

static void
test_kept(void **state)
{
	static const struct hash_cost costs[] = {{"", 5}, {"*", 25000}, {"$y$j9T$", 30000}};
	struct hash_cost found[HASH_COSTS_MAX];
	const struct timespec old[2] = {{.tv_sec = time(NULL) - 90000}, {.tv_sec = time(NULL) - 90000}};

	(void)state;
	assert_int_equal(hash_costs_load(directory, found), 0);
	assert_int_equal(hash_costs_save(directory, costs, 3), 0);
	assert_int_equal(hash_costs_load(directory, found), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(found[i].front, costs[i].front);
		assert_int_equal(found[i].cost_us, costs[i].cost_us);
	}
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_int_equal(hash_costs_load(directory, found), 0);
}

static void
test_damaged(void **state)
{
	struct hash_cost found[HASH_COSTS_MAX];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(io_write_all(fd, "5 $y$\nnonsense\n", 15), 0);
	close(fd);
	assert_int_equal(hash_costs_load(directory, found), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("hash_costs", tests, set_up, tear_down);
}
