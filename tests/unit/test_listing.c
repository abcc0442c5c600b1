#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "client/engine/listing.h"

#include "common/banned.h"

#define NOW 1790000000 /* 2026-09-21 */

struct bad_row {
	const char *line;
	int result;
};

static void
test_mlsd_bad(void **state)
{
	static const struct bad_row rows[] = {
	    {"", -EINVAL},
	    {"name", -EINVAL},
	    {"type=file", -EINVAL},
	    {"type=file;", -EINVAL},
	    {"type=file;name", -EINVAL},
	    {"type file; name", -EINVAL},
	    {"a b=c; name", -EINVAL},
	    {"=", -EINVAL},
	    {";", -EINVAL},
	    {"type=file; ", -EPERM},
	    {"type=file; ../x", -EPERM},
	    {"type=file; a/b", -EPERM},
	    {"type=file; /etc/passwd", -EPERM},
	    {"type=file; /", -EPERM},
	    {"type=file; .", 1},
	    {"type=dir; ..", 1},
	    {"type=cdir; /home", 1},
	    {"type=pdir; /", 1},
	    {"type=CDIR;size=3; x", 1},
	};
	struct ftp_entry entry;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = mlsd_parse(rows[i].line, strlen(rows[i].line), false, &entry);

		if (r != rows[i].result)
			fail_msg("'%s': %d", rows[i].line, r);
		assert_null(entry.name);
		assert_null(entry.target);
	}
	assert_int_equal(mlsd_parse("type=file; a\0b", 14, false, &entry), -EPERM);
}

struct good_row {
	const char *line;
	const char *name, *target;
	enum ftp_kind kind;
	int64_t size, mtime;
	int32_t mode;
	const char *owner;
};

static void
check_good(const struct good_row *row, int r, struct ftp_entry *entry)
{
	if (r != 0)
		fail_msg("'%s': %d", row->line, r);
	assert_string_equal(entry->name, row->name);
	if (row->target == NULL)
		assert_null(entry->target);
	else
		assert_string_equal(entry->target, row->target);
	assert_int_equal(entry->kind, row->kind);
	assert_int_equal(entry->size, row->size);
	if (entry->mtime != row->mtime)
		fail_msg("'%s': %lld", row->line, (long long)entry->mtime);
	assert_int_equal(entry->mode, row->mode);
	assert_string_equal(entry->owner, row->owner);
	ftp_entry_free(entry);
}

