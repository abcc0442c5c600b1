/* SPDX-License-Identifier: ISC */
/* A taken-over monitor logs in after it was told to end, or asks again while another server decides. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/ipc/ipc.h"
#include "privsep/sandbox/sandbox.h"
#include "tests/fuzz/fake_master.h"

#include "common/banned.h"

#define PID 0x7fffff00 /* above PID_MAX_LIMIT: the master's SIGKILL finds nobody */
#define ID "0123456789abcdef"

static struct master master;
static struct config config;
static struct slot *slot;
static int monitor; /* its end of the channel */
static bool is_asked; /* another server decides about logins */

static bool
ask(void *arg, const char *id, uint32_t max_sessions, const char *user)
{
	(void)arg;
	(void)id;
	(void)max_sessions;
	(void)user;
	return is_asked;
}

static int
setup_once(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	fake_master_init(&master, &config);
	master.sessions.ask_admission = ask;
	return 0;
}

static int
setup(void **state)
{
	const struct session session = {.id = ID, .peer_text = "192.0.2.1", .started_ms = monotonic_ms()};
	const struct address_key address = {.bytes = {1}};
	int pair[2];

	(void)state;
	if (ipc_pair(pair, 5) < 0)
		return -1;
	monitor = pair[1];
	is_asked = false;
	slot = sessions_take_slot(&master.sessions);
	sessions_enter(&master.sessions, slot, PID, pair[0], &session, &address);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	child_drop(master.server.loop, &slot->monitor);
	slot_gone(slot, 0);
	close_fd(&monitor);
	return master.sessions.live_count == 0 && tally_count(master.sessions.by_user, "alice", 5) == 0 ? 0 : -1;
}

static void
send_attempt_for(const char *server)
{
	static struct ipc_message message;

	ipc_begin(&message, IPC_attempt);
	if (server[0] != '\0')
		ipc_put_text(&message, server);
	assert_int_equal(ipc_send_now(monitor, &message, -1), 0);
	slot_ready(slot);
	sessions_grant_due(&master.sessions);
}

static void
send_attempt(void)
{
	send_attempt_for("");
}

static void
log_in_as(const char *server, const char *user)
{
	static struct ipc_message message;

	send_attempt_for(server);
	ipc_begin(&message, IPC_admit);
	ipc_put_u32(&message, 0);
	ipc_put_text(&message, user);
	assert_int_equal(ipc_send_now(monitor, &message, -1), 0);
	slot_ready(slot);
}

static void
log_in(void)
{
	log_in_as("", "alice");
}

/* A session that is older than the configuration in force may have a name that belongs to no server, or to another one. */
static void
test_login_has_a_name_of_its_server(void **state)
{
	static char top[] = "", one[] = "one.example", two[] = "two.example", users[] = "/one", others[] = "/two";
	struct config_server servers[] = {{.name = top, .accounts = config.accounts}, {.name = one, .accounts = users},
	    {.name = two, .accounts = others}};
	static const char *const wrong[][2] = {{"", "alice@one.example"}, {"one.example", "alice"},
	    {"one.example", "alice@two.example"}, {"two.example", "alice@two.example@one.example"}};

	(void)state;
	config.servers = servers;
	config.server_count = 3;
	master.accounts.books[1].fd = master.accounts.books[2].fd = master.accounts.books[0].fd;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		log_in_as(wrong[i][0], wrong[i][1]);
		assert_false(slot->is_logged_in);
		assert_int_not_equal(slot->channel, -1);
	}
	log_in_as("one.example", "alice@one.example");
	assert_true(slot->is_logged_in);
	assert_string_equal(slot->user, "alice@one.example");
	master.accounts.books[1].fd = master.accounts.books[2].fd = -1;
	config.servers = NULL;
	config.server_count = 0;
}

static void
test_login_ends_the_login_timeout(void **state)
{
	(void)state;
	assert_true(timer_is_set(&slot->overdue));
	log_in();
	assert_true(slot->is_logged_in);
	assert_false(timer_is_set(&slot->overdue));
}

