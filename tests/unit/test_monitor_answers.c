/* SPDX-License-Identifier: ISC */
/*
 * The monitor answers a protocol process that does not read: the session ends before many descriptors are in the
 * channel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/monitor/state.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define CHILD_SECONDS 30
#define QUESTIONS 1000
#define PASSIVE_LOW 20000
#define PASSIVE_HIGH 60000

static struct ipc_message message;
static int channel = -1;
static pid_t child;

static uint16_t passive_high = PASSIVE_HIGH;

/* The monitor's side: answer protocol's questions in turn, until the channel ends. */
static void
serve(int their_channel)
{
	static struct config config = {
	    .passive_port_low = PASSIVE_LOW, .active_mode = true, .timeouts = {.data_connect_s = 1}};
	static struct session session = {.config = &config, .key_fd = -1, .master_channel = -1, .log_channel = -1};
	static struct monitor monitor = {.session = &session,
	    .state = IPC_STATE_READY,
	    .rates = {.fd = -1},
	    .files = {.channel = -1},
	    .pam = {.channel = -1},
	    .kill_at_ms = NEVER,
	    .end_reason = "client"};

	config.passive_port_high = passive_high;
	session.local = session.peer =
	    (union address){.v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
	monitor.protocol = (struct child){.name = "protocol", .channel = their_channel};
	while (ipc_receive(their_channel, IPC_MONITOR, IPC_STATE_READY, &monitor.message) == 0) {
		switch (monitor.message.kind) {
		case IPC_listen:
			monitor_answer_listen(&monitor);
			break;
		case IPC_listen_ahead:
			monitor_answer_listen_ahead(&monitor);
			break;
		case IPC_connect:
			monitor_answer_connect(&monitor);
			break;
		case IPC_pace:
			monitor_answer_pace(&monitor);
			break;
		case IPC_noted: /* stands for a notice from the master */
			ipc_begin(&monitor.message, IPC_notice);
			ipc_put_text(&monitor.message, "a notice");
			monitor_send_protocol(&monitor);
			break;
		default:
			_exit(99);
		}
	}
	_exit(MONITOR_EXIT_END);
}

static int
setup(void **state)
{
	int pair[2];

	(void)state;
	if (ipc_pair(pair, 0) < 0)
		return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (child == 0) {
		alarm(CHILD_SECONDS);
		close(pair[0]);
		serve(pair[1]);
	}
	close(pair[1]);
	channel = pair[0];
	return 0;
}

static int
ended(void)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int
teardown(void **state)
{
	(void)state;
	close_fd(&channel);
	return 0;
}

static int
send_question(enum ipc_kind kind)
{
	static const uint8_t loopback[16] = {127, 0, 0, 1};

	ipc_begin(&message, kind);
	switch (kind) {
	case IPC_listen_ahead:
		ipc_put_u8(&message, IPC_FDS_MAX);
		break;
	case IPC_connect:
		ipc_put_u8(&message, 4);
		ipc_put_bytes(&message, loopback, sizeof(loopback));
		ipc_put_u32(&message, 20000);
		break;
	case IPC_pace:
		ipc_put_u8(&message, 0);
		ipc_put_u32(&message, 1);
		break;
	case IPC_noted:
		ipc_put_u8(&message, 0);
		ipc_put_text(&message, "");
		break;
	default:
		ipc_put_u8(&message, 0);
	}
	return ipc_send(channel, &message, -1);
}

/* Count the descriptors in the channel. */
static unsigned
descriptors_left(void)
{
	unsigned count = 0;
	int errors = 0;

	/* the first error may be that the monitor left questions unread, and comes before the answers */
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
read_answer(enum ipc_kind kind)
{
	do {
		assert_int_equal(ipc_receive(channel, IPC_PROTOCOL, IPC_STATE_READY, &message), 0);
		ipc_drop_fds(&message);
	} while (message.kind != kind);
}

/* Ask one question, over and over. */
static void
test_nothing_is_read(void **state)
{
	static const struct {
		enum ipc_kind kind;
		unsigned descriptors_min, descriptors_max;
	} rows[] = {
	    {IPC_listen, 1, 1},
	    {IPC_listen_ahead, 0, IPC_FDS_MAX},	/* a drawn port that is taken ends a batch */
	    {IPC_connect, 1, 1},
	    {IPC_pace, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int n = 0; n < QUESTIONS && send_question(rows[i].kind) == 0; n++)
			;
		assert_int_equal(ended(), MONITOR_EXIT_ALARM);
		assert_uint_in_range(descriptors_left(), rows[i].descriptors_min, rows[i].descriptors_max);
		teardown(state);
		setup(state);
	}
	close_fd(&channel);
	assert_int_equal(ended(), MONITOR_EXIT_END);
}

/* Unread spare listeners allow one other question, an unread notice allows any one; no more. */
static void
test_excuses(void **state)
{
	(void)state;
	for (int n = 0; n < QUESTIONS; n++)
		if (send_question(IPC_listen_ahead) < 0 || send_question(IPC_connect) < 0)
			break;
	assert_int_equal(ended(), MONITOR_EXIT_ALARM);
	assert_uint_in_range(descriptors_left(), 0, IPC_FDS_MAX + 1);
}

/* A range without a spare port gives no spare listener; an answer without one allows no further question. */
static void
test_no_spare(void **state)
{
	teardown(state);
	passive_high = PASSIVE_LOW + 100;
	setup(state);
	test_excuses(state);
	passive_high = PASSIVE_HIGH;
}

/* An honest protocol process leaves spare listeners and notices unread while it asks for something else. */
static void
test_honest(void **state)
{
	(void)state;
	for (int n = 0; n < 50; n++) {
		assert_int_equal(send_question(IPC_listen_ahead), 0);
		assert_int_equal(send_question(IPC_connect), 0);
		read_answer(IPC_listen_ahead);
		read_answer(IPC_connect);
		assert_int_equal(send_question(IPC_noted), 0);
		assert_int_equal(send_question(IPC_listen), 0);
		read_answer(IPC_listen);
		assert_int_equal(send_question(IPC_noted), 0);
		assert_int_equal(send_question(IPC_listen_ahead), 0);
		read_answer(IPC_listen_ahead);
	}
	close_fd(&channel);
	assert_int_equal(ended(), MONITOR_EXIT_END);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_nothing_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_excuses, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_spare, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_honest, setup, teardown),
	};

	return cmocka_run_group_tests_name("monitor_answers", tests, NULL, NULL);
}
