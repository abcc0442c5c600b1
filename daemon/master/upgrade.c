/* SPDX-License-Identifier: ISC */
#include "daemon/master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/libc.h"
#include "common/text.h"
#include "common/title.h"
#include "daemon/master/activation.h"
#include "daemon/master/bans.h"
#include "daemon/master/broker_worker.h"
#include "daemon/master/certificates.h"
#include "daemon/master/control_socket.h"
#include "daemon/master/hook_worker.h"
#include "daemon/master/listeners.h"
#include "daemon/master/log_targets.h"
#include "daemon/master/metrics_server.h"
#include "daemon/master/notify.h"
#include "daemon/master/program.h"
#include "daemon/master/proxied.h"
#include "daemon/master/server.h"
#include "daemon/master/server_text.h"
#include "daemon/master/sessions.h"
#include "daemon/master/supervisor.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define START_SECONDS 60 /* for the new server to be ready */
#define RESCUE_MS 1000 /* a service manager may act first when the server that took over dies */
#define RESCUE_AGAIN_MS 10000
#define ERRORS_MAX 4096 /* bytes of the output of a server that does not come up */
#define GONE_LINE (sizeof("gone \n") - 1 + SESSION_ID_SIZE - 1)
#define GONE_AT_ONCE (SERVER_TEXT_MAX / GONE_LINE * GONE_LINE) /* bytes of one message: whole lines */

static void upgrade_gone(void *arg, int status);
static void upgrade_note_neighbours(void *arg);
static void upgrade_overdue_due(void *arg);
static void upgrade_rescue_due(void *arg);
static void upgrade_successor_ready(void *arg);
static void upgrade_tell_gone(void *arg, const char *id);
static void upgrade_tell_manager(void *arg);

int
upgrade_init(struct upgrade *upgrade, const struct upgrade_parts *parts, const char *argv0)
{
	const struct former_listener listener = {
	    upgrade_tell_gone, upgrade_tell_manager, upgrade_note_neighbours, upgrade};

	*upgrade = (struct upgrade){
	    .parts = *parts,
	    .program = program_path(argv0),
	    .successor = -1,
	    .program_fd = -1,
	    .errors_fd = -1,
	    .child = {.gone = upgrade_gone, .arg = upgrade},
	    .overdue = {.due = upgrade_overdue_due, .arg = upgrade},
	    .rescue = {.due = upgrade_rescue_due, .arg = upgrade},
	    .successor_source = {.ready = upgrade_successor_ready, .arg = upgrade},
	};
	former_servers_init(&upgrade->formers, parts->server, parts->sessions, &listener);
	supervisor_find(parts->server->is_foreground, upgrade->supervisor, sizeof(upgrade->supervisor));
	return upgrade->program == NULL ? -ENOMEM : 0;
}

/* Each server has a broker for its sessions. */
static void
upgrade_note_neighbours(void *arg)
{
	struct upgrade *upgrade = arg;

	broker_worker_set_alone(upgrade->parts.broker,
	    !upgrade->is_retired && upgrade->child.pid == 0 && TAILQ_EMPTY(&upgrade->formers.list));
}

/* --- how it went --- */

/* A line of the report, which is the answer to sallyportctl, and of the log. */
static void __attribute__((format(printf, 2, 3)))
note_problem(struct upgrade *upgrade, const char *format, ...)
{
	size_t len = strlen(upgrade->report);
	char text[ERRORS_MAX - 1]; /* a line break goes before it */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_message(LEVEL_ERROR, "upgrade-failed", "%s", text);
	snprintf(upgrade->report + len, sizeof(upgrade->report) - len, "%s%s", len == 0 ? "" : "\n", text);
}

static void
end_report(struct upgrade *upgrade, bool is_good)
{
	upgrade->is_good = is_good;
	upgrade->ended++;
	control_socket_report(upgrade->parts.control);
}

void
upgrade_stop_formers(struct upgrade *upgrade, bool is_drain)
{
	char text[64];

	snprintf(text, sizeof(text), "within %u\n%s\n", upgrade->parts.server->config->timeouts.drain_s,
	    is_drain ? "drain" : "now");
	former_servers_tell(&upgrade->formers, text);
}

/* --- the new program --- */

