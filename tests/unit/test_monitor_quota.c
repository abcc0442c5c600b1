/* SPDX-License-Identifier: ISC */
/* The monitor's side of the quota, asked by a files process that says anything at any time. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/monitor/state.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

static char directory[] = "/tmp/test-monitor-quota.XXXXXX";
static char path[sizeof(directory) + 16];
static const uint8_t boot[16] = {1};
static struct monitor monitor;
static struct session session;
static struct config config;
static struct claims claims;
static int files_end = -1, master_end = -1;
static struct ipc_message message;

static int
setup(void **state)
{
	int pair[2], master[2];

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test-monitor-quota.XXXXXX");
	if (mkdtemp(directory) == NULL || ipc_pair(pair, 10) < 0 || ipc_pair(master, 10) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/alice", directory);
	memset(&monitor, 0, sizeof(monitor));
	session = (struct session){.config = &config, .claims = &claims, .log_channel = -1, .hook_channel = -1};
	monitor.session = &session;
	monitor.state = IPC_STATE_READY;
	monitor.protocol = (struct child){.name = "protocol", .channel = -1};
	monitor.files = (struct child){.name = "files", .channel = pair[0]};
	files_end = pair[1];
	session.master_channel = master[0];
	master_end = master[1];
	monitor.quota.limits = (struct ledger_limits){1 << 20, 100};
	return ledger_open(&monitor.quota.book, path, boot);
}

static int
teardown(void **state)
{
	(void)state;
	ledger_close(&monitor.quota.book);
	close_fd(&monitor.files.channel);
	close_fd(&files_end);
	close_fd(&master_end);
	close_fd(&session.master_channel);
	unlink(path);
	return rmdir(directory);
}

/* Send what is in hand as files does. */
static int
answered(void)
{
	assert_int_equal(ipc_send(files_end, &message, -1), 0);
	assert_int_equal(ipc_receive(monitor.files.channel, IPC_MONITOR, IPC_STATE_READY, &monitor.message), 0);
	if (!monitor_answer_files(&monitor))
		return 1;
	assert_int_equal(ipc_receive(files_end, IPC_FILES, IPC_STATE_READY, &message), 0);
	return ipc_get_result(&message);
}

/* What files says, with its figures. Returns the result in the monitor's answer; 1: the session must end. */
static int
say(enum ipc_kind kind, size_t count, const uint64_t figures[])
{
	ipc_begin(&message, kind);
	for (size_t i = 0; i < count; i++)
		ipc_put_u64(&message, figures[i]);
	return answered();
}

static int
tell(const void *bytes, size_t len)
{
	ipc_begin(&message, IPC_ledger_tell);
	ipc_put_bytes(&message, bytes, len);
	return answered();
}

#define SAY(kind, ...) say(IPC_##kind, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

/* As the counter of another process does. */
static void
count_home(uint64_t bytes, uint64_t files)
{
	static struct ledger_count counting;
	const struct ledger_figure counted = {bytes, files, LEDGER_EXACT};
	struct ledger counter;

	assert_int_equal(ledger_open(&counter, path, boot), 0);
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	assert_int_equal(ledger_count_look(&counter, &counting), 0);
	assert_int_equal(ledger_count_end(&counter, &counting, &counted), 0);
	ledger_close(&counter);
}

/* Is the master told that the home is to be counted? */
static bool
is_count_wanted(void)
{
	int r = ipc_receive_now(master_end, IPC_MASTER, IPC_STATE_READY, &message);

	assert_true(r == 0 || r == -EAGAIN);
	if (r == 0)
		assert_int_equal(message.kind, IPC_count_home);
	return r == 0;
}

static void
test_order(void **state)
{
	(void)state;
	assert_int_equal(SAY(ledger_end, 0, 0), 1);
	assert_int_equal(SAY(ledger_upload, 1, 1, 1), 1);
	assert_int_equal(SAY(ledger_uploaded, 1), 1);
	assert_int_equal(tell(NULL, 0), 1);
	count_home(1, 1);
	assert_int_equal(SAY(ledger_begin, 0, 0), 0);
	assert_int_equal(SAY(ledger_begin, 0, 0), 1);
	assert_int_equal(tell(NULL, 0), 0);
	assert_int_equal(tell("half an event", 13), 1);
}

