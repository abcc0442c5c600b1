/* SPDX-License-Identifier: ISC */
/*
 * The files process from the outside: requests over a channel, checked replies, a directory of its own. It
 * runs bare and, as root, behind its walls and those of the monitor.
 */
#include "tests/unit/files_fixture.h"

#include "common/banned.h"

/* A malformed request, or one out of turn, ends the process. */

static void
test_protocol_errors(void **state)
{
	static const struct {
		enum ipc_kind kind;
		int mode;	/* or form, or -1 */
		int shown_from;	/* or -1 */
		const char *path;
	} rows[] = {
	    {IPC_stat, -1, -1, "relative"},
	    {IPC_stat, -1, -1, "/a/../b"},
	    {IPC_stat, -1, -1, "/a/"},
	    {IPC_stat, -1, -1, "//"},
	    {IPC_open_write, STORE_MODE_COUNT, -1, "/a"},
	    {IPC_list, LIST_FORM_COUNT, 0, "/"},
	    {IPC_list, LIST_NAMES, 2, "/"},
	    {IPC_list, LIST_NAMES, 5, "/ab"},
	    {IPC_list, LIST_NAMES, INT32_MAX, "/ab"},
	    {IPC_list_end, -1, -1, NULL},
	    {IPC_finish_write, 1, -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ipc_begin(&message, rows[i].kind);
		if (rows[i].mode >= 0)
			ipc_put_u8(&message, (uint8_t)rows[i].mode);
		if (rows[i].kind == IPC_open_write)
			ipc_put_u64(&message, 0);
		if (rows[i].shown_from >= 0) {
			ipc_put_u8(&message, 0);
			ipc_put_u8(&message, FACTS_ALL);
			ipc_put_u32(&message, (uint32_t)rows[i].shown_from);
		}
		if (rows[i].path != NULL)
			ipc_put_text(&message, rows[i].path);
		assert_int_equal(ipc_send(channel, &message, -1), 0);
		assert_int_equal(ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message), -EPIPE);
		if (stop_files() != FILES_EXIT_PROTOCOL)
			fail_msg("row %zu was not fatal", i);
		start(false);
	}
}

static void
test_second_upload_is_fatal(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/a", &fd), 0);
	close(fd);
	ipc_begin(&message, IPC_open_write);
	ipc_put_u8(&message, STORE_REPLACE);
	ipc_put_u64(&message, 0);
	ipc_put_text(&message, "/b");
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	assert_int_equal(ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message), -EPIPE);
	assert_int_equal(stop_files(), FILES_EXIT_PROTOCOL);
}

/* Nothing leads out of the home. */
static void
test_confined(void **state)
{
	uint64_t size = 0;
	int fd;

	(void)state;
	put_link("abs", "/etc/passwd");
	put_link("rel", "../../../../../../etc/passwd");
	put_link("root", "/");
	put_link("up", "..");
	put_link("loop", "loop");
	put_link("magic", "/proc/self/root/etc");
	put_file("f", "x");
	assert_int_equal(ask_size("/abs", &size), -ENOENT);
	assert_int_equal(ask_size("/rel", &size), -ENOENT);
	assert_int_equal(ask_read("/magic/passwd", 0, &fd), -ENOENT);
	assert_int_equal(ask_size("/loop", &size), -ELOOP);
	assert_int_equal(ask_size("/root/f", &size), 0);
	assert_int_equal(ask_size("/up/up/root/f", &size), 0);
	assert_int_equal(ask_path(IPC_enter, "/up"), 0);
	assert_int_equal(store(STORE_REPLACE, 0, "/loop", "x", true), -ELOOP);
	assert_int_equal(store(STORE_REPLACE, 0, "/up", "x", true), -EISDIR);
	assert_int_equal(store(STORE_REPLACE, 0, "/root", "x", true), -EISDIR);
	assert_int_equal(store(STORE_REPLACE, 0, "/abs", "x", true), -ENOENT);	/* the home has no /etc */
}

static void
test_special_files(void **state)
{
	uint64_t size = 0;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(at("fifo"), 0666), 0);
	own("fifo");
	put_dir("d");
	assert_int_equal(ask_read("/fifo", 0, &fd), -ENOTSUP);
	assert_int_equal(ask_read("/d", 0, &fd), -EISDIR);
	assert_int_equal(ask_read("/", 0, &fd), -EISDIR);
	assert_int_equal(ask_path(IPC_size_ascii, "/fifo"), -ENOTSUP);
	assert_int_equal(store(STORE_REPLACE, 0, "/fifo", "x", true), -ENOTSUP);
	assert_int_equal(store(STORE_REPLACE, 0, "/d", "x", true), -EISDIR);
	assert_int_equal(store(STORE_REPLACE, 0, "/", "x", true), -EISDIR);
	assert_int_equal(store(STORE_UNIQUE, 0, "/", "x", true), -EISDIR);
	assert_int_equal(ask_size("/fifo", &size), 0);
	assert_int_equal(ask_path(IPC_enter, "/fifo"), -ENOTDIR);
	assert_int_equal(ask_path(IPC_enter, "/none"), -ENOENT);
}