static int
start_program(struct upgrade *upgrade)
{
	int channels[2] = {-1, -1}, errors[2] = {-1, -1};
	char good[CERTIFICATES_GOOD_MAX] = "";
	int r = 0;
	pid_t pid;

	if (!upgrade->is_retired) /* while nobody listens, any certificate is good enough */
		certificates_good(upgrade->parts.server, good);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channels) < 0 ||
	    pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0) {
		r = -errno;
		goto out;
	}
	pid = program_start(
	    &(struct program_start){
		.server = upgrade->parts.server,
		.listeners = upgrade->parts.listeners,
		.path = upgrade->program,
		.uploads_read = upgrade->parts.hooks->uploads_read,
		.channel = channels[1],
		.errors_fd = errors[1],
		.good_certificates = good,
	    },
	    &upgrade->program_pid, &upgrade->program_fd);
	if (pid < 0) {
		r = (int)pid;
		goto out;
	}
	child_add(upgrade->parts.server->loop, &upgrade->child, pid);
	upgrade->successor = channels[0];
	upgrade->errors_fd = errors[0];
	upgrade->takes_formers = false;
	timer_set(upgrade->parts.server->loop, &upgrade->overdue, monotonic_ms() + 1000ULL * START_SECONDS);
	channels[0] = errors[0] = -1;
	(void)!loop_watch(upgrade->parts.server->loop, &upgrade->successor_source, upgrade->successor);
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&channels[i]);
		close_fd(&errors[i]);
	}
	return r;
}

static void
forget_successor(struct upgrade *upgrade)
{
	loop_close(upgrade->parts.server->loop, &upgrade->successor_source, &upgrade->successor);
	close_fd(&upgrade->errors_fd);
	close_fd(&upgrade->program_fd);
	timer_stop(upgrade->parts.server->loop, &upgrade->overdue);
	upgrade_note_neighbours(upgrade);
	if (upgrade->is_retired && !upgrade->parts.server->is_draining)
		timer_set(upgrade->parts.server->loop, &upgrade->rescue, monotonic_ms() + RESCUE_AGAIN_MS);
}

/* Why no new server can be started; NULL: it can. */
static const char *
why_not_now(const struct upgrade *upgrade)
{
	if (upgrade->supervisor[0] != '\0')
		return upgrade->supervisor;
	if (upgrade->is_retired)
		return "another server has taken over already";
	if (upgrade->parts.server->is_draining)
		return "the server is stopping";
	if (upgrade->child.pid != 0 || upgrade->is_postponed)
		return "one is under way already";
	return NULL;
}

static void
begin_upgrade(struct upgrade *upgrade)
{
	int r;

	upgrade->report[0] = '\0';
	broker_worker_set_alone(upgrade->parts.broker, false); /* the new one's may count before this one retires */
	log_message(LEVEL_INFO, "upgrade", "starting '%s'", upgrade->program);
	r = start_program(upgrade);
	if (r < 0) {
		note_problem(upgrade, "no process can be started: %s", strerror(-r));
		forget_successor(upgrade);
		end_report(upgrade, false);
	}
}

const char *
upgrade_start(struct upgrade *upgrade)
{
	const char *refused = why_not_now(upgrade);

	if (refused != NULL)
		log_message(LEVEL_WARNING, "upgrade-failed", "%s", refused);
	else if (upgrade->is_held)
		upgrade->is_postponed = true;
	else
		begin_upgrade(upgrade);
	return refused;
}

void
upgrade_hold(struct upgrade *upgrade)
{
	upgrade->is_held = true;
}

void
upgrade_release(struct upgrade *upgrade)
{
	upgrade->is_held = false;
	if (!upgrade->is_postponed)
		return;
	upgrade->is_postponed = false;
	begin_upgrade(upgrade);
}

/* --- a new server that does not come up --- */

static void
note_errors(struct upgrade *upgrade)
{
	char text[ERRORS_MAX + 1];
	ssize_t got = read(upgrade->errors_fd, text, ERRORS_MAX);
	char *rest = text, *line;

	text[got < 0 ? 0 : got] = '\0';
	while ((line = server_text_line(&rest)) != NULL)
		note_problem(upgrade, "%s", line);
}

/* It may be there still, when its parent was killed and not itself. */
static void
kill_program(const struct upgrade *upgrade)
{
	if (upgrade->program_fd >= 0)
		(void)!pidfd_send_signal(upgrade->program_fd, SIGKILL, NULL, 0);
}

