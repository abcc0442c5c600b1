/* SPDX-License-Identifier: ISC */
#include "daemon/master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
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
#include "daemon/master/log_targets.h"
#include "daemon/master/master.h"
#include "daemon/master/metrics_server.h"
#include "daemon/master/notify.h"
#include "daemon/master/sessions.h"
#include "daemon/master/supervisor.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define START_SECONDS 60	/* for the new server to be ready */
#define RESCUE_MS 1000		/* a service manager may act first when the server that took over dies */
#define ENDING_MS 200		/* for a process that has closed its descriptors to be gone */
#define RESCUE_AGAIN_MS 10000
#define TEXT_MAX 8192		/* bytes of one message: lines */
#define SEND_MS 2000		/* for the list of sessions, to a server that has just said that it is ready */
#define ERRORS_MAX 4096		/* bytes of what a server says that does not come up */
#define GONE_LINE (sizeof("gone \n") - 1 + SESSION_ID_SIZE - 1)
#define GONE_AT_ONCE (TEXT_MAX / GONE_LINE * GONE_LINE)	/* bytes of one message: whole lines */
#define ENVIRONMENT_MAX 9
#define NAMES_MAX 2048		/* LISTENERS_MAX names of activation_name() */

static const char *const sanitizer_variables[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS"};
static char *sanitizer_values[2];

static void upgrade_gone(void *arg, int status);
static void upgrade_overdue_due(void *arg);
static void upgrade_rescue_due(void *arg);
static void upgrade_successor_ready(void *arg);

/* --- how this program was started --- */

static bool
is_this_program(const char *path)
{
	struct stat it, this;

	return stat(path, &it) == 0 && stat("/proc/self/exe", &this) == 0 && it.st_dev == this.st_dev &&
	    it.st_ino == this.st_ino;
}

/*
 * The path by which it was called, links and all, so that a link that will point to another version is
 * followed; where it was found by PATH, the one that the kernel tells.
 */
int
upgrade_init(struct master *master, const char *argv0)
{
	char path[PATH_MAX], directory[PATH_MAX];
	ssize_t len;

	master->upgrade = (struct upgrade){
	    .successor = -1,
	    .program_fd = -1,
	    .errors_fd = -1,
	    .predecessor = -1,
	    .child = {.gone = upgrade_gone, .arg = master},
	    .overdue = {.due = upgrade_overdue_due, .arg = master},
	    .rescue = {.due = upgrade_rescue_due, .arg = master},
	    .successor_source = {.ready = upgrade_successor_ready, .arg = master},
	    .predecessor_source = {.ready = upgrade_predecessor_ready, .arg = master},
	};
	TAILQ_INIT(&master->upgrade.foreign);
	TAILQ_INIT(&master->upgrade.unused);
	if (sandbox_is_widened())
		for (size_t i = 0; i < 2; i++)
			if (getenv(sanitizer_variables[i]) != NULL)
				sanitizer_values[i] = strdup(getenv(sanitizer_variables[i]));
	if (argv0[0] == '/')
		snprintf(path, sizeof(path), "%s", argv0);
	else if (getcwd(directory, sizeof(directory)) == NULL ||
	    snprintf(path, sizeof(path), "%s/%s", directory, argv0) >= (int)sizeof(path))
		path[0] = '\0';
	if (!is_this_program(path)) {
		len = readlink("/proc/self/exe", path, sizeof(path) - 1);
		path[len < 0 ? 0 : len] = '\0';
	}
	master->upgrade.program = strdup(path);
	supervisor_find(master->is_foreground, master->upgrade.supervisor, sizeof(master->upgrade.supervisor));
	return master->upgrade.program == NULL ? -ENOMEM : 0;
}

/* --- how it went --- */

/* A line of the report, which is the answer to sallyportctl, and of the log. */
static void __attribute__((format(printf, 2, 3)))
note_problem(struct upgrade *upgrade, const char *format, ...)
{
	size_t len = strlen(upgrade->report);
	char text[ERRORS_MAX - 1];	/* a line break goes before it */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_message(LEVEL_ERROR, "upgrade-failed", "%s", text);
	snprintf(upgrade->report + len, sizeof(upgrade->report) - len, "%s%s", len == 0 ? "" : "\n", text);
}

static void
end_report(struct master *master, bool is_good)
{
	master->upgrade.is_good = is_good;
	master->upgrade.ended++;
	control_socket_report(master);
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
upgrade_tell_predecessor(struct master *master, const char *text)
{
	send_text(master->upgrade.predecessor, text, strlen(text));
}

void
upgrade_stop_predecessor(struct master *master, bool is_drain)
{
	char text[64];

	snprintf(text, sizeof(text), "within %u\n%s\n", master->config->timeouts.drain_s, is_drain ? "drain" : "now");
	upgrade_tell_predecessor(master, text);
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
move_up(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, INHERITED_FIRST + LISTENERS_MAX + INHERITED_EXTRAS);
}

/* runs in the child: the descriptors where activation_take() looks for them. Their number, or -1. */
static int
place_descriptors(const struct master *master, int channel, int errors_fd)
{
	int fds[LISTENERS_MAX + INHERITED_EXTRAS];
	int count = (int)master->listener_count;

	for (int i = 0; i < count; i++)
		fds[i] = move_up(master->listeners[i].fd);
	fds[count + INHERITED_CHANNEL] = move_up(channel);
	fds[count + INHERITED_STDERR] = move_up(STDERR_FILENO);
	fds[count + INHERITED_UPLOADS] = move_up(master->hooks.uploads);
	fds[count + INHERITED_UPLOADS_READ] = move_up(master->hooks.uploads_read);
	if (dup2(errors_fd, STDERR_FILENO) < 0)
		return -1;
	for (int i = 0; i < count + INHERITED_EXTRAS; i++)
		if (fds[i] < 0 || dup2(fds[i], INHERITED_FIRST + i) < 0)
			return -1;
	return count;
}

/* runs in the child: nothing of the old environment but what tells about descriptors, the service manager and the zone */
static void
make_environment(const struct master *master, int count, char *variables[ENVIRONMENT_MAX + 1])
{
	static char texts[ENVIRONMENT_MAX][NAMES_MAX + 64];
	char names[NAMES_MAX] = "";
	struct stat st;
	size_t n = 0;

	for (int i = 0; i < count; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i == 0 ? "" : ":",
		    activation_name(&master->listeners[i]));
	snprintf(texts[n++], sizeof(texts[0]), "LISTEN_FDS=%d", count);
	snprintf(texts[n++], sizeof(texts[0]), "LISTEN_PID=%ld", (long)getpid());
	snprintf(texts[n++], sizeof(texts[0]), "LISTEN_FDNAMES=%s", names);
	snprintf(texts[n++], sizeof(texts[0]), INHERITED_ENVIRONMENT "=1");
	if (notify_socket()[0] != '\0')
		snprintf(texts[n++], sizeof(texts[0]), "NOTIFY_SOCKET=%s", notify_socket());
	if (master->is_stderr_journal && fstat(INHERITED_FIRST + count + INHERITED_STDERR, &st) == 0)
		snprintf(texts[n++], sizeof(texts[0]), "JOURNAL_STREAM=%llu:%llu", (unsigned long long)st.st_dev,
		    (unsigned long long)st.st_ino);
	if (getenv("TZ") != NULL)
		snprintf(texts[n++], sizeof(texts[0]), "TZ=%s", getenv("TZ"));
	for (size_t i = 0; i < 2; i++)
		if (sanitizer_values[i] != NULL)
			snprintf(texts[n++], sizeof(texts[0]), "%s=%s", sanitizer_variables[i], sanitizer_values[i]);
	for (size_t i = 0; i < n; i++)
		variables[i] = texts[i];
	variables[n] = NULL;
}

static void __attribute__((noreturn))
run_program(const struct master *master, int channel, int errors_fd)
{
	char *variables[ENVIRONMENT_MAX + 1];
	const char *program = master->upgrade.program;
	sigset_t none;
	int count;

	count = place_descriptors(master, channel, errors_fd);
	if (count < 0) {
		dprintf(errors_fd, "the descriptors cannot be handed over: %s\n", strerror(errno));
		_exit(EXIT_FAILURE);
	}
	make_environment(master, count, variables);
	if (!master->is_foreground)
		setsid();
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execle(program, program, master->is_foreground ? "-fc" : "-c", master->config_path, NULL, variables);
	dprintf(STDERR_FILENO, "cannot execute '%s': %s\n", program, strerror(errno));
	_exit(EXIT_FAILURE);
}

/*
 * runs in the child: the parent of the new program until that is ready, since a parent learns how a program ended.
 * It ends as the program did. It has no descriptor, so that it keeps no channel open.
 */
static void __attribute__((noreturn))
hold_program(const struct master *master, int channel, int errors_fd, int pid_fd)
{
	siginfo_t gone = {.si_pid = 0};
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != master->pid)
		_exit(EXIT_FAILURE);
	pid = fork();
	if (pid == 0)
		run_program(master, channel, errors_fd);
	if (pid < 0)
		dprintf(errors_fd, "no process can be started: %s\n", strerror(errno));
	else
		(void)!write(pid_fd, &pid, sizeof(pid));
	close_range(0, ~0U, 0);
	if (pid < 0)
		_exit(EXIT_FAILURE);
	title_set("upgrade", NULL, NULL);
	/* not reaped: its number stays its own while this process lives */
	while (waitid(P_PID, (id_t)pid, &gone, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	if (gone.si_code == CLD_EXITED)
		_exit(gone.si_status);
	signal(gone.si_status, SIG_DFL);
	raise(gone.si_status);
	_exit(EXIT_FAILURE);
}

/* Which process the new program is, from its parent; blocks until that has forked. */
static void
learn_program(struct upgrade *upgrade, int pid_fd)
{
	pid_t pid;

	if (io_read_all(pid_fd, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		return;
	upgrade->program_pid = pid;
	upgrade->program_fd = pidfd_open(pid, 0);
}

static int
start_program(struct master *master)
{
	int channels[2] = {-1, -1}, errors[2] = {-1, -1}, pids[2] = {-1, -1};
	int r = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channels) < 0 ||
	    pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(pids, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		r = -errno;
		goto out;
	}
	if (pid == 0)
		hold_program(master, channels[1], errors[1], pids[1]);
	close_fd(&pids[1]);
	learn_program(&master->upgrade, pids[0]);
	child_add(master->loop, &master->upgrade.child, pid);
	master->upgrade.successor = channels[0];
	master->upgrade.errors_fd = errors[0];
	timer_set(master->loop, &master->upgrade.overdue, monotonic_ms() + 1000ULL * START_SECONDS);
	channels[0] = errors[0] = -1;
	(void)!loop_watch(master->loop, &master->upgrade.successor_source, master->upgrade.successor);
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&channels[i]);
		close_fd(&errors[i]);
		close_fd(&pids[i]);
	}
	return r;
}

static void
forget_successor(struct master *master)
{
	loop_close(master->loop, &master->upgrade.successor_source, &master->upgrade.successor);
	close_fd(&master->upgrade.errors_fd);
	close_fd(&master->upgrade.program_fd);
	timer_stop(master->loop, &master->upgrade.overdue);
	if (master->upgrade.is_retired && !master->is_draining)
		timer_set(master->loop, &master->upgrade.rescue, monotonic_ms() + RESCUE_AGAIN_MS);
}

/* Why no new server can be started; NULL: it can. */
static const char *
why_not_now(const struct master *master)
{
	if (master->upgrade.supervisor[0] != '\0')
		return master->upgrade.supervisor;
	if (master->upgrade.is_retired)
		return "another server has taken over already";
	if (master->is_draining)
		return "the server is stopping";
	if (master->upgrade.child.pid != 0 || master->upgrade.is_postponed)
		return "one is under way already";
	return NULL;
}

static void
begin_upgrade(struct master *master)
{
	int r;

	master->upgrade.report[0] = '\0';
	log_message(LEVEL_INFO, "upgrade", "starting '%s'", master->upgrade.program);
	r = start_program(master);
	if (r < 0) {
		note_problem(&master->upgrade, "no process can be started: %s", strerror(-r));
		forget_successor(master);
		end_report(master, false);
	}
}

const char *
upgrade_start(struct master *master)
{
	const char *refused = why_not_now(master);

	if (refused != NULL)
		log_message(LEVEL_WARNING, "upgrade-failed", "%s", refused);
	else if (master->reload.config != NULL)
		master->upgrade.is_postponed = true;
	else
		begin_upgrade(master);
	return refused;
}

void
upgrade_start_postponed(struct master *master)
{
	if (!master->upgrade.is_postponed)
		return;
	master->upgrade.is_postponed = false;
	begin_upgrade(master);
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
fail_start(struct master *master, int status)
{
	struct upgrade *upgrade = &master->upgrade;
	const char *rest = upgrade->is_retired ? "nobody listens; the next attempt follows" : "this one goes on";

	kill_program(upgrade);
	note_errors(upgrade);
	forget_successor(master);
	if (WIFSIGNALED(status))
		note_problem(upgrade, "the new server was ended by signal %d; %s", WTERMSIG(status), rest);
	else
		note_problem(upgrade, "the new server did not start (exit status %d); %s", WEXITSTATUS(status), rest);
	end_report(master, false);
	if (master->reload.again)
		reload_start(master);
}

static void
upgrade_gone(void *arg, int status)
{
	fail_start(arg, status);
}

void
upgrade_cancel(struct master *master)
{
	struct upgrade *upgrade = &master->upgrade;
	bool is_under_way = upgrade->child.pid != 0 || upgrade->is_postponed;

	if (upgrade->child.pid != 0) {
		kill_program(upgrade);
		kill(upgrade->child.pid, SIGKILL);
		child_drop(master->loop, &upgrade->child);
		forget_successor(master);
	}
	timer_stop(master->loop, &upgrade->rescue);
	upgrade->is_postponed = false;
	if (!is_under_way)
		return;
	note_problem(upgrade, "the server is stopping");
	end_report(master, false);
}

static void
upgrade_overdue_due(void *arg)
{
	struct master *master = arg;

	note_problem(&master->upgrade, "the new server was not ready in %d seconds", START_SECONDS);
	kill_program(&master->upgrade);
}

/* Somebody else may have started a server meanwhile, which a next one would only be refused by. */
static void
upgrade_rescue_due(void *arg)
{
	struct master *master = arg;
	pid_t other = control_socket_server(master);

	if (other == 0) {
		begin_upgrade(master);
		return;
	}
	log_message(LEVEL_WARNING, "upgrade",
	    "process %ld serves, and was not started by this one: %u sessions go on here, and a stop of that one does "
	    "not reach them",
	    (long)other, master->live_count);
}

bool
upgrade_lets_go(const struct master *master)
{
	const struct upgrade *upgrade = &master->upgrade;

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
tell_sessions(const struct master *master)
{
	const struct slot *slot;
	const struct foreign *foreign;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	TAILQ_FOREACH(slot, &master->live, live)
		tell_session(&master->upgrade, &text, slot->id, &slot->address, slot->user);
	TAILQ_FOREACH(foreign, &master->upgrade.foreign, entry)
		tell_session(&master->upgrade, &text, foreign->id, &foreign->address, foreign->user);
	if (text.len > 0)
		send_text(master->upgrade.successor, text.data, text.len);
	buf_free(&text);
}

/*
 * The new server's parent ends, and it becomes the child of whatever this server is a child of: a service manager
 * supervises its own children only. Its status where that was not needed, or 0.
 */
static int
release_program(struct master *master)
{
	pid_t child = master->upgrade.child.pid;
	int status = 0;

	/* while this process adopts, the new server would become its child */
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child_drop(master->loop, &master->upgrade.child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : status;
}

/* The sessions of the servers before it go on as well. */
static void
report_retirement(struct master *master)
{
	struct upgrade *upgrade = &master->upgrade;
	char earlier[48] = "";

	if (upgrade->foreign_count > 0)
		snprintf(earlier, sizeof(earlier), ", and %u in servers before it", upgrade->foreign_count);
	snprintf(upgrade->report, sizeof(upgrade->report),
	    "process %ld has taken over; %u sessions go on in process %ld%s", (long)upgrade->program_pid,
	    master->live_count, (long)master->pid, earlier);
	end_report(master, true);
}

static void
retire(struct master *master)
{
	struct upgrade *upgrade = &master->upgrade;
	int status = release_program(master);

	if (status != 0) {
		fail_start(master, status);
		return;
	}
	close_fd(&upgrade->errors_fd);
	timer_stop(master->loop, &upgrade->overdue);
	buf_free(&upgrade->gone);
	buf_init(&upgrade->gone, (size_t)SESSIONS_MAX * GONE_LINE);
	upgrade->is_retired = upgrade->has_successor = true;
	upgrade->is_passed = false;
	if (master->reload.again)
		(void)!pidfd_send_signal(upgrade->program_fd, SIGHUP, NULL, 0);
	master->reload.again = false;
	master_forget_listeners(master);
	hook_worker_stop(master);
	metrics_server_stop(master);
	report_retirement(master);
	control_socket_close(master, true);
	bans_close(master);
	tell_sessions(master);
	notify_main_process(upgrade->program_pid);
	send_text(upgrade->successor, "yours\n", 6);
	upgrade_tell_predecessor(master, "passed\n");
	title_doing("retired", "", 0);
	log_message(LEVEL_INFO, "upgrade", "%s", upgrade->report);
}

/* The server that took over is gone. Before it stops, it would have said so. */
static void
miss_successor(struct master *master)
{
	struct upgrade *upgrade = &master->upgrade;

	upgrade->has_successor = false;
	close_fd(&upgrade->program_fd);
	if (master->is_draining || upgrade->is_passed)
		return;
	log_message(LEVEL_CRITICAL, "upgrade-failed",
	    "the server that took over has ended; nobody listens any more, unless a service manager starts it; "
	    "the next attempt follows");
	timer_set(master->loop, &upgrade->rescue, monotonic_ms() + RESCUE_MS);
}

static void
reopen_log(struct master *master)
{
	char error[CONFIG_PLACE_MAX + 512];

	if (log_targets_reopen(master, error, sizeof(error)) < 0)
		log_message(LEVEL_ERROR, "reload", "%s; the log in force stays", error);
	upgrade_tell_predecessor(master, "reopen\n");
}

bool
upgrade_reload_retired(struct master *master)
{
	if (!master->upgrade.is_retired)
		return false;
	reopen_log(master);
	return true;
}

static void
obey(struct master *master, const char *line)
{
	static const char within[] = "within ";
	uint64_t seconds;

	if (strcmp(line, "ready") == 0 && master->upgrade.child.pid != 0)
		retire(master);
	else if (strcmp(line, "passed") == 0)
		master->upgrade.is_passed = true;
	else if (strncmp(line, within, sizeof(within) - 1) == 0 &&
	    parse_u64(line + sizeof(within) - 1, UINT32_MAX, &seconds) == 0)
		master->config->timeouts.drain_s = (uint32_t)seconds;
	else if (strcmp(line, "reopen") == 0)
		reopen_log(master);
	else if (strcmp(line, "drain") == 0)
		master_stop(master, true);
	else if (strcmp(line, "now") == 0)
		master_stop(master, false);
}

/* As much as the channel takes; what is left follows when it takes more. */
static void
send_gone(struct master *master)
{
	struct upgrade *upgrade = &master->upgrade;
	bool had_room = true;

	while (upgrade->gone.len > 0 && had_room) {
		size_t len = upgrade->gone.len < GONE_AT_ONCE ? upgrade->gone.len : GONE_AT_ONCE;

		had_room = send(upgrade->successor, upgrade->gone.data, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
		if (had_room)
			buf_consume(&upgrade->gone, len);
	}
	if (upgrade->gone.len == 0)
		buf_clear(&upgrade->gone);	/* of a want of memory, too */
	loop_want(master->loop, &upgrade->successor_source, EPOLLIN | (had_room ? 0U : EPOLLOUT));
}

/* The successor counts it no longer, whether it was of this server or of one before. */
static void
tell_gone(struct master *master, const char *id)
{
	struct upgrade *upgrade = &master->upgrade;

	if (!upgrade->is_retired || upgrade->successor < 0)
		return;
	buf_addf(&upgrade->gone, "gone %s\n", id);
	send_gone(master);
}

static void
upgrade_successor_ready(void *arg)
{
	struct master *master = arg;
	char text[TEXT_MAX + 1];
	char *rest = text, *line;
	int r;

	if (master->upgrade.gone.len > 0)
		send_gone(master);
	r = receive_text(master->upgrade.successor, text);
	if (r == -EPIPE) {
		/* one that has not come up is told about when its parent is reaped */
		loop_close(master->loop, &master->upgrade.successor_source, &master->upgrade.successor);
		if (master->upgrade.has_successor)
			miss_successor(master);
	}
	while (r > 0 && (line = next_line(&rest)) != NULL)
		obey(master, line);
}

void
upgrade_session_gone(struct master *master, const struct slot *slot)
{
	tell_gone(master, slot->id);
}

/* --- the new server, and the sessions of the old one --- */

void
upgrade_take(struct master *master, const struct inherited *inherited)
{
	if (!inherited->is_upgrade)
		return;
	master->upgrade.predecessor = inherited->extras[INHERITED_CHANNEL];
	master->hooks.uploads = inherited->extras[INHERITED_UPLOADS];
	master->hooks.uploads_read = inherited->extras[INHERITED_UPLOADS_READ];
	(void)!loop_watch(master->loop, &master->upgrade.predecessor_source, master->upgrade.predecessor);
}

bool
upgrade_tell_ready(struct master *master)
{
	if (master->upgrade.predecessor < 0)
		return false;
	upgrade_tell_predecessor(master, "ready\n");
	return true;
}

static void
remove_foreign(struct master *master, struct foreign *foreign)
{
	TAILQ_REMOVE(&master->upgrade.foreign, foreign, entry);
	master->upgrade.foreign_count--;
	tell_gone(master, foreign->id);
	sessions_uncount(master, &foreign->address, foreign->user);
	TAILQ_INSERT_HEAD(&master->upgrade.unused, foreign, entry);
}

/* Room for one more, at a place that no session inherits. NULL: there is none. */
static struct foreign *
take_foreign(struct upgrade *upgrade)
{
	const size_t size = SESSIONS_MAX * sizeof(struct foreign);
	struct foreign *foreign = TAILQ_FIRST(&upgrade->unused);

	if (foreign != NULL) {
		TAILQ_REMOVE(&upgrade->unused, foreign, entry);
		return foreign;
	}
	if (upgrade->room == NULL) {
		void *room =
		    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (room == MAP_FAILED)
			return NULL;
		if (madvise(room, size, MADV_DONTFORK) < 0) {
			munmap(room, size);
			return NULL;
		}
		upgrade->room = room;
	}
	return upgrade->foreign_used < SESSIONS_MAX ? &upgrade->room[upgrade->foreign_used++] : NULL;
}

/* 32 hexadecimal digits, as tell_session() writes them. */
static bool
parse_key(const char *text, struct address_key *key)
{
	static const char digits[] = "0123456789abcdef";

	if (strspn(text, digits) != 2 * sizeof(key->bytes))
		return false;
	for (size_t i = 0; i < sizeof(key->bytes); i++) {
		size_t high = (size_t)(strchr(digits, text[2 * i]) - digits);
		size_t low = (size_t)(strchr(digits, text[2 * i + 1]) - digits);

		key->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* "ID KEY USER" */
static void
add_foreign(struct master *master, const char *text)
{
	struct foreign *foreign;
	const char *key = strchr(text, ' ');
	const char *user = key == NULL ? NULL : strchr(key + 1, ' ');
	struct address_key address;

	if (user == NULL || key - text != SESSION_ID_SIZE - 1 || user - key != 1 + 2 * sizeof(foreign->address.bytes) ||
	    strlen(user + 1) >= sizeof(foreign->user) || !parse_key(key + 1, &address))
		return;
	foreign = take_foreign(&master->upgrade);
	if (foreign == NULL)
		return;
	*foreign = (struct foreign){.address = address};
	memcpy(foreign->id, text, SESSION_ID_SIZE - 1);
	memcpy(foreign->user, user + 1, strlen(user + 1));
	TAILQ_INSERT_TAIL(&master->upgrade.foreign, foreign, entry);
	master->upgrade.foreign_count++;
	sessions_count(master, &foreign->address, foreign->user);
}

static void
forget_foreign(struct master *master, const char *id)
{
	struct foreign *foreign = TAILQ_FIRST(&master->upgrade.foreign);

	while (foreign != NULL && strcmp(foreign->id, id) != 0)
		foreign = TAILQ_NEXT(foreign, entry);
	if (foreign != NULL)
		remove_foreign(master, foreign);
}

/* Not before the former server has told who is the main process now, unless it has died before. */
static void
tell_manager(struct master *master)
{
	if (!master->upgrade.is_known)
		notify_ready();
	master->upgrade.is_known = true;
}

static void
learn(struct master *master, const char *line)
{
	if (strcmp(line, "yours") == 0) {
		bans_load(master);	/* those that the former server has made since this one began */
		tell_manager(master);
	} else if (strncmp(line, "session ", 8) == 0)
		add_foreign(master, line + 8);
	else if (strncmp(line, "gone ", 5) == 0)
		forget_foreign(master, line + 5);
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
	struct master *master = arg;
	char text[TEXT_MAX + 1];
	char *rest = text, *line;
	int r;

	r = receive_text(master->upgrade.predecessor, text);
	while (r > 0 && (line = next_line(&rest)) != NULL)
		learn(master, line);
	if (r != -EPIPE)
		return;
	await_end(master->upgrade.predecessor);
	loop_close(master->loop, &master->upgrade.predecessor_source, &master->upgrade.predecessor);
	while (!TAILQ_EMPTY(&master->upgrade.foreign))
		remove_foreign(master, TAILQ_FIRST(&master->upgrade.foreign));
	tell_manager(master);
	log_message(LEVEL_INFO, "upgrade", "the former server has ended");
}
