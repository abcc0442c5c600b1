/* SPDX-License-Identifier: ISC */
/* Variables in texts: which there are before the login, and what becomes of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/text_variables.h"

#include "common/banned.h"

static void
test_early(void **state)
{
	static const struct {
		const char *text;
		bool is_early;
	} rows[] = {
	    {"", true},
	    {"100% sure, 50%", true},
	    {"%{host}%{address}%{date}%{time}", true},
	    {"%{", false},
	    {"%{}", false},
	    {"%{HOST}", false},
	    {"%{host", false},
	    {"%{host }", false},
	    {"%{date} %{user}", false},
	    {"%{quota-left}", false},
	    {"%{files-left}", false},
	    {"%%{host}", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_variables_are_early(rows[i].text), rows[i].is_early);
}

static void
test_fill(void **state)
{
	static const struct {
		const char *text, *filled;
	} rows[] = {
	    {"plain", "plain"},
	    {"%{host}", "h.example"},
	    {"a%{address}b%{host}", "a192.0.2.1bh.example"},
	    {"%%{host}%", "%h.example%"},
	    {"%{user}.%{nothing}", ".%{nothing}"},
	};
	const struct text_facts facts = {.host = "h.example", .address = "192.0.2.1"};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_init(&out, 1000);
		text_variables_fill_early(rows[i].text, &facts, &out);
		assert_int_equal(out.error, 0);
		assert_string_equal(out.data, rows[i].filled);
		buf_free(&out);
	}
}

static void
test_date_has_its_form(void **state)
{
	const struct text_facts facts = {.host = "", .address = ""};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	text_variables_fill_early("%{date} %{time}", &facts, &out);
	assert_int_equal(out.len, strlen("2026-01-01 00:00"));
	assert_int_equal(out.data[4], '-');
	assert_int_equal(out.data[13], ':');
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_early),
	    cmocka_unit_test(test_fill),
	    cmocka_unit_test(test_date_has_its_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
