/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "client/ui/shell_line.h"

#include "common/banned.h"

static void
assert_text(const char *text, const char *wanted)
{
	if (wanted == NULL)
		assert_null(text);
	else
		assert_string_equal(text == NULL ? "(none)" : text, wanted);
}

static void
test_lines(void **state)
{
	static const struct {
		const char *text, *command, *program, *file;
		bool appends, is_background;
	} table[] = {
	    {"", "", NULL, NULL, false, false},
	    {"ls -l", "ls -l", NULL, NULL, false, false},
	    {"cat a | less -R | head", "cat a ", "less -R | head", NULL, false, false},
	    {"cat a|wc", "cat a", "wc", NULL, false, false},
	    {"cat a | sed 's/#/&/' # > x", "cat a ", "sed 's/#/&/' # > x", NULL, false, false},
	    {"ls > out", "ls ", NULL, "out", false, false},
	    {"ls >>'a b'", "ls ", NULL, "a b", true, false},
	    {"ls > out # | less", "ls ", NULL, "out", false, false},
	    {"get big &", "get big ", NULL, NULL, false, true},
	    {"get big&  ", "get big", NULL, NULL, false, true},
	    {"ls > out &", "ls ", NULL, "out", false, true},
	    {"cat a | wc &", "cat a ", "wc ", NULL, false, true},
	    {"get R&D.txt", "get R&D.txt", NULL, NULL, false, false},
	    {"get 'a > b | c' \\> \\| \\&", "get 'a > b | c' \\> \\| \\&", NULL, NULL, false, false},
	    {"get \"a \\\" > b\"", "get \"a \\\" > b\"", NULL, NULL, false, false},
	    {"get 'open > b", "get 'open > b", NULL, NULL, false, false},
	    {"get a\\", "get a\\", NULL, NULL, false, false},
	    {"# ls > x | y &", "", NULL, NULL, false, false},
	    {"get a#b > c", "get a#b ", NULL, "c", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *why = NULL;
		struct shell_line line;

		if (shell_line_parse(table[i].text, &line, &why) != 0)
			fail_msg("%s: %s", table[i].text, why);
		assert_text(line.command, table[i].command);
		assert_text(line.program, table[i].program);
		assert_text(line.file, table[i].file);
		assert_int_equal(line.appends, table[i].appends);
		assert_int_equal(line.is_background, table[i].is_background);
		shell_line_free(&line);
	}
}

static void
test_bad_lines(void **state)
{
	static const char *const table[] = {
	    "ls >", "ls > ''", "ls > a b", "ls > a > b c", "cat x |", "cat x |  &", "> a", "| less", "&", "ls > 'open"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *why = NULL;
		struct shell_line line;

		if (shell_line_parse(table[i], &line, &why) != -EINVAL)
			fail_msg("%s", table[i]);
		assert_non_null(why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_bad_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
