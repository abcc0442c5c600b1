/* SPDX-License-Identifier: ISC */
/* The session ends now: every path comes through here. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/death.h"
#include "common/io.h"
#include "common/libc.h"
#include "privsep/files/files.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/folders.h"
#include "privsep/monitor/state.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define KILLED_MS 1000 /* from a kill until it must be gone */
#define REAP_MS 5000 /* from the end of protocol until files must be gone */

static void
log_child_death(const struct child *child, int status)
{
	int number = WTERMSIG(status);

	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("died", child->name);
	log_field_u64("died_pid", (uint64_t)child->pid);
	if (WIFSIGNALED(status)) {
		log_field_u64("signal", (uint64_t)number);
		log_field_text("signal_name", signal_name(number) == NULL ? "?" : signal_name(number));
	} else {
		log_field_u64("status", (uint64_t)WEXITSTATUS(status));
	}
	if (child->reported)
		log_field_text("stopped_at", sandbox_syscall_name(child->stopped_at));
	if (WIFEXITED(status) && WEXITSTATUS(status) == FILES_EXIT_HELD)
		log_field_text("message", "protocol keeps the descriptor of an upload that has ended");
	if (death_is_kill(status))
		log_field_text("message", DEATH_BY_KILL);
	log_end();
}

/* Where no better reason is known: that the session ended was not the client's doing. */
static void
note_death(struct monitor *monitor, const struct child *child, int status)
{
	if (strcmp(monitor->end_reason, REASON_CLIENT) != 0)
		return;
	if (child == &monitor->files)
		monitor->end_reason = REASON_FILES_GONE;
	else
		monitor->end_reason = death_is_kill(status) ? "killed" : "alarm";
}

/* A stopped call or a crash does, and what protocol does against the rules; a kill came from this host. */
static bool
speaks_against_client(int status)
{
	return !death_is_kill(status);
}

/* Its process id when it has ended, 0 when it has not until the deadline. */
static pid_t
wait_for_child(const struct child *child, int *status, uint64_t deadline_ms)
{
	pid_t pid;

	while ((pid = waitpid(child->pid, status, WNOHANG)) == 0 && monotonic_ms() < deadline_ms)
		poll(NULL, 0, 2);
	return pid;
}

bool
monitor_reap_child(struct monitor *monitor, struct child *child, uint64_t deadline_ms)
{
	int status = 0;
	pid_t pid = 0;
	bool is_orderly;

	if (child->pid == 0)
		return true;
	pid = wait_for_child(child, &status, deadline_ms);
	/* one that closes its channel and stays; files is of another user, and ends with this process */
	if (pid == 0 && kill(child->pid, SIGKILL) == 0)
		pid = wait_for_child(child, &status, monotonic_ms() + KILLED_MS);
	is_orderly = pid == child->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (pid == child->pid && !child->was_killed && !child->gave_up && !is_orderly) {
		log_child_death(child, status);
		note_death(monitor, child, status);
		if (speaks_against_client(status))
			monitor->has_alarm = true;
	}
	child->pid = 0;
	return is_orderly;
}

/* Check the channel of a process that is gone once more for an alarm. */
static void
drain_channel(struct monitor *monitor, struct child *child, enum ipc_state state)
{
	while (child->channel >= 0 && ipc_receive_now(child->channel, IPC_MONITOR, state, &monitor->message) == 0) {
		if (monitor->message.kind == IPC_alarm) {
			child->stopped_at = ipc_get_u32(&monitor->message);
			child->reported = true;
		} else if (monitor->message.kind == IPC_no_walls) {
			(void)monitor_take_no_walls(monitor, child);
		}
		ipc_drop_fds(&monitor->message);
	}
	close_fd(&child->channel);
}

