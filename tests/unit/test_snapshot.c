/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/account.h"
#include "accounts/folder.h"
#include "accounts/snapshot.h"
#include "accounts/snapshot_build.h"
#include "common/buf.h"
#include "common/file_stamp.h"
#include "common/io.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static char path[128];
static struct buf told;

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/users", directory);
	buf_init(&told, 65536);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	char key[160];

	unlink(path);
	snprintf(key, sizeof(key), "%s/names-key", directory);
	unlink(key);
	snprintf(key, sizeof(key), "%s/hash-costs", directory);
	unlink(key);
	rmdir(directory);
	buf_free(&told);
	return 0;
}

static void
take_error(void *arg, const char *line)
{
	(void)arg;
	buf_addf(&told, "%s\n", line);
}

static void
write_users(const char *text, size_t len, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, len), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int
memory_file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	return fd;
}

/* Build from text; *fd is the snapshot. */
static int
build(const char *text, int *fd)
{
	write_users(text, strlen(text), 0600);
	buf_clear(&told);
	*fd = memory_file();
	return snapshot_build(path, *fd, take_error, NULL);
}

static int
build_for_server(const struct snapshot_basis *basis, const char *text, int *fd)
{
	write_users(text, strlen(text), 0600);
	buf_clear(&told);
	*fd = memory_file();
	return snapshot_build_on(basis, path, *fd, take_error, NULL);
}

static void
expect_told(const char *part)
{
	if (told.data == NULL || strstr(told.data, part) == NULL)
		fail_msg("'%s' is not in: %s", part, told.data == NULL ? "" : told.data);
}

static void
test_bad_files(void **state)
{
	int fd = memory_file();

	(void)state;
	unlink(path);
	assert_int_equal(snapshot_build(path, fd, take_error, NULL), -ENOENT);
	expect_told("cannot open");
	write_users("", 0, 0644);
	assert_int_equal(snapshot_build(path, fd, take_error, NULL), -EINVAL);
	expect_told("chmod");
	write_users("", 0, 0620);
	assert_int_equal(snapshot_build(path, fd, take_error, NULL), -EINVAL);
	assert_int_equal(snapshot_build(directory, fd, take_error, NULL), -EINVAL);
	expect_told("not a regular file");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(snapshot_build(path, fd, take_error, NULL), -EINVAL);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(snapshot_build(path, fd, take_error, NULL), -ELOOP);
	if (geteuid() == 0) {
		write_users("", 0, 0600);
		assert_int_equal(chown(path, 12345, 0), 0);
		assert_int_equal(snapshot_build(path, fd, take_error, NULL), -EINVAL);
		expect_told("chown");
	}
	close(fd);
}

static void
test_bad_lines(void **state)
{
	struct account account;
	int fd;

	(void)state;
	assert_int_equal(build("# c\na:$y$x:1:1:/a:\nbad\n\nb:$y$x:0:1:/b:\n", &fd), -EINVAL);
	expect_told("users:3: too few fields");
	expect_told("users:5: bad UID");
	assert_int_equal(snapshot_lookup(fd, "a", &account), -EINVAL);
	close(fd);
	assert_int_equal(build("b:$y$x:1:1:/a:\na:$y$x:1:1:/a:\n#\nb:$y$y:2:2:/b:\n", &fd), -EINVAL);
	expect_told("users:4: the account 'b' is in line 1 already");
	close(fd);
}

static void
test_lookup(void **state)
{
	static const char *const absent[] = {"", "a", "aaaa", "ab", "abcd", "z", "A", "#", "abc:", "abc:$y$1", "\xff"};
	static const char *const present[] = {"abc", "aa", "aaa", "zz", "aa-", "\xc3\xb6"};
	struct account account;
	struct file_stamp stamp, now;
	struct stat st;
	uint64_t count;
	int fd;

	(void)state;
	assert_int_equal(build("zz:$y$4:4:4:/zz:\n# aaaa:x\n\nabc:$y$1:1:1:/abc:read-only\naaa:$y$2:2:2:/aaa:\n"
			       "aa:$y$3:3:3:/aa:\naa-:$y$5:5:5:/aa-:\n\xc3\xb6:$y$6:6:6:/o:",
			     &fd),
	    0);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (snapshot_lookup(fd, absent[i], &account) != -ENOENT)
			fail_msg("found '%s'", absent[i]);
	for (size_t i = 0; i < sizeof(present) / sizeof(present[0]); i++) {
		if (snapshot_lookup(fd, present[i], &account) != 0)
			fail_msg("did not find '%s'", present[i]);
		assert_string_equal(account.name, present[i]);
	}
	assert_int_equal(snapshot_lookup(fd, "abc", &account), 0);
	assert_true(account.is_read_only);
	assert_int_equal(snapshot_stamp(fd, &stamp, &count), 0);
	assert_int_equal(count, 6);
	assert_int_equal(stat(path, &st), 0);
	file_stamp_from_stat(&st, &now);
	assert_true(file_stamp_equal(&stamp, &now));
	now.ctime_ns++;
	assert_false(file_stamp_equal(&stamp, &now));
	assert_int_equal(write(fd, "x", 1), -1); /* sealed */
	close(fd);
}

