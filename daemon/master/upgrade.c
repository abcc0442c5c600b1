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
#include "daemon/master/control_socket.h"
#include "daemon/master/hook_worker.h"
#include "daemon/master/listeners.h"
#include "daemon/master/log_targets.h"
#include "daemon/master/metrics_server.h"
#include "daemon/master/notify.h"
#include "daemon/master/program.h"
#include "daemon/master/server.h"
#include "daemon/master/sessions.h"
#include "daemon/master/supervisor.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define START_SECONDS 60 /* for the new server to be ready */
#define RESCUE_MS 1000 /* a service manager may act first when the server that took over dies */
#define ENDING_MS 200 /* for a process that has closed its descriptors to be gone */
#define RESCUE_AGAIN_MS 10000
#define TEXT_MAX 8192 /* bytes of one message: lines */
#define SEND_MS 2000 /* for the list of sessions, to a server that has just said that it is ready */
#define ERRORS_MAX 4096 /* bytes of what a server says that does not come up */
#define GONE_LINE (sizeof("gone \n") - 1 + SESSION_ID_SIZE - 1)
#define GONE_AT_ONCE (TEXT_MAX / GONE_LINE * GONE_LINE) /* bytes of one message: whole lines */

static void upgrade_gone(void *arg, int status);
static void upgrade_overdue_due(void *arg);
static void upgrade_rescue_due(void *arg);
static void upgrade_successor_ready(void *arg);

int
upgrade_init(struct upgrade *upgrade, const struct upgrade_parts *parts, const char *argv0)
{
	*upgrade = (struct upgrade){
	    .parts = *parts,
	    .program = program_path(argv0),
	    .successor = -1,
	    .program_fd = -1,
	    .errors_fd = -1,
	    .predecessor = -1,
	    .child = {.gone = upgrade_gone, .arg = upgrade},
	    .overdue = {.due = upgrade_overdue_due, .arg = upgrade},
	    .rescue = {.due = upgrade_rescue_due, .arg = upgrade},
	    .successor_source = {.ready = upgrade_successor_ready, .arg = upgrade},
	    .predecessor_source = {.ready = upgrade_predecessor_ready, .arg = upgrade},
	};
	former_init(&upgrade->former, parts->sessions);
	supervisor_find(parts->server->is_foreground, upgrade->supervisor, sizeof(upgrade->supervisor));
	return upgrade->program == NULL ? -ENOMEM : 0;
}

/* --- how it went --- */

/* A line of the report, which is the answer to sallyportctl, and of the log. */
static void __attribute__((format(printf, 2, 3))) note_problem(struct upgrade *upgrade, const char *format, ...)
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

/* --- the channel --- */

