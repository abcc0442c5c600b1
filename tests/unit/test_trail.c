/* SPDX-License-Identifier: ISC */
/* Walks of a tree on a server: a link that leads back ends them; nested directories that look alike do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/ui/trail.h"

#include "common/banned.h"

static struct ftp_entry entries[] = {
    {.name = (char *)(uintptr_t) "a", .kind = FTP_KIND_DIRECTORY, .size = 4096, .mtime = 7},
    {.name = (char *)(uintptr_t) "f", .kind = FTP_KIND_FILE, .size = 3, .mtime = 9},
};
static struct ftp_entry turned[2];

/* How deep a walk goes in which each directory has this listing. */
static int
depth_of(const struct ftp_list *list, const char *unique)
{
	static struct trail trails[TRAIL_DEPTH_MAX + 2];
	size_t names = 0;

	for (int i = 0; i < TRAIL_DEPTH_MAX + 2; i++) {
		trails[i] = (struct trail){.above = i == 0 ? NULL : &trails[i - 1], .unique = unique, .depth = i};
		if (trail_check(&trails[i], list, &names) != NULL)
			return i;
	}
	return -1;
}

static void
test_ends(void **state)
{
	struct ftp_list many = {.entries = entries, .count = 2}, one = {.entries = entries, .count = 1};

	(void)state;
	assert_int_equal(depth_of(&many, ""), 3);
	assert_int_equal(depth_of(&one, ""), TRAIL_DEPTH_MAX);
	assert_int_equal(depth_of(&one, "2049g17"), 1);
}

static void
test_alike(void **state)
{
	struct ftp_list list = {.entries = entries, .count = 2}, other = {.entries = turned, .count = 2};
	struct trail top = {.unique = "1"}, below = {.above = &top, .unique = "2", .depth = 1},
		     lower = {.above = &below, .unique = "3", .depth = 2};
	size_t names = 0;

	(void)state;
	turned[0] = entries[1];
	turned[1] = entries[0];
	assert_null(trail_check(&top, &list, &names));
	assert_null(trail_check(&below, &other, &names));
	/* a listing's order does not matter, its times do */
	assert_true(top.print == below.print);
	turned[1].mtime++;
	assert_null(trail_check(&lower, &other, &names));
	assert_false(top.print == lower.print);
	assert_int_equal(names, 6);
	names = TRAIL_NAMES_MAX;
	assert_non_null(trail_check(&lower, &other, &names));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