/* Definitions are no accounts, and are found wherever they are in the file. */
static void
test_definitions(void **state)
{
	struct account account;
	struct file_stamp stamp;
	struct buf line;
	uint64_t count;
	int fd;

	(void)state;
	buf_init(&line, ACCOUNT_LINE_MAX);
	assert_int_equal(build("b:$y$2:2:2:/b:\n+group z:quota=1\n# +group c:\na:$y$1:1:1:/a:\n+group staff:quota=2\n"
			       "+group staff-2:quota=3\n",
			     &fd),
	    0);
	assert_int_equal(snapshot_stamp(fd, &stamp, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(snapshot_lookup(fd, "+group z", &account), -ENOENT);
	assert_int_equal(snapshot_lookup(fd, "b", &account), 0);
	assert_int_equal(snapshot_definition(fd, DEFINITION_GROUP, "staff", &line), 0);
	assert_int_equal(buf_add(&line, "", 1), 0);
	assert_string_equal(line.data, "+group staff:quota=2");
	assert_int_equal(snapshot_definition(fd, DEFINITION_GROUP, "z", &line), 0);
	assert_int_equal(snapshot_definition(fd, DEFINITION_GROUP, "c", &line), -ENOENT);
	assert_int_equal(snapshot_definition(fd, DEFINITION_GROUP, "staf", &line), -ENOENT);
	assert_int_equal(snapshot_definition(fd, DEFINITION_GROUP, "", &line), -ENOENT);
	buf_free(&line);
	close(fd);
	assert_int_equal(build("+group a:\n+grop b:\n+group a:quota=1\n", &fd), -EINVAL);
	expect_told("users:2: a definition of an unknown kind; the kinds are: group");
	close(fd);
	assert_int_equal(build("+group a:\n\n+group a:quota=1\n", &fd), -EINVAL);
	expect_told("users:3: the definition '+group a' is in line 1 already");
	close(fd);
}

/* "NAME:DAYS " of each. */
static void
note_keeping(void *arg, const struct account *account)
{
	assert_int_equal(account->hash[0], '\0');
	buf_addf(arg, "%s:%u ", account->name, account->keep.days);
}

static void
test_keeping(void **state)
{
	struct buf keeping;
	int fd;

	(void)state;
	buf_init(&keeping, 1000);
	assert_int_equal(
	    build("a:$y$1:1:1:/a:keep=3d\nb:$y$2:2:2:/b:\nc:$y$3:3:3:/c:group=g\nd:$y$4:4:4:/d:group=g keep=none\n"
		  "e:$y$5:5:5:/e:group=h\n+group g:keep=9d\n+group h:quota=1\n",
		&fd),
	    0);
	assert_true(snapshot_has_keeping(fd));
	assert_int_equal(snapshot_each_keeping(fd, note_keeping, &keeping), 0);
	assert_int_equal(buf_add(&keeping, "", 1), 0);
	assert_string_equal(keeping.data, "a:3 c:9 ");
	close(fd);
	assert_int_equal(build("c:$y$3:3:3:/c:group=g\n+group g:keep=9d\n", &fd), 0);
	assert_true(snapshot_has_keeping(fd));
	close(fd);
	assert_int_equal(build("b:$y$2:2:2:/b:keep-quota=1\n+group h:keep=none\n", &fd), 0);
	assert_false(snapshot_has_keeping(fd));
	close(fd);
	assert_int_equal(snapshot_each_keeping(-1, note_keeping, &keeping), -EBADF);
	buf_free(&keeping);
}

static void
test_groups(void **state)
{
	struct account account = {.name = ""};
	const char *error = NULL;
	int fd;

	(void)state;
	assert_int_equal(build("a:$y$1:1:1:/a:group=g\nb:$y$2:2:2:/b:group=g quota=2\nc:$y$3:3:3:/c:group=none\n"
			       "+group g:quota=1 max-sessions=7\n",
			     &fd),
	    0);
	assert_int_equal(snapshot_lookup(fd, "a", &account), 0);
	assert_true(account.quota_bytes == 1 && account.max_sessions == 7 && !account.lacks_group);
	assert_int_equal(snapshot_lookup(fd, "b", &account), 0);
	assert_true(account.quota_bytes == 2 && account.max_sessions == 7);
	assert_int_equal(snapshot_lookup(fd, "c", &account), 0);
	assert_true(account.lacks_group);
	/* of elsewhere */
	assert_int_equal(account_parse("d:$y$4:4:4:/d:group=g", 21, &account, &error), 0);
	assert_int_equal(snapshot_join_group(fd, &account), 0);
	assert_true(account.quota_bytes == 1 && !account.lacks_group);
	assert_int_equal(account_parse("d:$y$4:4:4:/d:group=h", 21, &account, &error), 0);
	assert_int_equal(snapshot_join_group(fd, &account), 0);
	assert_true(account.lacks_group);
	assert_int_equal(account_parse("d:$y$4:4:4:/d:quota=5", 21, &account, &error), 0);
	assert_int_equal(snapshot_join_group(-1, &account), 0);
	assert_true(account.quota_bytes == 5);
	close(fd);
}

static void
test_empty(void **state)
{
	struct account account;
	int fd;

	(void)state;
	assert_int_equal(build("", &fd), 0);
	assert_int_equal(snapshot_lookup(fd, "a", &account), -ENOENT);
	close(fd);
	assert_int_equal(build("\n# nothing\n", &fd), 0);
	assert_int_equal(snapshot_lookup(fd, "a", &account), -ENOENT);
	close(fd);
}

/* Of the file of a further server: short names are asked for, and names in full come back. */
static void
test_names_in_full(void **state)
{
	const struct snapshot_basis one = {
	    .former_fd = -1, .server = "one.example", .others = "one.example,two.example"};
	const struct snapshot_basis main_server = {.former_fd = -1, .server = "", .others = "one.example,two.example"};
	char text[256], wanted[ACCOUNT_NAME_MAX + 1];
	struct account account;
	struct folder folder;
	int fd;

	(void)state;
	assert_int_equal(
	    build_for_server(&one, "+folder docs:/docs:5000:\nb@two.example:!:1:1:/a:\nb:!:2:2:/b:\n", &fd), 0);
	assert_int_equal(snapshot_lookup(fd, "b", &account), 0);
	assert_string_equal(account.name, "b@one.example");
	assert_int_equal(snapshot_lookup(fd, "b@two.example", &account), 0);
	assert_string_equal(account.name, "b@two.example@one.example");
	assert_int_equal(snapshot_lookup(fd, "b@one.example", &account), -ENOENT);
	assert_int_equal(snapshot_folder(fd, "docs", &folder), 0);
	assert_string_equal(folder.name, "docs@one.example");
	assert_int_equal(snapshot_folder(fd, "docs@one.example", &folder), -ENOENT);
	close(fd);
	/* 64 bytes, and one more */
	snprintf(text, sizeof(text), "%0*d:!:1:1:/a:\n", ACCOUNT_NAME_MAX - (int)strlen("@one.example"), 0);
	assert_int_equal(build_for_server(&one, text, &fd), 0);
	snprintf(wanted, sizeof(wanted), "%0*d", ACCOUNT_NAME_MAX - (int)strlen("@one.example"), 0);
	assert_int_equal(snapshot_lookup(fd, wanted, &account), 0);
	assert_int_equal(strlen(account.name), ACCOUNT_NAME_MAX);
	close(fd);
	snprintf(
	    text, sizeof(text), "a:!:1:1:/a:\n%0*d:!:1:1:/a:\n", ACCOUNT_NAME_MAX + 1 - (int)strlen("@one.example"), 0);
	assert_int_equal(build_for_server(&one, text, &fd), -EINVAL);
	assert_non_null(strstr(told.data, ":2: account '"));
	/* the main file has no such name, and any other with an '@' */
	assert_int_equal(build_for_server(&main_server, "b@three.example:!:1:1:/a:\n@one.example:!:1:1:/a:\n", &fd), 0);
	assert_int_equal(snapshot_lookup(fd, "b@three.example", &account), 0);
	assert_string_equal(account.name, "b@three.example");
	close(fd);
	assert_int_equal(build_for_server(&main_server, "a:!:1:1:/a:\nb@two.example:!:1:1:/a:\n", &fd), -EINVAL);
	assert_non_null(
	    strstr(told.data, ":2: account 'b@two.example': server \"two.example\" has a users file of its own"));
	assert_int_equal(build_for_server(&main_server, "b@ONE.example:!:1:1:/a:\n", &fd), -EINVAL);
	assert_non_null(strstr(told.data, ":1: account 'b@ONE.example': server \"ONE.example\" has"));
	assert_int_equal(build_for_server(&main_server, "+folder b@two.example:/docs:5000:\n", &fd), -EINVAL);
	assert_non_null(strstr(told.data, ":1: folder 'b@two.example': server"));
}

/* Damage every 8-byte word of a snapshot, and try every length: reading gives an error, or the truth. */
static void
test_damaged(void **state)
{
	static const uint64_t values[] = {0, 1, 7, 8, 1 << 20, UINT64_MAX, UINT64_MAX - 7, 1ull << 63};
	char good[4096], bad[4096];
	struct account account;
	struct file_stamp stamp;
	struct buf line;
	uint64_t count;
	ssize_t len;
	int fd, damaged;

	(void)state;
	buf_init(&line, ACCOUNT_LINE_MAX);
	assert_int_equal(build("a:$y$1:1:1:/a:\n+group g:\nb:$y$2:2:2:/b:\nc:$y$3:3:3:/c:\n", &fd), 0);
	len = pread(fd, good, sizeof(good), 0);
	assert_true(len > 0 && len < (ssize_t)sizeof(good));
	close(fd);
	damaged = memory_file();
	for (size_t at = 0; at + 8 <= (size_t)len; at += 8) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			memcpy(bad, good, (size_t)len);
			memcpy(bad + at, &values[v], 8);
			assert_int_equal(pwrite(damaged, bad, (size_t)len, 0), len);
			if (snapshot_lookup(damaged, "b", &account) == 0)
				assert_string_equal(account.name, "b");
			buf_clear(&line);
			if (snapshot_definition(damaged, DEFINITION_GROUP, "g", &line) == 0)
				assert_memory_equal(line.data, "+group g:", 9);
			(void)snapshot_stamp(damaged, &stamp, &count);
		}
	}
	assert_int_equal(pwrite(damaged, good, (size_t)len, 0), len);
	for (ssize_t cut = len; cut-- > 0;) {
		assert_int_equal(ftruncate(damaged, cut), 0);
		assert_int_equal(snapshot_lookup(damaged, "b", &account), -EINVAL);
	}
	buf_free(&line);
	close(damaged);
}