static void
fail_start(struct upgrade *upgrade, int status)
{
	const char *rest = upgrade->is_retired ? "no server listens; the next attempt follows" : "this one goes on";
	bool wants_reload = upgrade->wants_reload;

	upgrade->wants_reload = false;
	kill_program(upgrade);
	note_errors(upgrade);
	forget_successor(upgrade);
	if (WIFSIGNALED(status))
		note_problem(upgrade, "the new server was ended by signal %d; %s", WTERMSIG(status), rest);
	else
		note_problem(upgrade, "the new server did not start (exit status %d); %s", WEXITSTATUS(status), rest);
	end_report(upgrade, false);
	if (wants_reload)
		upgrade->parts.reload(upgrade->parts.reload_arg);
}

static void
upgrade_gone(void *arg, int status)
{
	fail_start(arg, status);
}

void
upgrade_cancel(struct upgrade *upgrade)
{
	bool is_under_way = upgrade->child.pid != 0 || upgrade->is_postponed;

	if (upgrade->is_postponed)
		upgrade->report[0] = '\0'; /* of the one before */
	if (upgrade->child.pid != 0) {
		kill_program(upgrade);
		kill(upgrade->child.pid, SIGKILL);
		child_drop(upgrade->parts.server->loop, &upgrade->child);
		forget_successor(upgrade);
	}
	timer_stop(upgrade->parts.server->loop, &upgrade->rescue);
	upgrade->is_postponed = false;
	upgrade->wants_reload = false;
	if (!is_under_way)
		return;
	note_problem(upgrade, "the server is stopping");
	end_report(upgrade, false);
}

static void
upgrade_overdue_due(void *arg)
{
	struct upgrade *upgrade = arg;

	note_problem(upgrade, "the new server was not ready in %d seconds", START_SECONDS);
	kill_program(upgrade);
}

/* Somebody else may have started a server meanwhile, which a next one would only be refused by. */
static void
upgrade_rescue_due(void *arg)
{
	struct upgrade *upgrade = arg;
	pid_t other = control_socket_server(upgrade->parts.control);

	if (other == 0) {
		begin_upgrade(upgrade);
		return;
	}
	log_message(LEVEL_WARNING, "upgrade",
	    "process %ld serves, and was not started by this one: %u sessions go on here, and a stop of that one does "
	    "not reach them",
	    (long)other, upgrade->parts.sessions->live_count);
}

bool
upgrade_lets_go(const struct upgrade *upgrade)
{
	return upgrade->is_retired && upgrade->child.pid == 0 && !timer_is_set(&upgrade->rescue);
}

/* --- the old server retires --- */

static void
tell_sessions(const struct upgrade *upgrade)
{
	const struct slot *slot;
	struct buf lines;

	buf_init(&lines, SERVER_TEXT_MAX);
	TAILQ_FOREACH(slot, &upgrade->parts.sessions->live, live)
		server_text_add_session(upgrade->successor, &lines, slot->id, &slot->address, slot->user);
	if (lines.len > 0)
		(void)server_text_send(upgrade->successor, lines.data, lines.len, -1, SERVER_TEXT_WAIT_MS);
	buf_free(&lines);
}

/*
 * The new server's parent ends, and it becomes the child of whatever this server is a child of: a service manager
 * supervises its own children only. Its status where that was not needed, or 0.
 */
