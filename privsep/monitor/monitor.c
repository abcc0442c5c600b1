/*
 * The story of a monitor: fork protocol, give the client up, enter the walls, answer
 * protocol's requests until login, fork files, give root up, answer until the end.
 */
#include "privsep/monitor/monitor.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accounts/password.h"
#include "common/home_path.h"
#include "common/io.h"
#include "daemon/protocol/protocol.h"
#include "privsep/files/files.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/data_socket.h"
#include "privsep/monitor/login.h"
#include "privsep/monitor/sign.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define CHANNEL_TIMEOUT_S 120
#define LISTEN_RETRY_MS 20
#define END_GRACE_MS 3000	/* from telling protocol to end until killing it */
#define REAP_MS 5000		/* from the end of protocol until files must be gone */
#define FINISH_STALLS 10	/* a slow disk may take this many stall times to sync an upload */
#define NEVER UINT64_MAX

/* A session process that the monitor started. */
struct child {
	const char *name;
	pid_t pid;	/* 0: not started, or reaped */
	int channel;	/* -1: closed */
	bool was_killed;	/* by the monitor itself */
	bool reported;	/* said which call it was stopped at */
	uint32_t stopped_at;
};

struct monitor {
	struct session *session;
	enum ipc_state state;
	struct child protocol, files;
	struct {
		bool is_waiting;	/* for the master's word to check the password */
		char name[ACCOUNT_NAME_MAX + 1];
		char password[PASSWORD_MAX + 1];
	} login;
	unsigned failures;
	struct {
		bool is_waiting;	/* for a port of a full range */
		uint64_t deadline_ms;
	} listen;
	uint64_t login_deadline_ms;
	uint64_t kill_at_ms;	/* NEVER, or when protocol is killed because it did not end */
	const char *end_reason;	/* for the log */
	bool has_alarm;
	uint64_t bytes_down, bytes_up;
	struct sign_budget sign_budget;
};

static struct ipc_message message;
static struct monitor monitor;

static const char *const end_reasons[END_REASON_COUNT] = {
    [END_LOGIN_TIMEOUT] = "login-timeout", [END_IDLE_TIMEOUT] = "idle-timeout",
    [END_STALL_TIMEOUT] = "stall-timeout", [END_SHUTDOWN] = "shutdown", [END_DRAIN] = "drain",
    [END_PLACE_NEEDED] = "place-needed",
};

/* Ways a session ends: every path comes through here. */

static void
log_child_death(const struct child *child, int status)
{
	int number = WTERMSIG(status);

	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("died", child->name);
	log_field_u64("died_pid", (uint64_t)child->pid);
	if (WIFSIGNALED(status)) {
		log_field_u64("signal", (uint64_t)number);
		log_field_text("signal_name", sigabbrev_np(number) == NULL ? "?" : sigabbrev_np(number));
	} else {
		log_field_u64("status", (uint64_t)WEXITSTATUS(status));
	}
	if (child->reported)
		log_field_text("stopped_at", sandbox_syscall_name(child->stopped_at));
	log_end();
}

/*
 * Reap a child that has closed its channel; past the deadline it is left to the master's reaper.
 * False: it did not end by itself, in order.
 */
static bool
reap(struct child *child, uint64_t deadline_ms)
{
	int status = 0;
	pid_t pid = 0;
	bool is_orderly;

	if (child->pid == 0)
		return true;
	while ((pid = waitpid(child->pid, &status, WNOHANG)) == 0 && monotonic_ms() < deadline_ms)
		poll(NULL, 0, 2);
	is_orderly = pid == child->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (pid == child->pid && !child->was_killed && !is_orderly) {
		log_child_death(child, status);
		/* only a stopped call or a crash speaks against the client; a kill came from this host */
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			monitor.has_alarm = true;
	}
	child->pid = 0;
	return is_orderly;
}

/* A last look for an alarm in the channel of a process that is gone. */
static void
drain_channel(struct child *child, enum ipc_state state)
{
	while (child->channel >= 0 &&
	    ipc_receive_now(child->channel, IPC_MONITOR, state, &message) == 0) {
		if (message.kind == IPC_alarm) {
			child->stopped_at = ipc_get_u32(&message);
			child->reported = true;
		}
		close_fd(&message.fd);
	}
	close_fd(&child->channel);
}