static void
test_mlsd_good(void **state)
{
	static const struct good_row rows[] = {
	    {" name", "name", NULL, FTP_KIND_OTHER, -1, -1, -1, ""},
	    {"type=file;size=3;modify=20200229123456;UNIX.mode=0640; a b ", "a b ", NULL, FTP_KIND_FILE, 3, 1582979696,
		0640, ""},
	    {"Type=Dir;Perm=el;UNIX.owner=al\033ice;  x", " x", NULL, FTP_KIND_DIRECTORY, -1, -1, -1, "al?ice"},
	    {"type=OS.unix=slink:/etc/pass wd;size=9; l", "l", "/etc/pass wd", FTP_KIND_LINK, 9, -1, -1, ""},
	    {"type=OS.unix=symlink; l", "l", NULL, FTP_KIND_LINK, -1, -1, -1, ""},
	    {"type=file;size=-3; x", "x", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file;size=99999999999999999999; x", "x", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file;size=9223372036854775807; x", "x", NULL, FTP_KIND_FILE, INT64_MAX, -1, -1, ""},
	    {"type=file;modify=2020; x", "x", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file; a;b=c; d", "a;b=c; d", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file; ...", "...", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file; \033[31mred", "\033[31mred", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ftp_entry entry;

		check_good(&rows[i], mlsd_parse(rows[i].line, strlen(rows[i].line), false, &entry), &entry);
	}
}

static void
test_mlst(void **state)
{
	static const struct good_row rows[] = {
	    {"type=file;size=3; /dir/a", "a", NULL, FTP_KIND_FILE, 3, -1, -1, ""},
	    {"type=file;size=3; a", "a", NULL, FTP_KIND_FILE, 3, -1, -1, ""},
	    {"type=dir; /dir/", "dir", NULL, FTP_KIND_DIRECTORY, -1, -1, -1, ""},
	    {"type=cdir; /dir", "dir", NULL, FTP_KIND_DIRECTORY, -1, -1, -1, ""},
	};
	struct ftp_entry entry;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_good(&rows[i], mlsd_parse(rows[i].line, strlen(rows[i].line), true, &entry), &entry);
	assert_int_equal(mlsd_parse("type=dir; /", 11, true, &entry), -EPERM);
}

static void
test_list_bad(void **state)
{
	static const struct bad_row rows[] = {
	    {"", -EINVAL},
	    {"total 8", -EINVAL},
	    {"-", -EINVAL},
	    {"drwxr-xr-x", -EINVAL},
	    {"drwxr-xr-x 2 a b 4096 Jan 31 12:34", -EINVAL},
	    {"drwxr-xr-x 2 a b 4096 Foo 31 12:34 x", -EINVAL},
	    {"drwxr-xr-x 2 a b 4096 Jan 32 12:34 x", -EINVAL},
	    {"drwxr-xr-x 2 a b 4096 Jan 31 24:00 x", -EINVAL},
	    {"drwxr-xr-x 2 a b 4096 Jan 31 1969 x", -EINVAL},
	    {"-rw-r--r-- 1 a b 3 Jan 31 12:34 ", -EPERM},
	    {"-rw-r--r-- 1 a b 3 Jan 31 12:34 ../x", -EPERM},
	    {"-rw-r--r-- 1 a b 3 Jan 31 12:34 a/b", -EPERM},
	    {"drwxr-xr-x 2 a b 4096 Jan 31 12:34 .", 1},
	    {"drwxr-xr-x 2 a b 4096 Jan 31 12:34 ..", 1},
	    {"01-31-20", -EINVAL},
	    {"01-31-20 03:45PM 12", -EINVAL},
	    {"13-31-20 03:45PM 12 x", -EINVAL},
	    {"01-31-20 13:45PM 12 x", -EINVAL},
	    {"01-31-20 03:45XM 12 x", -EINVAL},
	    {"01-31-20 03:45PM <FOO> x", -EINVAL},
	    {"01-31-20 03:45PM 12 a/b", -EPERM},
	    {"01-31-20 03:45PM <DIR> ..", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ftp_entry entry;
		int r = list_parse(rows[i].line, strlen(rows[i].line), NOW, &entry);

		if (r != rows[i].result)
			fail_msg("'%s': %d", rows[i].line, r);
		assert_null(entry.name);
	}
}

static void
test_list_good(void **state)
{
	static const struct good_row rows[] = {
	    {"-rw-r--r--   1 alice    users           3 Jan 31 12:34 a b", "a b", NULL, FTP_KIND_FILE, 3, 1769862840,
		0644, "alice"},
	    {"-rw-r--r--   1 alice    users           3 Dec 31 12:34 a", "a", NULL, FTP_KIND_FILE, 3, 1767184440, 0644,
		"alice"},
	    {"drwxrwsr-t+  2 0 0 4096 Feb 29  2020  x ", " x ", NULL, FTP_KIND_DIRECTORY, 4096, 1582934400, 03775, "0"},
	    {"-rwSr-Sr-T 1 a b 0 Feb 29 2020 x", "x", NULL, FTP_KIND_FILE, 0, 1582934400, 07644, "a"},
	    {"-rw-r--r-- 1 alice 3 Feb 29 2020 x", "x", NULL, FTP_KIND_FILE, 3, 1582934400, 0644, "alice"},
	    {"lrwxrwxrwx 1 a b 9 Feb 29 2020 l -> /etc/a -> b", "l", "/etc/a -> b", FTP_KIND_LINK, 9, 1582934400, 0777,
		"a"},
	    {"crw-rw-rw- 1 a b 1, 3 Feb 29 2020 null", "null", NULL, FTP_KIND_OTHER, -1, 1582934400, 0666, "a"},
	    {"-rw-r--r-- 1 a b 3 2020-02-29 12:34 iso", "iso", NULL, FTP_KIND_FILE, 3, 1582979640, 0644, "a"},
	    {"-rw-r--r-- 1 may jan 3 Feb 29 2020 x", "x", NULL, FTP_KIND_FILE, 3, 1582934400, 0644, "may"},
	    {"02-29-20  12:34PM       <DIR>          a b", "a b", NULL, FTP_KIND_DIRECTORY, -1, 1582979640, -1, ""},
	    {"02-29-2020  12:34AM                 3 x", "x", NULL, FTP_KIND_FILE, 3, 1582936440, -1, ""},
	    {"02-28-99  01:00PM 3 x", "x", NULL, FTP_KIND_FILE, 3, 920206800, -1, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ftp_entry entry;

		check_good(&rows[i], list_parse(rows[i].line, strlen(rows[i].line), NOW, &entry), &entry);
	}
}

static void
test_listing(void **state)
{
	static const char text[] = "type=cdir; .\r\ntype=file;size=1; a\r\n\r\ntype=file; ../b\nnonsense\ntype=dir; c";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct listing listing;

		listing_init(&listing, LISTING_MLSD, NOW);
		for (size_t at = 0; at < strlen(text); at += piece)
			assert_int_equal(
			    listing_feed(&listing, text + at, strlen(text) - at < piece ? strlen(text) - at : piece),
			    0);
		assert_int_equal(listing_end(&listing), 0);
		assert_int_equal(listing.list.count, 2);
		assert_string_equal(listing.list.entries[0].name, "a");
		assert_string_equal(listing.list.entries[1].name, "c");
		assert_int_equal(listing.list.refused, 1);
		assert_int_equal(listing.ignored, 1);
		listing_free(&listing);
	}
}

static void
test_listing_bounds(void **state)
{
	static char line[LISTING_LINE_MAX + 1];
	struct listing listing;
	int r = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	listing_init(&listing, LISTING_MLSD, NOW);
	assert_int_equal(listing_feed(&listing, line, sizeof(line)), -EMSGSIZE);
	listing_free(&listing);

	listing_init(&listing, LISTING_LIST, NOW);
	line[LISTING_LINE_MAX] = '\n';
	for (size_t i = 0; i <= LISTING_TEXT_MAX / sizeof(line) && r == 0; i++)
		r = listing_feed(&listing, line, sizeof(line));
	assert_int_equal(r, -E2BIG);
	listing_free(&listing);

	r = 0;
	listing_init(&listing, LISTING_MLSD, NOW);
	for (size_t i = 0; i <= LISTING_ENTRIES_MAX && r == 0; i++)
		r = listing_feed(&listing, " a\n", 3);
	assert_int_equal(r, -E2BIG);
	assert_int_equal(listing.list.count, LISTING_ENTRIES_MAX);
	listing_free(&listing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mlsd_bad),
	    cmocka_unit_test(test_mlsd_good),
	    cmocka_unit_test(test_mlst),
	    cmocka_unit_test(test_list_bad),
	    cmocka_unit_test(test_list_good),
	    cmocka_unit_test(test_listing),
	    cmocka_unit_test(test_listing_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
