/* SPDX-License-Identifier: ISC */
/* Turns of long work: files asks, the master decides; the monitor passes on, and keeps files from asking too often. */
#include <errno.h>

#include "common/io.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

#define WINDOW_MS 1000
#define ASKED_MAX 200	/* in one window; files asks about fifty times at most */

static bool
asks_too_often(struct monitor *monitor)
{
	uint64_t now = monotonic_ms();

	if (now - monitor->work.window_ms >= WINDOW_MS) {
		monitor->work.window_ms = now;
		monitor->work.asked = 0;
	}
	return ++monitor->work.asked > ASKED_MAX;
}

static bool
tell_files(struct monitor *monitor, int result)
{
	int r;

	ipc_begin_reply(&monitor->message, IPC_work_begin, result);
	r = ipc_send_now(monitor->files.channel, &monitor->message, -1);
	return r == 0 || r == -EPIPE; /* files died meanwhile, which is reported where it is reaped */
}

bool
monitor_answer_work_begin(struct monitor *monitor)
{
	uint8_t is_change = ipc_get_u8(&monitor->message);

	if (!ipc_end(&monitor->message) || is_change > 1 || monitor->work.state != WORK_NONE || asks_too_often(monitor))
		return false;
	monitor->work.state = WORK_ASKED;
	ipc_begin(&monitor->message, IPC_turn);
	ipc_put_u8(&monitor->message, is_change);
	ipc_put_u32(&monitor->message, (uint32_t)monitor->files.pid);
	monitor_send_master(monitor);
	return true;
}

bool
monitor_answer_work_end(struct monitor *monitor)
{
	bool was_asked = monitor->work.state == WORK_ASKED;

	if (!ipc_end(&monitor->message) || monitor->work.state == WORK_NONE)
		return false;
	monitor->work.state = WORK_NONE;
	monitor->work.withdrawn += was_asked;
	ipc_begin(&monitor->message, IPC_turn_end);
	monitor_send_master(monitor);
	return !was_asked || tell_files(monitor, -ECANCELED);
}

/* The master answers each question once, those that were withdrawn too, and in their order. */
void
monitor_turn_granted(struct monitor *monitor)
{
	if (monitor->work.withdrawn > 0) {
		monitor->work.withdrawn--;
		return;
	}
	if (monitor->work.state != WORK_ASKED)
		return;
	monitor->work.state = WORK_HELD;
	if (!tell_files(monitor, 0))
		monitor_end_for_violation(monitor, &monitor->files, "answers that it does not read");
}
