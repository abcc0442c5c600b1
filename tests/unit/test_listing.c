/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
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
	    /* of Pure-FTPd, and of pyftpdlib */
	    {"type=OS.unix=slink:;size=3; l", "l", NULL, FTP_KIND_LINK, 3, -1, -1, ""},
	    {"type=file;unix.mode=0o644; f", "f", NULL, FTP_KIND_FILE, -1, -1, 0644, ""},
	    {"type=file;unix.mode=0o; f", "f", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file;size=-3; x", "x", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file;size=99999999999999999999; x", "x", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file;size=9223372036854775807; x", "x", NULL, FTP_KIND_FILE, INT64_MAX, -1, -1, ""},
	    {"type=file;modify=2020; x", "x", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file; a;b=c; d", "a;b=c; d", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file; ...", "...", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file; \033[31mred", "\033[31mred", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    /* blanks in wrong places, and no semicolon at the end; a name that looks like a fact stays a name */
	    {"type=file; size=3; modify=20200229123456; f", "f", NULL, FTP_KIND_FILE, 3, 1582979696, -1, ""},
	    {"  type=file;size=3; f", "f", NULL, FTP_KIND_FILE, 3, -1, -1, ""},
	    {"type=file;size=3 f", "f", NULL, FTP_KIND_FILE, 3, -1, -1, ""},
	    {"type=file f < g", "f < g", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file;\tf", "f", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"type=file;size=3; size=12; f", "size=12; f", NULL, FTP_KIND_FILE, 3, -1, -1, ""},
	    {"type=file; colour=red; f", "colour=red; f", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"perm=;size=65;type=file;unique=802U1; f", "f", NULL, FTP_KIND_FILE, 65, -1, -1, ""},
	    {"type=file;modify=19681105165215; f", "f", NULL, FTP_KIND_FILE, -1, -36400065, -1, ""},
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

static int
parse_line(const char *line, struct ftp_entry *entry)
{
	struct list_state state = {.now = NOW};

	return list_parse(line, strlen(line), &state, entry);
}

static void
test_list_bad(void **state)
{
	static const struct bad_row rows[] = {
	    {"", -EINVAL},
	    {"total 8", LIST_NO_ENTRY},
	    {"insgesamt 8", LIST_NO_ENTRY},
	    {"ls: x: Permission denied", -EINVAL},
	    {"-rw-r--r--   1 a b 3 Jan", -EINVAL},
	    {"nonsense", -EINVAL},
	    {"+r,s3", -EINVAL},
	    {"+", -EINVAL},
	    {"+r,s3,\t", -EPERM},
	    {"+r,s3,\ta/b", -EPERM},
	    {"+/,\t..", 1},
	    {"d [R----F--] supervisor", -EINVAL},
	    {"d [R----F-- supervisor 512 Jan 16 18:53 login", -EINVAL},
	    {"- [R----F--] a 3 Jan 16 18:53 a/b", -EPERM},
	    {"QSYS 77824 02/23/00 15:09:55 DIR x/", -EINVAL},
	    {"QSYS 77824 02/23/00 25:09:55 *DIR x/", -EINVAL},
	    {"QSYS 77824 02/23/00 15:09:55 *STMF a/b", -EPERM},
	    {"Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname", LIST_NO_ENTRY},
	    {" Name     VV.MM   Created       Changed      Size  Init   Mod   Id", LIST_NO_ENTRY},
	    {"WYOSPT 3420   2003/13/21  1  200  FB      80  8053  PS  A.B", -EINVAL},
	    {"MEMBER", -EINVAL},
	    {"Directory DISK$1:[USER]", LIST_NO_ENTRY},
	    {"Total of 3 files, 12/15 blocks.", LIST_NO_ENTRY},
	    {"A.TXT;x 1 2-JUL-2003 10:30", -EINVAL},
	    {"20.20 07/13/29 1026 d-ewrewr 2650 85920 x", -EINVAL},
	    {"20.20 07/03/29 1026 d-ewrewr 2650 many x", -EINVAL},
	    {"2048    Foo-28-1998  05:23:30   x", -EINVAL},
	    {"X 101 528 6-Apr-07 14:21:18 255, 0 oooo", -EINVAL},
	    {"0100648   500  101   12345    123456789       x", -EINVAL},
	    {"36611      Q    04-23-103  10:57  x", -EINVAL},
	    {"-", -EINVAL},
	    {"drwxr-xr-x", -EINVAL},
	    {"drwxr-xr-x 2 a b 4096 Jan 31 12:34", -EINVAL},
	    {"drwxr-xr-x 2 a b 4096 Jan 31 24:01 x", -EINVAL},
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
		int r = parse_line(rows[i].line, &entry);

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
	    /* the date is none: the line is read, and its time is unknown */
	    {"drwxr-xr-x 2 a b 4096 Foo 31 12:34 x", "x", NULL, FTP_KIND_DIRECTORY, 4096, -1, 0755, "a"},
	    {"drwxr-xr-x 2 a b 4096 Jan 32 12:34 x", "x", NULL, FTP_KIND_DIRECTORY, 4096, -1, 0755, "a"},
	    {"-rw-r--r-- 1 u g 12 000 17 2024 f", "f", NULL, FTP_KIND_FILE, 12, -1, 0644, "u"},
	    {"-rw-r--r-- 1 u g 12 Feb 30 2024 f", "f", NULL, FTP_KIND_FILE, 12, -1, 0644, "u"},
	    {"-rw-r--r-- 1 u g 12 Feb 30 12:34 f", "f", NULL, FTP_KIND_FILE, 12, -1, 0644, "u"},
	    {"drwxr-xr-x 3 u g 512 f", "f", NULL, FTP_KIND_DIRECTORY, 512, -1, 0755, "u"},
	    /* before 1970 and after 2038 */
	    {"drwxr-xr-x 2 a b 4096 Jan 31 1969 x", "x", NULL, FTP_KIND_DIRECTORY, 4096, -28944000, 0755, "a"},
	    {"-rw-r--r-- 1 u g 12 Jan 1 1904 f", "f", NULL, FTP_KIND_FILE, 12, -2082844800, 0644, "u"},
	    {"-rw-r--r-- 1 u g 12 Jan 20 2040 f", "f", NULL, FTP_KIND_FILE, 12, 2210630400, 0644, "u"},
	    /* the year that was left out: the last one with such a day (NOW is in 2026) */
	    {"-rw-r--r-- 1 u g 1 Feb 29 10:00 f", "f", NULL, FTP_KIND_FILE, 1, 1709200800, 0644, "u"},
	    {"-rw-r--r-- 1 u g 1 Sep 22 10:00 f", "f", NULL, FTP_KIND_FILE, 1, 1790071200, 0644, "u"},
	    {"-rw-r--r-- 1 u g 1 Sep 23 10:00 f", "f", NULL, FTP_KIND_FILE, 1, 1758621600, 0644, "u"},
	    {"-rw------- 1 99999999 0 3 Apr  4 24:00 f", "f", NULL, FTP_KIND_FILE, 3, 1775347200, 0600, "99999999"},
	    /* months in other languages, in other character sets, and as numbers */
	    {"-rw-r--r-- 1 u g 12 M\xc3\xa4r 3 2024 f", "f", NULL, FTP_KIND_FILE, 12, 1709424000, 0644, "u"},
	    {"-rw-r--r-- 1 u g 12 M\xe4r 3 2024 f", "f", NULL, FTP_KIND_FILE, 12, 1709424000, 0644, "u"},
	    {"-rw-r--r-- 1 u g 12 d\xc3\xa9"
	     "c 3 2024 f",
		"f", NULL, FTP_KIND_FILE, 12, 1733184000, 0644, "u"},
	    {"-rw-r--r-- 1 u g 12 \xd0\xbc\xd0\xb0\xd1\x80 3 2024 f", "f", NULL, FTP_KIND_FILE, 12, 1709424000, 0644,
		"u"},
	    {"dr-xr-xr-x 2 u g 2235 26. Juli, 20:10 f", "f", NULL, FTP_KIND_DIRECTORY, 2235, 1785096600, 0555, "u"},
	    {"-r-xr-xr-x 2 u g 2235 2.   Okt.  2003 f", "f", NULL, FTP_KIND_FILE, 2235, 1065052800, 0555, "u"},
	    {"-rw-r--r-- 1 u g 8473  4\x8c\x8e 18\x93\xfa 2003\x94N f", "f", NULL, FTP_KIND_FILE, 8473, 1050624000,
		0644, "u"},
	    {"drwxr-xr-x 5 u g 512 2005\xeb\x85\x84  1\xec\x9b\x94  6\xec\x9d\xbc f", "f", NULL, FTP_KIND_DIRECTORY,
		512, 1104969600, 0755, "u"},
	    {"-rw-r--r-- 1 u g 531 09-26 2000 f", "f", NULL, FTP_KIND_FILE, 531, 969926400, 0644, "u"},
	    {"-rw-r--r-- 1 u g 531 09-26 13:45 f", "f", NULL, FTP_KIND_FILE, 531, 1758894300, 0644, "u"},
	    /* the day before the month, other orders, other marks */
	    {"-rw-r--r-- 1 u g 12 31 Jan 2024 f", "f", NULL, FTP_KIND_FILE, 12, 1706659200, 0644, "u"},
	    {"drwxrwxrwx 1 0 0 0 29 Jul 02:27 82 2014 Invoices", "82 2014 Invoices", NULL, FTP_KIND_DIRECTORY, 0,
		1785292020, 0777, "0"},
	    {"-rw-r--r-- 1 u g 9 Oct 08, 2002 09:47 f", "f", NULL, FTP_KIND_FILE, 9, 1034070420, 0644, "u"},
	    {"-rw-r--r-- 1 u g 9 Oct  8 09:47:11 2002 f", "f", NULL, FTP_KIND_FILE, 9, 1034070431, 0644, "u"},
	    {"-rw-r--r-- 1 u g 9 1999/10/12 17:12 f", "f", NULL, FTP_KIND_FILE, 9, 939748320, 0644, "u"},
	    {"-rw-r--r-- 1 u g 9 24-04-2003 17:12 f", "f", NULL, FTP_KIND_FILE, 9, 1051204320, 0644, "u"},
	    {"-rw-r--r-- 1 u g 9 2004.07.15   f", "  f", NULL, FTP_KIND_FILE, 9, 1089849600, 0644, "u"},
	    {"-rw-r--r-- 1 u g 9 01-jun-99 f", "f", NULL, FTP_KIND_FILE, 9, 928195200, 0644, "u"},
	    {"-rw-r--r-- 1 u g 9 2020-02-29 12:34:56.123456789 +0200 f", "f", NULL, FTP_KIND_FILE, 9, 1582972496, 0644,
		"u"},
	    /* owners and groups that are missing, are two words, or are numbers; marks of ACLs */
	    {"-rw-r--r--. 1 u g 9 Feb 29 2020 f", "f", NULL, FTP_KIND_FILE, 9, 1582934400, 0644, "u"},
	    {"-rw-r--r--@ 1 Domain Users g 1,234 Feb 29 2020 f", "f", NULL, FTP_KIND_FILE, 1234, 1582934400, 0644,
		"Domain"},
	    {"-r--r--r-- 0125039 12 Nov 11 2005 f", "f", NULL, FTP_KIND_FILE, 12, 1131667200, 0444, ""},
	    {"-------r--         326  1391972  1392298 Nov 22  1995 f", "f", NULL, FTP_KIND_FILE, 1392298, 816998400,
		04, "1391972"},
	    {"drwxrwxr-x               folder        2 May 10  1996 f", "f", NULL, FTP_KIND_DIRECTORY, 2, 831686400,
		0775, ""},
	    {"-C--E-----FTP B BCC3I1       7670  1294495 Jan 13 2020 f", "f", NULL, FTP_KIND_FILE, 1294495, 1578873600,
		-1, "BCC3I1"},
	    {"-r-xr-xr-x longowner longgroup123456 Feb 29 2020 f", "f", NULL, FTP_KIND_FILE, -1, 1582934400, 0555, ""},
	    {"drwxr-xr-x 2 u g 4096 Feb 29 2020 d/", "d", NULL, FTP_KIND_DIRECTORY, 4096, 1582934400, 0755, "u"},
	    /* DOS, IIS, Windows CE */
	    {"01-02-24  15:45       12 f", "f", NULL, FTP_KIND_FILE, 12, 1704210300, -1, ""},
	    {"2002-09-02  18:48       <DIR>          a b", "a b", NULL, FTP_KIND_DIRECTORY, -1, 1030992480, -1, ""},
	    {"2002-09-02  19:06                9,730 f", "f", NULL, FTP_KIND_FILE, 9730, 1030993560, -1, ""},
	    {"16.12.2003  10:47            1.234.567 f", "f", NULL, FTP_KIND_FILE, 1234567, 1071571620, -1, ""},
	    {"12/16/2003  10:47 PM  3 f", "f", NULL, FTP_KIND_FILE, 3, 1071614820, -1, ""},
	    {"4-27-00  1:09PM  3 f", "f", NULL, FTP_KIND_FILE, 3, 956840940, -1, ""},
	    {"27-04-2000  13:09  3 f", "f", NULL, FTP_KIND_FILE, 3, 956840940, -1, ""},
	    {"04-27-00  12:09PM       <JUNCTION>     l [C:\\x y]", "l", "C:\\x y", FTP_KIND_LINK, -1, 956837340, -1,
		""},
	    {"04-27-00  12:09PM       <SYMLINKD>     l", "l", NULL, FTP_KIND_LINK, -1, 956837340, -1, ""},
	    {"36611      A    04-23-103  10:57  f", "f", NULL, FTP_KIND_FILE, 36611, 1051095420, -1, ""},
	    {" 1123 DIR  A    10-05-100  23:38  d", "d", NULL, FTP_KIND_DIRECTORY, -1, 970789080, -1, ""},
	    /* EPLF, NetWare, OS-9, VxWorks, HP NonStop, VShell, routers, numbers */
	    {"+i8388621.48594,m825718503,r,s280,up755\ta f", "a f", NULL, FTP_KIND_FILE, 280, 825718503, 0755, ""},
	    {"+i8388621.50690,m824255907,/,\td", "d", NULL, FTP_KIND_DIRECTORY, -1, 824255907, -1, ""},
	    {"d [R----F--] supervisor            512       Jan 16 2020    login", "login", NULL, FTP_KIND_DIRECTORY, -1,
		1579132800, -1, "supervisor"},
	    {"-[RWCEAFMS] user 3 Jan 16 2020 a b", "a b", NULL, FTP_KIND_FILE, 3, 1579132800, -1, "user"},
	    {"20.20 07/03/29 1026 d-ewrewr 2650 85920 a b", "a b", NULL, FTP_KIND_DIRECTORY, 85920, 1175163960, -1,
		"20.20"},
	    {"2048    Feb-28-1998  05:23:30   a b   <DIR>", "a b", NULL, FTP_KIND_DIRECTORY, -1, 888643410, -1, ""},
	    {"2048    Feb-28-1998  05:23:30   a b", "a b", NULL, FTP_KIND_FILE, 2048, 888643410, -1, ""},
	    {"FILE 101 528 6-Apr-07 14:21:18 255, 0 \"oooo\"", "FILE", NULL, FTP_KIND_FILE, 528, 1175869278, -1, ""},
	    {"FILE 101 528 6-Apr-07 14:21:18 255,255 \"oooo\"", "FILE", NULL, FTP_KIND_FILE, 528, 1175869278, -1, ""},
	    {"206876  Apr 04, 2000 21:06 a b", "a b", NULL, FTP_KIND_FILE, 206876, 954882360, -1, ""},
	    {"0  Dec 12, 2002 02:13 d/", "d", NULL, FTP_KIND_DIRECTORY, -1, 1039659180, -1, ""},
	    {"f       1014196  06/03/04  Thur.   10:20:03", "f", NULL, FTP_KIND_FILE, 1014196, 1086258003, -1, ""},
	    {"0100644   500  101   12345    123456789       a b", "a b", NULL, FTP_KIND_FILE, 12345, 123456789, 0644,
		"500"},
	    /* OS/400, z/OS, z/VM */
	    {"U 12 02/23/24 15:09:55 *STMF f", "f", NULL, FTP_KIND_FILE, 12, 1708700995, -1, "U"},
	    {"QSYS            77824 02/23/00 15:09:55 *DIR a b/", "a b", NULL, FTP_KIND_DIRECTORY, -1, 951318595, -1,
		"QSYS"},
	    {"QSYS            77824 23/02/00 15:09:55 *FILE F.FILE", "F.FILE", NULL, FTP_KIND_FILE, -1, 951318595, -1,
		"QSYS"},
	    {"QPGMR           36864 18.09.06 14:21:26 *FILE      F.FILE", "F.FILE", NULL, FTP_KIND_FILE, -1, 1158589286,
		-1, "QPGMR"},
	    {"QPGMR *MEM F.FILE/M.MBR", "M.MBR", NULL, FTP_KIND_FILE, -1, -1, -1, "QPGMR"},
	    {"WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  A.FILE", "A.FILE", NULL, FTP_KIND_FILE, -1,
		1053475200, -1, ""},
	    {"WYOSPT 3420   2003/05/21  1 ????  FB      80  8053  PS  A.FILE", "A.FILE", NULL, FTP_KIND_FILE, -1,
		1053475200, -1, ""},
	    {"NRP004 3390   **NONE**    1   15  NONE     0     0  PO  A.DIR", "A.DIR", NULL, FTP_KIND_DIRECTORY, -1, -1,
		-1, ""},
	    {"TSO005 3390   2005/06/06 213000 U 0 27998 PO-E A.DIR", "A.DIR", NULL, FTP_KIND_DIRECTORY, -1, 1118016000,
		-1, ""},
	    {"TSO004 3390   VSAM A.B", "A.B", NULL, FTP_KIND_OTHER, -1, -1, -1, ""},
	    {"Migrated                A.B", "A.B", NULL, FTP_KIND_OTHER, -1, -1, -1, ""},
	    {"V43525 Tape             A.B", "A.B", NULL, FTP_KIND_OTHER, -1, -1, -1, ""},
	    {"MEMBER 01.01 2004/06/22 2004/06/22 16:32   128   128    0 USER", "MEMBER", NULL, FTP_KIND_FILE, -1,
		1087921920, -1, ""},
	    {"MEMBER2 00B308 000411  00 FO                31    ANY", "MEMBER2", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	    {"FILE  TRACE   V        65      107        2 2005-10-04 15:28:42 060191", "FILE.TRACE", NULL,
		FTP_KIND_FILE, -1, 1128439722, -1, ""},
	    /* VMS; sizes are in blocks, no size in bytes */
	    {"D.DIR;1  1 19-NOV-2001 21:41 [root,root] (RWE,RWE,RE,RE)", "D", NULL, FTP_KIND_DIRECTORY, -1, 1006206060,
		-1, "root,root"},
	    {"A.TXT;12       155   2-JUL-2003 10:30:13.64", "A.TXT", NULL, FTP_KIND_FILE, -1, 1057141813, -1, ""},
	    {"A.TXT;1    2/8    7-JAN-2000    [IV2_XXX]   (RWED,RWED,RE,)", "A.TXT", NULL, FTP_KIND_FILE, -1, 947203200,
		-1, "IV2_XXX"},
	    {"A.TXT;1   [SUMMARY]    1/3     2-AUG-2006 13:05  (RWE,RWE,RE,)", "A.TXT", NULL, FTP_KIND_FILE, -1,
		1154523900, -1, "SUMMARY"},
	    {"A.TXT;1   %RMS-E-PRV, insufficient privilege", "A.TXT", NULL, FTP_KIND_FILE, -1, -1, -1, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ftp_entry entry;

		check_good(&rows[i], parse_line(rows[i].line, &entry), &entry);
	}
}

/* Listings whose lines need each other. */
static void
test_listings(void **state)
{
	static const struct {
		const char *text, *names;
		size_t unread;
		bool has_proof;
	} rows[] = {
	    {"", "", 0, false},
	    {"total 0\r\n", "", 0, true},
	    {"drwxr-xr-x 2 a b 4096 Jan 31 12:34 .\n", "", 0, true},
	    {"Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname\n", "", 0, false},
	    {" Name     VV.MM   Created       Changed      Size  Init   Mod   Id\nA\nB\n", "A B ", 0, false},
	    {" Name      Size   TTR   Alias-of AC  Attributes  Amode Rmode\nA\nnot a member\n", "A ", 1, false},
	    {"A\nB\n", "", 2, false},
	    {"Directory D:[U]\n\nA.TXT;1\n 10  2-JUL-2003 10:30:08 [F,S] (RWED,,,)\nB.TXT;2 3 2-JUL-2003\n",
		"A.TXT B.TXT ", 0, false},
	    {"A.TXT;1\nB.TXT;2\n", "", 2, false},
	    {"Owner    Last modified   Attributes Sector Bytecount Name\n"
	     "-------  -------------   ---------- ------ --------- ----\n"
	     "0.0 07/03/29 1026 --ewrewr 2650 3 f\n",
		"f ", 0, false},
	    {"  size          date       time       name\n--------       ------     ------    --------\n"
	     "    3    Feb-28-1998  05:23:30   f\n",
		"f ", 0, false},
	    {"File Code EOF Last Modification Owner RWEP\nF 0 3 6-Apr-07 14:21:18 1,1 \"oooo\"\n", "F ", 0, false},
	    {"-rw-r--r-- 1 a b 3 Jan 31 12:34 x\ntotal 8\n", "x ", 1, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct listing listing;
		char names[256] = "";

		listing_init(&listing, LISTING_LIST, NOW);
		assert_int_equal(listing_feed(&listing, rows[i].text, strlen(rows[i].text)), 0);
		assert_int_equal(listing_end(&listing), 0);
		for (size_t j = 0; j < listing.list.count; j++) {
			size_t len = strlen(names);

			snprintf(names + len, sizeof(names) - len, "%s ", listing.list.entries[j].name);
		}
		assert_string_equal(names, rows[i].names);
		if (listing.list.unread_count != rows[i].unread)
			fail_msg("'%s': %zu unread", rows[i].text, listing.list.unread_count);
		assert_int_equal((listing.list.doubts & FTP_DOUBT_UNREAD) != 0, rows[i].unread > 0);
		if (i < 4)
			assert_int_equal(listing.state.has_proof, rows[i].has_proof);
		listing_free(&listing);
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
		assert_int_equal(listing.list.unread_count, 1);
		assert_string_equal(listing.list.unread[0], "nonsense");
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
	    cmocka_unit_test(test_listings),
	    cmocka_unit_test(test_listing),
	    cmocka_unit_test(test_listing_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
