/* SPDX-License-Identifier: ISC */
/* Words of the shell: splitting, the word at the cursor, and quoting as its inverse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/ui/words.h"
#include "common/buf.h"

#include "common/banned.h"

static void
test_bad(void **state)
{
	static const char *const rows[] = {"'", "\"", "a 'b", "a \"b\\\"", "a\\", "'a'\\"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct words words;
		const char *why = NULL;

		assert_int_equal(words_split(rows[i], &words, &why), -EINVAL);
		assert_non_null(why);
		assert_int_equal(words.count, 0);
	}
}

static void
test_split(void **state)
{
	static const struct {
		const char *line, *texts;	/* each ended by | */
	} rows[] = {
	    {"", ""},
	    {"  \t ", ""},
	    {"# a b", ""},
	    {"a # b", "a|"},
	    {"a#b", "a#b|"},
	    {"get a  b", "get|a|b|"},
	    {"''", "|"},
	    {"\"\" x", "|x|"},
	    {"'a b'\"c d\"e", "a bc de|"},
	    {"a\\ b", "a b|"},
	    {"'a\\b'", "a\\b|"},
	    {"\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d|"},
	    {"'it'\\''s'", "it's|"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct words words;
		const char *why;
		struct buf all;

		buf_init(&all, 256);
		(void)buf_add(&all, "", 0);
		assert_int_equal(words_split(rows[i].line, &words, &why), 0);
		for (size_t w = 0; w < words.count; w++)
			(void)buf_addf(&all, "%s|", words.items[w].text);
		assert_string_equal(all.len == 0 ? "" : all.data, rows[i].texts);
		words_free(&words);
		buf_free(&all);
	}
}

static void
test_pattern(void **state)
{
	static const struct {
		const char *line, *text, *pattern;
	} rows[] = {
	    {"abc", "abc", NULL},
	    {"'*'", "*", NULL},
	    {"\\*", "*", NULL},
	    {"\"a?\"", "a?", NULL},
	    {"*.c", "*.c", "*.c"},
	    {"'*'*", "**", "\\**"},
	    {"a\\[b?", "a[b?", "a\\[b?"},
	    {"[a-z]", "[a-z]", "[a-z]"},
	    {"\\\\*", "\\*", "\\\\*"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct words words;
		const char *why;

		assert_int_equal(words_split(rows[i].line, &words, &why), 0);
		assert_int_equal(words.count, 1);
		assert_string_equal(words.items[0].text, rows[i].text);
		if (rows[i].pattern == NULL)
			assert_null(words.items[0].pattern);
		else
			assert_string_equal(words.items[0].pattern, rows[i].pattern);
		words_free(&words);
	}
}

static void
test_cursor(void **state)
{
	static const struct {
		const char *line;
		size_t index, start;
		char quote;
		const char *text;
	} rows[] = {
	    {"", 0, 0, 0, ""},
	    {"ge", 0, 0, 0, "ge"},
	    {"get ", 1, 4, 0, ""},
	    {"get my\\ fi", 1, 4, 0, "my fi"},
	    {"get 'my fi", 1, 4, '\'', "my fi"},
	    {"get \"my fi", 1, 4, '"', "my fi"},
	    {" put a b/c", 2, 7, 0, "b/c"},
	    {"get 'a b' c", 2, 10, 0, "c"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct word_at_cursor word;

		assert_int_equal(words_at_cursor(rows[i].line, strlen(rows[i].line), &word), 0);
		assert_int_equal(word.index, rows[i].index);
		assert_int_equal(word.start, rows[i].start);
		assert_int_equal(word.quote, rows[i].quote);
		assert_string_equal(word.text, rows[i].text);
		free(word.text);
	}
}

static void
test_quote(void **state)
{
	static const char *const rows[] = {"a", "a b", "it's", "say \"x\"", "back\\slash", "*?[]", "#x", "\t"};
	static const char quotes[] = {'\0', '\'', '"'};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t q = 0; q < sizeof(quotes); q++) {
			struct words words;
			const char *why;
			struct buf line;

			buf_init(&line, 256);
			if (quotes[q] != '\0')
				(void)buf_add(&line, &quotes[q], 1);
			words_quote(&line, rows[i], quotes[q]);
			if (quotes[q] != '\0')
				(void)buf_add(&line, &quotes[q], 1);
			assert_int_equal(words_split(line.data, &words, &why), 0);
			assert_int_equal(words.count, 1);
			assert_string_equal(words.items[0].text, rows[i]);
			assert_null(words.items[0].pattern);
			words_free(&words);
			buf_free(&line);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_pattern),
	    cmocka_unit_test(test_cursor),
	    cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
