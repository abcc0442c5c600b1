/* SPDX-License-Identifier: ISC */
/* Lines of listings, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "accounts/rights.h"
#include "privsep/files/list_format.h"
#include "privsep/ipc/messages.h"

#include "common/banned.h"

#define NOW 1700528520	/* 2023-11-21 01:02:00 */
#define ME 1000

static char line[LIST_LINE_MAX];

static struct list_shown
shown(const char *name)
{
	return (struct list_shown){.prefix = "", .name = name, .name_len = strlen(name)};
}

/* A look at a file that is no link. */
static const struct list_looked *
looked_at(const struct stat *st)
{
	static struct list_looked looked;

	looked = (struct list_looked){.own = *st};
	looked.st = &looked.own;
	return &looked;
}

static void
check_line(size_t len, const char *expected)
{
	assert_true(len < sizeof(line));
	line[len] = '\0';
	assert_string_equal(line, expected);
}

static void
check_long(const struct stat *st, const char *name, const char *target, const char *expected)
{
	struct list_shown text = shown(name);

	check_line(list_format_long(line, &text, st, target, NOW, false), expected);
}

/* Names that would end a line or move a cursor; sizes and times that no file should have. */
static void
test_long_hostile(void **state)
{
	struct stat st = {.st_mode = S_IFREG | 0644, .st_nlink = 1, .st_mtim.tv_sec = NOW};

	(void)state;
	check_long(&st, "a\r\n226 b\x1b[0m\x7f", NULL,
	    "-rw-r--r--   1 ftp      ftp             0 Nov 21 01:02 a??226 b?[0m?\r\n");
	check_long(&st, "a\302\233b\377", NULL, "-rw-r--r--   1 ftp      ftp             0 Nov 21 01:02 a?b\xff\r\n");
	st.st_mode = S_IFLNK | 0777;
	check_long(&st, "l", "x\ny", "lrwxrwxrwx   1 ftp      ftp             0 Nov 21 01:02 l -> x?y\r\n");
	check_long(&st, "l", NULL, "lrwxrwxrwx   1 ftp      ftp             0 Nov 21 01:02 l\r\n");
	st = (struct stat){.st_mode = S_IFREG, .st_nlink = 100000, .st_size = INT64_MAX, .st_mtim.tv_sec = INT64_MAX};
	check_long(&st, "f", NULL, "---------- 100000 ftp      ftp      9223372036854775807 Dec 31  9999 f\r\n");
	st.st_mtim.tv_sec = INT64_MIN;
	check_long(&st, "f", NULL, "---------- 100000 ftp      ftp      9223372036854775807 Jan  1     0 f\r\n");
}

/* The code looks at eight bytes at a time, and finds a byte that it must hide at any place. */
static void
test_every_place(void **state)
{
	static const char hidden[] = {0x01, 0x1f, 0x7f};
	char name[32], expected[40];

	(void)state;
	for (size_t len = 1; len < sizeof(name); len++)
		for (size_t at = 0; at < len; at++)
			for (size_t i = 0; i < sizeof(hidden); i++) {
				struct list_shown text = {.prefix = "", .name = name, .name_len = len};

				memset(name, at % 2 == 0 ? ' ' : '~', sizeof(name));
				memcpy(expected, name, len);
				name[at] = hidden[i];
				expected[at] = '?';
				memcpy(expected + len, "\r\n", 3);
				check_line(list_format_name(line, &text, NULL, false), expected);
			}
}