static void
send_text(int fd, const char *text, size_t len)
{
	uint64_t deadline = monotonic_ms() + SEND_MS;

	while (fd >= 0 && send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		if (errno != EINTR && (errno != EAGAIN || io_wait(fd, POLLOUT, deadline) <= 0))
			return;
}

void
upgrade_tell_predecessor(struct upgrade *upgrade, const char *text)
{
	send_text(upgrade->predecessor, text, strlen(text));
}

void
upgrade_stop_predecessor(struct upgrade *upgrade, bool is_drain)
{
	char text[64];

	snprintf(text, sizeof(text), "within %u\n%s\n", upgrade->parts.server->config->timeouts.drain_s,
	    is_drain ? "drain" : "now");
	upgrade_tell_predecessor(upgrade, text);
}

/* Next message as lines; 0: none now; -EPIPE: the other end is gone. */
static int
receive_text(int fd, char text[TEXT_MAX + 1])
{
	ssize_t got = recv(fd, text, TEXT_MAX, MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	text[got] = '\0';
	return got == 0 ? -EPIPE : 1;
}

/* The next line of text, or NULL; *text moves behind it. */
static char *
next_line(char **text)
{
	char *line = *text;
	size_t len = strcspn(line, "\n");

	if (*line == '\0')
		return NULL;
	*text += len + (line[len] != '\0');
	line[len] = '\0';
	return line;
}

/* --- the new program --- */

static int
start_program(struct upgrade *upgrade)
{
	int channels[2] = {-1, -1}, errors[2] = {-1, -1};
	int r = 0;
	pid_t pid;

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
	    },
	    &upgrade->program_pid, &upgrade->program_fd);
	if (pid < 0) {
		r = (int)pid;
		goto out;
	}
	child_add(upgrade->parts.server->loop, &upgrade->child, pid);
	upgrade->successor = channels[0];
	upgrade->errors_fd = errors[0];
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
	while ((line = next_line(&rest)) != NULL)
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
	const char *rest = upgrade->is_retired ? "nobody listens; the next attempt follows" : "this one goes on";

	kill_program(upgrade);
	note_errors(upgrade);
	forget_successor(upgrade);
	if (WIFSIGNALED(status))
		note_problem(upgrade, "the new server was ended by signal %d; %s", WTERMSIG(status), rest);
	else
		note_problem(upgrade, "the new server did not start (exit status %d); %s", WEXITSTATUS(status), rest);
	end_report(upgrade, false);
	if (upgrade->wants_reload)
		upgrade->parts.reload(upgrade->parts.reload_arg);
	upgrade->wants_reload = false;
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

/* Sends what is in text first, when that is full. */
static void
tell_session(const struct upgrade *upgrade, struct buf *text, const char *id, const struct address_key *address,
    const char *user)
{
	if (text->len + 256 > TEXT_MAX) {
		send_text(upgrade->successor, text->data, text->len);
		buf_clear(text);
	}
	buf_addf(text, "session %s ", id);
	for (size_t i = 0; i < sizeof(address->bytes); i++)
		buf_addf(text, "%02x", address->bytes[i]);
	buf_addf(text, " %s\n", user);
}

/* Those of this server, and those of the servers before it, which are known to this one alone. */
static void
tell_sessions(const struct upgrade *upgrade)
{
	const struct slot *slot;
	const struct former_session *former;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	TAILQ_FOREACH(slot, &upgrade->parts.sessions->live, live)
	tell_session(upgrade, &text, slot->id, &slot->address, slot->user);
	TAILQ_FOREACH(former, &upgrade->former.list, entry)
	tell_session(upgrade, &text, former->id, &former->address, former->user);
	if (text.len > 0)
		send_text(upgrade->successor, text.data, text.len);
	buf_free(&text);
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

	if (upgrade->former.count > 0)
		snprintf(earlier, sizeof(earlier), ", and %u in servers before it", upgrade->former.count);
	snprintf(upgrade->report, sizeof(upgrade->report),
	    "process %ld has taken over; %u sessions go on in process %ld%s", (long)upgrade->program_pid,
	    upgrade->parts.sessions->live_count, (long)upgrade->parts.server->pid, earlier);
	end_report(upgrade, true);
}

static void
retire(struct upgrade *upgrade)
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
	upgrade->is_passed = false;
	if (upgrade->wants_reload)
		(void)!pidfd_send_signal(upgrade->program_fd, SIGHUP, NULL, 0);
	upgrade->wants_reload = false;
	listeners_forget(upgrade->parts.listeners);
	hook_worker_stop(upgrade->parts.hooks);
	metrics_server_stop(upgrade->parts.metrics);
	report_retirement(upgrade);
	control_socket_close(upgrade->parts.control, true);
	bans_close(upgrade->parts.bans);
	tell_sessions(upgrade);
	notify_main_process(upgrade->program_pid);
	send_text(upgrade->successor, "yours\n", 6);
	upgrade_tell_predecessor(upgrade, "passed\n");
	title_doing("retired", "", 0);
	log_message(LEVEL_INFO, "upgrade", "%s", upgrade->report);
}

/* The server that took over is gone. Before it stops, it would have said so. */
static void
miss_successor(struct upgrade *upgrade)
{

	upgrade->has_successor = false;
	close_fd(&upgrade->program_fd);
	if (upgrade->parts.server->is_draining || upgrade->is_passed)
		return;
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
	upgrade_tell_predecessor(upgrade, "reopen\n");
}

bool
upgrade_reload_retired(struct upgrade *upgrade)
{
	if (!upgrade->is_retired)
		return false;
	reopen_log(upgrade);
	return true;
}

