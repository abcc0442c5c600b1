/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "common/home_path.h"

#include "common/banned.h"

static struct home_path
path_of(const char *text)
{
	struct home_path path;

	if (home_path_check(text, strlen(text), &path) < 0)
		fail_msg("'%s' is no home path", text);
	return path;
}

static void
test_check_bad(void **state)
{
	static const char *const bad[] = {
	    "", "a", "./a", "//", "/a/", "/a//b", "/.", "/..", "/a/.", "/a/..", "/a/../b", "/./a"};
	struct home_path path;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (home_path_check(bad[i], strlen(bad[i]), &path) != -EINVAL)
			fail_msg("accepted '%s'", bad[i]);
	assert_int_equal(home_path_check("/a\0b", 4, &path), -EINVAL);
}

static void
test_check_long(void **state)
{
	static char text[PATH_MAX * 2];
	struct home_path path = path_of("/kept");

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_int_equal(home_path_check(text, NAME_MAX + 2, &path), -ENAMETOOLONG);
	assert_string_equal(path.text, "/kept");
	assert_int_equal(home_path_check(text, NAME_MAX + 1, &path), 0);
	for (size_t i = 0; i < sizeof(text); i += 2)
		text[i] = '/';
	assert_int_equal(home_path_check(text, HOME_PATH_MAX + 1, &path), -ENAMETOOLONG);
	assert_int_equal(path.len, NAME_MAX + 1);
	assert_int_equal(home_path_check(text, HOME_PATH_MAX / 2 * 2, &path), 0);
	assert_int_equal(path.len, HOME_PATH_MAX / 2 * 2);
	assert_int_equal(path_of("/.../a/..b/.c").len, 13);
}

static void
test_resolve_bad(void **state)
{
	static char text[PATH_MAX * 2];
	struct home_path root = path_of("/"), path = path_of("/kept");

	(void)state;
	assert_int_equal(home_path_resolve(&root, "", 0, &path), -EINVAL);
	assert_int_equal(home_path_resolve(&root, "a\0b", 3, &path), -EINVAL);
	memset(text, 'a', sizeof(text));
	assert_int_equal(home_path_resolve(&root, text, NAME_MAX + 1, &path), -ENAMETOOLONG);
	for (size_t i = 0; i < sizeof(text); i += 2)
		text[i] = '/';
	assert_int_equal(home_path_resolve(&root, text, HOME_PATH_MAX + 1, &path), -ENAMETOOLONG);
	assert_string_equal(path.text, "/kept");	/* filled only on success */
	/* the longest, and one more component on top of it; text ends "...a" at an even length */
	assert_int_equal(home_path_resolve(&root, text, HOME_PATH_MAX - 1, &path), 0);
	assert_int_equal(path.len, HOME_PATH_MAX - 1);
	assert_int_equal(home_path_resolve(&path, "b", 1, &path), -ENAMETOOLONG);
	assert_int_equal(home_path_resolve(&path, "..", 2, &path), 0);
}

static void
test_resolve(void **state)
{
	static const struct {
		const char *cwd, *path, *result;
	} rows[] = {
	    {"/", "..", "/"},
	    {"/", "../../..", "/"},
	    {"/a", "../..", "/"},
	    {"/a", "/..", "/"},
	    {"/a/b", "..", "/a"},
	    {"/a", "../b", "/b"},
	    {"/a", "b/../../c", "/c"},
	    {"/a", ".", "/a"},
	    {"/a", "./", "/a"},
	    {"/a", "/", "/"},
	    {"/a", "///", "/"},
	    {"/a", "b", "/a/b"},
	    {"/", "b", "/b"},
	    {"/a", "b//c/", "/a/b/c"},
	    {"/a", "/b", "/b"},
	    {"/a", "...", "/a/..."},
	    {"/a", "..b", "/a/..b"},
	    {"/a", " ", "/a/ "},
	    {"/a", "-rf", "/a/-rf"},
	    {"/ab", "..", "/"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct home_path cwd = path_of(rows[i].cwd);

		assert_int_equal(home_path_resolve(&cwd, rows[i].path, strlen(rows[i].path), &cwd), 0);
		if (strcmp(cwd.text, rows[i].result) != 0)
			fail_msg("%s + %s = %s", rows[i].cwd, rows[i].path, cwd.text);
		assert_int_equal(cwd.len, strlen(cwd.text));
	}
}

static void
test_parts(void **state)
{
	struct home_path root = path_of("/"), path = path_of("/a/b");

	(void)state;
	assert_string_equal(home_path_name(&root), "");
	assert_string_equal(home_path_name(&path), "b");
	assert_string_equal(home_path_relative(&root), ".");
	assert_string_equal(home_path_relative(&path), "a/b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_check_bad),
	    cmocka_unit_test(test_check_long),
	    cmocka_unit_test(test_resolve_bad),
	    cmocka_unit_test(test_resolve),
	    cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
