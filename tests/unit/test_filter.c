/* SPDX-License-Identifier: ISC */
/* The filters of mirror: the first rule that matches decides, and what is unknown is in no range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "client/ui/filter.h"

#include "common/banned.h"

/* Rules as lines of a file, and what they make of names: "-a" excluded, "+a" taken; a slash at the end: a directory. */
static void
check_rules(const char *const *lines, const char *const *names)
{
	struct filter filter;
	char why[256];

	filter_init(&filter);
	for (; *lines != NULL; lines++)
		assert_int_equal(filter_add_line(&filter, *lines, why, sizeof(why)), 0);
	for (; *names != NULL; names++) {
		char path[128], *name;
		size_t len = strlen(*names + 1);
		bool is_directory = (*names)[len] == '/';
		const char *reason;

		memcpy(path, *names + 1, len + 1);
		path[len - is_directory] = '\0';
		name = strrchr(path, '/');
		if (name != NULL)
			*name++ = '\0';
		reason = filter_of_name(&filter, name == NULL ? "" : path, name == NULL ? path : name, is_directory);
		if ((reason == NULL) != (**names == '+'))
			fail_msg("%s: %s", *names, reason == NULL ? "taken" : reason);
	}
	filter_free(&filter);
}

static void
test_order(void **state)
{
	(void)state;
	check_rules((const char *const[]){"- *.o", NULL},
	    (const char *const[]){"-a.o", "-d/a.o", "+a.c", "+o", "+d/", "-d.o/", NULL});
	check_rules((const char *const[]){"+ keep.o", "- *.o", NULL}, (const char *const[]){"+keep.o", "-a.o", NULL});
	check_rules((const char *const[]){"- *.o", "+ keep.o", NULL}, (const char *const[]){"-keep.o", "+a", NULL});
	/* includes alone: nothing else, but every directory is looked into */
	check_rules(
	    (const char *const[]){"+ *.jpg", NULL}, (const char *const[]){"+a.jpg", "+d/b.jpg", "-a.png", "+d/", NULL});
	check_rules((const char *const[]){"# none", "", "   ", NULL}, (const char *const[]){"+a", "+d/", NULL});
}

static void
test_places(void **state)
{
	(void)state;
	/* a slash behind: directories; in front or within: the path */
	check_rules((const char *const[]){"- build/", NULL},
	    (const char *const[]){"-build/", "-a/build/", "+build", "+builds/", NULL});
	check_rules((const char *const[]){"- /tmp", NULL}, (const char *const[]){"-tmp", "-tmp/", "+a/tmp", NULL});
	check_rules(
	    (const char *const[]){"- a/b*", NULL}, (const char *const[]){"-a/b", "-a/b/c", "+b", "+x/a/b", NULL});
	check_rules((const char *const[]){"- [", "- *\\*", NULL}, (const char *const[]){"-[", "-a*", "+ab", NULL});
}

static void
test_regexes(void **state)
{
	(void)state;
	check_rules((const char *const[]){"-~ ^cache/|\\.(bak|tmp)$", NULL},
	    (const char *const[]){"-cache/x", "+cache/", "-a.bak", "-d/a.tmp", "+a.bakery", "+x/cache/y", NULL});
	check_rules((const char *const[]){"+~ ^20[0-9]{2}-", "- *", NULL},
	    (const char *const[]){"+2026-01", "-1999-01", "-x", NULL});
}

static void
test_bad_rules(void **state)
{
	static const char *const bad[] = {"x", "+a", "-", "+~", "* x", "-~ [", "-~ (", "+~ ", "- /", " - a", "-~x"};
	struct filter filter;
	char why[256];

	(void)state;
	filter_init(&filter);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		if (filter_add_line(&filter, bad[i], why, sizeof(why)) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(strlen(why) > 5);
	}
	assert_int_equal(filter.count, 0);
	filter_free(&filter);
}

static void
test_ranges(void **state)
{
	struct ftp_entry entry = {.name = (char *)(uintptr_t) "f", .size = 100, .mtime = 1000};
	struct filter filter;

	(void)state;
	filter_init(&filter);
	entry.size = entry.mtime = -1;
	assert_null(filter_of_entry(&filter, "", &entry));
	filter.min_size = 100;
	assert_non_null(filter_of_entry(&filter, "", &entry));
	entry.size = 99;
	assert_non_null(filter_of_entry(&filter, "", &entry));
	entry.size = 100;
	assert_null(filter_of_entry(&filter, "", &entry));
	filter.max_size = 100;
	assert_null(filter_of_entry(&filter, "", &entry));
	entry.size = 101;
	assert_non_null(filter_of_entry(&filter, "", &entry));
	entry.kind = FTP_KIND_DIRECTORY;
	assert_null(filter_of_entry(&filter, "", &entry));
	filter_init(&filter);
	entry.kind = FTP_KIND_FILE;
	filter.newer_than = 1000;
	assert_non_null(filter_of_entry(&filter, "", &entry));
	entry.mtime = 1000;
	assert_non_null(filter_of_entry(&filter, "", &entry));
	entry.mtime = 1001;
	assert_null(filter_of_entry(&filter, "", &entry));
	filter.older_than = 1001;
	assert_null(filter_of_entry(&filter, "", &entry));
	entry.mtime = 1002;
	assert_non_null(filter_of_entry(&filter, "", &entry));
	filter_free(&filter);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_places),
	    cmocka_unit_test(test_regexes),
	    cmocka_unit_test(test_bad_rules),
	    cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
