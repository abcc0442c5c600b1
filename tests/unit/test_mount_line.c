/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "common/mount_line.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct mount_line mount;

static int
parse(const char *line)
{
	return mount_line_parse(line, strlen(line), &mount);
}

static void
test_malformed(void **state)
{
	static const char *const lines[] = {
	    "",
	    "36 35 98:0 /a /b rw",
	    "36 35 98:0 /a /b rw -",
	    "36 35 98:0 /a /b rw - nfs4",
	    "36 35 98:0 /a /b rw - nfs4 server:/x",
	    "36 35 98 /a /b rw - nfs4 server:/x rw",
	    "36 35 98: /a /b rw - nfs4 server:/x rw",
	    "36 35 x:1 /a /b rw - nfs4 server:/x rw",
	    "36 35 98:1x /a /b rw - nfs4 server:/x rw",
	    "36 35 98000000000000000000000000000000000000:1 /a /b rw - nfs4 server:/x rw",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		if (parse(lines[i]) == 0)
			fail_msg("accepted: '%s'", lines[i]);
}

static void
test_lines(void **state)
{
	(void)state;
	assert_int_equal(parse("36 35 98:7 /mnt1 /mnt2 rw,noatime - ext4 /dev/root rw,errors=continue"), 0);
	assert_int_equal(mount.device, makedev(98, 7));
	assert_string_equal(mount.type, "ext4");
	assert_string_equal(mount.source, "/dev/root");
	assert_string_equal(mount.options, "rw,errors=continue");
	assert_int_equal(parse("36 35 0:51 / /mnt rw master:1 shared:2 - nfs4 10.0.0.1:/a\\040b rw,vers=4.2,hard"), 0);
	assert_string_equal(mount.type, "nfs4");
	assert_string_equal(mount.source, "10.0.0.1:/a\\040b");
}

static void
test_long_fields(void **state)
{
	char line[4096] = "36 35 0:51 / /mnt rw - ";

	(void)state;
	memset(line + strlen(line), 'x', 1000);
	strncat(line, " source ", 9);
	memset(line + strlen(line), 'o', 2000);
	assert_int_equal(parse(line), 0);
	assert_int_equal(strlen(mount.type), sizeof(mount.type) - 1);
	assert_int_equal(strlen(mount.options), sizeof(mount.options) - 1);
}

static void
test_options(void **state)
{
	(void)state;
	assert_int_equal(parse("36 35 0:51 / /mnt rw - nfs4 s:/ rw,vers=4.2,lookupcache=none,soft"), 0);
	assert_true(mount_has_option(&mount, "soft", NULL));
	assert_true(mount_has_option(&mount, "lookupcache", NULL));
	assert_true(mount_has_option(&mount, "lookupcache", "none"));
	assert_false(mount_has_option(&mount, "lookupcache", "non"));
	assert_false(mount_has_option(&mount, "lookupcache", "nonee"));
	assert_false(mount_has_option(&mount, "lookup", NULL));
	assert_false(mount_has_option(&mount, "softerr", NULL));
	assert_false(mount_has_option(&mount, "vers", "4"));
	assert_false(mount_has_option(&mount, "soft", "1"));
}

static void
test_advice(void **state)
{
	static const struct {
		const char *line, *advice[2]; /* words of each, in order */
	} rows[] = {
	    {"1 1 0:1 / /m rw - ext4 /dev/x rw", {NULL}},
	    {"1 1 0:1 / /m rw - nfs4 s:/ rw,vers=4.2,hard,local_lock=none", {NULL}},
	    {"1 1 0:1 / /m rw - nfs4 s:/ rw,vers=4.2,soft,local_lock=none", {"'hard'"}},
	    {"1 1 0:1 / /m rw - nfs s:/ rw,vers=3,hard,local_lock=all", {"local_lock=none", "vers=4.2"}},
	    {"1 1 0:1 / /m rw - nfs s:/ rw,vers=3,nolock,local_lock=none", {"without 'nolock'", "vers=4.2"}},
	    {"1 1 0:1 / /m rw - nfsd nfsd rw,soft", {NULL}},
	    {"1 1 0:1 / /m rw - cifs //s/x rw,cache=strict", {"cache=none"}},
	    {"1 1 0:1 / /m rw - cifs //s/x rw,cache=none", {NULL}},
	    {"1 1 0:1 / /m rw - cifs //s/x rw,nobrl,cache=strict", {"without 'nobrl'", "cache=none"}},
	    {"1 1 0:1 / /m rw - fuse.glusterfs s:/v rw", {"entry-timeout=0"}},
	    {"1 1 0:1 / /m rw - fuse.sshfs s:/v rw", {"store check"}},
	    {"1 1 0:1 / /m rw - fuseblk /dev/x rw", {NULL}},
	    {"1 1 0:1 / /m rw - ceph s:/v rw", {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct mount_advice advice[MOUNT_ADVICE_MAX];
		size_t count, wanted = 0;

		assert_int_equal(parse(rows[i].line), 0);
		count = mount_advise(&mount, advice);
		while (wanted < 2 && rows[i].advice[wanted] != NULL)
			wanted++;
		if (count != wanted)
			fail_msg("%zu, not %zu: %s", count, wanted, rows[i].line);
		for (size_t k = 0; k < count; k++)
			assert_non_null(strstr(advice[k].text, rows[i].advice[k]));
		for (size_t k = 0; k < count; k++)
			assert_int_equal(advice[k].is_doubt, strstr(advice[k].text, "store check") != NULL);
	}
}

static void
test_table(void **state)
{
	static const char *const lines[] = {
	    "1 1 0:1 / / rw - ext4 /dev/x rw",
	    "1 1 0:2 / /srv rw - nfs4 a:/ rw",
	    "1 1 0:3 / /srv/local rw - xfs /dev/y rw",
	    "1 1 0:4 / /with\\040blank rw - nfs4 b:/ rw",
	    "1 1 0:5 / /srv rw - nfs4 c:/ rw",
	};
	static const struct {
		const char *path, *source;
	} rows[] = {
	    {"/etc", "/dev/x"},
	    {"/srv", "c:/"}, /* the later mount hides the former */
	    {"/srv/alice", "c:/"},
	    {"/srvalice", "/dev/x"},
	    {"/srv/local/alice", "/dev/y"},
	    {"/with blank/alice", "b:/"},
	};
	struct mount_line parsed[COUNT(lines)];
	struct mount_table table = {parsed, COUNT(lines)};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		assert_int_equal(mount_line_parse(lines[i], strlen(lines[i]), &parsed[i]), 0);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(mount_of_path(&table, rows[i].path)->source, rows[i].source);
	assert_string_equal(mount_of_device(&table, makedev(0, 3))->source, "/dev/y");
	assert_null(mount_of_device(&table, makedev(0, 9)));
	table.count = 0;
	assert_null(mount_of_path(&table, "/"));
}

/* The files of this test are on some mount. */
static void
test_read(void **state)
{
	struct mount_table table;
	struct stat st;

	(void)state;
	assert_int_equal(mount_table_read(&table), 0);
	assert_int_equal(stat("/proc", &st), 0);
	assert_string_equal(mount_of_device(&table, st.st_dev)->type, "proc");
	assert_string_equal(mount_of_path(&table, "/proc")->type, "proc");
	mount_table_free(&table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_long_fields),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_advice),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