/* Look-ups find lines of any length up to the longest. */
static void
test_long_lines(void **state)
{
	struct account account;
	struct buf text;
	int fd;

	(void)state;
	buf_init(&text, 32u << 20);
	for (unsigned len = 480; len <= ACCOUNT_LINE_MAX; len += len < 560 ? 1 : 119) {
		size_t start = text.len;

		buf_addf(&text, "user%05u:$y$x:%u:1:/srv:", len, len);
		while (text.len - start < len)
			buf_addf(&text, " ");
		buf_addf(&text, "\n");
	}
	assert_int_equal(build(text.data, &fd), 0);
	for (unsigned len = 480; len <= ACCOUNT_LINE_MAX; len += len < 560 ? 1 : 119) {
		char name[16];

		snprintf(name, sizeof(name), "user%05u", len);
		assert_int_equal(snapshot_lookup(fd, name, &account), 0);
		assert_int_equal(account.uid, len);
	}
	close(fd);
	buf_free(&text);
}

static void
test_many(void **state)
{
	enum { COUNT = 20000 };
	struct account account;
	struct buf text;
	char name[32];
	int fd;

	(void)state;
	buf_init(&text, 8u << 20);
	for (unsigned i = 0; i < COUNT; i++) {
		unsigned n = i * 7919u % COUNT;

		buf_addf(&text, "user%u:$y$x:%u:%u:/srv/user%u:\n", n, n + 1, n + 1, n);
	}
	assert_int_equal(build(text.data, &fd), 0);
	for (unsigned n = 0; n < COUNT; n += 37) {
		snprintf(name, sizeof(name), "user%u", n);
		assert_int_equal(snapshot_lookup(fd, name, &account), 0);
		assert_int_equal(account.uid, n + 1);
	}
	assert_int_equal(snapshot_lookup(fd, "user20000", &account), -ENOENT);
	close(fd);
	buf_free(&text);
}