/* Without a figure nothing grows, and the master is asked for one; not at each question. */
static void
test_count_is_asked_for(void **state)
{
	struct ledger_figure figure;
	struct ledger other;
	uint64_t granted;

	(void)state;
	assert_int_equal(say(IPC_ledger_read, 0, NULL), -EUCLEAN);
	assert_int_equal(SAY(ledger_begin, 0, 1), -EUCLEAN);
	assert_true(is_count_wanted());
	assert_false(is_count_wanted());
	assert_int_equal(SAY(ledger_begin, 0, 0), 0);
	assert_int_equal(ipc_get_u8(&message), 0);	/* nobody counts yet */
	assert_int_equal(ipc_get_u8(&message), 1);	/* no byte is to be had */
	assert_int_equal(SAY(ledger_upload, 1, 0, 0), -EUCLEAN);
	assert_int_equal(SAY(ledger_end, 0, 0), 0);
	count_home(1, 1);
	monitor.quota.asked_ms = 0;
	assert_int_equal(SAY(ledger_begin, 0, 1), 0);
	assert_int_equal(SAY(ledger_end, 0, 1), 0);
	assert_false(is_count_wanted());
	/* a session dies, and what it may have added leaves no room: the count is to say */
	assert_int_equal(ledger_open(&other, path, boot), 0);
	assert_int_equal(ledger_begin(&other, &monitor.quota.limits, 0, 0, &figure), 0);
	assert_int_equal(ledger_upload_begin(&other, 5, 0), 0);
	assert_int_equal(ledger_upload_reserve(&other, &monitor.quota.limits, (1 << 20) - 1, &granted, &figure), 0);
	assert_int_equal(ledger_end(&other, 0, 0), 0);
	assert_int_equal(SAY(ledger_begin, 1, 0), -EDQUOT);
	assert_false(is_count_wanted());
	ledger_close(&other);
	assert_int_equal(SAY(ledger_begin, 1, 0), -EINPROGRESS);
	assert_true(is_count_wanted());
	assert_int_equal(SAY(ledger_begin, 0, 1), 0);
	assert_int_equal(SAY(ledger_end, 0, 1), 0);
}

/* A taken-over files process tells a count what it likes: the count, of its own account, is in vain at worst. */
static void
test_tales_for_a_count(void **state)
{
	static struct ledger_count counting;
	struct ledger_event event = {1, UINT64_MAX, UINT64_MAX};
	struct ledger counter;

	(void)state;
	count_home(1, 1);
	assert_int_equal(ledger_open(&counter, path, boot), 0);
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	assert_int_equal(SAY(ledger_begin, 0, 0), 0);
	assert_int_equal(ipc_get_u8(&message), 1);
	assert_int_equal(tell(&event, sizeof(event)), 0);
	assert_int_equal(SAY(ledger_end, 0, 0), 0);
	assert_int_equal(ledger_count_look(&counter, &counting), -EAGAIN);
	assert_int_equal(ledger_count_end(&counter, &counting, NULL), 0);
	ledger_close(&counter);
	assert_int_equal(say(IPC_ledger_read, 0, NULL), 0);
}

