/* SPDX-License-Identifier: ISC */
/*
 * The files process from the outside, continued: hashes, times and modes, copies, whole trees, and the message that
 * stops them.
 */
#include "tests/unit/cmocka_ranges.h"
#include "tests/unit/files_fixture.h"

#include <sys/mount.h>
#include <sys/xattr.h>

#include "privsep/files/directory_message.h"
#include "privsep/files/tree.h"

#include "common/banned.h"

#define OLD 1000000000	/* 2001-09-09 */

/* Questions. */

static char digest[DIGEST_TEXT_SIZE];
static uint64_t hashed_from, hashed_to;

static void
begin_hash(enum ipc_hash algorithm, uint64_t from, uint64_t to, const char *path)
{
	ipc_begin(&message, IPC_hash);
	ipc_put_u8(&message, (uint8_t)algorithm);
	ipc_put_u64(&message, from);
	ipc_put_u64(&message, to);
	ipc_put_text(&message, path);
}

static int
ask_hash(enum ipc_hash algorithm, uint64_t from, uint64_t to, const char *path)
{
	int r;

	begin_hash(algorithm, from, to, path);
	r = ask();
	if (r == 0) {
		hashed_from = ipc_get_u64(&message);
		hashed_to = ipc_get_u64(&message);
		ipc_get_text(&message, digest, sizeof(digest));
		assert_true(ipc_end(&message));
	}
	return r;
}

static int
ask_set_time(uint64_t mtime, const char *path)
{
	ipc_begin(&message, IPC_set_time);
	ipc_put_u64(&message, mtime);
	ipc_put_text(&message, path);
	return ask();
}

static int
ask_set_mode(uint32_t mode, const char *path)
{
	ipc_begin(&message, IPC_set_mode);
	ipc_put_u32(&message, mode);
	ipc_put_text(&message, path);
	return ask();
}

static int
ask_copy(const char *from, const char *to)
{
	ipc_begin(&message, IPC_copy);
	ipc_put_text(&message, from);
	ipc_put_text(&message, to);
	return ask();
}

static int
ask_u64(enum ipc_kind kind, const char *path, uint64_t *value)
{
	int r = ask_path(kind, path);

	if (r == 0) {
		*value = ipc_get_u64(&message);
		assert_true(ipc_end(&message));
	}
	return r;
}

/* Send the message in hand and stop right after it, so that files finds stop while it works. */
static int
ask_and_stop(void)
{
	int r;

	assert_int_equal(kill(child, SIGSTOP), 0);
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	ipc_begin(&message, IPC_stop);
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	assert_int_equal(kill(child, SIGCONT), 0);
	r = ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message);
	assert_int_equal(r, 0);
	return ipc_get_result(&message);
}

static void
put_large(const char *path, off_t size)
{
	put_file(path, "");
	assert_int_equal(truncate(at(path), size), 0);
}

static struct stat
look(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(at(path), &st), 0);
	return st;
}

static void
make_old(const char *path)
{
	struct timespec times[2] = {{.tv_sec = OLD}, {.tv_sec = OLD}};

	assert_int_equal(utimensat(AT_FDCWD, at(path), times, AT_SYMLINK_NOFOLLOW), 0);
}

/* Malformed requests, and requests out of turn. */

static void
check_fatal(void)
{
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	assert_int_equal(ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message), -EPIPE);
	assert_int_equal(stop_files(), FILES_EXIT_PROTOCOL);
	start(false);
}

static void
test_malformed(void **state)
{
	(void)state;
	begin_hash(HASH_COUNT, 0, 0, "/f");
	check_fatal();
	begin_hash(HASH_SHA256, 0, 0, "/f/");
	check_fatal();
	ipc_begin(&message, IPC_copy);
	ipc_put_text(&message, "/a");
	ipc_put_text(&message, "b");
	check_fatal();
	/* a second question before the answer to the first */
	put_large("f", 1 << 20);
	assert_int_equal(kill(child, SIGSTOP), 0);
	begin_hash(HASH_SHA256, 0, UINT64_MAX, "/f");
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	ipc_begin(&message, IPC_stat);
	ipc_put_text(&message, "/f");
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	assert_int_equal(kill(child, SIGCONT), 0);
	assert_int_equal(ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message), -EPIPE);
	assert_int_equal(stop_files(), FILES_EXIT_PROTOCOL);
}