static void __attribute__((noreturn))
end_session(void)
{
	uint64_t deadline = monotonic_ms() + REAP_MS;

	explicit_bzero(&monitor.login, sizeof(monitor.login));
	if (monitor.protocol.pid != 0 && monitor.protocol.channel >= 0) {
		kill(monitor.protocol.pid, SIGKILL);
		monitor.protocol.was_killed = true;
	}
	drain_channel(&monitor.protocol, monitor.state);
	reap(&monitor.protocol, deadline);
	/* its protocol end is closed now: files ends by itself */
	drain_channel(&monitor.files, monitor.state);
	reap(&monitor.files, deadline);
	log_begin(LEVEL_INFO, "disconnect");
	log_field_text("reason", monitor.end_reason);
	log_field_u64("milliseconds", monotonic_ms() - monitor.session->started_ms);
	log_field_u64("bytes_down", monitor.bytes_down);
	log_field_u64("bytes_up", monitor.bytes_up);
	log_end();
	_exit(monitor.has_alarm ? MONITOR_EXIT_ALARM : MONITOR_EXIT_END);
}

/* A sibling said what the table does not allow: kill it, tell, end. */
static void __attribute__((noreturn))
end_for_violation(struct child *child, const char *what)
{
	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("violation", what);
	log_field_text("by", child->name);
	log_end();
	monitor.has_alarm = true;
	monitor.end_reason = "alarm";
	end_session();
}

/* Tell protocol to take leave of the client; kill it if it does not. */
static void
tell_end(enum ipc_end_reason reason)
{
	if (monitor.kill_at_ms != NEVER)
		return;
	ipc_begin(&message, IPC_end);
	ipc_put_u8(&message, (uint8_t)reason);
	ipc_send_now(monitor.protocol.channel, &message, -1);
	if (reason == END_DRAIN)
		return;	/* the master keeps that deadline */
	monitor.end_reason = end_reasons[reason];
	monitor.kill_at_ms = monotonic_ms() + END_GRACE_MS;
}

static void
reply_result(int result)
{
	ipc_begin_reply(&message, message.kind, result);
	if (ipc_send(monitor.protocol.channel, &message, -1) < 0)
		end_session();
}

/* Login. */

static void
take_master_end(void)
{
	uint8_t reason = ipc_get_u8(&message);

	if (ipc_end(&message) && reason < END_REASON_COUNT)
		tell_end((enum ipc_end_reason)reason);
}

/* Ask the master to count this session for the account; blocks for the master's answer. */
static enum ipc_admit_outcome
ask_master_admit(const struct account *account)
{
	uint32_t outcome;

	ipc_begin(&message, IPC_admit);
	ipc_put_u32(&message, account->max_sessions);
	ipc_put_text(&message, account->name);
	if (ipc_send(monitor.session->master_channel, &message, -1) < 0)
		end_session();
	for (;;) {
		if (ipc_receive(monitor.session->master_channel, IPC_MONITOR, IPC_STATE_LOGIN, &message) < 0)
			end_session();
		if (message.kind == IPC_admit && message.is_reply)
			break;
		if (message.kind == IPC_end)
			take_master_end();
	}
	if (ipc_get_result(&message) < 0)
		end_session();
	outcome = ipc_get_u32(&message);
	return outcome < ADMIT_OUTCOME_COUNT ? (enum ipc_admit_outcome)outcome : ADMIT_USER_LIMIT;
}

static void
tell_master_verdict(bool is_right)
{
	ipc_begin(&message, IPC_verdict);
	ipc_put_u8(&message, is_right);
	ipc_send(monitor.session->master_channel, &message, -1);
}

/*
 * Fork the files process. Returns the end of its channel that protocol gets, or -errno.
 * home_fd stays the caller's.
 */
