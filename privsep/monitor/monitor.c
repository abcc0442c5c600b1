/* SPDX-License-Identifier: ISC */
/*
 * The story of a monitor: fork protocol, give the client up, enter the walls, answer
 * protocol's requests until login, fork files, give root up, answer until the end.
 */
#include "privsep/monitor/monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accounts/pam_services.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/text_variables.h"
#include "common/written.h"
#include "config/servers.h"
#include "daemon/protocol/protocol.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"
#include "privsep/sandbox/sandbox.h"
#include "privsep/tls/memory.h"

#include "common/banned.h"

#define GREETING_MAX 32768 /* of a banner, with all that its variables became */

#define LISTEN_RETRY_MS 20
#define NOTICES_AT_ONCE 8
#define FINISH_STALLS 10 /* a slow disk may take this many stall times to sync an upload */

/*
 * The questions of each child, besides alarm and no_walls, which any of them may send. The answering function returns
 * false if the child must not ask that, or not now, or if the message is malformed.
 */
/* clang-format off */
#define MONITOR_ANSWERS(X) \
	X(login,           IPC_PROTOCOL, monitor_answer_login)         \
	X(listen,          IPC_PROTOCOL, monitor_answer_listen)        \
	X(listen_ahead,    IPC_PROTOCOL, monitor_answer_listen_ahead)  \
	X(connect,         IPC_PROTOCOL, monitor_answer_connect)       \
	X(sign,            IPC_PROTOCOL, monitor_answer_sign)          \
	X(transferred,     IPC_PROTOCOL, monitor_answer_transferred)   \
	X(noted,           IPC_PROTOCOL, monitor_answer_noted)         \
	X(pace,            IPC_PROTOCOL, monitor_answer_pace)          \
	X(ledger_read,     IPC_FILES,    monitor_answer_ledger)        \
	X(ledger_begin,    IPC_FILES,    monitor_answer_ledger)        \
	X(ledger_end,      IPC_FILES,    monitor_answer_ledger)        \
	X(ledger_upload,   IPC_FILES,    monitor_answer_ledger)        \
	X(ledger_grow,     IPC_FILES,    monitor_answer_ledger)        \
	X(ledger_uploaded, IPC_FILES,    monitor_answer_ledger)        \
	X(ledger_tell,     IPC_FILES,    monitor_answer_ledger)        \
	X(ledger_of,       IPC_FILES,    monitor_answer_ledger_of)     \
	X(work_begin,      IPC_FILES,    monitor_answer_work_begin)    \
	X(work_end,        IPC_FILES,    monitor_answer_work_end)      \
	X(stored,          IPC_FILES,    monitor_answer_stored)        \
	X(unguarded,       IPC_FILES,    monitor_answer_unguarded)     \
	X(kept,            IPC_FILES,    monitor_answer_kept)          \
	X(protocol_gone,   IPC_FILES,    monitor_answer_protocol_gone) \
	X(brake,           IPC_FILES,    monitor_answer_brake)
/* clang-format on */

static const struct {
	unsigned from;
	bool (*answer)(struct monitor *monitor);
} answers[IPC_KIND_COUNT] = {
#define X(name, from_child, function) [IPC_##name] = {from_child, function},
    MONITOR_ANSWERS(X)
#undef X
};