static void
test_read(void **state)
{
	char byte;
	int fd;

	(void)state;
	put_file("f", "ab\ncd\r\n");
	assert_int_equal(ask_read("/none", 0, &fd), -ENOENT);
	assert_int_equal(ask_read("/f", 8, &fd), -ERANGE);
	assert_int_equal(ask_read("/f", UINT64_MAX, &fd), -ERANGE);
	assert_int_equal(ask_read("/f", 7, &fd), 0);
	close(fd);
	assert_int_equal(ask_read("/f", 1, &fd), 0);
	assert_int_equal(ipc_get_u64(&message), 7);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'b');
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	assert_int_equal(ask_path(IPC_size_ascii, "/f"), 0);
	assert_int_equal(ipc_get_u64(&message), 9);
}

/* A file that was there is opened without waiting. Protocol, which writes it, expects that write(2) takes all. */
static void
test_written_file_waits(void **state)
{
	int fd;

	(void)state;
	put_file("f", "ab");
	assert_int_equal(ask_write(STORE_APPEND, 0, "/f", &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	assert_int_equal(ask_finish(true), 0);
	assert_int_equal(store(STORE_REPLACE, 0, "/g", "ab", false), 0);
	assert_int_equal(ask_write(STORE_AT, 2, "/g", &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	assert_int_equal(ask_finish(true), 0);
}

static void
test_read_only(void **state)
{
	int fd;

	(void)state;
	put_file("f", "x");
	assert_int_equal(store(STORE_REPLACE, 0, "/f", "y", true), -EROFS);
	assert_int_equal(ask_path(IPC_make_directory, "/d"), -EROFS);
	assert_int_equal(ask_path(IPC_remove_directory, "/d"), -EROFS);
	assert_int_equal(ask_path(IPC_remove_file, "/f"), -EROFS);
	assert_int_equal(ask_rename("/f", "/g"), -EROFS);
	assert_int_equal(ask_read("/f", 0, &fd), 0);
	close(fd);
	check_list(LIST_NAMES, 0, "/", "f\r\n");
}

static void
test_changes(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(ask_path(IPC_remove_directory, "/"), -EPERM);
	assert_int_equal(ask_path(IPC_remove_file, "/"), -EISDIR);
	assert_int_equal(ask_rename("/", "/a"), -EPERM);
	assert_int_equal(ask_rename("/a", "/"), -EPERM);
	assert_int_equal(ask_rename("/a", "/b"), -ENOENT);
	assert_int_equal(ask_path(IPC_make_directory, "/"), -EEXIST);
	assert_int_equal(ask_path(IPC_make_directory, "/a\nb"), -EINVAL);
	assert_int_equal(ask_path(IPC_make_directory, "/x/y"), -ENOENT);
	assert_int_equal(ask_path(IPC_make_directory, "/d"), 0);
	assert_int_equal(ask_path(IPC_make_directory, "/d"), -EEXIST);
	assert_int_equal(stat(at("d"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(ask_path(IPC_enter, "/d"), 0);
	assert_int_equal(ask_path(IPC_remove_file, "/d"), -EISDIR);
	assert_int_equal(ask_rename("/d", "/d/e"), -EINVAL);
	put_file("f", "1");
	put_file("d/g", "2");
	assert_int_equal(ask_rename("/f", "/d"), -EISDIR);
	assert_int_equal(ask_rename("/d", "/f"), -ENOTDIR);
	assert_int_equal(ask_rename("/f", "/a\x7f"), -EINVAL);
	assert_int_equal(ask_path(IPC_remove_directory, "/d"), -ENOTEMPTY);
	assert_int_equal(ask_path(IPC_remove_directory, "/f"), -ENOTDIR);
	assert_int_equal(ask_rename("/f", "/d/g"), 0);
	check_content("d/g", "1");
	assert_int_equal(ask_path(IPC_remove_file, "/d/g"), 0);
	assert_int_equal(ask_path(IPC_remove_directory, "/d"), 0);
	assert_int_equal(ask_path(IPC_remove_directory, "/d"), -ENOENT);
}

/* Uploads. */

static void
test_upload_refused(void **state)
{
	(void)state;
	assert_int_equal(store(STORE_REPLACE, 0, "/a\tb", "x", true), -EINVAL);
	assert_int_equal(store(STORE_REPLACE, 0, "/none/a", "x", true), -ENOENT);
	assert_int_equal(store(STORE_AT, 1, "/a", "x", true), -ERANGE);
	assert_false(exists(partial_of("a")));
	check_list(LIST_NAMES, LIST_ALL, "/", "");
}

static void
test_upload_whole(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/a", &fd), 0);
	assert_string_equal(stored_name, "a");
	assert_int_equal(io_write_all(fd, "new", 3), 0);
	assert_false(exists("a"));
	close(fd);
	assert_int_equal(ask_finish(true), 0);
	check_content("a", "new");
	assert_int_equal(stat(at("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_false(exists(partial_of("a")));

	assert_int_equal(chmod(at("a"), 0604), 0);
	assert_int_equal(store(STORE_REPLACE, 0, "/a", "newer", true), 0);
	check_content("a", "newer");
	assert_int_equal(stat(at("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
}

static void
test_upload_broken(void **state)
{
	uint64_t size = 0;
	int fd;

	(void)state;
	put_file("a", "old");
	assert_int_equal(store(STORE_REPLACE, 0, "/a", "ne", false), 0);
	check_content("a", "old");
	assert_int_equal(ask_size("/a", &size), 0);
	assert_int_equal(size, 3);
	/* both files exist: only the partial's own size is unambiguous */
	assert_int_equal(store(STORE_AT, 3, "/a", "x", true), -ERANGE);
	assert_int_equal(store(STORE_APPEND, 0, "/a", "x", true), -EEXIST);
	check_content("a", "old");
	assert_int_equal(store(STORE_AT, 2, "/a", "w", true), 0);
	check_content("a", "new");

	/* an upload of no bytes that breaks off leaves no partial */
	assert_int_equal(store(STORE_REPLACE, 0, "/b", "", false), 0);
	assert_false(exists(partial_of("b")));
	/* an empty file is a file */
	assert_int_equal(store(STORE_REPLACE, 0, "/b", "", true), 0);
	check_content("b", "");

	/* the session dies in the middle of it */
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/a", &fd), 0);
	assert_int_equal(io_write_all(fd, "xyz", 3), 0);
	close(fd);
	restart();
	check_content("a", "new");
	check_content(partial_of("a"), "xyz");
}

/* A taken-over protocol process keeps the descriptor: files never answers that the upload is whole, and ends. */
static void
check_held(bool is_whole)
{
	int fd, status;

	assert_int_equal(ask_write(STORE_REPLACE, 0, "/f", &fd), 0);
	assert_int_equal(io_write_all(fd, "abc", 3), 0);
	ipc_begin(&message, IPC_finish_write);
	ipc_put_u8(&message, is_whole);
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	assert_int_equal(ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message), -EPIPE);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), FILES_EXIT_HELD);
	close(fd);
	close_fd(&channel);
	close_fd(&home_fd);
	child = 0;
}

static void
test_upload_held(void **state)
{
	(void)state;
	check_held(true);
	start(false);
	check_held(false);	/* a partial that another upload may go on with */
}

/* A descriptor kept from one upload could write into the next upload of the same file. */
static void
test_upload_held_and_resumed(void **state)
{
	int first, second;

	(void)state;
	assert_int_equal(store(STORE_REPLACE, 0, "/f", "abc", false), 0);
	assert_int_equal(ask_write(STORE_AT, 3, "/f", &first), 0);
	second = dup(first);
	close(first);
	ipc_begin(&message, IPC_finish_write);
	ipc_put_u8(&message, true);
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	assert_int_equal(ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message), -EPIPE);
	assert_int_equal(stop_files(), FILES_EXIT_HELD);
	close(second);
}

static void
test_upload_resume(void **state)
{
	uint64_t size = 0;
	int fd;

	(void)state;
	assert_int_equal(store(STORE_REPLACE, 0, "/a", "12345", false), 0);
	assert_false(exists("a"));
	assert_int_equal(ask_size("/a", &size), 0);
	assert_int_equal(size, 5);
	assert_int_equal(ask_read("/a", 0, &fd), -ENOENT);
	assert_int_equal(ask_facts(FACTS_ALL, "/a"), -ENOENT);
	assert_int_equal(ask_rename("/a", "/b"), -ENOENT);
	assert_int_equal(store(STORE_AT, 6, "/a", "x", true), -ERANGE);
	assert_int_equal(store(STORE_AT, 3, "/a", "ab", false), 0);
	check_content(partial_of("a"), "123ab");
	assert_int_equal(store(STORE_APPEND, 0, "/a", "cd", true), 0);
	check_content("a", "123abcd");
	/* the file is finished and has no partial: APPE and REST write in place */
	assert_int_equal(store(STORE_APPEND, 0, "/a", "e", true), 0);
	assert_int_equal(stored_start, 7);
	check_content("a", "123abcde");
	assert_int_equal(store(STORE_AT, 1, "/a", "XY", true), 0);
	check_content("a", "1XYabcde");
	assert_int_equal(store(STORE_AT, 9, "/a", "x", true), -ERANGE);
	/* APPE to nothing makes a whole file */
	assert_int_equal(store(STORE_APPEND, 0, "/c", "c", true), 0);
	check_content("c", "c");
}

static void
test_upload_locked(void **state)
{
	int first = channel, second, fd, other_fd;
	pid_t first_child = child;

	(void)state;
	put_file("f", "old");
	put_dir("d");
	channel = -1;
	start(false);	/* started before there is a descriptor that it would inherit */
	second = channel;
	channel = first;
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/a", &fd), 0);
	channel = second;
	assert_int_equal(store(STORE_REPLACE, 0, "/a", "x", true), -EBUSY);
	assert_int_equal(store(STORE_APPEND, 0, "/a", "x", true), -EBUSY);
	assert_int_equal(ask_path(IPC_remove_file, "/a"), -EBUSY);
	assert_int_equal(store(STORE_REPLACE, 0, "/b", "x", true), 0);
	/* one writes in place, the other one replaces the whole file */
	assert_int_equal(ask_write(STORE_APPEND, 0, "/f", &other_fd), 0);
	channel = first;
	close(fd);
	assert_int_equal(ask_finish(true), 0);
	assert_int_equal(store(STORE_REPLACE, 0, "/f", "x", true), -EBUSY);
	assert_int_equal(store(STORE_REPLACE, 0, "/a", "y", true), 0);
	channel = second;
	close(other_fd);
	assert_int_equal(ask_finish(true), 0);
	channel = first;
	assert_int_equal(store(STORE_REPLACE, 0, "/f", "x", true), 0);
	/* a directory that an upload goes to is not empty */
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/d/x", &fd), 0);
	channel = second;
	assert_int_equal(ask_path(IPC_remove_directory, "/d"), -EBUSY);
	stop_files();
	channel = first;
	child = first_child;
	assert_int_equal(io_write_all(fd, "x", 1), 0);
	close(fd);
	assert_int_equal(ask_finish(false), 0);
	assert_int_equal(ask_path(IPC_remove_directory, "/d"), 0);
}

/* A process that dies between the two calls of a rename by link(2) leaves the finished file under both names. */
static void
test_upload_left_over(void **state)
{
	struct stat st;

	(void)state;
	put_file("f", "old");
	assert_int_equal(link(at("f"), at(partial_of("f"))), 0);
	assert_int_equal(store(STORE_APPEND, 0, "/f", " and more", true), 0);
	check_content("f", "old and more");
	assert_false(exists(partial_of("f")));
	assert_int_equal(link(at("f"), at(partial_of("f"))), 0);
	assert_int_equal(store(STORE_REPLACE, 0, "/f", "new", true), 0);
	check_content("f", "new");
	assert_false(exists(partial_of("f")));
	assert_int_equal(stat(at("f"), &st), 0);
	assert_int_equal(st.st_nlink, 1);
	/* the finished file has another name now */
	for (int mode = STORE_REPLACE; mode <= STORE_APPEND; mode += STORE_APPEND - STORE_REPLACE) {
		assert_int_equal(link(at("f"), at(partial_of("f"))), 0);
		assert_int_equal(rename(at("f"), at("renamed")), 0);
		assert_int_equal(store((enum ipc_store_mode)mode, 0, "/f", "newer", true), 0);
		check_content("renamed", "new");
		check_content("f", "newer");
		assert_int_equal(stat(at("renamed"), &st), 0);
		assert_int_equal(st.st_nlink, 1);
		assert_int_equal(rename(at("renamed"), at("f")), 0);
	}
}

#define RACES 1000

/* One round: a session ends an upload, and another one appends some microseconds later. */
static void
race_end_and_append(int first, int second, unsigned delay_us)
{
	struct timespec now, begin;
	int fd, appended;

	channel = first;
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/race", &fd), 0);
	assert_int_equal(io_write_all(fd, "whole", 5), 0);
	close(fd);
	ipc_begin(&message, IPC_finish_write);
	ipc_put_u8(&message, 1);
	assert_int_equal(ipc_send(channel, &message, -1), 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000000 + (now.tv_nsec - begin.tv_nsec) / 1000 < delay_us);
	channel = second;
	appended = store(STORE_APPEND, 0, "/race", "more", true);
	channel = first;
	assert_int_equal(ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message), 0);
	assert_int_equal(ipc_get_result(&message), 0);
	assert_true(appended == 0 || appended == -EBUSY);
	check_content("race", appended == 0 ? "wholemore" : "whole");
	assert_int_equal(unlink(at("race")), 0);
}

static int
setup_unsynced(void **state)
{
	(void)state;
	if (setup_dir() < 0)
		return -1;
	config.upload_sync = false;
	start(false);
	return 0;
}

/* The append looks for the finished file, then for the partial; the upload may finish between the two. */
static void
test_upload_appended_at_its_end(void **state)
{
	int first = channel, second;
	pid_t first_child = child;

	(void)state;
	channel = -1;
	start(false);
	second = channel;
	for (unsigned i = 0; i < RACES; i++)
		race_end_and_append(first, second, i % 60);
	channel = second;
	stop_files();
	channel = first;
	child = first_child;
}

static void
test_upload_links(void **state)
{
	struct stat st;

	(void)state;
	put_dir("d");
	put_file("d/t", "old");
	put_link("l", "d/t");
	put_link("d/abs", "/d/new");
	put_link("d/up", "../d/../over");
	assert_int_equal(store(STORE_REPLACE, 0, "/l", "new", true), 0);
	assert_int_equal(lstat(at("l"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	check_content("d/t", "new");
	assert_int_equal(store(STORE_REPLACE, 0, "/d/abs", "1", true), 0);
	check_content("d/new", "1");
	assert_int_equal(store(STORE_REPLACE, 0, "/d/up", "2", true), 0);
	check_content("over", "2");
}

static void
test_upload_unique(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(store(STORE_UNIQUE, 0, "/u", "0", true), 0);
	assert_string_equal(stored_name, "u");
	assert_int_equal(store(STORE_UNIQUE, 0, "/u", "1", true), 0);
	assert_string_equal(stored_name, "u.1");
	assert_int_equal(store(STORE_UNIQUE, 0, "/u", "2", false), 0);
	assert_string_equal(stored_name, "u.2");
	assert_int_equal(store(STORE_UNIQUE, 0, "/u", "3", true), 0);
	assert_string_equal(stored_name, "u.3");
	check_content("u", "0");
	/* the upload does not replace a file that appeared meanwhile */
	assert_int_equal(ask_write(STORE_UNIQUE, 0, "/v", &fd), 0);
	put_file("v", "other");
	close(fd);
	assert_int_equal(ask_finish(true), -EEXIST);
	check_content("v", "other");
}

static void
test_upload_long_name(void **state)
{
	char path[NAME_MAX + 2] = "/";

	(void)state;
	memset(path + 1, 'n', NAME_MAX);
	path[NAME_MAX + 1] = '\0';
	assert_int_equal(store(STORE_REPLACE, 0, path, "x", true), 0);
	assert_string_equal(stored_name, path + 1);
	check_content(path + 1, "x");
	assert_int_equal(store(STORE_UNIQUE, 0, path, "x", true), -ENAMETOOLONG);
}

static void
test_upload_target_became_directory(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/a", &fd), 0);
	assert_int_equal(io_write_all(fd, "x", 1), 0);
	close(fd);
	put_dir("a");
	assert_int_equal(ask_finish(true), -EISDIR);
	check_content(partial_of("a"), "x");
}

static void
test_upload_in_place(void **state)
{
	struct stat st;
	uint64_t size = 0;
	int fd;

	(void)state;
	assert_int_equal(ask_write(STORE_REPLACE, 0, "/a", &fd), 0);
	assert_int_equal(io_write_all(fd, "12345", 5), 0);
	close(fd);
	check_content("a", "12345");
	assert_int_equal(ask_finish(false), 0);
	assert_int_equal(stat(at("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(store(STORE_AT, 6, "/a", "x", true), -ERANGE);
	assert_int_equal(store(STORE_AT, 5, "/a", "6", true), 0);
	assert_int_equal(store(STORE_APPEND, 0, "/a", "7", true), 0);
	check_content("a", "1234567");
	assert_int_equal(store(STORE_REPLACE, 0, "/a", "x", true), 0);
	check_content("a", "x");
	assert_int_equal(store(STORE_UNIQUE, 0, "/a", "y", true), 0);
	assert_string_equal(stored_name, "a.1");
	put_file(partial_of("p"), "left over");
	assert_int_equal(ask_size("/p", &size), -ENOENT);
}

/* Clients cannot name partials, and old partials go. */
static void
test_partials_hidden(void **state)
{
	char path[PARTIAL_NAME_SIZE + 8], target[PARTIAL_NAME_SIZE + 8];
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	uint64_t size = 0;
	int fd;

	(void)state;
	assert_int_equal(store(STORE_REPLACE, 0, "/a", "x", false), 0);
	snprintf(path, sizeof(path), "/%s", partial_of("a"));
	assert_int_equal(ask_size(path, &size), -ENOENT);
	assert_int_equal(ask_read(path, 0, &fd), -ENOENT);
	assert_int_equal(ask_path(IPC_remove_file, path), -ENOENT);
	assert_int_equal(ask_path(IPC_make_directory, path), -ENOENT);
	assert_int_equal(store(STORE_REPLACE, 0, path, "x", true), -ENOENT);
	assert_int_equal(ask_rename(path, "/b"), -ENOENT);
	assert_int_equal(ask_rename("/b", path), -ENOENT);
	assert_int_equal(list_from(LIST_LONG, 0, 1, path), -ENOENT);
	assert_int_equal(list_from(LIST_NAMES, LIST_ALL, 1, "/.sally*"), -ENOENT);
	put_link("l", partial_of("a"));
	assert_int_equal(store(STORE_REPLACE, 0, "/l", "x", true), -ENOENT);
	check_list(LIST_NAMES, LIST_ALL, "/", "l\r\n");
	assert_int_equal(list_from(LIST_FACTS, 0, 1, "/"), 0);
	assert_int_equal(listed_entries, 1);

	assert_int_equal(ask_path(IPC_remove_file, "/a"), 0);
	assert_false(exists(path + 1));
	assert_int_equal(ask_path(IPC_remove_file, "/a"), -ENOENT);

	/* the first upload to a directory sweeps it */
	assert_int_equal(ask_path(IPC_make_directory, "/s"), 0);
	snprintf(target, sizeof(target), "s/%s", partial_of("old"));
	put_file(target, "x");
	assert_int_equal(utimensat(AT_FDCWD, at(target), old, 0), 0);
	snprintf(path, sizeof(path), "s/%s", partial_of("fresh"));
	put_file(path, "x");
	assert_int_equal(store(STORE_REPLACE, 0, "/s/b", "x", true), 0);
	assert_false(exists(target));
	assert_true(exists(path));
}

/* Listings. */

static void
put_tree(void)
{
	put_file("b", "22");
	put_file("a", "1");
	put_file(".hidden", "");
	put_dir("d");
	put_file("d/x", "");
	put_dir("d/e");
	put_file("d/e/y", "");
	put_dir("z");
	put_link("l", "a");
	put_link("dangling", "none");
}

static void
test_list_refused(void **state)
{
	(void)state;
	put_tree();
	assert_int_equal(list_from(LIST_LONG, 0, 1, "/none"), -ENOENT);
	assert_int_equal(list_from(LIST_NAMES, 0, 1, "/none*"), -ENOENT);
	assert_int_equal(list_from(LIST_FACTS, 0, 1, "/a"), -ENOTDIR);
	assert_int_equal(list_from(LIST_FACTS, 0, 1, "/*"), -ENOENT);
	assert_int_equal(list_from(LIST_NAMES, 0, 1, "/a/b"), -ENOTDIR);
	assert_int_equal(list_from(LIST_NAMES, 0, 1, "/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*"), -E2BIG);
}

static void
test_list_names(void **state)
{
	(void)state;
	put_tree();
	check_list(LIST_NAMES, 0, "/", "a\r\nb\r\nd\r\ndangling\r\nl\r\nz\r\n");
	assert_int_equal(listed_entries, 6);
	check_list(LIST_NAMES, LIST_ALL, "/", ".hidden\r\na\r\nb\r\nd\r\ndangling\r\nl\r\nz\r\n");
	check_list(LIST_NAMES, LIST_REVERSE, "/", "z\r\nl\r\ndangling\r\nd\r\nb\r\na\r\n");
	check_list(LIST_NAMES, LIST_CLASSIFY, "/", "a\r\nb\r\nd/\r\ndangling@\r\nl@\r\nz/\r\n");
	check_list(LIST_NAMES, 0, "/d", "d/e\r\nd/x\r\n");
	check_list(LIST_NAMES, 0, "/a", "a\r\n");
	check_list(LIST_NAMES, 0, "/z", "");
	check_list(LIST_NAMES, LIST_RECURSIVE, "/d", "d/e\r\nd/x\r\nd/e/y\r\n");
	check_list(LIST_NAMES, LIST_ITSELF, "/d", "d\r\n");
	check_list(LIST_NAMES, LIST_ITSELF, "/", ".\r\n");
	assert_int_equal(list_from(LIST_NAMES, 0, 0, "/d"), 0);
	assert_string_equal(text, "/d/e\r\n/d/x\r\n");
	assert_int_equal(list_from(LIST_NAMES, 0, 3, "/d"), 0);
	assert_string_equal(text, "e\r\nx\r\n");
}

static void
test_list_wildcards(void **state)
{
	(void)state;
	put_tree();
	put_file("[b]", "");
	check_list(LIST_NAMES, 0, "/*", "[b]\r\na\r\nb\r\nd\r\ndangling\r\nl\r\nz\r\n");
	check_list(LIST_NAMES, 0, "/[b]", "[b]\r\n");	/* as it is written */
	check_list(LIST_NAMES, 0, "/[bc]", "b\r\n");
	check_list(LIST_NAMES, 0, "/\\b", "b\r\n");
	check_list(LIST_NAMES, 0, "/.h*", ".hidden\r\n");
	check_list(LIST_NAMES, 0, "/*/*", "d/e\r\nd/x\r\n");
	check_list(LIST_NAMES, 0, "/d/?", "d/e\r\nd/x\r\n");
	check_list(LIST_NAMES, 0, "/*/e/y", "d/e/y\r\n");
	check_list(LIST_NAMES, 0, "/z*", "z\r\n");
	check_list(LIST_NAMES, LIST_RECURSIVE, "/d*", "dangling\r\nd/e\r\nd/x\r\nd/e/y\r\n");
	assert_int_equal(list_from(LIST_LONG, 0, 1, "/d/*"), 0);
	assert_non_null(strstr(text, " d/x\r\n\r\nd/e:\r\n-rw"));
	assert_int_equal(list_from(LIST_LONG, 0, 1, "/[z]"), 0);
	assert_string_equal(text, "");
}

static void
test_list_long(void **state)
{
	(void)state;
	put_tree();
	assert_int_equal(list_from(LIST_LONG, 0, 1, "/"), 0);
	assert_int_equal(strncmp(text, "-rw-r--r--   1 ftp      ftp             1 ", 42), 0);
	assert_non_null(strstr(text, " l -> a\r\n"));
	assert_non_null(strstr(text, " dangling -> none\r\n"));
	assert_null(strstr(text, " .\r\n"));
	assert_int_equal(list_from(LIST_LONG, LIST_ALL, 1, "/"), 0);
	assert_non_null(strstr(text, " .\r\n"));
	assert_non_null(strstr(text, " ..\r\n"));
	assert_int_equal(list_from(LIST_LONG, 0, 1, "/d/x"), 0);
	assert_non_null(strstr(text, " d/x\r\n"));
	assert_int_equal(list_from(LIST_NAMES, LIST_LONG_NAMES, 1, "/d"), 0);
	assert_int_equal(strncmp(text, "drwxr-xr-x ", 11), 0);
	assert_int_equal(list_from(LIST_LONG, LIST_BY_SIZE, 1, "/"), 0);
	assert_true(strstr(text, " b\r\n") < strstr(text, " a\r\n"));
	assert_int_equal(list_from(LIST_LONG, LIST_RECURSIVE, 1, "/"), 0);
	assert_int_equal(strncmp(text, ".:\r\n-rw", 7), 0);
	assert_non_null(strstr(text, "\r\n\r\n./d:\r\ndrw"));
	assert_non_null(strstr(text, "\r\n\r\n./d/e:\r\n-rw"));
	assert_non_null(strstr(text, "\r\n\r\n./z:\r\n"));
}

static void
test_list_by_time(void **state)
{
	struct timespec times[2] = {{.tv_sec = -5}, {.tv_sec = -5}};

	(void)state;
	put_file("new", "");
	put_file("old", "");
	put_file("ancient", "");
	assert_int_equal(utimensat(AT_FDCWD, at("ancient"), times, 0), 0);
	times[1].tv_sec = 5;
	assert_int_equal(utimensat(AT_FDCWD, at("old"), times, 0), 0);
	check_list(LIST_NAMES, LIST_BY_TIME, "/", "new\r\nold\r\nancient\r\n");
	check_list(LIST_NAMES, LIST_BY_TIME | LIST_REVERSE, "/", "ancient\r\nold\r\nnew\r\n");
	check_list(LIST_NAMES, LIST_BY_TIME, "/*", "new\r\nold\r\nancient\r\n");
	/* nanoseconds since 1970 fit until 2262 */
	times[1].tv_sec = 9999999999;
	put_file("future", "");
	assert_int_equal(utimensat(AT_FDCWD, at("future"), times, 0), 0);
	check_list(LIST_NAMES, LIST_BY_TIME, "/", "future\r\nnew\r\nold\r\nancient\r\n");
}

static void
test_list_facts(void **state)
{
	size_t len;

	(void)state;
	put_tree();
	assert_int_equal(list_from(LIST_FACTS, 0, 1, "/"), 0);
	assert_int_equal(listed_entries, 7);
	assert_non_null(strstr(text, "; .hidden\r\n"));
	assert_non_null(strstr(text, "; l\r\n"));
	assert_non_null(strstr(text, "type=dir;"));
	assert_non_null(strstr(text, "type=OS.unix=symlink;"));
	assert_null(strstr(text, "cdir"));
	assert_int_equal(ask_facts(FACTS_ALL, "/b"), 0);
	assert_int_equal(strncmp(ipc_get_bytes(&message, 1024, &len), "type=file;size=2;modify=", 24), 0);
	assert_int_equal(ask_facts(FACTS_ALL, "/"), 0);
	assert_int_equal(strncmp(ipc_get_bytes(&message, 1024, &len), "type=dir;modify=", 16), 0);
	assert_int_equal(ask_facts(FACT_SIZE | FACT_TYPE, "/b"), 0);
	assert_int_equal(strncmp(ipc_get_bytes(&message, 1024, &len), "type=file;size=2; ", 18), 0);
	assert_int_equal(len, 18);
	assert_int_equal(ask_facts(0, "/b"), 0);
	assert_int_equal(strncmp(ipc_get_bytes(&message, 1024, &len), " ", 1), 0);
	assert_int_equal(len, 1);
	assert_int_equal(ask_facts(FACTS_ALL, "/dangling"), 0);
	assert_int_equal(ask_facts(FACTS_ALL, "/none"), -ENOENT);
}

/* The reader closes the connection: the listing stops, and the session goes on. */
static void
test_list_reader_gone(void **state)
{
	char name[64];

	(void)state;
	for (int i = 0; i < 6000; i++) {
		snprintf(name, sizeof(name), "a-name-of-some-length-so-that-pipes-fill-%08d", i);
		assert_int_equal(close(open(at(name), O_WRONLY | O_CREAT, 0644)), 0);
	}
	ipc_begin(&message, IPC_list);
	ipc_put_u8(&message, LIST_LONG);
	ipc_put_u8(&message, 0);
	ipc_put_u8(&message, FACTS_ALL);
	ipc_put_u32(&message, 1);
	ipc_put_text(&message, "/");
	assert_int_equal(ask(), 0);
	close(ipc_take_fd(&message));
	ipc_begin(&message, IPC_list_end);
	assert_int_equal(ask(), -EPIPE);
	assert_int_equal(ask_path(IPC_enter, "/"), 0);
}

static void
test_end(void **state)
{
	(void)state;
	assert_int_equal(stop_files(), FILES_EXIT_END);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_protocol_errors, setup, teardown),
    cmocka_unit_test_setup_teardown(test_second_upload_is_fatal, setup, teardown),
    cmocka_unit_test_setup_teardown(test_confined, setup, teardown),
    cmocka_unit_test_setup_teardown(test_special_files, setup, teardown),
    cmocka_unit_test_setup_teardown(test_read, setup, teardown),
    cmocka_unit_test_setup_teardown(test_written_file_waits, setup, teardown),
    cmocka_unit_test_setup_teardown(test_read_only, setup_read_only, teardown),
    cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_whole, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_broken, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_resume, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_locked, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_appended_at_its_end, setup_unsynced, teardown),
    cmocka_unit_test_setup_teardown(test_upload_left_over, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_links, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_unique, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_long_name, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_target_became_directory, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_in_place, setup_in_place, teardown),
    cmocka_unit_test_setup_teardown(test_upload_held, setup, teardown),
    cmocka_unit_test_setup_teardown(test_upload_held, setup_in_place, teardown),
    cmocka_unit_test_setup_teardown(test_upload_held_and_resumed, setup, teardown),
    cmocka_unit_test_setup_teardown(test_partials_hidden, setup, teardown),
    cmocka_unit_test_setup_teardown(test_list_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(test_list_names, setup, teardown),
    cmocka_unit_test_setup_teardown(test_list_wildcards, setup, teardown),
    cmocka_unit_test_setup_teardown(test_list_long, setup, teardown),
    cmocka_unit_test_setup_teardown(test_list_by_time, setup, teardown),
    cmocka_unit_test_setup_teardown(test_list_facts, setup, teardown),
    cmocka_unit_test_setup_teardown(test_list_reader_gone, setup, teardown),
    cmocka_unit_test_setup_teardown(test_end, setup, teardown),
};

int
main(void)
{
	return run_both_ways(tests, sizeof(tests) / sizeof(tests[0]));
}
