/* SPDX-License-Identifier: ISC */
/* A session that is told to end: protocol takes leave of the client before it goes. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "common/io.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

static const char *const end_reasons[END_REASON_COUNT] = {
    [END_LOGIN_TIMEOUT] = "login-timeout", [END_IDLE_TIMEOUT] = "idle-timeout",
    [END_STALL_TIMEOUT] = "stall-timeout", [END_SHUTDOWN] = "shutdown", [END_DRAIN] = "drain",
    [END_PLACE_NEEDED] = "place-needed", [END_KICKED] = "kicked",
    [END_BANNED] = "banned",
};

/* The last failed login ends the session already; its answer waits for its time, as the ban that follows from it did. */
static bool
ends_by_refusal(const struct monitor *monitor)
{
	return monitor->login.stage == LOGIN_ANSWERS_LATER && monitor->login.refusal == -ECONNABORTED;
}

void
tell_end(struct monitor *monitor, enum ipc_end_reason reason)
{
	if (monitor->kill_at_ms != NEVER)
		return;
	ipc_begin(&monitor->message, IPC_end);
	ipc_put_u8(&monitor->message, (uint8_t)reason);
	tell_protocol(monitor);
	if (reason == END_DRAIN)
		return;	/* the master keeps that deadline */
	if (!ends_by_refusal(monitor))
		monitor->end_reason = end_reasons[reason];
	monitor->kill_at_ms = end_login(monitor) + END_GRACE_MS;
}

void
take_master_end(struct monitor *monitor)
{
	uint8_t reason = ipc_get_u8(&monitor->message);

	if (ipc_end(&monitor->message) && reason < END_REASON_COUNT)
		tell_end(monitor, (enum ipc_end_reason)reason);
}

/* Nobody checks any more what protocol does with the file that it may hold: it may write to sockets alone. */
static void
forbid_file_writes(const struct monitor *monitor)
{
	const struct rlimit none = {0, 0};

	if (monitor->protocol.pid != 0 && prlimit(monitor->protocol.pid, RLIMIT_FSIZE, &none, NULL) < 0)
		kill(monitor->protocol.pid, SIGKILL);
}

void
files_is_gone(struct monitor *monitor)
{
	close_fd(&monitor->files.channel);
	if (reap_child(monitor, &monitor->files, monotonic_ms() + END_GRACE_MS))
		return;
	forbid_file_writes(monitor);
	tell_end(monitor, END_SHUTDOWN);
	monitor->end_reason = REASON_FILES_GONE;
}