/* This table and that of messages.h name the same questions of children to the monitor, and the same children. */
enum {
#define CHILDREN_THAT_ASK(from, to) (((to)&IPC_MONITOR) != 0 ? (from) & (IPC_PROTOCOL | IPC_FILES) : 0)
#define X(name, from, to, ...) ASKED_BY_##name = CHILDREN_THAT_ASK(from, to),
	IPC_MESSAGES(X)
#undef X
#define X(name, from, to, ...) +(CHILDREN_THAT_ASK(from, to) != 0)
	    ASKED_COUNT = 0 IPC_MESSAGES(X) - 2 /* alarm, no_walls */,
#undef X
#define X(name, ...) +1
	ANSWERED_COUNT = 0 MONITOR_ANSWERS(X)
#undef X
};
#define X(name, from, function) \
	_Static_assert((int)ASKED_BY_##name == (int)(from), #name " is no question of that child to the monitor");
MONITOR_ANSWERS(X)
#undef X
_Static_assert((int)ASKED_COUNT == (int)ANSWERED_COUNT, "a question to the monitor has no answer");

static bool
answer_child(struct monitor *monitor, enum ipc_process from)
{
	enum ipc_kind kind = monitor->message.kind;

	return answers[kind].from == (unsigned)from && answers[kind].answer(monitor);
}

static bool
monitor_answer_protocol(struct monitor *monitor)
{
	return answer_child(monitor, IPC_PROTOCOL);
}

bool
monitor_answer_files(struct monitor *monitor)
{
	return answer_child(monitor, IPC_FILES);
}

static void __attribute__((noreturn))
end_for_message(struct monitor *monitor, struct child *child)
{
	char what[64];

	snprintf(what, sizeof(what), "malformed or unexpected %s", ipc_kind_name(monitor->message.kind));
	monitor_end_for_violation(monitor, child, what);
}

/* True: this was a notice, after which a request is likely to wait already. */
static bool
receive_from_child(struct monitor *monitor, struct child *child)
{
	bool is_notice;
	int r = ipc_receive_now(child->channel, IPC_MONITOR, monitor->state, &monitor->message);

	if (r == -EAGAIN)
		return false;
	if (r == -EPROTO)
		monitor_end_for_violation(monitor, child, "message outside the table");
	if (r < 0 && child == &monitor->files) {
		monitor_files_gone(monitor);
		return false;
	}
	if (r < 0) {
		close_fd(&child->channel);
		monitor_end_session(monitor);
	}
	if (monitor->message.kind == IPC_alarm) {
		child->stopped_at = ipc_get_u32(&monitor->message);
		child->reported = true;
		return false; /* it is dying; its channel closes next */
	}
	if (monitor->message.kind == IPC_no_walls) {
		if (!monitor_take_no_walls(monitor, child))
			monitor_end_for_violation(monitor, child, "no_walls out of order");
		return false;
	}
	is_notice = monitor->message.kind == IPC_transferred;
	if (!child->answer(monitor))
		end_for_message(monitor, child);
	return is_notice;
}

/* A few at once, so that protocol cannot keep the monitor from its deadlines and from the master. */
static void
receive_notices(struct monitor *monitor)
{
	for (int i = 0; i < NOTICES_AT_ONCE && receive_from_child(monitor, &monitor->protocol); i++)
		;
}

/* Handle messages and answers of the master; ignore anything else. */
static const struct {
	enum ipc_kind kind;
	bool is_reply;
	void (*take)(struct monitor *monitor);
} words_of_master[] = {
    {IPC_attempt, true, monitor_attempt_granted},
    {IPC_attempt_pam, true, monitor_attempt_pam_granted},
    {IPC_turn, true, monitor_turn_granted},
    {IPC_yield_port, false, announced_leave},
    {IPC_end, false, monitor_take_end},
    {IPC_notice, false, monitor_pass_notice},
};

static void
receive_from_master(struct monitor *monitor)
{
	int r = ipc_receive_now(monitor->session->master_channel, IPC_MONITOR, monitor->state, &monitor->message);

	if (r == -EAGAIN)
		return;
	if (r < 0) {
		monitor->end_reason = "master-gone";
		monitor_end_session(monitor);
	}
	for (size_t i = 0; i < sizeof(words_of_master) / sizeof(words_of_master[0]); i++)
		if (words_of_master[i].kind == monitor->message.kind &&
		    words_of_master[i].is_reply == monitor->message.is_reply) {
			words_of_master[i].take(monitor);
			return;
		}
	ipc_drop_fds(&monitor->message);
}

/* When the session overstays, and the reason that is reported. */
static uint64_t
session_deadline(const struct monitor *monitor, enum ipc_end_reason *reason)
{
	const struct config *config = monitor->session->config;
	uint64_t active = claimed_active_ms(monitor->session->claims);

	/* a taken-over protocol process may claim what it likes, but not the future */
	if (active > monotonic_ms())
		active = monotonic_ms();
	if (monitor->state == IPC_STATE_LOGIN) {
		*reason = END_LOGIN_TIMEOUT;
		return monitor->login_deadline_ms;
	}
	switch (claimed_activity(monitor->session->claims)) {
	case CLAIM_TRANSFER:
		*reason = END_STALL_TIMEOUT;
		return active + 1000ULL * config->timeouts.stall_s;
	case CLAIM_FINISH:
		*reason = END_STALL_TIMEOUT;
		return active + 1000ULL * FINISH_STALLS * config->timeouts.stall_s;
	case CLAIM_IDLE:
	default:
		*reason = END_IDLE_TIMEOUT;
		return active + 1000ULL * config->timeouts.idle_s;
	}
}

/* The time in which no activity that begins now can be overdue. */
static uint64_t
shortest_ms(const struct monitor *monitor)
{
	const struct config *config = monitor->session->config;

	return 1000ULL *
	    (config->timeouts.idle_s < config->timeouts.stall_s ? config->timeouts.idle_s : config->timeouts.stall_s);
}

/* Those of the session itself. Returns how long nothing of them will be due, in ms. */
static int
keep_session_deadlines(struct monitor *monitor)
{
	uint64_t now = monotonic_ms();
	enum ipc_end_reason reason;
	uint64_t due = session_deadline(monitor, &reason);
	uint64_t tell_at;

	if (now >= monitor->kill_at_ms)
		monitor_end_session(monitor);
	if (monitor->kill_at_ms != NEVER)
		return deadline_left_ms(monitor->kill_at_ms, now);
	if (now >= due) {
		monitor_send_end(monitor, reason);
		return deadline_left_ms(monitor->kill_at_ms, now);
	}
	if (monitor->listen.is_waiting) {
		monitor_retry_listen(monitor);
		if (monitor->listen.is_waiting)
			return LISTEN_RETRY_MS;
	}
	/* protocol may begin another activity while this sleeps, with a deadline that is sooner */
	if (due > now + shortest_ms(monitor))
		due = now + shortest_ms(monitor);
	tell_at = records_watch(monitor, now);
	return deadline_left_ms(tell_at < due ? tell_at : due, now);
}

/* What is left of a time of waiting, or until due_ms, where that is sooner. */
static int
sooner_ms(int left, uint64_t due_ms)
{
	int due_left = due_ms == NEVER ? left : deadline_left_ms(due_ms, monotonic_ms());

	return due_left < left ? due_left : left;
}

/* Do what is due; return how long nothing will be due, in ms. */
static int
keep_deadlines(struct monitor *monitor)
{
	enum ipc_end_reason reason;
	int left;

	if (monotonic_ms() >= monitor->login.due_ms)
		monitor_login_due(monitor);
	if (monotonic_ms() >= quota_change_due_ms(monitor) && quota_give_up_change(monitor))
		monitor_end_without_files(monitor);
	if (monotonic_ms() >= announced_due_ms(monitor))
		announced_is_due(monitor);
	share_keep_time(monitor);
	if (share_wants_end(monitor, &reason))
		monitor_send_end(monitor, reason);
	left = sooner_ms(keep_session_deadlines(monitor), quota_change_due_ms(monitor));
	left = sooner_ms(left, announced_due_ms(monitor));
	left = sooner_ms(left, share_due_ms(monitor));
	return sooner_ms(left, monitor->login.due_ms);
}

static void
log_connect(const struct session *session)
{
	char proxy[ADDRESS_TEXT_MAX];

	log_begin(LEVEL_INFO, "connect");
	log_field_text("message", session->is_tls ? "implicit TLS" : "plain");
	if (session->proxy.family != AF_UNSPEC) {
		address_text(&session->proxy, proxy);
		log_field_text("proxy", proxy);
	}
	if (session->unique_id_len > 0)
		log_field_bytes("proxy_id", session->unique_id, session->unique_id_len);
	log_end();
}

/* There is no protocol process: send 421 to the client, unless it expects TLS, and log why. */
static void __attribute__((noreturn))
monitor_give_up(struct monitor *monitor, int error)
{
	static const char reply[] = "421 No resources for another session; try again later.\r\n";

	log_connect(monitor->session);
	log_message(LEVEL_ERROR, "accept-failed", "protocol process cannot be forked: %s", strerror(-error));
	if (!monitor->session->is_tls)
		(void)!send(monitor->session->client_fd, reply, sizeof(reply) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close_fd(&monitor->session->client_fd);
	monitor->protocol.pid = 0;
	monitor->end_reason = "resources";
	monitor_end_session(monitor);
}

/*
 * Send the greeting here, so that the client reads it while protocol still goes behind its walls. Over implicit TLS
 * protocol sends it after the handshake. If the greeting does not fit into the empty buffer of a new connection, the
 * connection ends.
 */
static void
greet_client(const struct session *session)
{
	size_t server = servers_at(session->config, &session->dialled);
	const char *greeting = servers_greeting(session->config, server);
	struct text_facts facts = {.host = servers_host(session->config, server), .address = session->peer_text};
	struct buf filled;

	if (session->is_tls)
		return;
	buf_init(&filled, GREETING_MAX);
	if (text_has_variables(greeting))
		text_variables_fill_early(greeting, &facts, &filled);
	if (filled.len > 0 && filled.error == 0)
		greeting = filled.data;
	(void)!send(session->client_fd, greeting, strlen(greeting), MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_free(&filled);
}

static void
fork_protocol(struct monitor *monitor)
{
	struct session *session = monitor->session;
	int channels[2] = {-1, -1};
	pid_t monitor_pid = getpid();
	int r = ipc_pair(channels, 0);

	/* a login has its deadline, and a port of a full range has one: what takes longer is a monitor that hangs */
	if (r == 0)
		r = ipc_bound_waits(
		    channels[1], session->config->timeouts.login_s + session->config->timeouts.data_connect_s);
	if (r < 0)
		monitor_give_up(monitor, r);
	greet_client(session);
	monitor->protocol.pid = sandbox_fork();
	if (monitor->protocol.pid < 0)
		monitor_give_up(monitor, -errno);
	if (monitor->protocol.pid == 0)
		protocol_run(&(struct protocol_session){
		    .client_fd = session->client_fd,
		    .monitor_channel = channels[1],
		    .empty_directory_fd = session->empty_directory_fd,
		    .monitor_pid = monitor_pid,
		    .peer = session->peer,
		    .peer_text = session->peer_text,
		    .local = session->local,
		    .passive_told = session->passive_told,
		    .dialled = session->dialled,
		    .proxy = session->proxy,
		    .is_tls = session->is_tls,
		    .tls = session->tls,
		    .credentials = session->credentials,
		    .service_uid = session->service_uid,
		    .service_gid = session->service_gid,
		    .claims = session->claims,
		    .config = session->config,
		});
	monitor->protocol.channel = channels[0];
	close(channels[1]);
	close_fd(&session->client_fd);
}

static void
start_session_children(struct monitor *monitor, struct session *session)
{
	memory_begin_session();
	monitor->session = session;
	monitor->state = IPC_STATE_LOGIN;
	monitor->protocol = (struct child){.name = "protocol", .answer = monitor_answer_protocol, .channel = -1};
	monitor->files = (struct child){.name = "files", .answer = monitor_answer_files, .channel = -1};
	monitor->pam = (struct child){.name = "pam", .channel = -1};
	ledger_init(&monitor->quota.book);
	monitor->folders = NULL;
	monitor->rates.fd = -1;
	brake_init(&monitor->brake);
	monitor->kill_at_ms = NEVER;
	monitor->login.due_ms = NEVER;
	monitor->end_reason = REASON_CLIENT;
	monitor->login_deadline_ms = session->started_ms + 1000ULL * session->config->timeouts.login_s;
	if (belongings_take(session, &monitor->message) < 0)
		_exit(MONITOR_EXIT_END);
	log_set_channel(session->log_channel, log_level_now());
	log_set_reserved_channel(session->reserved_log_channel);
	sandbox_withhold(
	    1U << SANDBOX_LIBCRYPT | 1U << SANDBOX_LIBCAP_NG | (session->tls == NULL ? 1U << SANDBOX_LIBCRYPTO : 0));
	fork_protocol(monitor);
	log_connect(session);
	if (config_has_pam(session->config) || (session->pam_services != NULL && session->pam_services->count > 0))
		monitor_fork_pam(monitor);
	if (monitor_enter_login_walls(session, monitor->protocol.pid, monitor->pam.pid) < 0)
		monitor_end_without_walls(monitor, false);
}

/* Before login, the broker only answers a question. */
static int
store_to_wait_for(const struct monitor *monitor)
{
	return monitor->login.stage == LOGIN_ASKS_STORE ? monitor->store.channel : share_channel(monitor);
}

static void
hear_broker(struct monitor *monitor)
{
	if (share_is_used(monitor))
		share_take_word(monitor);
	else
		monitor_store_answered(monitor);
}

/* The pam process only answers questions; the next question notices its death. */
static int
pam_to_wait_for(const struct monitor *monitor)
{
	return monitor->login.stage == LOGIN_ASKS_PAM ? monitor->pam.channel : -1;
}

void
monitor_run(struct session *session)
{
	static struct monitor state BEGINS_A_PAGE;
	enum { PROTOCOL, MASTER, FILES, PAM, STORE, WAITS };
	struct pollfd waits[WAITS];
	struct monitor *monitor = &state;

	start_session_children(monitor, session);
	for (;;) {
		int timeout = keep_deadlines(monitor);

		waits[PROTOCOL] = (struct pollfd){.fd = monitor->protocol.channel, .events = POLLIN};
		waits[MASTER] = (struct pollfd){.fd = session->master_channel, .events = POLLIN};
		waits[FILES] = (struct pollfd){.fd = monitor->files.channel, .events = POLLIN};
		waits[PAM] = (struct pollfd){.fd = pam_to_wait_for(monitor), .events = POLLIN};
		waits[STORE] = (struct pollfd){.fd = store_to_wait_for(monitor), .events = POLLIN};
		if (poll(waits, WAITS, timeout) <= 0)
			continue;
		/* protocol first: when both are gone, it was protocol that ended the session */
		if (waits[PROTOCOL].revents != 0)
			receive_notices(monitor);
		else if (waits[FILES].revents != 0)
			receive_from_child(monitor, &monitor->files);
		else if (waits[PAM].revents != 0)
			monitor_pam_answered(monitor);
		else if (waits[STORE].revents != 0)
			hear_broker(monitor);
		if (waits[MASTER].revents != 0)
			receive_from_master(monitor);
	}
}