/* No figure overflows anything (the build for sanitizers sees it), and none that no home can have is believed. */
static void
test_figures(void **state)
{
	static const uint64_t figures[] = {INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX, 1ULL << 62, 1ULL << 52, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		for (size_t k = 0; k < sizeof(figures) / sizeof(figures[0]); k++) {
			int r;

			count_home(1, 1);
			(void)SAY(ledger_begin, figures[i], figures[k]);
			if (!monitor.quota.book.is_locked)
				assert_int_equal(SAY(ledger_begin, 0, 0), 0);
			if (SAY(ledger_upload, figures[k], figures[i], 0) == 0)
				(void)SAY(ledger_uploaded, figures[k]);
			r = SAY(ledger_end, figures[i], figures[k]);
			if (figures[k] != 0 && figures[k] != UINT64_MAX)
				assert_int_equal(r, 1);	/* so many files in one change */
			ledger_abandon(&monitor.quota.book);
			r = say(IPC_ledger_read, 0, NULL);
			assert_true(r == 0 || r == -EUCLEAN);
			if (r == 0)
				assert_uint_in_range(ipc_get_u64(&message), 0, 1 << 21);
			/* the session is gone, and another one begins */
			ledger_close(&monitor.quota.book);
			monitor.quota.changing_since_ms = 0;
			assert_int_equal(ledger_open(&monitor.quota.book, path, boot), 0);
		}
}

/*
 * A change without an end holds up the other sessions of the account for ten seconds, not for longer: a large file that
 * is removed, or a journal under load, may need some of them.
 */
static void
test_change_without_end(void **state)
{
	struct ledger_figure figure;
	struct ledger other;
	pid_t sibling;
	uint64_t began;
	int status;

	(void)state;
	count_home(1, 1);
	assert_true(quota_change_due_ms(&monitor) == NEVER);
	assert_int_equal(SAY(ledger_begin, 0, 0), 0);
	began = monotonic_ms();
	assert_uint_in_range(quota_change_due_ms(&monitor) - began, 9900, 10000);
	assert_false(quota_give_up_change(&monitor));	/* nobody waits: a slow disk is no crime */
	assert_uint_in_range(quota_change_due_ms(&monitor) - began, 1, 10000);
	sibling = fork();
	if (sibling == 0) {
		alarm(20);
		if (ledger_open(&other, path, boot) < 0)
			_exit(1);
		/* the change that was given up is bounded, and nobody waits for more */
		_exit(ledger_begin(&other, &monitor.quota.limits, 0, 0, &figure) == 0 && figure.state == LEDGER_BOUND
			? 0
			: 2);
	}
	while (!quota_give_up_change(&monitor) && monotonic_ms() - began < 10000)
		io_wait(-1, 0, monotonic_ms() + 10);
	assert_int_equal(waitpid(sibling, &status, 0), sibling);
	assert_int_equal(status, 0);
	assert_true(quota_change_due_ms(&monitor) == NEVER);
	assert_int_equal(SAY(ledger_end, 0, 0), 1);	/* too late */
}

/* From here on every write to the ledger fails, as on a disk that is broken. */
static void
break_ledger(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(dup3(fd, monitor.quota.book.fd, O_CLOEXEC), monitor.quota.book.fd);
	close_fd(&fd);
}

/* How far the process that plays protocol may write. */
static uint64_t
write_limit(void)
{
	struct rlimit limit;

	assert_int_equal(prlimit(monitor.protocol.pid, RLIMIT_FSIZE, NULL, &limit), 0);
	return limit.rlim_cur;
}

/* What is written to another tree, without a limit of bytes, later in the session. */
static uint64_t
limit_elsewhere(void)
{
	monitor.quota.limits.bytes = LEDGER_NO_LIMIT;
	ipc_begin(&message, IPC_ledger_of);
	ipc_put_u8(&message, 0);
	assert_int_equal(ipc_send(files_end, &message, -1), 0);
	assert_int_equal(ipc_receive(monitor.files.channel, IPC_MONITOR, IPC_STATE_READY, &monitor.message), 0);
	assert_true(monitor_answer_ledger_of(&monitor));
	assert_int_equal(ipc_receive(files_end, IPC_FILES, IPC_STATE_READY, &message), 0);
	return write_limit();
}

/* An upload, in a bracket that has not ended, by a process that stands for protocol: its limit of writing can be seen. */
static void
begin_upload(void)
{
	struct rlimit own;

	count_home(1, 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &own), 0);
	monitor.quota.hard_limit = own.rlim_max;
	monitor.protocol.pid = fork();
	if (monitor.protocol.pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(SAY(ledger_begin, 0, 1), 0);
	assert_int_equal(SAY(ledger_upload, 1, 0, 0), 0);
}

static void
end_protocol(void)
{
	kill(monitor.protocol.pid, SIGKILL);
	waitpid(monitor.protocol.pid, NULL, 0);
}

/*
 * An upload whose beginning cannot be settled is refused. Its limit must not stay for the rest of the session: what the
 * user writes to a folder without a quota would be "too large".
 */
static void
test_upload_that_cannot_begin(void **state)
{
	(void)state;
	begin_upload();
	assert_true(write_limit() <= 1 << 20);
	break_ledger();
	assert_true(SAY(ledger_end, 0, 1) < 0);
	assert_int_equal(write_limit(), 0);
	assert_true(limit_elsewhere() == monitor.quota.hard_limit);
	end_protocol();
}

/* One that goes on keeps its limit, whatever fails elsewhere meanwhile. */
static void
test_upload_that_goes_on(void **state)
{
	(void)state;
	begin_upload();
	assert_int_equal(SAY(ledger_end, 0, 1), 0);
	assert_int_equal(SAY(ledger_begin, 0, 0), 0);
	break_ledger();
	assert_true(SAY(ledger_end, 0, 0) < 0);
	assert_true(limit_elsewhere() <= 1 << 20);
	end_protocol();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_order),
	    TEST(test_count_is_asked_for),
	    TEST(test_tales_for_a_count),
	    TEST(test_figures),
	    TEST(test_change_without_end),
	    TEST(test_upload_that_cannot_begin),
	    TEST(test_upload_that_goes_on),
	};

	return cmocka_run_group_tests_name("monitor, quota", tests, NULL, NULL);
}