static int
release_program(struct upgrade *upgrade)
{
	pid_t child = upgrade->child.pid;
	int status = 0;

	/* while this process adopts, the new server would become its child */
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child_drop(upgrade->parts.server->loop, &upgrade->child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : status;
}

/* The sessions of the servers before it go on as well. */
static void
report_retirement(struct upgrade *upgrade)
{
	char earlier[48] = "";

	if (upgrade->formers.known.count > 0)
		snprintf(earlier, sizeof(earlier), ", and %u in servers before it", upgrade->formers.known.count);
	snprintf(upgrade->report, sizeof(upgrade->report), "process %ld has taken over; %u %s on in process %ld%s",
	    (long)upgrade->program_pid, upgrade->parts.sessions->live_count,
	    upgrade->parts.sessions->live_count == 1 ? "session goes" : "sessions go", (long)upgrade->parts.server->pid,
	    earlier);
	end_report(upgrade, true);
}

static void
retire_old(struct upgrade *upgrade)
{
	int status = release_program(upgrade);

	if (status != 0) {
		fail_start(upgrade, status);
		return;
	}
	close_fd(&upgrade->errors_fd);
	timer_stop(upgrade->parts.server->loop, &upgrade->overdue);
	buf_free(&upgrade->gone);
	buf_init(&upgrade->gone, (size_t)SESSIONS_MAX * GONE_LINE);
	upgrade->is_retired = upgrade->has_successor = true;
	if (upgrade->wants_reload)
		(void)!pidfd_send_signal(upgrade->program_fd, SIGHUP, NULL, 0);
	upgrade->wants_reload = false;
	listeners_forget(upgrade->parts.listeners);
	proxied_leave(upgrade->parts.proxied);
	hook_worker_stop(upgrade->parts.hooks);
	broker_worker_retire(upgrade->parts.broker, upgrade->parts.sessions->live_count == 0);
	metrics_server_stop(upgrade->parts.metrics);
	report_retirement(upgrade);
	control_socket_close(upgrade->parts.control, true);
	bans_close(upgrade->parts.bans);
	tell_sessions(upgrade);
	former_servers_hand_on(&upgrade->formers, upgrade->successor, upgrade->takes_formers);
	notify_main_process(upgrade->program_pid);
	server_text_say(upgrade->successor, "yours\n");
	title_doing("retired", "", 0);
	log_message(LEVEL_INFO, "upgrade", "%s", upgrade->report);
}

/* The server that took over is gone. Before it stops, it would have said so. */
static void
miss_successor(struct upgrade *upgrade)
{
	upgrade->has_successor = false;
	close_fd(&upgrade->program_fd);
	sessions_admit_waiting(upgrade->parts.sessions);
	if (upgrade->parts.server->is_draining)
		return;
	former_servers_take_back(&upgrade->formers);
	log_message(LEVEL_CRITICAL, "upgrade-failed",
	    "the server that took over has ended; nobody listens any more, unless a service manager starts it; "
	    "the next attempt follows");
	timer_set(upgrade->parts.server->loop, &upgrade->rescue, monotonic_ms() + RESCUE_MS);
}

static void
reopen_log(struct upgrade *upgrade)
{
	char error[CONFIG_PLACE_MAX + 512];

	if (log_targets_reopen(upgrade->parts.log, error, sizeof(error)) < 0)
		log_message(LEVEL_ERROR, "reload", "%s; the log in force stays", error);
	former_servers_tell(&upgrade->formers, "reopen\n");
}

bool
upgrade_reload_retired(struct upgrade *upgrade)
{
	if (!upgrade->is_retired)
		return false;
	reopen_log(upgrade);
	return true;
}

/* To a server that has the channel from one that died. */
static void
tell_sessions_again(struct upgrade *upgrade)
{
	server_text_say(upgrade->successor, "anew\n");
	tell_sessions(upgrade);
	sessions_ask_again(upgrade->parts.sessions);
}

/* "ID OUTCOME" */
static void
take_admission(struct upgrade *upgrade, const char *text)
{
	char id[SESSION_ID_SIZE];
	uint64_t outcome;

	if (strlen(text) < sizeof(id) || parse_u64(text + sizeof(id), ADMIT_OUTCOME_COUNT - 1, &outcome) < 0)
		return;
	snprintf(id, sizeof(id), "%s", text);
	sessions_take_admission(upgrade->parts.sessions, id, (enum ipc_admit_outcome)outcome);
}

static void
obey_successor(struct upgrade *upgrade, const char *line)
{
	static const char within[] = "within ", admitted[] = "admitted ";
	uint64_t seconds;

	if (strcmp(line, "ready") == 0 && upgrade->child.pid != 0)
		retire_old(upgrade);
	else if (strcmp(line, "formers") == 0)
		upgrade->takes_formers = true;
	else if (strncmp(line, within, sizeof(within) - 1) == 0 &&
	    parse_u64(line + sizeof(within) - 1, UINT32_MAX, &seconds) == 0)
		upgrade->parts.server->config->timeouts.drain_s = (uint32_t)seconds;
	else if (strcmp(line, "reopen") == 0)
		reopen_log(upgrade);
	else if (strcmp(line, "drain") == 0)
		upgrade->parts.server->stop(upgrade->parts.server, true);
	else if (strcmp(line, "now") == 0)
		upgrade->parts.server->stop(upgrade->parts.server, false);
	else if (strcmp(line, "sessions") == 0 && upgrade->is_retired)
		tell_sessions_again(upgrade);
	else if (strncmp(line, admitted, sizeof(admitted) - 1) == 0)
		take_admission(upgrade, line + sizeof(admitted) - 1);
}

/* As much as the channel takes; what is left follows when it takes more. */
static void
send_gone(struct upgrade *upgrade)
{
	bool had_room = true;

	while (upgrade->gone.len > 0 && had_room) {
		size_t len = upgrade->gone.len < GONE_AT_ONCE ? upgrade->gone.len : GONE_AT_ONCE;

		had_room = send(upgrade->successor, upgrade->gone.data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
		if (had_room)
			buf_consume(&upgrade->gone, len);
	}
	if (upgrade->gone.len == 0)
		buf_clear(&upgrade->gone); /* of a want of memory, too */
	loop_want(upgrade->parts.server->loop, &upgrade->successor_source, EPOLLIN | (had_room ? 0U : EPOLLOUT));
}

/* The successor counts it no longer, whether it was of this server or of one before. */
static void
upgrade_tell_gone(void *arg, const char *id)
{
	struct upgrade *upgrade = arg;

	if (!upgrade->is_retired || upgrade->successor < 0)
		return;
	buf_addf(&upgrade->gone, "gone %s\n", id);
	send_gone(upgrade);
}

static void
upgrade_successor_ready(void *arg)
{
	struct upgrade *upgrade = arg;
	char text[SERVER_TEXT_MAX + 1];
	char *rest = text, *line;
	int r;

	if (upgrade->gone.len > 0)
		send_gone(upgrade);
	r = server_text_receive(upgrade->successor, text, NULL);
	if (r == -EPIPE) {
		/* one that has not come up is reported when its parent is reaped */
		loop_close(upgrade->parts.server->loop, &upgrade->successor_source, &upgrade->successor);
		if (upgrade->has_successor)
			miss_successor(upgrade);
	}
	while (r > 0 && (line = server_text_line(&rest)) != NULL)
		obey_successor(upgrade, line);
}

/*
 * The server in charge decides whether a session may log in, because only it knows all sessions of the account.
 * False: this one does.
 */
static bool
upgrade_ask_admission(void *arg, const char *id, uint32_t max_sessions, const char *user)
{
	struct upgrade *upgrade = arg;
	char text[128];
	int len;

	if (!upgrade->is_retired || !upgrade->has_successor || !upgrade->takes_formers)
		return false;
	len = snprintf(text, sizeof(text), "admit %s %u %s\n", id, max_sessions, user);
	return len < (int)sizeof(text) && server_text_send(upgrade->successor, text, (size_t)len, -1, 0);
}

bool
upgrade_takes_reload(struct upgrade *upgrade)
{
	if (upgrade->child.pid == 0)
		return false;
	upgrade->wants_reload = true;
	return true;
}

/* --- the new server, and the sessions of the old one --- */

void
upgrade_take(struct upgrade *upgrade, const struct inherited *inherited)
{
	upgrade->parts.sessions->gone = upgrade_tell_gone;
	upgrade->parts.sessions->ask_admission = upgrade_ask_admission;
	upgrade->parts.sessions->upgrade = upgrade;
	if (!inherited->is_upgrade)
		return;
	hook_worker_take_channel(
	    upgrade->parts.hooks, inherited->extras[INHERITED_UPLOADS], inherited->extras[INHERITED_UPLOADS_READ]);
	(void)former_servers_start(&upgrade->formers, inherited->extras[INHERITED_CHANNEL]);
}

bool
upgrade_tell_ready(struct upgrade *upgrade)
{
	return former_servers_tell_starter(&upgrade->formers, "formers\nready\n");
}

/*
 * Not before the former server has told the service manager which process is the main one now, unless it has died
 * before.
 */
static void
upgrade_tell_manager(void *arg)
{
	struct upgrade *upgrade = arg;

	if (upgrade->is_known)
		return;
	upgrade->is_known = true;
	bans_load(upgrade->parts.bans); /* those that the former server has made since this one began */
	notify_ready();
}