static void
obey(struct upgrade *upgrade, const char *line)
{
	static const char within[] = "within ";
	uint64_t seconds;

	if (strcmp(line, "ready") == 0 && upgrade->child.pid != 0)
		retire(upgrade);
	else if (strcmp(line, "passed") == 0)
		upgrade->is_passed = true;
	else if (strncmp(line, within, sizeof(within) - 1) == 0 &&
	    parse_u64(line + sizeof(within) - 1, UINT32_MAX, &seconds) == 0)
		upgrade->parts.server->config->timeouts.drain_s = (uint32_t)seconds;
	else if (strcmp(line, "reopen") == 0)
		reopen_log(upgrade);
	else if (strcmp(line, "drain") == 0)
		upgrade->parts.server->stop(upgrade->parts.server, true);
	else if (strcmp(line, "now") == 0)
		upgrade->parts.server->stop(upgrade->parts.server, false);
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
tell_gone(struct upgrade *upgrade, const char *id)
{

	if (!upgrade->is_retired || upgrade->successor < 0)
		return;
	buf_addf(&upgrade->gone, "gone %s\n", id);
	send_gone(upgrade);
}

static void
upgrade_successor_ready(void *arg)
{
	struct upgrade *upgrade = arg;
	char text[TEXT_MAX + 1];
	char *rest = text, *line;
	int r;

	if (upgrade->gone.len > 0)
		send_gone(upgrade);
	r = receive_text(upgrade->successor, text);
	if (r == -EPIPE) {
		/* one that has not come up is told about when its parent is reaped */
		loop_close(upgrade->parts.server->loop, &upgrade->successor_source, &upgrade->successor);
		if (upgrade->has_successor)
			miss_successor(upgrade);
	}
	while (r > 0 && (line = next_line(&rest)) != NULL)
		obey(upgrade, line);
}

static void
upgrade_session_gone(void *arg, const char *id)
{
	tell_gone(arg, id);
}

bool
upgrade_takes_reload(struct upgrade *upgrade)
{
	if (upgrade->child.pid != 0)
		upgrade->wants_reload = true;
	return upgrade->wants_reload;
}

/* --- the new server, and the sessions of the old one --- */

void
upgrade_take(struct upgrade *upgrade, const struct inherited *inherited)
{
	upgrade->parts.sessions->gone = upgrade_session_gone;
	upgrade->parts.sessions->gone_arg = upgrade;
	if (!inherited->is_upgrade)
		return;
	upgrade->predecessor = inherited->extras[INHERITED_CHANNEL];
	hook_worker_take_channel(
	    upgrade->parts.hooks, inherited->extras[INHERITED_UPLOADS], inherited->extras[INHERITED_UPLOADS_READ]);
	(void)!loop_watch(upgrade->parts.server->loop, &upgrade->predecessor_source, upgrade->predecessor);
}

bool
upgrade_tell_ready(struct upgrade *upgrade)
{
	if (upgrade->predecessor < 0)
		return false;
	upgrade_tell_predecessor(upgrade, "ready\n");
	return true;
}

/* Not before the former server has told who is the main process now, unless it has died before. */
static void
tell_manager(struct upgrade *upgrade)
{
	if (!upgrade->is_known)
		notify_ready();
	upgrade->is_known = true;
}

static void
learn(struct upgrade *upgrade, const char *line)
{
	if (strcmp(line, "yours") == 0) {
		bans_load(upgrade->parts.bans); /* those that the former server has made since this one began */
		tell_manager(upgrade);
	} else if (strncmp(line, "session ", 8) == 0)
		former_add(&upgrade->former, line + 8);
	else if (strncmp(line, "gone ", 5) == 0 && former_remove(&upgrade->former, line + 5))
		tell_gone(upgrade, line + 5);
}

/*
 * A process closes its descriptors a moment before it has ended. When this server ends in that moment, the service
 * manager finds the former one alive, and says that it kills it.
 */
static void
await_end(int channel)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = -1;

	if (getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0 && peer.pid != getpid())
		fd = pidfd_open(peer.pid, 0);
	if (fd >= 0)
		(void)!io_wait(fd, POLLIN, monotonic_ms() + ENDING_MS);
	close_fd(&fd);
}

void
upgrade_predecessor_ready(void *arg)
{
	struct upgrade *upgrade = arg;
	char text[TEXT_MAX + 1], id[SESSION_ID_SIZE];
	char *rest = text, *line;
	int r;

	r = receive_text(upgrade->predecessor, text);
	while (r > 0 && (line = next_line(&rest)) != NULL)
		learn(upgrade, line);
	if (r != -EPIPE)
		return;
	await_end(upgrade->predecessor);
	loop_close(upgrade->parts.server->loop, &upgrade->predecessor_source, &upgrade->predecessor);
	while (former_remove_first(&upgrade->former, id))
		tell_gone(upgrade, id);
	tell_manager(upgrade);
	log_message(LEVEL_INFO, "upgrade", "the former server has ended");
}
