/* SPDX-License-Identifier: ISC */
/* Definition lines of the users file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/definition.h"

#include "common/banned.h"

/* Lines that define nothing, and a part of the error for each. */
static void
test_bad_definitions(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = {
	    {"", "'+KIND NAME:'"},
	    {"+", "'+KIND NAME:'"},
	    {"+group", "'+KIND NAME:'"},
	    {"+group:staff", "'+KIND NAME:'"},
	    {"+group staff", "'+KIND NAME:'"},
	    {"group staff:", "'+KIND NAME:'"},
	    {" +group staff:", "'+KIND NAME:'"},
	    {"+ staff:", "the kinds are: group"},
	    {"+grou staff:", "the kinds are: group"},
	    {"+groups staff:", "the kinds are: group"},
	    {"+Group staff:", "the kinds are: group"},
	    {"+group\tx staff:", "the kinds are: group"},
	    {"+group :", "name is empty"},
	    {"+group  staff:", "a blank"},
	    {"+group staff :", "a blank"},
	    {"+group +staff:", "begins with"},
	    {"+group a/b:", "a slash"},
	    {"+group \xff:", "UTF-8"},
	    {"+group staff:\r", "control"},
	    {"+group staff:quota", "bad quota"},
	    {"+group staff:Quota=1", "not an option"},
	    {"+group staff:quota=1 quota=2", "twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct definition definition;
		const char *error = NULL;

		if (definition_parse(rows[i].line, strlen(rows[i].line), &definition, &error) != -EINVAL)
			fail_msg("accepted: %s", rows[i].line);
		if (strstr(error, rows[i].error) == NULL)
			fail_msg("%s: %s", rows[i].line, error);
	}
}

static void
test_good_definition(void **state)
{
	static const char line[] = "+group staff:quota=10G allow-from=2001:db8::/32 later";
	struct definition definition;
	struct account account;
	const char *error = NULL;

	(void)state;
	assert_int_equal(definition_parse(line, sizeof(line) - 1, &definition, &error), 0);
	assert_int_equal(definition.kind, DEFINITION_GROUP);
	assert_int_equal(definition.name_len, 5);
	assert_memory_equal(definition.name, "staff", 5);
	assert_ptr_equal(definition.body, line + 13);
	assert_int_equal(definition.body_len, sizeof(line) - 1 - 13);
	assert_int_equal(definition_parse("+group \xc3\xb6:", 10, &definition, &error), 0);
	assert_int_equal(definition.body_len, 0);
	/* and no line is both */
	assert_true(account_parse(line, sizeof(line) - 1, &account, &error) < 0);
	assert_false(account_line_is_account(line, sizeof(line) - 1));
	assert_false(account_line_is_account("# a:b", 5));
	assert_true(account_line_is_account("a:b", 3));
}

static void
test_keys(void **state)
{
	char key[DEFINITION_KEY_MAX + 1], longest[ACCOUNT_NAME_MAX + 2];

	(void)state;
	assert_true(definition_key(DEFINITION_GROUP, "staff", key));
	assert_string_equal(key, "+group staff");
	assert_false(definition_key(DEFINITION_GROUP, "a b", key));
	assert_string_equal(key, "");
	memset(longest, 'x', sizeof(longest));
	longest[ACCOUNT_NAME_MAX + 1] = '\0';
	assert_false(definition_key(DEFINITION_GROUP, longest, key));
	longest[ACCOUNT_NAME_MAX] = '\0';
	for (int kind = 0; kind < DEFINITION_KIND_COUNT; kind++) {
		assert_true(definition_key(kind, longest, key));
		assert_int_equal(strlen(key), strlen(definition_word(kind)) + 2 + ACCOUNT_NAME_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_definitions),
	    cmocka_unit_test(test_good_definition),
	    cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