static void
test_long(void **state)
{
	static const struct {
		mode_t mode;
		int64_t size, mtime;
		const char *expected;
	} rows[] = {
	    {S_IFREG | 0644, 1234, NOW, "-rw-r--r--   1 ftp      ftp          1234 Nov 21 01:02 f\r\n"},
	    {S_IFDIR | 0755, 4096, NOW - 86400 * 20, "drwxr-xr-x   1 ftp      ftp          4096 Nov  1 01:02 f\r\n"},
	    {S_IFREG | 04711, 0, NOW - 86400 * 181, "-rws--x--x   1 ftp      ftp             0 May 24  2023 f\r\n"},
	    {S_IFREG | 02640, 0, NOW + 86400 * 2, "-rw-r-S---   1 ftp      ftp             0 Nov 23  2023 f\r\n"},
	    {S_IFDIR | 01777, 0, 0, "drwxrwxrwt   1 ftp      ftp             0 Jan  1  1970 f\r\n"},
	    {S_IFDIR | 01776, 0, -1, "drwxrwxrwT   1 ftp      ftp             0 Dec 31  1969 f\r\n"},
	    {S_IFIFO | 0600, 0, 951782400, "prw-------   1 ftp      ftp             0 Feb 29  2000 f\r\n"},
	    {S_IFSOCK | 0600, 0, 4107542399, "srw-------   1 ftp      ftp             0 Feb 28  2100 f\r\n"},
	    {S_IFCHR | 0600, 0, 4107542400, "crw-------   1 ftp      ftp             0 Mar  1  2100 f\r\n"},
	    {S_IFBLK | 0600, 0, NOW, "brw-------   1 ftp      ftp             0 Nov 21 01:02 f\r\n"},
	    {S_IFREG | 0600, 123456789012, NOW, "-rw-------   1 ftp      ftp      123456789012 Nov 21 01:02 f\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stat st = {
		    .st_mode = rows[i].mode, .st_nlink = 1, .st_size = rows[i].size, .st_mtim.tv_sec = rows[i].mtime};

		check_long(&st, "f", NULL, rows[i].expected);
	}
}

static void
test_name(void **state)
{
	struct list_shown text = {.prefix = "dir/", .prefix_len = 4, .name = "a b", .name_len = 3};
	struct stat st = {.st_mode = S_IFREG | 0755};

	(void)state;
	check_line(list_format_name(line, &text, NULL, false), "dir/a b\r\n");
	check_line(list_format_name(line, &text, &st, true), "dir/a b*\r\n");
	st.st_mode = S_IFREG | 0644;
	check_line(list_format_name(line, &text, &st, true), "dir/a b\r\n");
	st.st_mode = S_IFDIR | 0755;
	check_line(list_format_name(line, &text, &st, true), "dir/a b/\r\n");
	st.st_mode = S_IFLNK | 0777;
	check_line(list_format_name(line, &text, &st, true), "dir/a b@\r\n");
	check_line(list_format_header(line, "./a\nb", true), "./a?b:\r\n");
	check_line(list_format_header(line, "c", false), "\r\nc:\r\n");
}

static void
test_facts(void **state)
{
	struct list_viewer viewer = {.uid = ME, .gid = ME, .rights = MAY_ALL, .home_device = 5, .facts = FACTS_ALL};
	struct stat parent = {.st_mode = S_IFDIR | 0750, .st_uid = ME, .st_gid = ME};
	struct stat st = {
	    .st_mode = S_IFREG | 0640,
	    .st_uid = ME,
	    .st_gid = ME,
	    .st_size = 3,
	    .st_ino = 0x1f,
	    .st_dev = 5,
	    .st_mtim.tv_sec = NOW,
	};
	struct list_shown text = shown("a b");

	(void)state;
	check_line(list_format_entry(line, &text, looked_at(&st), &parent, &viewer),
	    "type=file;size=3;modify=20231121010200;perm=adfrw;unique=0U1f;UNIX.mode=0640;UNIX.owner=ftp;"
	    "UNIX.group=ftp; a b\r\n");
	st.st_mode = S_IFDIR | 02750;
	st.st_dev = 4;
	check_line(list_format_facts(line, looked_at(&st), &parent, &viewer),
	    "type=dir;modify=20231121010200;perm=cdeflmp;unique=1U1f;UNIX.mode=2750;UNIX.owner=ftp;UNIX.group=ftp; ");
	st.st_mode = S_IFLNK | 0777;
	check_line(list_format_facts(line, looked_at(&st), &parent, &viewer),
	    "type=OS.unix=symlink;modify=20231121010200;perm=df;unique=1U1f;UNIX.mode=0777;UNIX.owner=ftp;"
	    "UNIX.group=ftp; ");
}

