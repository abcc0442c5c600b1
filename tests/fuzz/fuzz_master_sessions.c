/* SPDX-License-Identifier: ISC */
/*
 * Taken-over monitors talk to the master: messages of the table and others, in any order, from several sessions at
 * once, which end in any way. The bounds of turns and of sessions per account hold, and no state is left of
 * sessions that ended.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/ipc/ipc.h"
#include "tests/fuzz/fake_master.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define MONITORS 6
#define STEPS_MAX 64
#define FIRST_PID 0x7fffff00 /* above PID_MAX_LIMIT: the master's SIGKILL hits no process */

static const char *const users[] = {"alice", "bob", ""};

#define USERS (sizeof(users) / sizeof(users[0]))

static struct master master;
static struct config config;
static uint32_t network; /* each input has another address, since failures of an address outlive its sessions */

static struct monitor_end {
	struct slot *slot; /* NULL: no session */
	pid_t pid;
	int channel; /* -1: closed */
	bool has_turn; /* may check a password, and has not reported the result */
	bool may_be_admitted; /* had a turn when it asked */
	bool is_admitted;
} monitors[MONITORS];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	fake_master_init(&master, &config);
	return 0;
}

static void
begin(struct monitor_end *monitor, struct input *input)
{
	struct session session = {.id = "0123456789abcdef", .peer_text = "192.0.2.1", .started_ms = monotonic_ms()};
	union address peer = {.v4 = {.sin_family = AF_INET, .sin_addr = {htonl(network + input_below(input, 2))}}};
	struct address_key key;
	int pair[2];

	if (ipc_pair(pair, 0) < 0)
		abort();
	address_make_key(&peer, &key);
	*monitor = (struct monitor_end){.slot = sessions_take_slot(&master.sessions),
	    .pid = FIRST_PID + (pid_t)(monitor - monitors),
	    .channel = pair[1]};
	sessions_enter(&master.sessions, monitor->slot, monitor->pid, pair[0], &session, &key);
}

static void
put_message(struct input *input, struct ipc_message *message)
{
	static const enum ipc_kind kinds[] = {IPC_attempt, IPC_attempt, IPC_attempt_pam, IPC_verdict, IPC_admit,
	    IPC_admit, IPC_turn, IPC_turn_end, IPC_announced, IPC_announced_end, IPC_ports_short};
	uint8_t choice = input_byte(input);
	uint8_t raw[32] = {127};
	size_t len;

	if (choice >= 240) { /* a message of any kind, with any bytes */
		ipc_begin(message, (enum ipc_kind)(input_byte(input) % IPC_KIND_COUNT));
		len = input_bytes(input, raw, sizeof(raw));
		for (size_t i = 0; i < len; i++)
			ipc_put_u8(message, raw[i]);
		return;
	}
	ipc_begin(message, choice >= 235 ? IPC_alarm : kinds[choice % (sizeof(kinds) / sizeof(kinds[0]))]);
	if (message->kind == IPC_announced || message->kind == IPC_ports_short) {
		ipc_put_u8(message, input_byte(input) < 200 ? 4 : 7);
		ipc_put_bytes(message, raw, 16);
		ipc_put_u32(message, (uint32_t)input_number(input) % 70000);
	}
	if (message->kind == IPC_ports_short)
		ipc_put_u32(message, 65535);
	if (message->kind == IPC_verdict || message->kind == IPC_turn)
		ipc_put_u8(message, input_byte(input) & 1);
	if (message->kind == IPC_turn)
		ipc_put_u32(message, (uint32_t)input_number(input));
	if (message->kind == IPC_alarm || message->kind == IPC_admit)
		ipc_put_u32(message, input_byte(input) < 200 ? 0 : (uint32_t)input_number(input));
	if (message->kind == IPC_admit)
		ipc_put_text(message, users[input_below(input, USERS)]);
}

/* The master's message: a turn, or the answer to admit. */
static void
hear(struct monitor_end *monitor)
{
	static struct ipc_message message;
	enum ipc_state state = monitor->is_admitted ? IPC_STATE_READY : IPC_STATE_LOGIN;

	while (monitor->channel >= 0 && ipc_receive_now(monitor->channel, IPC_MONITOR, state, &message) == 0) {
		ipc_drop_fds(&message);
		if (!message.is_reply)
			continue;
		(void)ipc_get_result(&message);
		if (message.kind == IPC_attempt || message.kind == IPC_attempt_pam)
			monitor->has_turn = true;
		if (message.kind == IPC_admit && ipc_get_u32(&message) == ADMIT_YES) {
			if (!monitor->may_be_admitted || monitor->is_admitted)
				abort();
			monitor->is_admitted = true;
			state = IPC_STATE_READY;
		}
	}
}

