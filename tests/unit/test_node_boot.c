/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/node_boot.h"
#include "common/io.h"

#include "common/banned.h"

static char directory[] = "/tmp/test-node-boot.XXXXXX";
static char path[sizeof(directory) + 16];
static const uint8_t boot[16] = {1}, other_boot[16] = {2};

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test-node-boot.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/" NODE_BOOT_FILE, directory);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void
test_same_until_state_or_machine_is_new(void **state)
{
	char first[NODE_BOOT_SIZE], again[NODE_BOOT_SIZE], other[NODE_BOOT_SIZE], wiped[NODE_BOOT_SIZE];

	(void)state;
	assert_int_equal(node_boot_load(directory, boot, first), 0);
	assert_int_equal(strlen(first), 36);
	assert_int_equal(strspn(first, "0123456789abcdef-"), 36);
	assert_int_equal(first[14], '4');
	assert_int_equal(node_boot_load(directory, boot, again), 0);
	assert_string_equal(first, again);
	assert_int_equal(node_boot_load(directory, other_boot, other), 0);
	assert_string_not_equal(first, other);
	assert_int_equal(node_boot_load(directory, other_boot, again), 0);
	assert_string_equal(other, again);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(node_boot_load(directory, other_boot, wiped), 0);
	assert_string_not_equal(other, wiped);
}

/* Half a file is none; a link is not followed; without the directory there is none. */
static void
test_damage(void **state)
{
	char first[NODE_BOOT_SIZE], again[NODE_BOOT_SIZE];

	(void)state;
	assert_int_equal(node_boot_load(directory, boot, first), 0);
	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(node_boot_load(directory, boot, again), 0);
	assert_string_not_equal(first, again);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_true(node_boot_load(directory, boot, again) < 0);
	assert_true(node_boot_load("/nonexistent", boot, again) < 0);
}

/* Ledgers lie beside them: NAME of an account, +NAME of a folder. */
static void
test_no_ledger_has_the_name(void **state)
{
	static const char *const files[] = {NODE_BOOT_FILE, NODE_BOOT_FILE ".new", NODE_REFUSED_FILE};
	const char *problem;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *of_folder = files[i] + (files[i][0] == '+');

		assert_false(account_name_valid(files[i], strlen(files[i]), &problem));
		assert_false(account_name_valid(of_folder, strlen(of_folder), &problem));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_same_until_state_or_machine_is_new, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
	    cmocka_unit_test(test_no_ledger_has_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