/* OPTS MLST: each fact alone, and none (RFC 3659, 7.9). */
static void
test_facts_chosen(void **state)
{
	static const struct {
		unsigned facts;
		const char *expected;
	} rows[] = {
	    {0, " "},
	    {FACT_TYPE, "type=file; "},
	    {FACT_SIZE, "size=3; "},
	    {FACT_MODIFY, "modify=20231121010200; "},
	    {FACT_PERM, "perm=adfrw; "},
	    {FACT_UNIQUE, "unique=5U1f; "},
	    {FACT_UNIX_MODE, "UNIX.mode=0640; "},
	    {FACT_UNIX_OWNER, "UNIX.owner=ftp; "},
	    {FACT_UNIX_GROUP, "UNIX.group=ftp; "},
	    {FACT_UNIX_GROUP | FACT_TYPE, "type=file;UNIX.group=ftp; "},
	};
	struct stat parent = {.st_mode = S_IFDIR | 0750, .st_uid = ME, .st_gid = ME};
	struct stat st = {
	    .st_mode = S_IFREG | 0640,
	    .st_uid = ME,
	    .st_gid = ME,
	    .st_size = 3,
	    .st_ino = 0x1f,
	    .st_dev = 5,
	    .st_mtim.tv_sec = NOW,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct list_viewer viewer = {.uid = ME, .gid = ME, .rights = MAY_ALL, .facts = rows[i].facts};

		check_line(list_format_facts(line, looked_at(&st), &parent, &viewer), rows[i].expected);
	}
}