static int
fork_files(const struct account *account, int home_fd)
{
	struct session *session = monitor.session;
	int to_protocol[2] = {-1, -1}, to_monitor[2] = {-1, -1};
	int r;

	r = ipc_pair(to_protocol, 0);
	if (r == 0)
		r = ipc_pair(to_monitor, CHANNEL_TIMEOUT_S);
	if (r < 0)
		goto out;
	monitor.files.pid = fork();
	if (monitor.files.pid < 0) {
		r = -errno;
		monitor.files.pid = 0;
		goto out;
	}
	if (monitor.files.pid == 0) {
		explicit_bzero(&monitor.login, sizeof(monitor.login));
		scoreboard_leave(session->claims);
		files_run(&(struct files_session){
		    .home_fd = home_fd,
		    .protocol_channel = to_protocol[1],
		    .monitor_channel = to_monitor[1],
		    .uid = account->uid,
		    .gid = account->gid,
		    .is_read_only = account->is_read_only,
		    .rights = account_rights(account),
		    .config = session->config,
		});
	}
	monitor.files.channel = to_monitor[0];
	to_monitor[0] = -1;
	r = to_protocol[0];
	to_protocol[0] = -1;
out:
	close_fd(&to_protocol[0]);
	close_fd(&to_protocol[1]);
	close_fd(&to_monitor[0]);
	close_fd(&to_monitor[1]);
	return r;
}

/* Root is not needed any more: the empty chroot, the service user, the narrow filter. */
static void
drop_root(void)
{
	struct session *session = monitor.session;

	/* a port below 1024 for active mode needs a right; no other keeps anything */
	int kept = session->config->active_mode && session->config->active_port > 0 &&
		session->config->active_port < 1024
	    ? CAP_NET_BIND_SERVICE
	    : SANDBOX_NO_CAPABILITY;

	if (sandbox_chroot(session->empty_directory_fd) < 0 ||
	    sandbox_drop_identity_but(session->service_uid, session->service_gid, kept) < 0 ||
	    sandbox_enter(SANDBOX_MONITOR, session->master_pid) < 0) {
		monitor.end_reason = "walls";
		log_message(LEVEL_CRITICAL, "alarm", "monitor cannot give up root");
		end_session();
	}
	close_fd(&session->empty_directory_fd);
}

static void
log_login_failed(const char *name, const char *reason)
{
	log_begin(LEVEL_WARNING, "login-failed");
	log_field_text("name", name);
	log_field_text("reason", reason);
	log_end();
}

/* The session belongs to account from here on; tell protocol. */
static void
complete_login(const struct account *account, int files_channel)
{
	log_set_context(NULL, NULL, NULL, account->name);
	drop_root();
	monitor.state = IPC_STATE_READY;
	claim(monitor.session->claims, CLAIM_IDLE, monotonic_ms());
	log_message(LEVEL_INFO, "login", "%s", account->is_read_only ? "read-only" : "read-write");
	ipc_begin_reply(&message, IPC_login, 0);
	if (ipc_send(monitor.protocol.channel, &message, files_channel) < 0)
		end_session();
}

/* Name and password are right: the rest that a session needs. Returns 0 or what login is answered with. */
static int
admit(const struct account *account, const char **reason)
{
	int home_fd = -1, files_channel = -1;
	int r = login_open_home(account, &home_fd, reason);

	if (r < 0)
		return -EPERM;
	switch (ask_master_admit(account)) {
	case ADMIT_YES:
		break;
	case ADMIT_ACCOUNT_LIMIT:
		*reason = "max-sessions of the account reached";
		r = -EUSERS;
		goto out;
	case ADMIT_USER_LIMIT:
	case ADMIT_OUTCOME_COUNT:
		*reason = "limits.sessions-per-user reached";
		r = -EUSERS;
		goto out;
	}
	files_channel = fork_files(account, home_fd);
	if (files_channel < 0) {
		*reason = "files process cannot be forked";
		r = -EPERM;
		goto out;
	}
	complete_login(account, files_channel);
out:
	close_fd(&home_fd);
	close_fd(&files_channel);
	return r;
}