static void
test_stop(void **state)
{
	uint64_t size;

	(void)state;
	put_large("large", 20 << 20);
	put_dir("d");
	put_file("d/f", "x");
	/* nothing runs: files drops it, also before list_end */
	ipc_begin(&message, IPC_stop);
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	assert_int_equal(ask_u64(IPC_tree_size, "/d", &size), 0);
	assert_int_equal(size, 1);

	begin_hash(HASH_SHA256, 0, UINT64_MAX, "/large");
	assert_int_equal(ask_and_stop(), -ECANCELED);
	ipc_begin(&message, IPC_size_ascii);
	ipc_put_text(&message, "/large");
	assert_int_equal(ask_and_stop(), -ECANCELED);
	ipc_begin(&message, IPC_tree_size);
	ipc_put_text(&message, "/");
	assert_int_equal(ask_and_stop(), -ECANCELED);
	ipc_begin(&message, IPC_remove_tree);
	ipc_put_text(&message, "/d");
	assert_int_equal(ask_and_stop(), -ECANCELED);
	check_content("d/f", "x");
	put_file("old", "old");
	ipc_begin(&message, IPC_copy);
	ipc_put_text(&message, "/large");
	ipc_put_text(&message, "/old");
	assert_int_equal(ask_and_stop(), -ECANCELED);
	check_content("old", "old");
	assert_false(exists(partial_of("old")));
	assert_int_equal(ask_hash(HASH_SHA256, 0, 0, "/large"), 0);
}

/* Hashes. */

static void
test_hash_refused(void **state)
{
	(void)state;
	put_file("f", "abc");
	put_dir("d");
	assert_int_equal(mkfifo(at("fifo"), 0666), 0);
	own("fifo");
	assert_int_equal(ask_hash(HASH_SHA256, 0, UINT64_MAX, "/none"), -ENOENT);
	assert_int_equal(ask_hash(HASH_SHA256, 0, UINT64_MAX, "/d"), -EISDIR);
	assert_int_equal(ask_hash(HASH_SHA256, 0, UINT64_MAX, "/fifo"), -ENOTSUP);
	assert_int_equal(ask_hash(HASH_SHA256, 0, 4, "/f"), -ERANGE);
	assert_int_equal(ask_hash(HASH_SHA256, 4, UINT64_MAX, "/f"), -ERANGE);
	assert_int_equal(ask_hash(HASH_SHA256, 2, 1, "/f"), -ERANGE);
	assert_int_equal(ask_hash(HASH_SHA256, UINT64_MAX, UINT64_MAX, "/f"), -ERANGE);
	assert_int_equal(ask_hash(HASH_SHA256, 0, UINT64_MAX - 1, "/f"), -ERANGE);
}

static void
test_hash(void **state)
{
	static const struct {
		enum ipc_hash algorithm;
		uint64_t from, to;
		const char *expected;
	} rows[] = {
	    {HASH_SHA256, 0, UINT64_MAX, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	    {HASH_SHA512, 0, 3,
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
	    {HASH_SHA1, 0, 3, "a9993e364706816aba3e25717850c26c9cd0d89d"},
	    {HASH_MD5, 0, 3, "900150983cd24fb0d6963f7d28e17f72"},
	    {HASH_CRC32, 0, 3, "352441c2"},
	    {HASH_MD5, 1, 2, "92eb5ffee6ae2fec3ad71c777531578f"},
	    {HASH_MD5, 3, 3, "d41d8cd98f00b204e9800998ecf8427e"},
	    {HASH_CRC32, 0, 0, "00000000"},
	};

	(void)state;
	put_file("f", "abc");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ask_hash(rows[i].algorithm, rows[i].from, rows[i].to, "/f"), 0);
		assert_string_equal(digest, rows[i].expected);
		assert_int_equal(hashed_from, rows[i].from);
		assert_int_equal(hashed_to, rows[i].to == UINT64_MAX ? 3 : rows[i].to);
	}
	/* more than one chunk */
	put_large("zeros", (1 << 20) + 1);
	assert_int_equal(ask_hash(HASH_MD5, 0, UINT64_MAX, "/zeros"), 0);
	assert_string_equal(digest, "9587b149ff392ca6887a05d921e73e72");
	assert_int_equal(ask_hash(HASH_MD5, 1, UINT64_MAX, "/zeros"), 0);
	assert_string_equal(digest, "b6d81b360a5672d80c27430f39153e2c");
}

#define ATTRIBUTE "user.sallyport.md5"

static const char *
kept(const char *path)
{
	static char value[256];
	ssize_t len = getxattr(at(path), ATTRIBUTE, value, sizeof(value) - 1);

	value[len < 0 ? 0 : len] = '\0';
	return value;
}

static void
keep(const char *path, const char *value)
{
	assert_int_equal(setxattr(at(path), ATTRIBUTE, value, strlen(value), 0), 0);
}