#define CHEAP "$6$rounds=1000$saltsalt$x"
#define EXPENSIVE "$6$rounds=100000$saltsalt$x"
#define NAMES 4000

static struct snapshot_basis basis = {.state_directory = directory, .former_fd = -1};

static int
build_on(const char *text)
{
	int fd = memory_file();

	write_users(text, strlen(text), 0600);
	buf_clear(&told);
	assert_int_equal(snapshot_build_on(&basis, path, fd, take_error, NULL), 0);
	return fd;
}

/* True when unknown name number i gets a cheap hash. */
static bool
draws_cheap(int fd, unsigned i)
{
	struct account account;
	char name[32];

	snprintf(name, sizeof(name), "nobody%u", i);
	assert_int_equal(snapshot_lookup(fd, name, &account), -ENOENT);
	assert_true(strcmp(account.hash, CHEAP) == 0 || strcmp(account.hash, EXPENSIVE) == 0);
	return strcmp(account.hash, CHEAP) == 0;
}

/*
 * Unknown names have the costs of known ones, as often. A name keeps its cost when the file changes or is loaded
 * again.
 */
static void
test_unknown_names(void **state)
{
	static const char one_of_four[] = "b:" EXPENSIVE ":1:1:/b:\na:" CHEAP ":1:1:/a:\nc:!" EXPENSIVE ":1:1:/c:\n"
					  "d:" EXPENSIVE ":1:1:/d:\n";
	static const char one_of_five[] = "e:" EXPENSIVE ":1:1:/e:\na:" CHEAP ":1:1:/a:\nc:" EXPENSIVE ":1:1:/c:\n"
					  "d:" EXPENSIVE ":1:1:/d:\nzz:" EXPENSIVE ":1:1:/d:\n";
	int fd = build_on(one_of_four), again = build_on(one_of_four), other = build_on(one_of_five);
	unsigned cheap = 0, moved = 0;
	uint64_t cost;

	(void)state;
	for (unsigned i = 0; i < NAMES; i++) {
		bool is_cheap = draws_cheap(fd, i);

		cheap += is_cheap;
		assert_int_equal(draws_cheap(again, i), is_cheap); /* a file keeps the key */
		moved += draws_cheap(other, i) != is_cheap;
	}
	assert_uint_in_range(cheap, NAMES / 4 - NAMES / 20, NAMES / 4 + NAMES / 20);
	/* the share falls from 1 in 4 to 1 in 5 */
	assert_uint_in_range(moved, NAMES / 50, NAMES / 10);
	assert_int_equal(snapshot_slowest_us(fd, &cost), 0);
	assert_true(cost > 1000);
	close(fd);
	close(again);
	close(other);
}

