/* SPDX-License-Identifier: ISC */
/* Turns of long work: the master's rounds, and a monitor whose files process asks at the wrong time or too often. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "daemon/master/server.h"
#include "daemon/master/work.h"
#include "privsep/monitor/state.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define SLOTS 6

static struct server server;
static struct work_turns work;
static struct config config;
static struct slot slots[SLOTS];
static int monitors[SLOTS];
static struct ipc_message message;

/* The sessions of the slots belong to alice, alice, alice, bob, bob and carol. */
static int
setup(void **state)
{
	static const char *const users[SLOTS] = {"alice", "alice", "alice", "bob", "bob", "carol"};
	int pair[2];

	(void)state;
	memset(&server, 0, sizeof(server));
	memset(slots, 0, sizeof(slots));
	config.limits.concurrent_work = 2;
	config.limits.work_per_user = 1;
	server.config = &config;
	if (loop_new(1, &server.loop) < 0)
		return -1;
	work_init(&work, &server);
	for (int i = 0; i < SLOTS; i++) {
		if (ipc_pair(pair, 5) < 0)
			return -1;
		slots[i].channel = pair[0];
		monitors[i] = pair[1];
		slots[i].monitor_pid = 1; /* no process of this test is in its group */
		slots[i].is_logged_in = true;
		snprintf(slots[i].user, sizeof(slots[i].user), "%s", users[i]);
	}
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(server.loop);
	for (int i = 0; i < SLOTS; i++) {
		close(slots[i].channel);
		close(monitors[i]);
	}
	return 0;
}

/* The message that a slot's monitor reads: 0 or -ECANCELED; 1: nothing. */
static int
answer_of(int i)
{
	if (ipc_receive_now(monitors[i], IPC_MONITOR, IPC_STATE_READY, &message) < 0)
		return 1;
	assert_int_equal(message.kind, IPC_turn);
	return ipc_get_result(&message);
}

static void
begin(int i)
{
	assert_true(work_begin(&work, &slots[i], 2, false));
}

static void
test_rounds(void **state)
{
	(void)state;
	for (int i = 0; i < SLOTS; i++)
		begin(i);
	work_due(&work);
	assert_int_equal(answer_of(0), 0); /* the first turn of alice */
	assert_int_equal(answer_of(1), 1);
	assert_int_equal(answer_of(3), 0); /* bob's turn, before the second one of alice */
	assert_int_equal(answer_of(5), 1); /* two at once */
	assert_true(work_end(&work, &slots[0]));
	begin(0); /* it waits after all others */
	work_due(&work);
	assert_int_equal(answer_of(1), 0);
	assert_true(work_end(&work, &slots[1]));
	work_due(&work);
	assert_int_equal(answer_of(2), 0);
	assert_true(work_end(&work, &slots[3]));
	work_due(&work);
	assert_int_equal(answer_of(4), 0);
	assert_true(work_end(&work, &slots[2]));
	work_due(&work);
	assert_int_equal(answer_of(5), 0);
	assert_int_equal(answer_of(0), 1);
	work_leave(&work, &slots[4]); /* its session is gone */
	work_due(&work);
	assert_int_equal(answer_of(0), 0);
}

static void
test_order(void **state)
{
	(void)state;
	assert_false(work_end(&work, &slots[0]));
	assert_false(work_begin(&work, &slots[0], 1, false)); /* the number of the monitor itself */
	assert_false(work_begin(&work, &slots[0], -1, false));
	begin(0);
	assert_false(work_begin(&work, &slots[0], 2, false));
	assert_true(work_end(&work, &slots[0]));
	assert_int_equal(answer_of(0), -ECANCELED);
	work_due(&work);
	assert_int_equal(answer_of(0), 1);
}

/* A session that never gives a turn back delays its own account alone. */
static void
test_never_given_back(void **state)
{
	(void)state;
	begin(0);
	begin(3);
	work_due(&work);
	begin(1);
	begin(5);
	work_due(&work);
	assert_true(timer_is_set(&work.due));
	assert_uint_in_range(work.due.deadline.at_ms, monotonic_ms(), monotonic_ms() + 3000);
	assert_int_equal(answer_of(5), 1);
	slots[0].work_since_ms -= 3000;
	slots[3].work_since_ms -= 3000;
	work_due(&work);
	assert_int_equal(answer_of(5), 0);
	assert_int_equal(answer_of(1), 1);
	assert_true(work_end(&work, &slots[0]));
	work_due(&work);
	assert_int_equal(answer_of(1), 0);
}