/* Send the message, and let the master act on it. */
static void
say(struct monitor_end *monitor, const struct ipc_message *message)
{
	if (monitor->channel < 0)
		return;
	if (message->kind == IPC_admit || message->kind == IPC_verdict) {
		monitor->may_be_admitted = monitor->has_turn && message->kind == IPC_admit;
		monitor->has_turn = false;
	}
	(void)ipc_send_now(monitor->channel, message, -1);
	if (monitor->slot->channel >= 0)
		slot_ready(monitor->slot);
	sessions_grant_due(&master.sessions);
	work_due(&master.sessions.work);
	for (int i = 0; i < MONITORS; i++)
		hear(&monitors[i]);
}

static void
say_anything(struct monitor_end *monitor, struct input *input)
{
	static struct ipc_message message;

	put_message(input, &message);
	say(monitor, &message);
}

/* Act as an honest monitor does. */
static void
log_in(struct monitor_end *monitor, struct input *input)
{
	static struct ipc_message message;

	ipc_begin(&message, IPC_attempt);
	say(monitor, &message);
	ipc_begin(&message, IPC_admit);
	ipc_put_u32(&message, 0);
	ipc_put_text(&message, users[input_below(input, 2)]);
	say(monitor, &message);
}

static void
end(struct monitor_end *monitor, struct input *input)
{
	static const int statuses[] = {0, SIGKILL, SIGSYS, SIGSEGV, MONITOR_EXIT_ALARM << 8, 1 << 8};

	close_fd(&monitor->channel);
	child_drop(master.server.loop, &monitor->slot->monitor);
	slot_gone(monitor->slot, statuses[input_below(input, sizeof(statuses) / sizeof(statuses[0]))]);
	*monitor = (struct monitor_end){.channel = -1};
}

static void
check_bounds(void)
{
	unsigned admitted[USERS] = {0}, limited[USERS] = {0};

	if (turns_running(master.sessions.turns[TURN_HASH]) > FAKE_HASHES ||
	    turns_running(master.sessions.turns[TURN_PAM]) > 1)
		abort();
	for (int i = 0; i < MONITORS; i++)
		for (size_t user = 0; user < USERS; user++)
			if (monitors[i].slot != NULL && monitors[i].slot->is_logged_in &&
			    strcmp(monitors[i].slot->user, users[user]) == 0) {
				admitted[user]++;
				limited[user] += (monitors[i].slot->max_sessions & ADMIT_OWN_LIMIT) == 0;
			}
	for (size_t user = 0; user < USERS; user++) {
		if (limited[user] > FAKE_SESSIONS_PER_USER || (users[user][0] == '\0' && admitted[user] > 0))
			abort();
		if (users[user][0] != '\0' &&
		    tally_count(master.sessions.by_user, users[user], strlen(users[user])) != admitted[user])
			abort();
	}
}

static void
check_nothing_is_left(void)
{
	if (!TAILQ_EMPTY(&master.sessions.ports.announcing))
		abort();
	if (!TAILQ_EMPTY(&master.sessions.work.waiting) || !TAILQ_EMPTY(&master.sessions.work.working))
		abort();
	if (master.sessions.live_count != 0 || !TAILQ_EMPTY(&master.sessions.live) ||
	    !TAILQ_EMPTY(&master.sessions.arriving) || judgements_waiting(master.sessions.judgements) != 0)
		abort();
	for (int kind = 0; kind < TURN_KIND_COUNT; kind++)
		if (turns_running(master.sessions.turns[kind]) != 0 || turns_waiting(master.sessions.turns[kind]) != 0)
			abort();
	check_bounds();
}

static void
step(struct input *input)
{
	struct monitor_end *monitor = &monitors[input_below(input, MONITORS)];

	if (monitor->slot == NULL) {
		begin(monitor, input);
		return;
	}
	switch (input_below(input, 16)) {
	case 0:
		end(monitor, input);
		return;
	case 1:
		close_fd(&monitor->channel);
		break;
	case 2:
		sessions_tell_end(&master.sessions, (enum ipc_end_reason)input_below(input, END_REASON_COUNT));
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		say_anything(monitor, input);
		return;
	default:
		if (!monitor->is_admitted)
			log_in(monitor, input);
		return;
	}
	if (monitor->slot->channel >= 0)
		slot_ready(monitor->slot);
	sessions_grant_due(&master.sessions);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	network += 2;
	for (int i = 0; i < MONITORS; i++)
		monitors[i] = (struct monitor_end){.channel = -1};
	for (int i = 0; i < STEPS_MAX && input.left > 0; i++) {
		step(&input);
		check_bounds();
	}
	for (int i = 0; i < MONITORS; i++)
		if (monitors[i].slot != NULL)
			end(&monitors[i], &input);
	while (judgements_waiting(master.sessions.judgements) > 0)
		loop_turn(master.server.loop);
	check_nothing_is_left();
	return 0;
}
