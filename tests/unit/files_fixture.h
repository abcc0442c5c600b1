/* SPDX-License-Identifier: ISC */
/*
 * A files process under test: it runs in a directory of its own, bare or behind its walls, and answers over a
 * channel.
 */
#ifndef TESTS_UNIT_FILES_FIXTURE_H
#define TESTS_UNIT_FILES_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/files/answer.h"
#include "privsep/files/digest.h"
#include "privsep/files/files.h"
#include "privsep/files/partial_name.h"
#include "privsep/ipc/ipc.h"
#include "privsep/sandbox/sandbox.h"

#define TEST_ID 54321	/* a uid and gid that nobody has */
#define CHILD_SECONDS 120
#define TEXT_MAX (1 << 16)

static bool has_walls;
static char home[64];
static int home_fd = -1, channel = -1;
static pid_t child;
static unsigned rights;	/* of the next process */
static struct config config;
static char no_hook[] = "";
static struct ipc_message message;
static char text[TEXT_MAX];

/* Starting and stopping. */

static inline void
child_run(int their_channel, bool is_read_only)
{
	struct files_session session = {
	    .home_fd = home_fd,
	    .protocol_channel = their_channel,
	    .monitor_channel = -1,
	    .quota_slot_fd = -1,
	    .uid = has_walls ? TEST_ID : getuid(),
	    .gid = has_walls ? TEST_ID : getgid(),
	    .is_read_only = is_read_only,
	    .rights = is_read_only ? rights & MAY_ONLY_LOOK : rights,
	    .config = &config,
	};
	pid_t parent = getppid();

	alarm(CHILD_SECONDS);
	if (has_walls) {
		session.monitor_channel = dup(their_channel);
		signal(SIGPIPE, SIG_IGN);
		if (sandbox_enter(SANDBOX_MONITOR_LOGIN, parent) < 0)
			_exit(99);
		files_run(&session);
	}
	signal(SIGPIPE, SIG_IGN);
	umask(0);
	close(channel);
	if (partial_name_init() < 0 || digest_init() < 0)
		_exit(98);
	_exit(files_serve(&session) == 0 ? FILES_EXIT_END : FILES_EXIT_PROTOCOL);
}

static inline void
start(bool is_read_only)
{
	int pair[2];

	home_fd = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(home_fd >= 0);
	assert_int_equal(ipc_pair(pair, 30), 0);
	channel = pair[0];
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		child_run(pair[1], is_read_only);
	close(pair[1]);
}