static void
skip_without_attributes(void)
{
	if (setxattr(home, "user.test", "x", 1, 0) == 0)
		return;
	print_message("the file system of %s has no extended attributes of users\n", home);
	skip();
}

#define ABC_MD5 "900150983cd24fb0d6963f7d28e17f72"
#define OTHER_MD5 "00000000000000000000000000000000"

static void
test_hash_kept(void **state)
{
	/* kept digests of another size, time or form, which files ignores; then one that it uses */
	static const struct {
		const char *value, *expected;
	} rows[] = {
	    {"1 4 1000000000.000000000 " OTHER_MD5, ABC_MD5},
	    {"1 3 1000000000.000000001 " OTHER_MD5, ABC_MD5},
	    {"1 3 1000000001.000000000 " OTHER_MD5, ABC_MD5},
	    {"2 3 1000000000.000000000 " OTHER_MD5, ABC_MD5},
	    {"1 3 1000000000.000000000 " OTHER_MD5 "0", ABC_MD5},
	    {"1 3 1000000000.000000000 0000000000000000000000000000000g", ABC_MD5},
	    {"1 3 1000000000.000000000 ", ABC_MD5},
	    {"", ABC_MD5},
	    {"1 3 1000000000.000000000 " OTHER_MD5, OTHER_MD5},
	};

	(void)state;
	skip_without_attributes();
	put_file("f", "abc");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		keep("f", rows[i].value);
		make_old("f");
		assert_int_equal(ask_hash(HASH_MD5, 0, UINT64_MAX, "/f"), 0);
		if (strcmp(digest, rows[i].expected) != 0)
			fail_msg("row %zu: %s", i, digest);
	}
	/* files neither keeps the digest of a part, nor takes a part from a kept one */
	assert_int_equal(ask_hash(HASH_MD5, 0, 2, "/f"), 0);
	assert_string_equal(digest, "187ef4436122d1cc2f40dc2b92f0eba0");
	/* a client that sets the old time does not revive a digest */
	assert_int_equal(ask_set_time(OLD, "/f"), 0);
	assert_string_equal(kept("f"), "");
	assert_int_equal(ask_hash(HASH_MD5, 0, UINT64_MAX, "/f"), 0);
	assert_string_equal(digest, ABC_MD5);
	assert_string_equal(kept("f"), "1 3 1000000000.000000000 " ABC_MD5);
}

static void
test_hash_not_kept(void **state)
{
	(void)state;
	skip_without_attributes();
	/* too fresh: the next change could have the same mtime */
	put_file("fresh", "abc");
	assert_int_equal(ask_hash(HASH_MD5, 0, UINT64_MAX, "/fresh"), 0);
	assert_string_equal(kept("fresh"), "");
	put_file("f", "abc");
	make_old("f");
	for (int is_read_only = 0; is_read_only < 2; is_read_only++) {
		assert_int_equal(stop_files(), FILES_EXIT_END);
		rights = is_read_only ? MAY_ALL : MAY_ONLY_LOOK;
		start(is_read_only == 1);
		assert_int_equal(ask_hash(HASH_MD5, 0, UINT64_MAX, "/f"), 0);
		assert_string_equal(kept("f"), "");
	}
}

/* Times and modes. */

static void
test_set_time(void **state)
{
	struct stat before;

	(void)state;
	put_file("f", "x");
	put_dir("d");
	put_link("l", "f");
	put_link("dangling", "none");
	assert_int_equal(mkfifo(at("fifo"), 0666), 0);
	own("fifo");
	assert_int_equal(ask_set_time(1, "/none"), -ENOENT);
	assert_int_equal(ask_set_time(1, "/dangling"), -ENOENT);
	assert_int_equal(ask_set_time(1, "/fifo"), -ENOTSUP);
	assert_int_equal(ask_set_time((uint64_t)-86400, "/f"), 0);	/* before 1970 */
	before = look("f");
	assert_int_equal(ask_set_time(OLD, "/l"), 0);
	assert_int_equal(look("f").st_mtim.tv_sec, OLD);
	assert_int_equal(look("f").st_mtim.tv_nsec, 0);
	assert_int_equal(look("f").st_atim.tv_sec, before.st_atim.tv_sec);
	assert_int_equal(look("f").st_atim.tv_nsec, before.st_atim.tv_nsec);
	assert_int_equal(ask_set_time(0, "/d"), 0);
	assert_int_equal(look("d").st_mtim.tv_sec, 0);
	assert_int_equal(ask_set_time(OLD, "/"), 0);
}

