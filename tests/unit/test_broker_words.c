/* SPDX-License-Identifier: ISC */
/* What a database says: rows of accounts, versions, reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "privsep/broker/answer.h"
#include "privsep/broker/connection.h"
#include "privsep/broker/problem.h"

#include "common/banned.h"

#define LINE "alice:$6$salt$digest:200000:200000:/srv/sallyport/alice:"

static struct row
row_of(const char *id, const char *line, size_t len, const char *decoy)
{
	return (struct row){
	    .count = 3,
	    .fields = {id, line, decoy},
	    .lens = {id == NULL ? 0 : strlen(id), len, decoy == NULL ? 0 : strlen(decoy)},
	};
}

static void
an_account_is_an_id_and_one_line(void **state)
{
	static char long_line[BROKER_LINE_MAX + 2];
	struct answer answer;
	struct row row = row_of("17", LINE, strlen(LINE), NULL);

	(void)state;
	assert_null(answer_of_row(&row, &answer));
	assert_int_equal(answer.found, FOUND_ACCOUNT);
	assert_int_equal(answer.id, 17);
	assert_false(answer.is_kept);
	assert_ptr_equal(answer.text, row.fields[1]);
	assert_int_equal(answer.len, strlen(LINE));

	memset(long_line, 'x', sizeof(long_line) - 1);
	row = row_of("9223372036854775807", long_line, BROKER_LINE_MAX, NULL);
	assert_null(answer_of_row(&row, &answer));
	assert_int_equal(answer.len, BROKER_LINE_MAX);
}

static void
what_is_no_account_is_not_passed_on(void **state)
{
	static char long_line[BROKER_LINE_MAX + 2];
	const struct row rows[] = {
	    row_of("", LINE, strlen(LINE), NULL),
	    row_of("-1", LINE, strlen(LINE), NULL),
	    row_of("1x", LINE, strlen(LINE), NULL),
	    row_of("9223372036854775808", LINE, strlen(LINE), NULL),
	    {.count = 3, .fields = {"1\0002", LINE}, .lens = {3, strlen(LINE)}},
	    row_of("1", NULL, 0, NULL),
	    row_of("1", "", 0, NULL),
	    row_of("1", LINE "\nroot:x", strlen(LINE) + 7, NULL),
	    row_of("1", LINE "\0x", strlen(LINE) + 2, NULL),
	    row_of("1", long_line, BROKER_LINE_MAX + 1, NULL),
	};

	(void)state;
	memset(long_line, 'x', sizeof(long_line) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct answer answer;

		assert_non_null(answer_of_row(&rows[i], &answer));
		assert_int_equal(answer.found, FOUND_NOT_NOW);
		assert_int_equal(answer.len, 0);
	}
}

static void
no_account_has_a_decoy_at_most(void **state)
{
	static const struct {
		const char *decoy, *wanted;
	} rows[] = {
	    {NULL, ""},
	    {"", ""},
	    {"$6$........$....", "$6$........$...."},
	    {"$6$\n", ""},
	    {"$6$\x1b[2J", ""},
	};
	char long_decoy[400];
	struct answer answer;
	struct row row;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		row = row_of(NULL, LINE, strlen(LINE), rows[i].decoy); /* a line without an id is none */
		assert_null(answer_of_row(&row, &answer));
		assert_int_equal(answer.found, FOUND_NOBODY);
		assert_int_equal(answer.id, 0);
		assert_int_equal(answer.len, strlen(rows[i].wanted));
		assert_memory_equal(answer.text, rows[i].wanted, answer.len);
	}
	memset(long_decoy, '.', sizeof(long_decoy) - 1);
	long_decoy[sizeof(long_decoy) - 1] = '\0';
	row = row_of(NULL, NULL, 0, long_decoy);
	assert_null(answer_of_row(&row, &answer));
	assert_int_equal(answer.len, 0);
}

static void
versions_are_known_or_said_to_be_strange(void **state)
{
	static const struct {
		const char *version, *words; /* NULL: known */
	} rows[] = {
	    {"1", NULL},
	    {"0", "version 0, and this server knows 1 to 1; run 'sallyportctl store upgrade'"},
	    {"2", "version 2, and this server knows 1 to 1; upgrade the server"},
	    {"", "has no version"},
	    {"x", "has no version"},
	    {"4294967296", "has no version"},
	    {NULL, "has no version"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row row = {.count = 1, .fields = {rows[i].version}};
		char problem[PROBLEM_TEXT_MAX] = "";

		assert_int_equal(answer_version_known(&row, problem, sizeof(problem)), rows[i].words == NULL);
		assert_true(rows[i].words == NULL || strstr(problem, rows[i].words) != NULL);
	}
}

static void
reasons_are_one_line_without_the_password(void **state)
{
	static const struct {
		const char *text, *secret, *line;
	} rows[] = {
	    {"simple", NULL, "simple"},
	    {"", NULL, ""},
	    {"server closed the connection\n\tThis probably means\n\tsomething.\n", NULL,
		"server closed the connection; This probably means; something."},
	    {"FATAL:  x\r\nDETAIL:  y\n", "", "FATAL:  x; DETAIL:  y"},
	    {"\x1b[31mred\x01", NULL, "\\x1b[31mred\\x01"},
	    {"wrong: hunter2, hunter2", "hunter2", "wrong: ***, ***"},
	    {"hunter", "hunter2", "hunter"},
	    {"no root.crt\nEither provide the file or change sslmode to disable\n", NULL, "no root.crt"},
	    {"\xff\xfe", NULL, "\\xff\\xfe"},
	};
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		problem_clean(rows[i].text, rows[i].secret, line, sizeof(line));
		assert_string_equal(line, rows[i].line);
	}
}

/* A secret that is cut off at the end does not show its beginning. */
static void
reasons_are_bounded(void **state)
{
	static char text[100000];
	char line[64];

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	problem_clean(text, NULL, line, sizeof(line));
	assert_in_range(strlen(line), 60, 63);
	memcpy(text + 60, "hunter2", 7);
	problem_clean(text, "hunter2", line, sizeof(line));
	assert_null(strstr(line, "hun"));
}

static void
some_errors_are_refusals(void **state)
{
	(void)state;
	assert_true(problem_is_refusal("42501"));
	assert_true(problem_is_refusal("3F000"));
	assert_false(problem_is_refusal("57P01"));
	assert_false(problem_is_refusal(""));
	assert_false(problem_is_refusal(NULL));
	assert_string_equal(problem_cure("3F000"), "; run 'sallyportctl store init'");
	assert_string_equal(problem_cure("57P01"), "");
	assert_string_equal(problem_cure(NULL), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_account_is_an_id_and_one_line),
	    cmocka_unit_test(what_is_no_account_is_not_passed_on),
	    cmocka_unit_test(no_account_has_a_decoy_at_most),
	    cmocka_unit_test(versions_are_known_or_said_to_be_strange),
	    cmocka_unit_test(reasons_are_one_line_without_the_password),
	    cmocka_unit_test(reasons_are_bounded),
	    cmocka_unit_test(some_errors_are_refusals),
	};

	return cmocka_run_group_tests_name("broker_words", tests, NULL, NULL);
}