/* Answer a failed login: the same for every reason but a limit; the last try ends the session. */
static void
refuse_login(int r, const char *reason)
{
	log_login_failed(monitor.login.name, reason);
	monitor.failures++;
	ipc_begin(&message, IPC_login);
	if (r != -EUSERS)
		r = monitor.failures >= monitor.session->config->limits.login_failures ? -ECONNABORTED : -EACCES;
	if (r == -ECONNABORTED) {
		monitor.end_reason = "login-failures";
		monitor.kill_at_ms = monotonic_ms() + END_GRACE_MS;	/* should protocol not leave by itself */
	}
	reply_result(r);
}

/* runs as root: the master says that it is this session's turn to compute a hash */
static void
master_answer_attempt(void)
{
	static struct account account;
	const char *reason = NULL;
	int snapshot_fd = ipc_take_fd(&message);
	int r;

	if (!monitor.login.is_waiting || ipc_get_result(&message) < 0) {
		close_fd(&snapshot_fd);
		return;
	}
	monitor.login.is_waiting = false;
	r = login_check(snapshot_fd, monitor.login.name, monitor.login.password, &monitor.session->peer, time(NULL),
	    &account, &reason);
	close_fd(&snapshot_fd);
	explicit_bzero(monitor.login.password, sizeof(monitor.login.password));
	explicit_bzero(account.hash, sizeof(account.hash));
	tell_master_verdict(r != -EACCES);
	if (r == 0)
		r = admit(&account, &reason);
	if (r < 0)
		refuse_login(r, reason);
	explicit_bzero(&account, sizeof(account));
}

static void
monitor_answer_login(void)
{
	size_t len;
	const char *password;

	if (monitor.login.is_waiting)
		end_for_violation(&monitor.protocol, "login while a login waits");
	ipc_get_text(&message, monitor.login.name, sizeof(monitor.login.name));
	password = ipc_get_bytes(&message, PASSWORD_MAX, &len);
	if (!ipc_end(&message) || memchr(password, '\0', len) != NULL)
		end_for_violation(&monitor.protocol, "malformed login");
	memcpy(monitor.login.password, password, len);
	monitor.login.password[len] = '\0';
	explicit_bzero(message.bytes, message.length);
	monitor.login.is_waiting = true;
	ipc_begin(&message, IPC_attempt);
	if (ipc_send(monitor.session->master_channel, &message, -1) < 0)
		end_session();
}

/* Data sockets. */

static void
try_listen(void)
{
	const struct config *config = monitor.session->config;
	const union address *local = &monitor.session->local;
	union address bound;
	int fd = -1;
	int r = data_socket_listen(local, config->passive_port_low, config->passive_port_high, &bound, &fd);

	if (r == -EADDRINUSE && monotonic_ms() < monitor.listen.deadline_ms) {
		monitor.listen.is_waiting = true;
		return;
	}
	monitor.listen.is_waiting = false;
	ipc_begin_reply(&message, IPC_listen, r);
	if (r == 0) {
		uint8_t host[16] = {0};

		memcpy(host, bound.family == AF_INET6 ? (void *)&bound.v6.sin6_addr : (void *)&bound.v4.sin_addr,
		    bound.family == AF_INET6 ? 16 : 4);
		ipc_put_u8(&message, bound.family == AF_INET6 ? 6 : 4);
		ipc_put_bytes(&message, host, sizeof(host));
		ipc_put_u32(&message, address_port(&bound));
	}
	if (r < 0)
		log_message(LEVEL_ERROR, "data-refused", "no passive port: %s", strerror(-r));
	r = ipc_send(monitor.protocol.channel, &message, fd);
	close_fd(&fd);
	if (r < 0)
		end_session();
}

static void
monitor_answer_listen(void)
{
	uint8_t family = ipc_get_u8(&message);

	if (!ipc_end(&message) || family != 0 || monitor.listen.is_waiting)
		end_for_violation(&monitor.protocol, "malformed listen");
	monitor.listen.deadline_ms = monotonic_ms() + 1000ULL * monitor.session->config->timeouts.data_connect_s;
	try_listen();
}