static void
test_login_after_a_kick_does_not_save_it(void **state)
{
	(void)state;
	sessions_tell_end(&master.sessions, END_KICKED);
	log_in();
	assert_true(timer_is_set(&slot->overdue));
}

/* Its client may have a transfer by then, and a drain has its own deadline. */
static void
test_login_during_a_drain_is_not_overdue(void **state)
{
	(void)state;
	sessions_tell_end(&master.sessions, END_DRAIN);
	log_in();
	assert_false(timer_is_set(&slot->overdue));
}

static void
test_another_server_decides(void **state)
{
	(void)state;
	is_asked = true;
	log_in();
	assert_false(slot->is_logged_in);
	assert_true(timer_is_set(&slot->overdue));
	sessions_take_admission(&master.sessions, ID, ADMIT_YES);
	assert_true(slot->is_logged_in);
	assert_string_equal(slot->user, "alice");
	sessions_take_admission(&master.sessions, ID, ADMIT_YES);
	assert_int_equal(tally_count(master.sessions.by_user, "alice", 5), 1);
}

static void
test_decision_after_the_channel_closed(void **state)
{
	(void)state;
	is_asked = true;
	log_in();
	close_fd(&monitor);
	slot_ready(slot);
	assert_int_equal(slot->channel, -1);
	sessions_take_admission(&master.sessions, ID, ADMIT_YES);
	assert_false(slot->is_logged_in);
	assert_true(timer_is_set(&slot->overdue));
}

/* Otherwise the answer for one account could admit another one. */
static void
test_no_attempt_before_the_decision(void **state)
{
	(void)state;
	is_asked = true;
	log_in();
	send_attempt();
	assert_int_equal(slot->channel, -1);
}

static void
give_verdict(uint8_t verdict)
{
	static struct ipc_message message;

	send_attempt();
	ipc_begin(&message, IPC_verdict);
	ipc_put_u8(&message, verdict);
	assert_int_equal(ipc_send_now(monitor, &message, -1), 0);
	slot_ready(slot);
	assert_int_equal(slot->turns[TURN_HASH].state, TURN_NONE);
	while (judgements_waiting(master.sessions.judgements) > 0)
		loop_turn(master.server.loop);
}

/* Each comes with the accounts, and with a channel to the database. */
static void
test_no_more_attempts_than_login_failures(void **state)
{
	(void)state;
	assert_int_equal(slot->attempts_max, config.limits.login_failures);
	slot->attempts_max = 3;
	for (int i = 0; i < 3; i++) {
		give_verdict(VERDICT_RIGHT);
		assert_int_not_equal(slot->channel, -1);
	}
	send_attempt();
	assert_int_equal(slot->channel, -1);
}

/* The home of an account whose login was refused at last must not be counted for the next one. */
static void
test_homes_are_of_one_attempt(void **state)
{
	static struct ipc_message message;

	(void)state;
	send_attempt();
	ipc_begin(&message, IPC_stored_home);
	ipc_put_u32(&message, 200000);
	ipc_put_u32(&message, 200000);
	ipc_put_bytes(&message, "/srv/bob", 8);
	assert_int_equal(ipc_send_now(monitor, &message, -1), 0);
	slot_ready(slot);
	ipc_begin(&message, IPC_folder_used);
	ipc_put_text(&message, "team");
	assert_int_equal(ipc_send_now(monitor, &message, -1), 0);
	slot_ready(slot);
	assert_non_null(slot->home);
	assert_int_equal(slot->folder_count, 1);
	ipc_begin(&message, IPC_verdict);
	ipc_put_u8(&message, VERDICT_RIGHT);
	assert_int_equal(ipc_send_now(monitor, &message, -1), 0);
	slot_ready(slot);
	log_in();
	assert_true(slot->is_logged_in);
	assert_null(slot->home);
	assert_int_equal(slot->folder_count, 0);
}

