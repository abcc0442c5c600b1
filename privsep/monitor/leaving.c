/* SPDX-License-Identifier: ISC */
/* A session that must end: protocol takes leave of the client before it ends. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include "common/io.h"
#include "privsep/monitor/state.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

static const char *const end_reasons[END_REASON_COUNT] = {
    [END_LOGIN_TIMEOUT] = "login-timeout",
    [END_IDLE_TIMEOUT] = "idle-timeout",
    [END_STALL_TIMEOUT] = "stall-timeout",
    [END_SHUTDOWN] = "shutdown",
    [END_DRAIN] = "drain",
    [END_PLACE_NEEDED] = "place-needed",
    [END_KICKED] = "kicked",
    [END_BANNED] = "banned",
    [END_FAILURE] = "failure",
    [END_STORE_DOWN] = "store-down",
    [END_SHARE_GONE] = "share-gone",
    [END_BROKER_GONE] = "broker-gone",
    [END_ACCOUNTS_CHANGED] = "accounts-changed",
    [END_SERVER_GONE] = "server-gone",
};

/* The last failed login ends the session already; its answer waits for its time, as the ban that follows from it did. */
static bool
ends_by_refusal(const struct monitor *monitor)
{
	return monitor->login.stage == LOGIN_ANSWERS_LATER && monitor->login.refusal == -ECONNABORTED;
}

void
monitor_send_end(struct monitor *monitor, enum ipc_end_reason reason)
{
	if (monitor->kill_at_ms != NEVER)
		return;
	ipc_begin(&monitor->message, IPC_end);
	ipc_put_u8(&monitor->message, (uint8_t)reason);
	monitor_send_protocol(monitor);
	if (END_IS_GENTLE(reason))
		return; /* the master keeps the deadline of a drain */
	if (!ends_by_refusal(monitor))
		monitor->end_reason = end_reasons[reason];
	monitor->kill_at_ms = monitor_end_login(monitor) + END_GRACE_MS;
}

void
monitor_take_end(struct monitor *monitor)
{
	uint8_t reason = ipc_get_u8(&monitor->message);

	if (ipc_end(&monitor->message) && reason < END_REASON_COUNT)
		monitor_send_end(monitor, (enum ipc_end_reason)reason);
}

/* Nobody checks any longer what protocol does with a file that it may hold, so it may write only to sockets. */
static void
forbid_file_writes(const struct monitor *monitor)
{
	const struct rlimit none = {0, 0};

	if (monitor->protocol.pid != 0 && prlimit(monitor->protocol.pid, RLIMIT_FSIZE, &none, NULL) < 0)
		kill(monitor->protocol.pid, SIGKILL);
}

void
monitor_files_gone(struct monitor *monitor)
{
	close_fd(&monitor->files.channel);
	if (monitor_reap_child(monitor, &monitor->files, monotonic_ms() + END_GRACE_MS))
		return;
	forbid_file_writes(monitor);
	monitor_send_end(monitor, monitor->files.gave_up ? END_FAILURE : END_SHUTDOWN);
	monitor->end_reason = monitor->files.gave_up ? "walls" : REASON_FILES_GONE;
}

/* Protocol takes leave of the client, and its messages are no longer read. */
static void
await_leave(struct monitor *monitor)
{
	uint64_t deadline = monotonic_ms() + END_GRACE_MS;
	int r = -EAGAIN;

	while (r == -EAGAIN && io_wait(monitor->protocol.channel, POLLIN, deadline) > 0) {
		r = ipc_receive_now(monitor->protocol.channel, IPC_MONITOR, monitor->state, &monitor->message);
		if (r == 0) {
			ipc_drop_fds(&monitor->message);
			r = -EAGAIN;
		}
	}
	if (r != -EAGAIN)
		close_fd(&monitor->protocol.channel);
}

void
monitor_end_without_walls(struct monitor *monitor, bool is_login)
{
	struct sandbox_failure failure;

	sandbox_last_failure(&failure);
	sandbox_log_failure("monitor", &failure);
	monitor_send_end(monitor, END_FAILURE);
	if (is_login) {
		ipc_begin_reply(&monitor->message, IPC_login, -ECANCELED);
		monitor_send_protocol(monitor);
	}
	monitor->end_reason = "walls";
	await_leave(monitor);
	monitor_end_session(monitor);
}