/* The monitor. */

static struct monitor monitor;
static struct session session;
static int files_end, master_end;

static int
setup_monitor(void **state)
{
	int files[2], up[2];

	(void)state;
	if (ipc_pair(files, 5) < 0 || ipc_pair(up, 5) < 0)
		return -1;
	memset(&monitor, 0, sizeof(monitor));
	session = (struct session){.config = &config, .master_channel = up[0], .log_channel = -1, .hook_channel = -1};
	monitor.session = &session;
	monitor.state = IPC_STATE_READY;
	monitor.files = (struct child){.name = "files", .pid = 4711, .channel = files[0]};
	monitor.quota.book.fd = -1;
	files_end = files[1];
	master_end = up[1];
	return 0;
}

static int
teardown_monitor(void **state)
{
	(void)state;
	close(monitor.files.channel);
	close(session.master_channel);
	close(files_end);
	close(master_end);
	return 0;
}

/* Give the monitor a message of files; true when the session may go on. No message reaches the master. */
static bool
say(enum ipc_kind kind, uint8_t is_change)
{
	bool r;

	ipc_begin(&message, kind);
	if (kind == IPC_work_begin)
		ipc_put_u8(&message, is_change);
	assert_int_equal(ipc_send(files_end, &message, -1), 0);
	assert_int_equal(ipc_receive(monitor.files.channel, IPC_MONITOR, IPC_STATE_READY, &monitor.message), 0);
	r = monitor_answer_files(&monitor);
	while (ipc_receive_now(master_end, IPC_MASTER, IPC_STATE_READY, &message) == 0)
		assert_true(message.kind == IPC_turn || message.kind == IPC_turn_end);
	return r;
}

static void
master_says(int result)
{
	ipc_begin_reply(&message, IPC_turn, result);
	assert_int_equal(ipc_send(master_end, &message, -1), 0);
	assert_int_equal(ipc_receive(session.master_channel, IPC_MONITOR, IPC_STATE_READY, &monitor.message), 0);
	monitor_turn_granted(&monitor);
}

/* The message that files reads; 1: nothing. */
static int
heard(void)
{
	if (ipc_receive_now(files_end, IPC_FILES, IPC_STATE_READY, &message) < 0)
		return 1;
	assert_int_equal(message.kind, IPC_work_begin);
	return ipc_get_result(&message);
}

static void
test_monitor_order(void **state)
{
	(void)state;
	assert_false(say(IPC_work_end, 0));
	assert_false(say(IPC_work_begin, 2));
	assert_true(say(IPC_work_begin, 0));
	assert_false(say(IPC_work_begin, 0));
	assert_int_equal(heard(), 1);
	master_says(0);
	assert_int_equal(heard(), 0);
	assert_true(say(IPC_work_end, 0));
	assert_int_equal(heard(), 1);
}

/* The master's answer to a withdrawn question does not count for the next one. */
static void
test_monitor_withdrawn(void **state)
{
	(void)state;
	assert_true(say(IPC_work_begin, 0));
	assert_true(say(IPC_work_end, 0));
	assert_int_equal(heard(), -ECANCELED);
	assert_true(say(IPC_work_begin, 1));
	master_says(0); /* it crossed the withdrawal */
	assert_int_equal(heard(), 1);
	master_says(0);
	assert_int_equal(heard(), 0);
}

static void
test_monitor_flood(void **state)
{
	int i = 0;

	(void)state;
	while (i < 1000 && say(IPC_work_begin, 0) && say(IPC_work_end, 0)) {
		assert_int_equal(heard(), -ECANCELED);
		i++;
	}
	assert_uint_in_range(i, 50, 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_rounds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_never_given_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_monitor_order, setup_monitor, teardown_monitor),
	    cmocka_unit_test_setup_teardown(test_monitor_withdrawn, setup_monitor, teardown_monitor),
	    cmocka_unit_test_setup_teardown(test_monitor_flood, setup_monitor, teardown_monitor),
	};

	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