/* The session's descriptors: any serve. */
static const struct session lends = {.key_fd = -1};

static void
test_lent_descriptor_closes_when_the_belongings_are_taken(void **state)
{
	static struct ipc_message message;

	(void)state;
	assert_int_equal(sessions_send_belongings(slot->channel, &lends), 0);
	sessions_lend(&master.sessions, slot, dup(monitor));
	sessions_close_lent(&master.sessions);
	assert_true(slot->lent_fd >= 0);
	assert_int_equal(ipc_receive_now(monitor, IPC_MONITOR, IPC_STATE_LOGIN, &message), 0);
	ipc_drop_fds(&message);
	sessions_close_lent(&master.sessions);
	assert_int_equal(slot->lent_fd, -1);
	assert_true(TAILQ_EMPTY(&master.sessions.lent));
}

static void
test_lent_descriptor_closes_with_the_first_message(void **state)
{
	static struct ipc_message message;

	(void)state;
	sessions_lend(&master.sessions, slot, dup(monitor));
	ipc_begin(&message, IPC_alarm);
	ipc_put_u32(&message, 0);
	assert_int_equal(ipc_send_now(monitor, &message, -1), 0);
	slot_ready(slot);
	assert_int_equal(slot->lent_fd, -1);
}

/* As after the death of a monitor that has not got so far: teardown does the rest. */
static void
test_lent_descriptor_closes_at_the_end(void **state)
{
	int lent = dup(monitor);

	(void)state;
	assert_int_equal(sessions_send_belongings(slot->channel, &lends), 0);
	sessions_lend(&master.sessions, slot, lent);
	child_drop(master.server.loop, &slot->monitor);
	slot_gone(slot, SANDBOX_EXIT_TABLE << 8);
	assert_int_equal(fcntl(lent, F_GETFD), -1);
	assert_true(TAILQ_EMPTY(&master.sessions.lent));
	slot = sessions_take_slot(&master.sessions);
	sessions_enter(&master.sessions, slot, PID, dup(monitor), &lends, &(const struct address_key){.bytes = {1}});
}

static const struct failure *
failures_of_slot(void)
{
	for (size_t i = 0; i < master.bans.failures->used; i++)
		if (memcmp(&master.bans.failures->entries[i].address, &slot->address, sizeof(slot->address)) == 0)
			return &master.bans.failures->entries[i];
	fail_msg("nothing is known of the address");
	return NULL;
}

/* What nobody could judge is no failure of the address, and slows it down all the same. */
static void
test_unknown_is_no_failure(void **state)
{
	(void)state;
	give_verdict(VERDICT_UNKNOWN);
	assert_int_equal(failures_of_slot()->count, 0);
	assert_int_equal(failures_of_slot()->unknown, 1);
}

static void
test_unanswered_is_no_failure(void **state)
{
	uint32_t unknown;

	(void)state;
	give_verdict(VERDICT_UNANSWERED);
	unknown = failures_of_slot()->unknown;
	close_fd(&monitor);
	slot_ready(slot);
	assert_int_equal(failures_of_slot()->unknown, unknown);
	assert_int_equal(failures_of_slot()->count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_login_ends_the_login_timeout, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_login_after_a_kick_does_not_save_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_login_during_a_drain_is_not_overdue, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_login_has_a_name_of_its_server, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_another_server_decides, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_decision_after_the_channel_closed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_attempt_before_the_decision, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_more_attempts_than_login_failures, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_homes_are_of_one_attempt, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lent_descriptor_closes_when_the_belongings_are_taken, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lent_descriptor_closes_with_the_first_message, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lent_descriptor_closes_at_the_end, setup, teardown),
	    /* these last: the address waits from then on */
	    cmocka_unit_test_setup_teardown(test_unknown_is_no_failure, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_unanswered_is_no_failure, setup, teardown),
	};

	return cmocka_run_group_tests(tests, setup_once, NULL);
}