/* perm, for each kind of file and relation to it (RFC 3659, 7.5.5). */
static void
test_perm(void **state)
{
	static const struct {
		mode_t mode, parent;
		uid_t uid, parent_uid;
		unsigned rights;
		const char *perm;
	} rows[] = {
	    {S_IFREG | 0000, 0700, ME, ME, MAY_ALL, ";perm=df;"},
	    {S_IFREG | 0077, 0000, ME, ME, MAY_ALL, ";perm=;"},	/* only the owner's bits count */
	    {S_IFREG | 0777, 0777, ME, ME, MAY_ONLY_LOOK, ";perm=r;"},
	    {S_IFDIR | 0777, 0777, ME, ME, MAY_ONLY_LOOK, ";perm=el;"},
	    {S_IFREG | 0604, 0755, 0, 0, MAY_ALL, ";perm=r;"},
	    {S_IFREG | 0600, 01777, 0, 0, MAY_ALL, ";perm=;"},	/* sticky, and the file is another user's */
	    {S_IFREG | 0600, 01777, ME, 0, MAY_ALL, ";perm=adfrw;"},
	    {S_IFDIR | 0400, 0500, ME, ME, MAY_ALL, ";perm=;"},
	    {S_IFDIR | 0100, 0500, ME, ME, MAY_ALL, ";perm=e;"},
	    {S_IFDIR | 0300, 0500, ME, ME, MAY_ALL, ";perm=cemp;"},
	    {S_IFIFO | 0600, 0700, ME, ME, MAY_ALL, ";perm=df;"},
	    {S_IFREG | 0600, 0700, ME, ME, 0, ";perm=;"},
	    {S_IFDIR | 0700, 0700, ME, ME, 0, ";perm=e;"},
	    {S_IFREG | 0600, 0700, ME, ME, MAY_READ, ";perm=r;"},
	    {S_IFREG | 0600, 0700, ME, ME, MAY_CREATE, ";perm=;"},
	    {S_IFREG | 0600, 0700, ME, ME, MAY_OVERWRITE, ";perm=aw;"},
	    {S_IFREG | 0600, 0700, ME, ME, MAY_DELETE, ";perm=d;"},
	    {S_IFREG | 0600, 0700, ME, ME, MAY_RENAME | MAY_RMDIR, ";perm=f;"},
	    {S_IFDIR | 0700, 0700, ME, ME, MAY_LIST, ";perm=el;"},
	    {S_IFDIR | 0700, 0700, ME, ME, MAY_CREATE, ";perm=ce;"},
	    {S_IFDIR | 0700, 0700, ME, ME, MAY_DELETE, ";perm=ep;"},
	    {S_IFDIR | 0700, 0700, ME, ME, MAY_RMDIR | MAY_MKDIR, ";perm=dem;"},
	    {S_IFIFO | 0600, 0700, ME, ME, MAY_DELETE, ";perm=d;"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct list_viewer viewer = {.uid = ME, .gid = ME, .rights = rows[i].rights, .facts = FACTS_ALL};
		struct stat parent = {.st_mode = S_IFDIR | rows[i].parent, .st_uid = rows[i].parent_uid};
		struct stat st = {.st_mode = rows[i].mode, .st_uid = rows[i].uid};
		size_t len = list_format_facts(line, looked_at(&st), &parent, &viewer);

		line[len] = '\0';
		if (strstr(line, rows[i].perm) == NULL)
			fail_msg("row %zu: %s", i, line);
	}
}

/* STOR replaces a file by a rename, so the directory's mode counts; APPE writes into the file itself. */
static void
test_atomic_store(void **state)
{
	static const struct {
		mode_t own, parent;
		uid_t uid;
		const char *perm;
	} rows[] = {
	    {S_IFREG, 0700, ME, ";perm=adfrw;"},
	    {S_IFREG, 0500, ME, ";perm=ar;"},
	    {S_IFREG, 01777, ME, ";perm=adfrw;"},
	    {S_IFREG, 01777, 0, ";perm=ar;"},
	    {S_IFLNK, 0500, ME, ";perm=arw;"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct list_viewer viewer = {
		    .uid = ME, .gid = ME, .rights = MAY_ALL, .is_atomic = true, .facts = FACTS_ALL};
		struct stat parent = {.st_mode = S_IFDIR | rows[i].parent, .st_uid = rows[i].parent & S_ISVTX ? 0 : ME};
		struct list_looked looked = {.own = {.st_mode = rows[i].own | 0777, .st_uid = rows[i].uid},
		    .target = {.st_mode = S_IFREG | 0666, .st_uid = rows[i].uid}};

		looked.st = &looked.target;
		line[list_format_facts(line, &looked, &parent, &viewer)] = '\0';
		if (strstr(line, rows[i].perm) == NULL)
			fail_msg("row %zu: %s", i, line);
	}
}

/* Deleting and renaming concern the link, everything else its target. */
static void
test_links(void **state)
{
	static const struct {
		mode_t target;	/* 0: the link leads nowhere */
		mode_t parent;
		uid_t link_uid, target_uid;
		unsigned rights;
		const char *facts;
	} rows[] = {
	    {S_IFDIR | 0750, 0700, ME, ME, MAY_ALL, "type=OS.unix=symlink;perm=cdeflm;unique=0U2;UNIX.mode=0750; "},
	    {S_IFREG | 0640, 0700, ME, ME, MAY_ALL, "type=file;size=3;perm=adfrw;unique=0U2;UNIX.mode=0640; "},
	    {S_IFIFO | 0600, 0700, ME, ME, MAY_ALL, "type=OS.unix=symlink;perm=df;unique=0U2;UNIX.mode=0600; "},
	    {0, 0700, ME, ME, MAY_ALL, "type=OS.unix=symlink;perm=df;unique=0U1;UNIX.mode=0777; "},
	    /* DELE removes a link, RMD does not */
	    {S_IFDIR | 0750, 0700, ME, ME, MAY_RMDIR, "type=OS.unix=symlink;perm=e;unique=0U2;UNIX.mode=0750; "},
	    {S_IFDIR | 0750, 0700, ME, ME, MAY_DELETE, "type=OS.unix=symlink;perm=de;unique=0U2;UNIX.mode=0750; "},
	    /* sticky: the owner of the link counts, not that of the target */
	    {S_IFREG | 0644, 01777, ME, 0, MAY_ALL, "type=file;size=3;perm=dfr;unique=0U2;UNIX.mode=0644; "},
	    {S_IFREG | 0644, 01777, 0, ME, MAY_ALL, "type=file;size=3;perm=arw;unique=0U2;UNIX.mode=0644; "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct list_viewer viewer = {
		    .uid = ME,
		    .gid = ME,
		    .rights = rows[i].rights,
		    .facts = FACT_TYPE | FACT_SIZE | FACT_PERM | FACT_UNIQUE | FACT_UNIX_MODE,
		};
		struct stat parent = {.st_mode = S_IFDIR | rows[i].parent, .st_uid = rows[i].parent & S_ISVTX ? 0 : ME};
		struct list_looked looked = {
		    .own = {.st_mode = S_IFLNK | 0777, .st_uid = rows[i].link_uid, .st_ino = 1, .st_size = 9},
		    .target = {.st_mode = rows[i].target, .st_uid = rows[i].target_uid, .st_ino = 2, .st_size = 3}};

		looked.st = rows[i].target == 0 ? &looked.own : &looked.target;
		check_line(list_format_facts(line, &looked, &parent, &viewer), rows[i].facts);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_long_hostile),
	    cmocka_unit_test(test_every_place),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_name),
	    cmocka_unit_test(test_facts),
	    cmocka_unit_test(test_facts_chosen),
	    cmocka_unit_test(test_perm),
	    cmocka_unit_test(test_links),
	    cmocka_unit_test(test_atomic_store),
	};

	return cmocka_run_group_tests_name("list_format", tests, NULL, NULL);
}