static void
test_set_mode(void **state)
{
	(void)state;
	put_file("f", "x");
	put_dir("d");
	put_link("l", "f");
	put_link("out", "/etc/passwd");
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	own("fifo");
	assert_int_equal(ask_set_mode(0644, "/none"), -ENOENT);
	assert_int_equal(ask_set_mode(0644, "/out"), -ENOENT);
	assert_int_equal(ask_set_mode(0644, "/fifo"), -ENOTSUP);
	assert_int_equal(ask_set_mode(01000, "/f"), -EINVAL);
	assert_int_equal(ask_set_mode(04755, "/f"), -EINVAL);
	assert_int_equal(ask_set_mode(UINT32_MAX, "/f"), -EINVAL);
	assert_int_equal(ask_set_mode(0601, "/l"), 0);
	assert_int_equal(look("f").st_mode & 07777, 0601);
	assert_int_equal(look("l").st_mode & 07777, 0777);
	/* files changes the mode and back, without a right to open it */
	assert_int_equal(ask_set_mode(0, "/f"), 0);
	assert_int_equal(ask_set_mode(0604, "/l"), 0);
	assert_int_equal(look("f").st_mode & 07777, 0604);
	assert_int_equal(ask_set_mode(0, "/d"), 0);
	assert_int_equal(ask_set_mode(0750, "/d"), 0);
	assert_int_equal(look("d").st_mode & 07777, 0750);
	/* a directory keeps the administrator's bits, a file does not */
	assert_int_equal(chmod(at("d"), 03750), 0);
	assert_int_equal(ask_set_mode(0700, "/d"), 0);
	assert_int_equal(look("d").st_mode & 07777, 03700);
	assert_int_equal(chmod(at("f"), 06755), 0);
	assert_int_equal(ask_set_mode(0700, "/f"), 0);
	assert_int_equal(look("f").st_mode & 07777, 0700);
}

/* Copies. */

static void
test_copy_refused(void **state)
{
	char partial[PARTIAL_NAME_SIZE + 1];

	(void)state;
	put_file("f", "new");
	put_file("g", "old");
	put_dir("d");
	put_link("l", "f");
	assert_int_equal(link(at("f"), at("hard")), 0);
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	own("fifo");
	snprintf(partial, sizeof(partial), "/%s", partial_of("p"));
	put_file(partial + 1, "partial");
	assert_int_equal(ask_copy("/none", "/g"), -ENOENT);
	assert_int_equal(ask_copy("/d", "/g"), -EISDIR);
	assert_int_equal(ask_copy("/fifo", "/g"), -ENOTSUP);
	assert_int_equal(ask_copy(partial, "/g"), -ENOENT);
	assert_int_equal(ask_copy("/p", "/g"), -ENOENT);
	assert_int_equal(ask_copy("/f", partial), -ENOENT);
	assert_int_equal(ask_copy("/f", "/d"), -EISDIR);
	assert_int_equal(ask_copy("/f", "/"), -EISDIR);
	assert_int_equal(ask_copy("/f", "/fifo"), -ENOTSUP);
	assert_int_equal(ask_copy("/f", "/none/g"), -ENOENT);
	assert_int_equal(ask_copy("/f", "/a\nb"), -EINVAL);
	assert_int_equal(ask_copy("/f", "/f"), -EINVAL);
	assert_int_equal(ask_copy("/f", "/l"), -EINVAL);
	assert_int_equal(ask_copy("/f", "/hard"), -EINVAL);
	check_content("f", "new");
	check_content("g", "old");
	check_content(partial + 1, "partial");
}

static void
test_copy(void **state)
{
	(void)state;
	put_file("f", "new");
	put_file("g", "old one");
	put_file("empty", "");
	put_dir("d");
	put_link("l", "d/target");
	assert_int_equal(chmod(at("g"), 0604), 0);
	assert_int_equal(ask_copy("/f", "/a"), 0);
	check_content("a", "new");
	assert_int_equal(look("a").st_mode & 07777, 0640);
	assert_int_equal(ask_copy("/f", "/g"), 0);
	check_content("g", "new");
	assert_int_equal(look("g").st_mode & 07777, 0604);
	assert_int_equal(ask_copy("/f", "/l"), 0);
	assert_true(S_ISLNK(look("l").st_mode));
	check_content("d/target", "new");
	assert_int_equal(ask_copy("/empty", "/g"), 0);
	check_content("g", "");
	put_large("large", (9 << 20) + 1);
	assert_int_equal(ask_copy("/large", "/larger"), 0);
	assert_int_equal(look("larger").st_size, (9 << 20) + 1);
	/* a copy goes by way of a partial, whatever uploads do, and overwrites that of a broken upload */
	assert_int_equal(store(STORE_REPLACE, 0, "/b", "longer than new", false), 0);
	assert_int_equal(ask_copy("/f", "/b"), 0);
	check_content("b", "new");
	assert_false(exists(partial_of("b")));
}

