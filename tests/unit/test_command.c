/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/command.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define MAN_PAGE "man/sallyportd.8" /* tests run in the top folder */
#define LINE_SIZE 512

static void
test_verbs(void **state)
{
	(void)state;
	for (const struct command *command = commands; command->verb != NULL; command++) {
		size_t len = strlen(command->verb);

		assert_uint_in_range(len, 3, 15);	/* the lengths that line_split() can return */
		for (size_t i = 0; i < len; i++)
			if (!isupper((unsigned char)command->verb[i]) &&
			    (i == 0 || !isdigit((unsigned char)command->verb[i])))
				fail_msg("%s is not in upper case", command->verb);
		for (const struct command *other = command + 1; other->verb != NULL; other++)
			if (strcmp(command->verb, other->verb) == 0)
				fail_msg("%s stands there twice", command->verb);
	}
}

static void
test_columns(void **state)
{
	(void)state;
	for (const struct command *command = commands; command->verb != NULL; command++) {
		size_t len = strlen(command->verb);

		assert_true(command->handler != NULL);
		if (command->source == NULL ||
		    (strncmp(command->source, "RFC ", 4) != 0 && strncmp(command->source, "draft-", 6) != 0 &&
			strcmp(command->source, "by custom") != 0))
			fail_msg("%s has no source", command->verb);
		if ((command->needs & NEEDS_DATA) != 0 && (command->needs & NEEDS_LOGIN) == 0)
			fail_msg("%s transfers without a login", command->verb);
		if ((command->argument == ARG_PATH || command->argument == ARG_PATH_OPTIONAL) &&
		    (command->needs & NEEDS_LOGIN) == 0)
			fail_msg("%s takes a path without a login", command->verb);
		if ((command->needs & IS_HIDDEN) != 0)
			continue;
		if (command->syntax == NULL || strncmp(command->syntax, command->verb, len) != 0)
			fail_msg("%s has no syntax", command->verb);
		if (strcmp(command->verb, "NOOP") == 0)
			continue;	/* NOOP takes arguments that its syntax does not show */
		if ((command->argument == ARG_NONE) != (command->syntax[len] == '\0'))
			fail_msg("%s: syntax '%s' and argument differ", command->verb, command->syntax);
		if ((command->argument == ARG_OPTIONAL || command->argument == ARG_PATH_OPTIONAL) &&
		    strcmp(command->verb, "PASS") != 0 && strchr(command->syntax, '[') == NULL)
			fail_msg("%s: the optional argument is not told", command->verb);
	}
}

/* RFC 2389, 3.2: each feature has a line of its own; a verb with several features has as many lines. */
static void
test_features(void **state)
{
	(void)state;
	for (const struct command *command = commands; command->verb != NULL; command++) {
		if (command->feature == NULL)
			continue;
		assert_true((command->needs & IS_HIDDEN) == 0);
		assert_int_not_equal(command->feature[0], '\0');
		for (const char *p = command->feature; *p != '\0'; p++)
			if (!isprint((unsigned char)*p) && !(*p == '\n' && isprint((unsigned char)p[1])))
				fail_msg("feature of %s", command->verb);
		for (const struct command *other = command + 1; other->verb != NULL; other++)
			if (other->feature != NULL && strcmp(command->feature, other->feature) == 0)
				fail_msg("'%s' stands there twice", command->feature);
	}
}

/* The verbs that RFC 959, 5.1 and RFC 1123, 4.1.2.13 require, and those that clients expect. */
static void
test_complete(void **state)
{
	static const char *const verbs[] = {
	    "USER",
	    "PASS",
	    "QUIT",
	    "NOOP",
	    "SYST",
	    "FEAT",
	    "OPTS",
	    "HELP",
	    "STAT",
	    "TYPE",
	    "MODE",
	    "STRU",
	    "ALLO",
	    "PWD",
	    "CWD",
	    "CDUP",
	    "MKD",
	    "RMD",
	    "DELE",
	    "RNFR",
	    "RNTO",
	    "LIST",
	    "NLST",
	    "MLSD",
	    "MLST",
	    "SIZE",
	    "MDTM",
	    "PASV",
	    "EPSV",
	    "PORT",
	    "EPRT",
	    "REST",
	    "RETR",
	    "STOR",
	    "APPE",
	    "ABOR",
	    "XPWD",
	    "XCWD",
	    "XCUP",
	    "XMKD",
	    "XRMD",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		const struct command *command = commands;

		while (command->verb != NULL && strcmp(command->verb, verbs[i]) != 0)
			command++;
		if (command->verb == NULL)
			fail_msg("%s is missing", verbs[i]);
	}
}

/* True when a row of the page's table begins with the verb, and names its source. */
static bool
stands_in_page(FILE *page, const struct command *command)
{
	char row[32], line[LINE_SIZE];
	size_t len = (size_t)snprintf(row, sizeof(row), ".It Ic %s", command->verb);

	rewind(page);
	while (fgets(line, sizeof(line), page) != NULL)
		if (strncmp(line, row, len) == 0 && (line[len] == ' ' || line[len] == '\n'))
			return strstr(line, command->source) != NULL;
	return false;
}

static void
test_man_page(void **state)
{
	FILE *page = fopen(MAN_PAGE, "r");

	(void)state;
	if (page == NULL) {
		print_message("skipped: %s cannot be opened\n", MAN_PAGE);
		skip();
	}
	for (const struct command *command = commands; command->verb != NULL; command++)
		if ((command->needs & IS_HIDDEN) == 0 && !stands_in_page(page, command))
			fail_msg("%s (%s) is not in %s", command->verb, command->source, MAN_PAGE);
	fclose(page);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verbs),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_features),
	    cmocka_unit_test(test_complete),
	    cmocka_unit_test(test_man_page),
	};

	return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
