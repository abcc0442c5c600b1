/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "common/options.h"

#include "common/banned.h"

struct wanted {
	bool is_long, is_quiet;
	const char *name;
	uint64_t parallel;
	int fd;
	unsigned calls;
};

static int
take_call(void *targets, const char *value)
{
	if (strcmp(value, "bad") == 0)
		return -EINVAL;
	if (strcmp(value, "full") == 0)
		return -ENOMEM;
	((struct wanted *)targets)->calls++;
	return 0;
}

#define AT(member) .target = offsetof(struct wanted, member)

static const struct opt_row rows[] = {
    {"long", 'l', NULL, OPT_FLAG, AT(is_long), .help = ""},
    {"quiet", 'q', NULL, OPT_FLAG, AT(is_quiet), .help = ""},
    {"name", 'n', "NAME", OPT_TEXT, AT(name), .help = ""},
    {"parallel", 'P', "N", OPT_NUMBER, AT(parallel), 1, 32, .help = ""},
    {"fd", 0, "N", OPT_INT, AT(fd), 0, 100, .wanted = "a descriptor", .help = ""},
    {"call", 0, "X", OPT_CALL, .take = take_call, .help = ""},
    {NULL, 'c', "FILE", OPT_TEXT, AT(name), .help = ""},
};

#define COUNT (sizeof(rows) / sizeof(rows[0]))

static const char *
next_word(void *arg)
{
	const char ***next = arg;

	return **next == NULL ? NULL : *(*next)++;
}

static void
test_problems(void **state)
{
	static const struct {
		const char *words[3];
		enum opt_problem problem;
		const char *shown;
	} table[] = {
	    {{"--frob"}, OPT_UNKNOWN, ""},
	    {{"-x"}, OPT_UNKNOWN, ""},
	    {{"-lx"}, OPT_UNKNOWN, ""},
	    {{"--"}, OPT_UNKNOWN, ""},
	    {{"--lon"}, OPT_UNKNOWN, ""},
	    {{"--longer"}, OPT_UNKNOWN, ""},
	    {{"--c"}, OPT_UNKNOWN, ""},
	    {{"--long=1"}, OPT_TAKES_NO_VALUE, "--long"},
	    {{"--long="}, OPT_TAKES_NO_VALUE, "--long"},
	    {{"--name"}, OPT_NEEDS_VALUE, "--name"},
	    {{"-n"}, OPT_NEEDS_VALUE, "-n"},
	    {{"-lqn"}, OPT_NEEDS_VALUE, "-n"},
	    {{"--name="}, OPT_BAD_VALUE, "--name"},
	    {{"--name", ""}, OPT_BAD_VALUE, "--name"},
	    {{"-P0"}, OPT_BAD_VALUE, "-P"},
	    {{"-P", "33"}, OPT_BAD_VALUE, "-P"},
	    {{"-P", "-1"}, OPT_BAD_VALUE, "-P"},
	    {{"-P", "1x"}, OPT_BAD_VALUE, "-P"},
	    {{"--fd=101"}, OPT_BAD_VALUE, "--fd"},
	    {{"--fd=99999999999999999999"}, OPT_BAD_VALUE, "--fd"},
	    {{"--call=bad"}, OPT_BAD_VALUE, "--call"},
	    {{"--call=full"}, OPT_NO_MEMORY, "--call"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *const *words = table[i].words + 1;
		struct wanted wanted = {.fd = -1};
		struct opt_parser parser = {
		    .rows = rows, .count = COUNT, .targets = &wanted, .next = next_word, .arg = &words};

		if (opt_take(&parser, table[i].words[0]) != table[i].problem)
			fail_msg("%s", table[i].words[0]);
		assert_string_equal(parser.shown, table[i].shown);
		assert_true(wanted.parallel == 0 && wanted.fd == -1 && wanted.name == NULL && wanted.calls == 0);
	}
}

static void
test_values(void **state)
{
	const char *list[] = {"-lP4", "--fd", "100", "-n", "a b", "--call=x", "-q", "-cfile", NULL};
	const char **words = list;
	struct wanted wanted = {.fd = -1};
	struct opt_parser parser = {.rows = rows, .count = COUNT, .targets = &wanted, .next = next_word, .arg = &words};
	const char *word;

	(void)state;
	while ((word = next_word(&words)) != NULL)
		assert_int_equal(opt_take(&parser, word), OPT_FINE);
	assert_true(wanted.is_long && wanted.is_quiet);
	assert_int_equal(wanted.parallel, 4);
	assert_int_equal(wanted.fd, 100);
	assert_int_equal(wanted.calls, 1);
	assert_string_equal(wanted.name, "file");
}

static bool
refuse(void *arg, size_t row)
{
	(void)arg;
	return row != 1;
}

static void
test_accept(void **state)
{
	struct wanted wanted = {.fd = -1};
	struct opt_parser parser = {
	    .rows = rows, .count = COUNT, .targets = &wanted, .next = next_word, .accept = refuse};

	(void)state;
	assert_int_equal(opt_take(&parser, "-lq"), OPT_NOT_ACCEPTED);
	assert_true(wanted.is_long);
	assert_false(wanted.is_quiet);
	assert_string_equal(parser.shown, "-q");
}

static bool
accept_long_alone(void *arg, size_t row)
{
	(void)arg;
	return row == 1;
}

/* Two rows of one letter: the one that is accepted is meant, and where none is, the error names the first. */
static void
test_shared_letter(void **state)
{
	static const struct opt_row shared[] = {
	    {"all", 'a', NULL, OPT_FLAG, AT(is_quiet), .help = ""},
	    {"address", 'a', "NAME", OPT_TEXT, AT(name), .help = ""},
	};
	const char *list[] = {"there", NULL};
	const char **words = list;
	struct wanted wanted = {.fd = -1};
	struct opt_parser parser = {.rows = shared,
	    .count = 2,
	    .targets = &wanted,
	    .next = next_word,
	    .accept = accept_long_alone,
	    .arg = &words};

	(void)state;
	assert_int_equal(opt_take(&parser, "-a"), OPT_FINE);
	assert_string_equal(wanted.name, "there");
	assert_false(wanted.is_quiet);
	parser.count = 1;
	assert_int_equal(opt_take(&parser, "-a"), OPT_NOT_ACCEPTED);
	assert_string_equal(parser.shown, "-a");
}

static void
test_words(void **state)
{
	char text[64];

	(void)state;
	assert_true(opt_is_option("-l") && opt_is_option("--long") && opt_is_option("---"));
	assert_false(opt_is_option("-") || opt_is_option("--") || opt_is_option("l") || opt_is_option(""));
	assert_true(opt_takes_next_word(rows, COUNT, "--name") && opt_takes_next_word(rows, COUNT, "-lP"));
	assert_false(opt_takes_next_word(rows, COUNT, "--name=x") || opt_takes_next_word(rows, COUNT, "-lP4") ||
	    opt_takes_next_word(rows, COUNT, "--long") || opt_takes_next_word(rows, COUNT, "--frob"));
	opt_wanted(&rows[3], text, sizeof(text));
	assert_string_equal(text, "1 to 32");
	opt_wanted(&rows[4], text, sizeof(text));
	assert_string_equal(text, "a descriptor");
	opt_wanted(&rows[2], text, sizeof(text));
	assert_string_equal(text, "a text that is not empty");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_problems),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_accept),
	    cmocka_unit_test(test_shared_letter),
	    cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