/* Close the channel and tell how the process ended. */
static inline int
stop_files(void)
{
	int status;

	close_fd(&channel);
	assert_int_equal(waitpid(child, &status, 0), child);
	close_fd(&home_fd);
	child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline void
restart(void)
{
	assert_int_equal(stop_files(), FILES_EXIT_END);
	start(false);
}

static inline int
setup_dir(void)
{
	config = (struct config){
	    .uploads = UPLOADS_ATOMIC,
	    .upload_sync = true,
	    .partial_keep_s = 86400,
	    .on_upload = no_hook,
	    .file_mode = 0640,
	    .directory_mode = 0750,
	};
	rights = MAY_ALL;
	snprintf(home, sizeof(home), "/tmp/sallyport-files-XXXXXX");
	if (mkdtemp(home) == NULL)
		return -1;
	return has_walls ? chown(home, TEST_ID, TEST_ID) : 0;
}

static inline int
setup(void **state)
{
	(void)state;
	if (setup_dir() < 0)
		return -1;
	start(false);
	return 0;
}

static inline int
setup_read_only(void **state)
{
	(void)state;
	if (setup_dir() < 0)
		return -1;
	start(true);
	return 0;
}

static inline int
setup_in_place(void **state)
{
	(void)state;
	if (setup_dir() < 0)
		return -1;
	config.uploads = UPLOADS_IN_PLACE;
	start(false);
	return 0;
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int
teardown(void **state)
{
	(void)state;
	if (child > 0)
		stop_files();
	return nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The home from the outside. */

static inline const char *
at(const char *path)
{
	static char full[4][512];
	static unsigned next;
	char *out = full[next++ % 4];

	snprintf(out, sizeof(full[0]), "%s/%s", home, path);
	return out;
}

static inline void
own(const char *path)
{
	if (has_walls)
		assert_int_equal(lchown(at(path), TEST_ID, TEST_ID), 0);
}

static inline void
put_file(const char *path, const char *content)
{
	int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, content, strlen(content)), 0);
	close(fd);
	own(path);
}

static inline void
put_dir(const char *path)
{
	assert_int_equal(mkdir(at(path), 0755), 0);
	own(path);
}

static inline void
put_link(const char *path, const char *target)
{
	assert_int_equal(symlink(target, at(path)), 0);
	own(path);
}

static inline const char *
content(const char *path)
{
	static char bytes[256];
	int fd = open(at(path), O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = io_read_all(fd, bytes, sizeof(bytes) - 1);
	close(fd);
	bytes[n < 0 ? 0 : n] = '\0';
	return bytes;
}

static inline const char *
partial_of(const char *target)
{
	static char name[PARTIAL_NAME_SIZE];

	assert_int_equal(partial_name_make(target, name), 0);
	return name;
}

static inline bool
exists(const char *path)
{
	struct stat st;

	return lstat(at(path), &st) == 0;
}

static inline void
check_content(const char *path, const char *expected)
{
	const char *got = content(path);

	if (got == NULL)
		fail_msg("'%s' is not there", path);
	assert_string_equal(got, expected);
}

/* Questions. */

static inline int
ask(void)
{
	int r = ipc_send(channel, &message, -1);

	if (r == 0)
		r = ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message);
	assert_int_equal(r, 0);
	return ipc_get_result(&message);
}

static inline int
ask_path(enum ipc_kind kind, const char *path)
{
	ipc_begin(&message, kind);
	ipc_put_text(&message, path);
	return ask();
}

static inline int
ask_facts(uint8_t facts, const char *path)
{
	ipc_begin(&message, IPC_facts);
	ipc_put_u8(&message, facts);
	ipc_put_text(&message, path);
	return ask();
}

static inline int
ask_size(const char *path, uint64_t *size)
{
	int r = ask_path(IPC_stat, path);

	if (r == 0) {
		(void)ipc_get_u8(&message);
		*size = ipc_get_u64(&message);
	}
	return r;
}

static inline int
ask_rename(const char *from, const char *to)
{
	ipc_begin(&message, IPC_rename);
	ipc_put_text(&message, from);
	ipc_put_text(&message, to);
	return ask();
}

static inline int
ask_read(const char *path, uint64_t offset, int *fd)
{
	int r;

	ipc_begin(&message, IPC_open_read);
	ipc_put_u64(&message, offset);
	ipc_put_text(&message, path);
	r = ask();
	*fd = ipc_take_fd(&message);
	return r;
}

static char stored_name[NAME_MAX + 1];
static uint64_t stored_start;

static inline int
ask_write(enum ipc_store_mode mode, uint64_t offset, const char *path, int *fd)
{
	int r;

	ipc_begin(&message, IPC_open_write);
	ipc_put_u8(&message, (uint8_t)mode);
	ipc_put_u64(&message, offset);
	ipc_put_text(&message, path);
	r = ask();
	*fd = -1;
	if (r == 0) {
		*fd = ipc_take_fd(&message);
		stored_start = ipc_get_u64(&message);
		ipc_get_text(&message, stored_name, sizeof(stored_name));
		assert_true(ipc_end(&message));
	}
	return r;
}

static inline int
ask_finish(bool is_whole)
{
	ipc_begin(&message, IPC_finish_write);
	ipc_put_u8(&message, is_whole);
	return ask();
}

/* The whole upload, from opening to its end. */
static inline int
store(enum ipc_store_mode mode, uint64_t offset, const char *path, const char *bytes, bool is_whole)
{
	int fd;
	int r = ask_write(mode, offset, path, &fd);

	if (r < 0)
		return r;
	assert_int_equal(io_write_all(fd, bytes, strlen(bytes)), 0);
	close(fd);
	return ask_finish(is_whole);
}

static uint64_t listed_entries;

/* A listing into text; shown_from is the end of the working directory "/". */
static inline int
list_from(enum ipc_list_form form, unsigned flags, uint32_t shown_from, const char *path)
{
	ssize_t n;
	int fd, r;

	ipc_begin(&message, IPC_list);
	ipc_put_u8(&message, (uint8_t)form);
	ipc_put_u8(&message, (uint8_t)flags);
	ipc_put_u8(&message, FACTS_ALL);
	ipc_put_u32(&message, shown_from);
	ipc_put_text(&message, path);
	r = ask();
	text[0] = '\0';
	if (r < 0)
		return r;
	fd = ipc_take_fd(&message);
	n = io_read_all(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	ipc_begin(&message, IPC_list_end);
	r = ask();
	listed_entries = ipc_get_u64(&message);
	return r;
}

static inline void
check_list(enum ipc_list_form form, unsigned flags, const char *path, const char *expected)
{
	assert_int_equal(list_from(form, flags, 1, path), 0);
	assert_string_equal(text, expected);
}

static inline void
complain(void *arg, const char *complaint)
{
	(void)arg;
	fprintf(stderr, "%s\n", complaint);
}

/* Run the tests bare and, as root, behind the walls. Returns how many failed. */
static inline int
run_both_ways(const struct CMUnitTest *tests, size_t count)
{
	int failed;

	umask(0);
	if (partial_name_init() < 0)
		return 1;
	failed = _cmocka_run_group_tests("files, bare", tests, count, NULL, NULL);
	if (geteuid() != 0) {
		printf("files, behind walls: skipped, needs root\n");
		return failed;
	}
	if (sandbox_init(complain, NULL) < 0)
		return 1;
	has_walls = true;
	return failed + _cmocka_run_group_tests("files, behind walls", tests, count, NULL, NULL);
}

#endif