static void
test_copy_locked(void **state)
{
	int first = channel, second, fd;
	pid_t first_child = child;

	(void)state;
	put_file("f", "new");
	channel = -1;
	start(false);	/* started before there is a descriptor that it would inherit */
	second = channel;
	channel = first;
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/a", &fd), 0);
	channel = second;
	assert_int_equal(ask_copy("/f", "/a"), -EBUSY);
	assert_int_equal(ask_path(IPC_remove_tree, "/a"), -ENOENT);
	channel = first;
	assert_int_equal(io_write_all(fd, "up", 2), 0);
	close(fd);
	assert_int_equal(ask_finish(true), 0);
	check_content("a", "up");
	channel = second;
	assert_int_equal(ask_copy("/f", "/a"), 0);
	check_content("a", "new");
	stop_files();
	channel = first;
	child = first_child;
}

/* Trees. */

static void
test_tree_refused(void **state)
{
	char path[4 * TREE_DEPTH_MAX + 8] = "deep";
	uint64_t size;

	(void)state;
	put_file("f", "x");
	put_dir("d");
	put_file("d/x", "x");
	put_link("l", "d");
	assert_int_equal(ask_path(IPC_remove_tree, "/"), -EPERM);
	assert_int_equal(ask_path(IPC_remove_tree, "/none"), -ENOENT);
	assert_int_equal(ask_path(IPC_remove_tree, "/f"), -ENOTDIR);
	assert_int_equal(ask_path(IPC_remove_tree, "/l"), -ENOTDIR);
	check_content("d/x", "x");
	assert_int_equal(ask_u64(IPC_tree_size, "/none", &size), -ENOENT);
	put_dir(path);
	put_file("deep/file", "x");
	for (int i = 0; i < TREE_DEPTH_MAX - 1; i++) {
		memcpy(path + strlen(path), "/d", 3);
		put_dir(path);
	}
	assert_int_equal(ask_u64(IPC_tree_size, "/deep", &size), 0);
	memcpy(path + strlen(path), "/d", 3);
	put_dir(path);
	assert_int_equal(ask_u64(IPC_tree_size, "/deep", &size), -E2BIG);
	assert_int_equal(ask_path(IPC_remove_tree, "/deep"), -E2BIG);
	check_content("deep/file", "x");
	assert_int_equal(ask_path(IPC_remove_tree, "/deep/d"), 0);
	assert_false(exists("deep/d"));
}

static void
test_tree(void **state)
{
	uint64_t size;

	(void)state;
	put_file("outside", "stays");
	put_dir("d");
	put_dir("d/e");
	put_dir("d/e/empty");
	put_file("d/a", "123");
	put_file("d/e/b", "4567");
	put_link("d/e/out", "../../outside");
	put_link("d/up", "..");
	put_file("d/.hidden", "8");
	assert_int_equal(mkfifo(at("d/fifo"), 0600), 0);
	own("d/fifo");
	assert_int_equal(store(STORE_REPLACE, 0, "/d/p", "partial", false), 0);
	assert_int_equal(ask_u64(IPC_tree_size, "/d", &size), 0);
	assert_int_equal(size, 8);
	assert_int_equal(ask_u64(IPC_tree_size, "/d/up", &size), 0);
	assert_int_equal(size, 13);
	assert_int_equal(ask_u64(IPC_tree_size, "/d/a", &size), 0);
	assert_int_equal(size, 3);
	assert_int_equal(ask_u64(IPC_tree_size, "/d/fifo", &size), -ENOTSUP);
	assert_int_equal(ask_path(IPC_remove_tree, "/d"), 0);
	assert_false(exists("d"));
	check_content("outside", "stays");
}

static void
test_tree_uploaded_to(void **state)
{
	int first = channel, fd;
	pid_t first_child = child;

	(void)state;
	put_dir("d");
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/d/a", &fd), 0);
	channel = -1;
	start(false);
	assert_int_equal(ask_path(IPC_remove_tree, "/d"), -EBUSY);
	stop_files();
	channel = first;
	child = first_child;
	close(fd);
	assert_int_equal(ask_finish(true), 0);
	check_content("d/a", "");
}

static void
test_tree_too_many(void **state)
{
	char name[32];

	(void)state;
	if (has_walls)
		skip();	/* the walls do not change it, and once already takes seconds */
	put_dir("d");
	for (int i = 0; i <= TREE_REMOVE_ENTRIES_MAX; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		assert_int_equal(close(open(at(name), O_WRONLY | O_CREAT, 0644)), 0);
	}
	assert_int_equal(ask_path(IPC_remove_tree, "/d"), -E2BIG);
	assert_true(exists("d/0"));
	assert_int_equal(unlink(at("d/0")), 0);
	assert_int_equal(ask_path(IPC_remove_tree, "/d"), 0);
	assert_false(exists("d"));
}