/* Where no file can keep the key, a new snapshot takes it from the former one, and the measured costs too. */
static void
test_former_snapshot(void **state)
{
	static const char text[] = "a:" CHEAP ":1:1:/a:\nb:" EXPENSIVE ":1:1:/b:\n";
	uint64_t cost, cost_again;
	int fd, again;

	(void)state;
	basis.state_directory = "/nowhere";
	fd = build_on(text);
	basis.former_fd = fd;
	again = build_on(text);
	basis = (struct snapshot_basis){.state_directory = directory, .former_fd = -1};
	for (unsigned i = 0; i < NAMES / 10; i++)
		assert_int_equal(draws_cheap(again, i), draws_cheap(fd, i));
	assert_int_equal(snapshot_slowest_us(fd, &cost), 0);
	assert_int_equal(snapshot_slowest_us(again, &cost_again), 0);
	assert_int_equal(cost_again, cost);
	close(fd);
	close(again);
}

/* A hash that costs minutes is still a hash: the file is good, and its cost a guess. */
static void
test_endless_hash(void **state)
{
	uint64_t cost;
	int fd = build_on("a:$6$rounds=999999999$saltsalt$x:1:1:/a:\nb:" CHEAP ":1:1:/b:\n");

	(void)state;
	assert_int_equal(snapshot_slowest_us(fd, &cost), 0);
	assert_int_equal(cost, 5000000);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_files),
	    cmocka_unit_test(test_bad_lines),
	    cmocka_unit_test(test_lookup),
	    cmocka_unit_test(test_definitions),
	    cmocka_unit_test(test_groups),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_names_in_full),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_keeping),
	    cmocka_unit_test(test_unknown_names),
	    cmocka_unit_test(test_former_snapshot),
	    cmocka_unit_test(test_endless_hash),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