static void
monitor_answer_connect(void)
{
	union address target;
	uint8_t family = ipc_get_u8(&message);
	size_t len;
	const void *host = ipc_get_bytes(&message, 16, &len);
	uint32_t port = ipc_get_u32(&message);
	int fd = -1;
	int r = -EACCES;

	if (!ipc_end(&message) || (family != 4 && family != 6) || len != 16 || port > UINT16_MAX)
		end_for_violation(&monitor.protocol, "malformed connect");
	memset(&target, 0, sizeof(target));
	target.family = family == 6 ? AF_INET6 : AF_INET;
	memcpy(family == 6 ? (void *)&target.v6.sin6_addr : (void *)&target.v4.sin_addr, host, family == 6 ? 16 : 4);
	address_set_port(&target, (uint16_t)port);
	if (monitor.session->config->active_mode)
		r = data_socket_connect(&monitor.session->local, monitor.session->config->active_port,
		    &monitor.session->peer, &target, &fd);
	ipc_begin_reply(&message, IPC_connect, r);
	r = ipc_send(monitor.protocol.channel, &message, fd);
	close_fd(&fd);
	if (r < 0)
		end_session();
}

/* TLS: the key is here, and only a handshake's text is signed with it. */
static void
monitor_answer_sign(void)
{
	static uint8_t signature[SIGNATURE_MAX], text[SIGN_TEXT_MAX];
	uint8_t scheme = ipc_get_u8(&message);
	size_t len, signature_len = 0;
	const void *bytes = ipc_get_bytes(&message, sizeof(text), &len);
	int r = 0;

	if (!ipc_end(&message) || scheme >= SIGN_SCHEME_COUNT || monitor.session->key_fd < 0)
		end_for_violation(&monitor.protocol, "malformed sign");
	memcpy(text, bytes, len);
	if (!sign_budget_take(&monitor.sign_budget, monotonic_ms()))
		r = -EAGAIN;
	else
		r = sign_handshake(monitor.session->key_fd, (enum sign_scheme)scheme, text, len, signature,
		    &signature_len);
	if (r == -EPERM)
		end_for_violation(&monitor.protocol, "asked to sign what is no handshake");
	if (r < 0)
		log_message(LEVEL_ERROR, "tls-failed", "no signature: %s", strerror(-r));
	ipc_begin_reply(&message, IPC_sign, r);
	if (r == 0)
		ipc_put_bytes(&message, signature, signature_len);
	if (ipc_send(monitor.protocol.channel, &message, -1) < 0)
		end_session();
}

/* Events for the log. */

static void
monitor_answer_transferred(void)
{
	static const char *const directions[DIRECTION_COUNT] = {
	    [DIRECTION_DOWN] = "down", [DIRECTION_UP] = "up", [DIRECTION_LIST] = "list",
	};
	uint8_t direction = ipc_get_u8(&message);
	uint8_t is_ascii = ipc_get_u8(&message);
	uint64_t bytes = ipc_get_u64(&message);
	uint64_t ms = ipc_get_u64(&message);
	uint32_t error = ipc_get_u32(&message);
	char path[HOME_PATH_MAX + 1];
	const char *error_name;

	ipc_get_text(&message, path, sizeof(path));
	if (!ipc_end(&message) || direction >= DIRECTION_COUNT)
		end_for_violation(&monitor.protocol, "malformed transferred");
	if (direction == DIRECTION_UP)
		monitor.bytes_up += bytes;
	else
		monitor.bytes_down += bytes;
	error_name = error == 0 ? "ok" : strerrorname_np((int)error);
	log_begin(LEVEL_INFO, "transfer");
	log_field_text("direction", directions[direction]);
	log_field_u64("bytes", bytes);
	log_field_u64("milliseconds", ms);
	log_field_text("result", error_name == NULL ? "error" : error_name);
	log_field_text("type", is_ascii ? "ascii" : "image");
	log_field_text("path", path);
	log_end();
}