/* Another file system in the home: files copies the bytes itself, and no tree crosses the border. */
static void
test_other_file_system(void **state)
{
	uint64_t size;

	(void)state;
	put_dir("d");
	put_dir("d/mount");
	if (geteuid() != 0 || mount("none", at("d/mount"), "tmpfs", 0, "mode=0777") < 0) {
		print_message("no file system can be mounted here\n");
		skip();
	}
	put_file("d/f", "bytes");
	put_large("d/large", (1 << 20) + 1);
	assert_int_equal(ask_copy("/d/f", "/d/mount/f"), 0);
	check_content("d/mount/f", "bytes");
	assert_int_equal(ask_copy("/d/large", "/d/mount/large"), 0);
	assert_int_equal(look("d/mount/large").st_size, (1 << 20) + 1);
	assert_int_equal(ask_copy("/d/mount/f", "/d/g"), 0);
	check_content("d/g", "bytes");
	assert_int_equal(ask_path(IPC_remove_tree, "/d"), -EXDEV);
	check_content("d/f", "bytes");
	assert_int_equal(ask_u64(IPC_tree_size, "/d/mount", &size), 0);
	assert_int_equal(size, (1 << 20) + 6);
}

static int
teardown_mounted(void **state)
{
	(void)umount2(at("d/mount"), MNT_DETACH);
	return teardown(state);
}

/* Space and messages. */

static void
test_space(void **state)
{
	uint64_t bytes = 0;

	(void)state;
	put_file("f", "x");
	assert_int_equal(ask_u64(IPC_space, "/none", &bytes), -ENOENT);
	assert_int_equal(ask_u64(IPC_space, "/f", &bytes), -ENOTDIR);
	assert_int_equal(ask_u64(IPC_space, "/", &bytes), 0);
	assert_true(bytes > 0);
}

static void
check_message(const char *path, const char *expected)
{
	size_t len;
	const char *got;

	assert_int_equal(ask_path(IPC_directory_message, path), 0);
	got = ipc_get_bytes(&message, DIRECTORY_MESSAGE_MAX, &len);
	assert_true(ipc_end(&message));
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(got, expected, len);
}

static void
test_directory_message(void **state)
{
	static char large[DIRECTORY_MESSAGE_MAX + 2];

	(void)state;
	put_file("f", "x");
	put_dir("d");
	assert_int_equal(ask_path(IPC_directory_message, "/none"), -ENOENT);
	assert_int_equal(ask_path(IPC_directory_message, "/f"), -ENOTDIR);
	check_message("/", "");
	put_dir("d/.message");
	check_message("/d", "");
	put_link(".message", "/etc/passwd");
	check_message("/", "");
	assert_int_equal(unlink(at(".message")), 0);
	assert_int_equal(mkfifo(at(".message"), 0600), 0);
	own(".message");
	check_message("/", "");
	assert_int_equal(unlink(at(".message")), 0);
	put_file(".message", "one\r\ntwo\x1b[2J\r\r\n\n226\tthree\xc2\x9b.");
	check_message("/", "one\ntwo?[2J?\n\n226?three?.");
	memset(large, 'x', DIRECTORY_MESSAGE_MAX + 1);
	put_file(".message", large);
	large[DIRECTORY_MESSAGE_MAX] = '\0';
	check_message("/", large);
	assert_int_equal(truncate(at(".message"), 0), 0);
	check_message("/", "");
}

static void
test_read_only(void **state)
{
	uint64_t size;

	(void)state;
	put_file("f", "abc");
	put_dir("d");
	assert_int_equal(ask_set_time(1, "/f"), -EROFS);
	assert_int_equal(ask_set_mode(0600, "/f"), -EROFS);
	assert_int_equal(ask_copy("/f", "/g"), -EROFS);
	assert_int_equal(ask_path(IPC_remove_tree, "/d"), -EROFS);
	assert_int_equal(ask_hash(HASH_CRC32, 0, UINT64_MAX, "/f"), 0);
	assert_int_equal(ask_u64(IPC_tree_size, "/", &size), 0);
}

/* Rights. */

static int
try_stat(void)
{
	return ask_path(IPC_stat, "/f");
}

static int
try_enter(void)
{
	return ask_path(IPC_enter, "/");
}

static int
try_facts(void)
{
	return ask_facts(FACTS_ALL, "/f");
}

