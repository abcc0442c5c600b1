/* SPDX-License-Identifier: ISC */
/* Wildcards: what they match, and that a pattern never costs more than its steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/glob.h"

#include "common/banned.h"

#define PLENTY 1000000

static void
test_no_match(void **state)
{
	static const struct {
		const char *pattern, *name;
	} rows[] = {
	    {"", "a"},
	    {"a", ""},
	    {"?", ""},
	    {"a", "ab"},
	    {"ab", "a"},
	    {"*a", "ab"},
	    {"a*b*c", "abcd"},
	    {"[a", "a"},		/* an open bracket stands for itself */
	    {"[]", "a"},
	    {"[!a]", "a"},
	    {"[^a-c]", "b"},
	    {"[a-c]", "d"},
	    {"[c-a]", "b"},
	    {"\\*", "x"},
	    {"\\?", "x"},
	    {"a\\", "a"},
	    {"??", "\xc3\xa4"},		/* one character */
	    {"[\xc3\xa4]", "\xc3"},	/* half of one */
	    {"*.c", "a.h"},
	    {"A", "a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t steps = PLENTY;

		if (glob_match(rows[i].pattern, strlen(rows[i].pattern), rows[i].name, strlen(rows[i].name), &steps))
			fail_msg("'%s' matches '%s'", rows[i].pattern, rows[i].name);
	}
}

static void
test_match(void **state)
{
	static const struct {
		const char *pattern, *name;
	} rows[] = {
	    {"", ""},
	    {"*", ""},
	    {"***", "a"},
	    {"a", "a"},
	    {"?", "a"},
	    {"?", "\xc3\xa4"},
	    {"?", "\xff"},		/* no UTF-8: one byte */
	    {"*.c", "a.c"},
	    {"*.c", ".c"},
	    {"a*b*c", "axxbyybzzc"},
	    {"*ab", "aab"},
	    {"*aab*", "aaaaab"},
	    {"[abc]", "b"},
	    {"[a-c]x", "cx"},
	    {"[]]", "]"},
	    {"[!]]", "a"},
	    {"[a-]", "-"},
	    {"[!a]", "b"},
	    {"[\\]]", "]"},
	    {"[\xc3\xa4-\xc3\xb6]", "\xc3\xa5"},
	    {"[a", "[a"},
	    {"[", "["},
	    {"\\*", "*"},
	    {"\\\\", "\\"},
	    {"a\\", "a\\"},
	    {"-*", "-rf"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t steps = PLENTY;

		if (!glob_match(rows[i].pattern, strlen(rows[i].pattern), rows[i].name, strlen(rows[i].name), &steps))
			fail_msg("'%s' does not match '%s'", rows[i].pattern, rows[i].name);
	}
}

/* A pattern that costs other matchers years: a star before each letter, and a letter that is missing. */
static void
test_no_blow_up(void **state)
{
	char pattern[255], name[255];
	uint64_t steps = PLENTY;

	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", i + 1 < sizeof(pattern) ? 2 : 1);
	pattern[254] = 'b';
	memset(name, 'a', sizeof(name));
	assert_false(glob_match(pattern, sizeof(pattern), name, sizeof(name), &steps));
	assert_true(PLENTY - steps < 255 * 255);

	steps = 10;
	assert_false(glob_match("*b", 2, name, sizeof(name), &steps));
	assert_int_equal(steps, 0);
}

static void
test_is_pattern(void **state)
{
	(void)state;
	assert_false(glob_is_pattern("plain", 5));
	assert_false(glob_is_pattern("", 0));
	assert_true(glob_is_pattern("a*", 2));
	assert_true(glob_is_pattern("a?", 2));
	assert_true(glob_is_pattern("[a", 2));
	assert_true(glob_is_pattern("\\a", 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_match),
	    cmocka_unit_test(test_match),
	    cmocka_unit_test(test_no_blow_up),
	    cmocka_unit_test(test_is_pattern),
	};

	return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
