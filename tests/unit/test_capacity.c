/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/master/capacity.h"

#include "common/banned.h"

static void
test_cgroups_without_one(void **state)
{
	static const char *const texts[] = {
	    "", "\n", "0\n", "0:\n", "0::\n", "0::x\n", "4:memory:/a\n", "4:xpids:/a\n", "4:pidsx:/a\n", "::"};
	char path[CAPACITY_CGROUP_MAX];
	int is_unified;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (capacity_parse_cgroup(texts[i], &is_unified, path) != -ENOENT)
			fail_msg("'%s' has a group", texts[i]);
}

static void
test_cgroups(void **state)
{
	static const struct {
		const char *text, *path;
		int is_unified;
	} rows[] = {
	    {"0::/\n", "/", 1},
	    {"0::/system.slice/sallyportd.service\n", "/system.slice/sallyportd.service", 1},
	    {"0::/a", "/a", 1},
	    {"9:name=systemd:/x\n8:pids:/y\n0::/z\n", "/y", 0},
	    {"0::/z\n8:cpu,pids:/y:1\n", "/y:1", 0},
	    {"8:pids,cpu:/y\n", "/y", 0},
	};
	char path[CAPACITY_CGROUP_MAX];
	int is_unified;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(capacity_parse_cgroup(rows[i].text, &is_unified, path), 0);
		assert_string_equal(path, rows[i].path);
		assert_int_equal(is_unified, rows[i].is_unified);
	}
}

static void
test_a_path_that_is_too_long(void **state)
{
	char text[CAPACITY_CGROUP_MAX + 16], path[CAPACITY_CGROUP_MAX];
	int is_unified;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "0::/", 4);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(capacity_parse_cgroup(text, &is_unified, path), -ENAMETOOLONG);
}

static void
test_shortages_name_a_cure(void **state)
{
	(void)state;
	assert_non_null(strstr(capacity_shortage(EAGAIN), "TasksMax="));
	assert_non_null(strstr(capacity_shortage(EMFILE), "LimitNOFILE="));
	assert_non_null(strstr(capacity_shortage(ENFILE), "fs.file-max"));
	assert_string_equal(capacity_shortage(EIO), strerror(EIO));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cgroups_without_one),
	    cmocka_unit_test(test_cgroups),
	    cmocka_unit_test(test_a_path_that_is_too_long),
	    cmocka_unit_test(test_shortages_name_a_cure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