static int
try_list(void)
{
	return list_from(LIST_NAMES, 0, 1, "/");
}

static int
try_read(void)
{
	int fd;
	int r = ask_read("/f", 0, &fd);

	close_fd(&fd);
	return r;
}

static int
try_hash(void)
{
	return ask_hash(HASH_CRC32, 0, 1, "/f");
}

static int
try_create(void)
{
	int r = store(STORE_REPLACE, 0, "/new", "x", true);

	(void)unlink(at("new"));
	return r;
}

static int
try_resume(void)
{
	put_file(partial_of("p"), "12");
	return store(STORE_AT, 1, "/p", "x", false);
}

static int
try_unique(void)
{
	return store(STORE_UNIQUE, 0, "/f", "x", false);
}

static int
try_replace(void)
{
	return store(STORE_REPLACE, 0, "/f", "x", true);
}

static int
try_append(void)
{
	return store(STORE_APPEND, 0, "/f", "x", true);
}

static int
try_rewrite(void)
{
	return store(STORE_AT, 1, "/f", "x", true);
}

static int
try_remove(void)
{
	return ask_path(IPC_remove_file, "/none");
}

static int
try_rename(void)
{
	return ask_rename("/f", "/renamed") == 0 ? ask_rename("/renamed", "/f") : -EKEYREVOKED;
}

static int
try_rename_over(void)
{
	put_file("other", "x");
	return ask_rename("/other", "/f");
}

static int
try_mkdir(void)
{
	return ask_path(IPC_make_directory, "/f");
}

static int
try_rmdir(void)
{
	return ask_path(IPC_remove_directory, "/f");
}

static int
try_rmtree(void)
{
	return ask_path(IPC_remove_tree, "/f");
}

static int
try_mode(void)
{
	return ask_set_mode(0644, "/f");
}

static int
try_time(void)
{
	return ask_set_time(OLD, "/f");
}

static int
try_copy(void)
{
	int r = ask_copy("/f", "/new");

	(void)unlink(at("new"));
	return r;
}

static int
try_copy_over(void)
{
	put_file("other", "x");
	return ask_copy("/f", "/other");
}

static int
try_tree_size(void)
{
	return ask_path(IPC_tree_size, "/");
}

static int
try_space(void)
{
	return ask_path(IPC_space, "/");
}

static int
try_message(void)
{
	return ask_path(IPC_directory_message, "/");
}

/* Each request with the rights that it needs: these are enough, and it fails without any one of them. */
static void
test_rights(void **state)
{
	static const struct {
		int (*try)(void);
		unsigned needs;
	} rows[] = {
	    {try_facts, MAY_LIST},
	    {try_list, MAY_LIST},
	    {try_tree_size, MAY_LIST},
	    {try_read, MAY_READ},
	    {try_hash, MAY_READ},
	    {try_create, MAY_CREATE},
	    {try_resume, MAY_CREATE},
	    {try_unique, MAY_CREATE},
	    {try_replace, MAY_OVERWRITE},
	    {try_append, MAY_OVERWRITE},
	    {try_rewrite, MAY_OVERWRITE},
	    {try_remove, MAY_DELETE},
	    {try_rename, MAY_RENAME},
	    {try_rename_over, MAY_RENAME | MAY_OVERWRITE},
	    {try_mkdir, MAY_MKDIR},
	    {try_rmdir, MAY_RMDIR},
	    {try_rmtree, MAY_RMDIR | MAY_DELETE},
	    {try_mode, MAY_CHMOD},
	    {try_time, MAY_CHMOD},
	    {try_copy, MAY_READ | MAY_CREATE},
	    {try_copy_over, MAY_READ | MAY_OVERWRITE},
	    {try_enter, 0},
	    {try_space, 0},
	    {try_message, 0},
	};

	(void)state;
	put_file("f", "content");
	for (unsigned right = 1; right < MAY_ALL; right <<= 1) {
		assert_int_equal(stop_files(), FILES_EXIT_END);
		rights = MAY_ALL & ~right;
		start(false);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			if ((rows[i].try() == -EKEYREVOKED) != ((rows[i].needs & right) != 0))
				fail_msg("row %zu without right %u", i, right);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(stop_files(), FILES_EXIT_END);
		rights = rows[i].needs;
		start(false);
		if (rows[i].try() == -EKEYREVOKED)
			fail_msg("row %zu with right %u", i, rights);
	}
}

