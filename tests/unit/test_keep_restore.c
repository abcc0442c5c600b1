/* SPDX-License-Identifier: ISC */
/* A restore beside another session: what is done between its look at the item and its lock. */
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
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/files/keep.h"
#include "privsep/files/keep_restore.h"
#include "privsep/files/partial_name.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define SECONDS_MAX 30

static char place[] = "/tmp/test-keep-restore.XXXXXX";
static char item[PATH_MAX], name[PATH_MAX], other[PATH_MAX];
static const struct config config = {.uploads = UPLOADS_ATOMIC};
static const struct keep_rules rules = {.days = 30, .quota_bytes = KEEP_NO_QUOTA};
static struct files_session session;
static struct quota quota;
static struct home home;
static struct home_path path;
static struct keep_versions versions;
static struct ipc_message message;

static void
put(const char *where, const char *text)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void
check(const char *where, const char *text)
{
	char bytes[16] = "";
	int fd = open(where, O_RDONLY);

	if (fd < 0)
		fail_msg("'%s' is gone", where);
	assert_true(io_read_all(fd, bytes, sizeof(bytes) - 1) >= 0);
	close(fd);
	assert_string_equal(bytes, text);
}

/* "f" was removed, and is kept. */
static int
setup(void **state)
{
	struct keep_hold hold;
	char hash[KEEP_HASH_SIZE];
	struct stat st;

	(void)state;
	snprintf(place, sizeof(place), "/tmp/test-keep-restore.XXXXXX");
	if (mkdtemp(place) == NULL)
		return -1;
	snprintf(name, sizeof(name), "%s/f", place);
	snprintf(other, sizeof(other), "%s/other", place);
	session = (struct files_session){.home_fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC),
	    .protocol_channel = -1,
	    .monitor_channel = -1,
	    .quota_slot_fd = -1,
	    .uid = getuid(),
	    .gid = getgid(),
	    .rights = MAY_ALL,
	    .keep = rules,
	    .config = &config};
	assert_int_equal(home_init(&home, &session), 0);
	home.keep = &session.keep;
	assert_int_equal(home_path_check("/f", 2, &path), 0);
	keep_init(&hold);
	put(name, "kept");
	assert_int_equal(keep_before_replacing(&hold, &home, &path, session.home_fd, "f"), 0);
	assert_int_equal(unlink(name), 0);
	keep_end_change(&hold, 0);
	assert_int_equal(keep_versions(&home, &path, &versions), 0);
	assert_int_equal(versions.rows, 1);
	assert_int_equal(keep_hash(&path, hash), 0);
	snprintf(item, sizeof(item), "%s/.sallyport-keep/%.5s/%s/%s", place, versions.row[0].id, hash,
	    versions.row[0].id + KEEP_DAY_SIZE);
	return stat(item, &st);
}

static int
remove_one(const char *at, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(at);
}

static int
teardown(void **state)
{
	(void)state;
	close(session.home_fd);
	return nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The monitor, which grants whatever is asked; the other session does its part before the first answer. */
static void __attribute__((noreturn))
answer_beside(int channel, void (*meanwhile)(void))
{
	bool is_first = true;

	alarm(SECONDS_MAX);
	while (ipc_receive(channel, IPC_MONITOR, IPC_STATE_READY, &message) == 0) {
		if (is_first)
			meanwhile();
		is_first = false;
		ipc_begin_reply(&message, message.kind, 0);
		if (message.kind == IPC_ledger_begin) {
			ipc_put_u8(&message, 0);
			ipc_put_u8(&message, 0);
		}
		if (ipc_send(channel, &message, -1) < 0)
			break;
	}
	_exit(0);
}

static int
restore_beside(void (*meanwhile)(void))
{
	int ends[2], r, status;
	pid_t pid;

	assert_int_equal(ipc_pair(ends, SECONDS_MAX), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		answer_beside(ends[1], meanwhile);
	}
	close(ends[1]);
	quota = (struct quota){.is_kept = true, .channel = ends[0]};
	home.quota = &quota;
	r = keep_restore(&home, &path, versions.row[0].id, strlen(versions.row[0].id));
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return r;
}

static void
do_nothing(void)
{
}

static void
restore_it_and_keep_another(void)
{
	if (rename(item, name) < 0)
		_exit(1);
	put(item, "other");
}

static void
keep_another(void)
{
	put(other, "other");
	if (rename(other, item) < 0)
		_exit(1);
}

static void
restore_it(void)
{
	if (rename(item, name) < 0)
		_exit(1);
}

/* It was killed between the two steps of keeping. */
static void
restore_it_by_a_link(void)
{
	if (link(item, name) < 0)
		_exit(1);
}

static void
test_alone(void **state)
{
	(void)state;
	assert_int_equal(restore_beside(do_nothing), 0);
	check(name, "kept");
	assert_int_equal(access(item, F_OK), -1);
}

/* Within one second the keep gives the item's name again. */
static void
test_name_of_another_file(void **state)
{
	(void)state;
	assert_true(restore_beside(restore_it_and_keep_another) < 0);
	check(name, "kept");
	check(item, "other");
}

static void
test_another_file_alone(void **state)
{
	(void)state;
	assert_true(restore_beside(keep_another) < 0);
	check(item, "other");
	assert_int_equal(access(name, F_OK), -1);
}

static void
test_restored_meanwhile(void **state)
{
	(void)state;
	assert_true(restore_beside(restore_it) < 0);
	check(name, "kept");
}

static void
test_there_already(void **state)
{
	(void)state;
	assert_int_equal(restore_beside(restore_it_by_a_link), 0);
	check(name, "kept");
	assert_int_equal(access(item, F_OK), -1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_alone),
	    TEST(test_name_of_another_file),
	    TEST(test_another_file_alone),
	    TEST(test_restored_meanwhile),
	    TEST(test_there_already),
	};

	if (partial_name_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
