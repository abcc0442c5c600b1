/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/store_dialog.h"

static void
test_answers(void **state)
{
	static const struct {
		const char *line;
		size_t len;	/* 0: strlen() */
		int answer;
		const char *argument;
	} rows[] = {
	    {"", 0, -EINVAL, NULL},
	    {" ", 0, -EINVAL, NULL},
	    {"readyx", 0, -EINVAL, NULL},
	    {"ready ", 0, -EINVAL, NULL},
	    {"ready now", 0, -EINVAL, NULL},
	    {"READY", 0, -EINVAL, NULL},
	    {"account", 0, -EINVAL, NULL},
	    {"account ", 0, -EINVAL, NULL},
	    {"account a\001b", 0, -EINVAL, NULL},
	    {"account a\177b", 0, -EINVAL, NULL},
	    {"account a\rb", 0, -EINVAL, NULL},
	    {"account a\0b", 11, -EINVAL, NULL},
	    {"account \xff", 0, -EINVAL, NULL},
	    {"accountaccountaccount x", 0, -EINVAL, NULL},
	    {"find alice", 0, -EINVAL, NULL},
	    {"ready", 0, DIALOG_READY, ""},
	    {"done", 0, DIALOG_DONE, ""},
	    {"done 12 13", 0, DIALOG_DONE, "12 13"},
	    {"account a:b:1:1:/h:x\ty", 0, DIALOG_ACCOUNT, "a:b:1:1:/h:x\ty"},
	    {"account  a", 0, DIALOG_ACCOUNT, " a"},
	    {"failed \xc3\xa4", 0, DIALOG_FAILED, "\xc3\xa4"},
	    {"none", 0, DIALOG_NONE, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = rows[i].len == 0 ? strlen(rows[i].line) : rows[i].len, argument_len;
		const char *argument;
		int answer = dialog_parse_answer(rows[i].line, len, &argument, &argument_len);

		if (answer != rows[i].answer)
			fail_msg("'%s': %d, not %d", rows[i].line, answer, rows[i].answer);
		if (answer >= 0) {
			assert_int_equal(argument_len, strlen(rows[i].argument));
			assert_memory_equal(argument, rows[i].argument, argument_len);
		}
	}
}

/* A line as long as an account may be, and one byte more. */
static void
test_longest(void **state)
{
	char *line = malloc(DIALOG_LINE_MAX + 2);
	const char *argument;
	size_t len;

	(void)state;
	assert_non_null(line);
	memset(line, 'a', DIALOG_LINE_MAX + 2);
	memcpy(line, "account ", 8);
	assert_int_equal(dialog_parse_answer(line, 8 + ACCOUNT_LINE_MAX, &argument, &len), DIALOG_ACCOUNT);
	assert_int_equal(len, ACCOUNT_LINE_MAX);
	assert_int_equal(dialog_parse_answer(line, 8 + ACCOUNT_LINE_MAX + 1, &argument, &len), -EINVAL);
	free(line);
}

/* Every request by its word, with and without an argument: one of the two is right. */
static void
test_requests(void **state)
{
	char line[DIALOG_WORD_MAX + 8];
	const char *argument;
	size_t len;

	(void)state;
	for (int i = 0; i < DIALOG_REQUEST_COUNT; i++) {
		int bare, with;

		bare = dialog_parse_request(dialog_requests[i], strlen(dialog_requests[i]), &argument, &len);
		snprintf(line, sizeof(line), "%s x", dialog_requests[i]);
		with = dialog_parse_request(line, strlen(line), &argument, &len);
		assert_true((bare == i && with == -EINVAL) || (bare == -EINVAL && with == i));
		assert_int_equal(dialog_parse_answer(line, strlen(line), &argument, &len), -EINVAL);
		assert_true(strlen(dialog_requests[i]) < DIALOG_WORD_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_longest),
	    cmocka_unit_test(test_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