/* SIZE and MDTM work with the right to list or to read. */
static void
test_right_to_know(void **state)
{
	static const unsigned rows[] = {MAY_ALL & ~(MAY_LIST | MAY_READ), MAY_LIST, MAY_READ};

	(void)state;
	put_file("f", "x");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(stop_files(), FILES_EXIT_END);
		rights = rows[i];
		start(false);
		assert_int_equal(try_stat(), i == 0 ? -EKEYREVOKED : 0);
		assert_int_equal(ask_path(IPC_size_ascii, "/f"), i == 0 ? -EKEYREVOKED : 0);
	}
}

/* An upload without the right to overwrite leaves a file that appeared meanwhile. */
static void
test_no_overwriting_at_the_end(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(stop_files(), FILES_EXIT_END);
	rights = MAY_CREATE;
	start(false);
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/a", &fd), 0);
	assert_int_equal(io_write_all(fd, "mine", 4), 0);
	close(fd);
	put_file("a", "theirs");
	assert_int_equal(ask_finish(true), -EEXIST);
	check_content("a", "theirs");
}

/* Count the descriptors in the channel. */
static unsigned
count_descriptors(void)
{
	unsigned count = 0;
	int errors = 0;

	/* the first error may be that files left questions unread, and comes before the answers */
	while (errors < 2) {
		if (ipc_receive_now(channel, IPC_PROTOCOL, IPC_STATE_READY, &message) < 0) {
			errors++;
			continue;
		}
		count += message.fd_count;
		ipc_drop_fds(&message);
	}
	return count;
}

static void
test_descriptors_left_unread(void **state)
{
	int status;

	(void)state;
	put_file("file", "bytes");
	for (int i = 0; i < 10 * IPC_FDS_MAX; i++) {
		ipc_begin(&message, IPC_open_read);
		ipc_put_u64(&message, 0);
		ipc_put_text(&message, "/file");
		if (ipc_send(channel, &message, -1) < 0)
			break;
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	child = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FILES_EXIT_PROTOCOL);
	assert_uint_in_range(count_descriptors(), 1, IPC_FDS_MAX);
	close_fd(&channel);
	close_fd(&home_fd);
}

/* A protocol process that reads each answer before its next question may go on without an end. */
static void
test_descriptors_read(void **state)
{
	int fd;

	(void)state;
	put_file("file", "bytes");
	for (int i = 0; i < 10 * IPC_FDS_MAX; i++) {
		assert_int_equal(ask_read("/file", 0, &fd), 0);
		close_fd(&fd);
	}
}

/* Small answers, until there is no room: files does not wait for the reader. */
static void
test_answers_left_unread(void **state)
{
	int status;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		ipc_begin(&message, IPC_stat);
		ipc_put_text(&message, "/");
		if (ipc_send(channel, &message, -1) < 0)
			break;
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	child = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FILES_EXIT_PROTOCOL);
	close_fd(&channel);
	close_fd(&home_fd);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
    cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
    cmocka_unit_test_setup_teardown(test_hash_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(test_hash, setup, teardown),
    cmocka_unit_test_setup_teardown(test_hash_kept, setup, teardown),
    cmocka_unit_test_setup_teardown(test_hash_not_kept, setup, teardown),
    cmocka_unit_test_setup_teardown(test_set_time, setup, teardown),
    cmocka_unit_test_setup_teardown(test_set_mode, setup, teardown),
    cmocka_unit_test_setup_teardown(test_copy_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
    cmocka_unit_test_setup_teardown(test_copy, setup_in_place, teardown),
    cmocka_unit_test_setup_teardown(test_copy_locked, setup, teardown),
    cmocka_unit_test_setup_teardown(test_tree_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
    cmocka_unit_test_setup_teardown(test_tree_uploaded_to, setup, teardown),
    cmocka_unit_test_setup_teardown(test_tree_too_many, setup, teardown),
    cmocka_unit_test_setup_teardown(test_other_file_system, setup, teardown_mounted),
    cmocka_unit_test_setup_teardown(test_space, setup, teardown),
    cmocka_unit_test_setup_teardown(test_directory_message, setup, teardown),
    cmocka_unit_test_setup_teardown(test_read_only, setup_read_only, teardown),
    cmocka_unit_test_setup_teardown(test_rights, setup, teardown),
    cmocka_unit_test_setup_teardown(test_right_to_know, setup, teardown),
    cmocka_unit_test_setup_teardown(test_no_overwriting_at_the_end, setup, teardown),
    cmocka_unit_test_setup_teardown(test_descriptors_left_unread, setup, teardown),
    cmocka_unit_test_setup_teardown(test_descriptors_read, setup, teardown),
    cmocka_unit_test_setup_teardown(test_answers_left_unread, setup, teardown),
};

int
main(void)
{
	return run_both_ways(tests, sizeof(tests) / sizeof(tests[0]));
}
