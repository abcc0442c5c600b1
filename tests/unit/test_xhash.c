/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/hash_names.h"

#include "common/banned.h"

static void
test_names(void **state)
{
	static const char *const unknown[] = {
	    "", "SHA", "SHA256", "SHA-25", "SHA-2566", " SHA-256", "CRC-32", "ROT-13"};
	enum ipc_hash hash = HASH_MD5;

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(hash_find(unknown[i], &hash), -EINVAL);
		assert_int_equal(hash, HASH_MD5);
	}
	for (int i = 0; i < HASH_COUNT; i++) {
		assert_int_equal(hash_find(hash_name((enum ipc_hash)i), &hash), 0);
		assert_int_equal(hash, i);
	}
	assert_int_equal(hash_find("sha-512", &hash), 0);
	assert_int_equal(hash, HASH_SHA512);
	assert_string_equal(hash_name(HASH_SHA256), "SHA-256");
}

static void
test_bad(void **state)
{
	static const struct {
		const char *argument;
		int result;
	} rows[] = {
	    {"", -EINVAL},
	    {"\"", -EINVAL},
	    {"\"\"", -EINVAL},
	    {"\"\" 1", -EINVAL},
	    {"\"a", -EINVAL},
	    {"\"a\"b", -EINVAL},
	    {"\"a\" b", -EINVAL},
	    {"\"a\" -1", -EINVAL},
	    {"\"a\" 1 2 3", -EINVAL},
	    {" 1", -EINVAL},
	    {" 1 2", -EINVAL},
	    {"a 2 1", -EINVAL},
	    {"a 9223372036854775808", -ERANGE},
	    {"a 1 9223372036854775808", -ERANGE},
	    {"a 99999999999999999999", -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char argument[128];
		uint64_t from, to;
		char *path;
		int r;

		snprintf(argument, sizeof(argument), "%s", rows[i].argument);
		r = xhash_parse(argument, &path, &from, &to);
		if (r != rows[i].result)
			fail_msg("'%s': %d, not %d", rows[i].argument, r, rows[i].result);
	}
}

static void
test_good(void **state)
{
	static const struct {
		const char *argument, *path;
		uint64_t from, to;
	} rows[] = {
	    {"a", "a", 0, UINT64_MAX},
	    {"a b", "a b", 0, UINT64_MAX},
	    {"a 10", "a", 10, UINT64_MAX},
	    {"a 10 20", "a", 10, 20},
	    {"a 10 10", "a", 10, 10},
	    {"a b 10 20", "a b", 10, 20},
	    {"1 2 3", "1", 2, 3},
	    {"0 1 2 3", "0 1", 2, 3},
	    {"a -1", "a -1", 0, UINT64_MAX},
	    {"a 1x", "a 1x", 0, UINT64_MAX},
	    {"\"a\"", "a", 0, UINT64_MAX},
	    {"\"a 1 2\"", "a 1 2", 0, UINT64_MAX},
	    {"\"a 1 2\" 3", "a 1 2", 3, UINT64_MAX},
	    {"\"a\" 3 4", "a", 3, 4},
	    {"\"a\"b\" 3", "a\"b", 3, UINT64_MAX},
	    {"a 9223372036854775807", "a", INT64_MAX, UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char argument[128];
		uint64_t from = 42, to = 42;
		char *path = NULL;
		int r;

		snprintf(argument, sizeof(argument), "%s", rows[i].argument);
		r = xhash_parse(argument, &path, &from, &to);
		if (r != 0 || strcmp(path, rows[i].path) != 0 || from != rows[i].from || to != rows[i].to)
			fail_msg("'%s': %d '%s' %llu %llu", rows[i].argument, r, path, (unsigned long long)from,
			    (unsigned long long)to);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