/* False: there is none until the deadline, or it is in a change for too long. */
static bool
wait_for_word_of_files(struct monitor *monitor, uint64_t deadline_ms)
{
	uint64_t due = quota_change_due_ms(monitor);

	while (due < deadline_ms) {
		if (io_wait(monitor->files.channel, POLLIN, due) > 0)
			return true;
		if (quota_give_up_change(monitor))
			return false;
		due = quota_change_due_ms(monitor);
	}
	return io_wait(monitor->files.channel, POLLIN, deadline_ms) > 0;
}

/* Until files has ended: an upload is to be settled, or the hash of one is what it still works at. */
static void
wait_for_files(struct monitor *monitor, uint64_t deadline_ms)
{
	struct child *files = &monitor->files;
	int r = files->channel < 0 ? -EPIPE : 0;

	while ((r == 0 && monotonic_ms() < deadline_ms) ||
	    (r == -EAGAIN && wait_for_word_of_files(monitor, deadline_ms))) {
		r = ipc_receive_now(files->channel, IPC_MONITOR, monitor->state, &monitor->message);
		if (r != 0)
			continue;
		if (monitor->message.kind == IPC_alarm) {
			files->stopped_at = ipc_get_u32(&monitor->message);
			files->reported = true;
		} else if (monitor->message.kind == IPC_no_walls) {
			(void)monitor_take_no_walls(monitor, files);
		} else if (!files->answer(monitor)) {
			r = -EPROTO;
		}
		ipc_drop_fds(&monitor->message);
	}
	close_fd(&files->channel);
}

void
monitor_report_protocol_gone(struct monitor *monitor)
{
	if (!monitor->unguarded.is_asked)
		return;
	ipc_begin_reply(&monitor->message, IPC_protocol_gone, 0);
	(void)!ipc_send_now(monitor->files.channel, &monitor->message, -1);
}

void
monitor_end_session(struct monitor *monitor)
{
	uint64_t deadline;

	(void)monitor_end_login(monitor); /* an attempt that nobody waits for has its line in the log */
	explicit_bzero(monitor->login.password, sizeof(monitor->login.password));
	share_stop(monitor);
	if (monitor->protocol.pid != 0 && monitor->protocol.channel >= 0) {
		kill(monitor->protocol.pid, SIGKILL);
		monitor->protocol.was_killed = true;
	}
	monitor_end_pam(monitor);
	drain_channel(monitor, &monitor->protocol, monitor->state);
	monitor_reap_child(monitor, &monitor->protocol, monotonic_ms() + END_GRACE_MS);
	monitor_report_protocol_gone(monitor);
	/* its protocol end is closed now: files ends by itself */
	deadline = monotonic_ms() + REAP_MS;
	wait_for_files(monitor, deadline);
	monitor_reap_child(monitor, &monitor->files, deadline);
	if (monitor->has_alarm) {
		ledger_suspect(&monitor->quota.book);
		folders_suspect(monitor);
	}
	share_leave(monitor);
	records_tell_left_out(monitor);
	log_begin(LEVEL_INFO, "disconnect");
	log_field_text("reason", monitor->end_reason);
	log_field_u64("milliseconds", monotonic_ms() - monitor->session->started_ms);
	log_field_u64("bytes_down", monitor->bytes_down);
	log_field_u64("bytes_up", monitor->bytes_up);
	log_end();
	_exit(monitor->has_alarm ? MONITOR_EXIT_ALARM : MONITOR_EXIT_END);
}

/* A slow disk may be the reason: it is not held against the client's address. */
void
monitor_end_without_files(struct monitor *monitor)
{
	close_fd(&monitor->files.channel);
	monitor->files.pid = 0;
	monitor->end_reason = "alarm";
	monitor_end_session(monitor);
}

void
monitor_end_for_violation(struct monitor *monitor, struct child *child, const char *what)
{
	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("violation", what);
	log_field_text("by", child->name);
	log_end();
	monitor->has_alarm = true;
	monitor->end_reason = "alarm";
	monitor_end_session(monitor);
}