static void
monitor_answer_noted(void)
{
	static const struct {
		const char *event;
		enum log_level level;
		bool ends;
	} events[NOTED_EVENT_COUNT] = {
	    [NOTED_BAD_COMMANDS] = {"bad-commands", LEVEL_WARNING, true},
	    [NOTED_DATA_REFUSED] = {"data-refused", LEVEL_WARNING, false},
	    [NOTED_DATA_FAILED] = {"data-failed", LEVEL_INFO, false},
	    [NOTED_QUIT] = {"quit", LEVEL_DEBUG, true},
	    [NOTED_TLS] = {"tls", LEVEL_INFO, false},
	    [NOTED_TLS_FAILED] = {"tls-failed", LEVEL_WARNING, false},
	    [NOTED_TLS_REUSE] = {"tls-not-resumed", LEVEL_WARNING, false},
	    [NOTED_TLS_CUT] = {"tls-cut", LEVEL_WARNING, false},
	};
	uint8_t event = ipc_get_u8(&message);
	char detail[512];

	ipc_get_text(&message, detail, sizeof(detail));
	if (!ipc_end(&message) || event >= NOTED_EVENT_COUNT)
		end_for_violation(&monitor.protocol, "malformed noted");
	if (events[event].ends && monitor.kill_at_ms == NEVER)
		monitor.end_reason = events[event].event;
	log_begin(events[event].level, events[event].event);
	log_field_text("detail", detail);
	log_end();
}

/* What protocol and files may say, beside the alarm that any of them may raise. */
static void
dispatch(struct child *child)
{
	switch (message.kind) {
	case IPC_login:
		monitor_answer_login();
		break;
	case IPC_listen:
		monitor_answer_listen();
		break;
	case IPC_connect:
		monitor_answer_connect();
		break;
	case IPC_sign:
		monitor_answer_sign();
		break;
	case IPC_transferred:
		monitor_answer_transferred();
		break;
	case IPC_noted:
		monitor_answer_noted();
		break;
	default:
		end_for_violation(child, ipc_kind_name(message.kind));
	}
}

/*
 * Without files nothing is left to serve: protocol takes leave of the client. It ends in order
 * only because protocol's end of their channel is closed: protocol is on its way out, too.
 */
static void
files_is_gone(void)
{
	close_fd(&monitor.files.channel);
	if (reap(&monitor.files, monotonic_ms() + REAP_MS))
		return;
	tell_end(END_SHUTDOWN);
	monitor.end_reason = "files-gone";
}

static void
receive_from_child(struct child *child)
{
	int r = ipc_receive_now(child->channel, IPC_MONITOR, monitor.state, &message);

	if (r == -EAGAIN)
		return;
	if (r == -EPROTO)
		end_for_violation(child, "message outside the table");
	if (r < 0 && child == &monitor.files) {
		files_is_gone();
		return;
	}
	if (r < 0) {
		close_fd(&child->channel);
		end_session();
	}
	if (message.kind == IPC_alarm) {
		child->stopped_at = ipc_get_u32(&message);
		child->reported = true;
		return;	/* it is dying; its channel closes next */
	}
	if (child != &monitor.protocol)
		end_for_violation(child, ipc_kind_name(message.kind));
	dispatch(child);
}

static void
receive_from_master(void)
{
	int r = ipc_receive_now(monitor.session->master_channel, IPC_MONITOR, monitor.state, &message);

	if (r == -EAGAIN)
		return;
	if (r < 0) {
		monitor.end_reason = "master-gone";
		end_session();
	}
	if (message.kind == IPC_attempt && message.is_reply)
		master_answer_attempt();
	else if (message.kind == IPC_end)
		take_master_end();
	else
		close_fd(&message.fd);
}

/* When the session overstays, and how that is told. */
static uint64_t
session_deadline(enum ipc_end_reason *reason)
{
	const struct config *config = monitor.session->config;
	uint64_t active = claimed_active_ms(monitor.session->claims);

	/* a taken-over protocol process may claim what it likes, but not the future */
	if (active > monotonic_ms())
		active = monotonic_ms();
	if (monitor.state == IPC_STATE_LOGIN) {
		*reason = END_LOGIN_TIMEOUT;
		return monitor.login_deadline_ms;
	}
	switch (claimed_activity(monitor.session->claims)) {
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
shortest_ms(void)
{
	const struct config *config = monitor.session->config;

	return 1000ULL * (config->timeouts.idle_s < config->timeouts.stall_s ? config->timeouts.idle_s
									      : config->timeouts.stall_s);
}

/* Do what is due; return how long nothing will be, in ms. */
static int
keep_deadlines(void)
{
	uint64_t now = monotonic_ms();
	enum ipc_end_reason reason;
	uint64_t due = session_deadline(&reason);

	if (now >= monitor.kill_at_ms)
		end_session();
	if (monitor.kill_at_ms != NEVER)
		return deadline_left_ms(monitor.kill_at_ms, now);
	if (now >= due) {
		tell_end(reason);
		return deadline_left_ms(monitor.kill_at_ms, now);
	}
	if (monitor.listen.is_waiting) {
		try_listen();
		if (monitor.listen.is_waiting)
			return LISTEN_RETRY_MS;
	}
	/* protocol may begin another activity while this sleeps, with a deadline that is sooner */
	return deadline_left_ms(due < now + shortest_ms() ? due : now + shortest_ms(), now);
}

static void
fork_protocol(void)
{
	struct session *session = monitor.session;
	int channels[2] = {-1, -1};
	pid_t monitor_pid = getpid();

	if (ipc_pair(channels, CHANNEL_TIMEOUT_S) < 0)
		_exit(MONITOR_EXIT_END);
	monitor.protocol.pid = fork();
	if (monitor.protocol.pid < 0)
		_exit(MONITOR_EXIT_END);
	if (monitor.protocol.pid == 0)
		protocol_run(&(struct protocol_session){
		    .client_fd = session->client_fd,
		    .monitor_channel = channels[1],
		    .empty_directory_fd = session->empty_directory_fd,
		    .monitor_pid = monitor_pid,
		    .peer = session->peer,
		    .local = session->local,
		    .passive_told = session->passive_told,
		    .is_tls = session->is_tls,
		    .tls = session->tls,
		    .service_uid = session->service_uid,
		    .service_gid = session->service_gid,
		    .claims = session->claims,
		    .config = session->config,
		});
	monitor.protocol.channel = channels[0];
	close(channels[1]);
	close_fd(&session->client_fd);
}

static void
start(struct session *session)
{
	const int keep[] = {session->client_fd, session->master_channel, session->log_channel,
	    session->empty_directory_fd, session->key_fd};
	size_t count = session->key_fd < 0 ? 4 : 5;

	monitor.session = session;
	monitor.state = IPC_STATE_LOGIN;
	monitor.protocol = (struct child){.name = "protocol", .channel = -1};
	monitor.files = (struct child){.name = "files", .channel = -1};
	monitor.kill_at_ms = NEVER;
	monitor.end_reason = "client";
	monitor.login_deadline_ms = session->started_ms + 1000ULL * session->config->timeouts.login_s;
	if (sandbox_close_all_but(keep, count) < 0)
		_exit(MONITOR_EXIT_END);
	log_message(LEVEL_INFO, "connect", "%s", session->is_tls ? "implicit TLS" : "plain");
	fork_protocol();
	sandbox_report_to(session->master_channel);
	if (sandbox_limit(SANDBOX_MONITOR) < 0 || sandbox_enter(SANDBOX_MONITOR_LOGIN, session->master_pid) < 0) {
		monitor.end_reason = "walls";
		log_message(LEVEL_CRITICAL, "alarm", "monitor cannot load its filter");
		end_session();
	}
}

void
monitor_run(struct session *session)
{
	enum { PROTOCOL, MASTER, FILES, WAITS };
	struct pollfd waits[WAITS];

	start(session);
	for (;;) {
		int timeout = keep_deadlines();

		waits[PROTOCOL] = (struct pollfd){.fd = monitor.protocol.channel, .events = POLLIN};
		waits[MASTER] = (struct pollfd){.fd = session->master_channel, .events = POLLIN};
		waits[FILES] = (struct pollfd){.fd = monitor.files.channel, .events = POLLIN};
		if (poll(waits, WAITS, timeout) <= 0)
			continue;
		/* protocol first: when both are gone, it was protocol that ended the session */
		if (waits[PROTOCOL].revents != 0)
			receive_from_child(&monitor.protocol);
		else if (waits[FILES].revents != 0)
			receive_from_child(&monitor.files);
		if (waits[MASTER].revents != 0)
			receive_from_master();
	}
}
