/* SPDX-License-Identifier: ISC */
#include "daemon/master/work.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/master/server.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define NICE_LOWEST 19
#define OVERDUE_MS 3000 /* an honest turn is a second, and what a slow disk adds to it */

static struct ipc_message message;

void
work_init(struct work_turns *work, const struct server *server)
{
	work->server = server;
	TAILQ_INIT(&work->waiting);
	TAILQ_INIT(&work->working);
	work->due = (struct loop_timer){.due = work_due, .arg = work};
	work->nice = getpriority(PRIO_PROCESS, 0);
}

/*
 * Check the monitor's claim: a process of its session is in its group, which none can leave. Errors are those of a
 * process that has just ended, or of a master without CAP_SYS_NICE.
 */
static void
set_priority(const struct work_turns *work, const struct slot *slot, bool is_low)
{
	const struct sched_param none = {.sched_priority = 0};

	if (getpgid(slot->work_pid) != slot->monitor_pid)
		return;
	if (slot->work_is_change)
		(void)setpriority(PRIO_PROCESS, (id_t)slot->work_pid, is_low ? NICE_LOWEST : work->nice);
	else
		(void)sched_setscheduler(slot->work_pid, is_low ? SCHED_IDLE : SCHED_OTHER, &none);
}

static void
answer_work_request(const struct slot *slot, int result)
{
	ipc_begin_reply(&message, IPC_turn, result);
	(void)!ipc_send_now(slot->channel, &message, -1); /* its end is seen by who reads the channel */
}

bool
work_begin(struct work_turns *work, struct slot *slot, pid_t files_pid, bool is_change)
{
	if (slot->work != WORK_TURN_NONE || !slot->is_logged_in || files_pid <= 0 || files_pid == slot->monitor_pid)
		return false;
	slot->work_pid = files_pid;
	slot->work_is_change = is_change;
	slot->work = WORK_TURN_WAITS;
	TAILQ_INSERT_TAIL(&work->waiting, slot, work_next);
	work_grant_soon(work);
	return true;
}

void
work_grant_soon(struct work_turns *work)
{
	if (!TAILQ_EMPTY(&work->waiting))
		timer_set(work->server->loop, &work->due, 0);
}

void
work_leave(struct work_turns *work, struct slot *slot)
{
	if (slot->work == WORK_TURN_WAITS)
		TAILQ_REMOVE(&work->waiting, slot, work_next);
	else if (slot->work == WORK_TURN_HELD)
		TAILQ_REMOVE(&work->working, slot, work_next);
	slot->work = WORK_TURN_NONE;
	work_grant_soon(work);
}

bool
work_end(struct work_turns *work, struct slot *slot)
{
	bool was_waiting = slot->work == WORK_TURN_WAITS;

	if (slot->work == WORK_TURN_NONE)
		return false;
	if (slot->work == WORK_TURN_HELD)
		set_priority(work, slot, false);
	work_leave(work, slot);
	if (was_waiting)
		answer_work_request(slot, -ECANCELED);
	return true;
}

static bool
is_overdue(const struct slot *slot, uint64_t now)
{
	return now - slot->work_since_ms >= OVERDUE_MS;
}

/*
 * How many count for the server; due_ms: when one of them no longer will. There are few. An overdue one counts only
 * for its account.
 */
static uint32_t
count_working(const struct work_turns *work, uint64_t now, uint64_t *due_ms)
{
	const struct slot *slot;
	uint32_t count = 0;

	*due_ms = UINT64_MAX;
	TAILQ_FOREACH(slot, &work->working, work_next)
		if (!is_overdue(slot, now)) {
			count++;
			if (slot->work_since_ms + OVERDUE_MS < *due_ms)
				*due_ms = slot->work_since_ms + OVERDUE_MS;
		}
	return count;
}

static bool
has_work_room(const struct work_turns *work, const char *user)
{
	const struct slot *slot;
	uint32_t count = 0;

	TAILQ_FOREACH(slot, &work->working, work_next)
		count += strcmp(slot->user, user) == 0;
	return count < work->server->config->limits.work_per_user;
}

static void
grant_work(struct work_turns *work, struct slot *slot, uint64_t now)
{
	TAILQ_REMOVE(&work->waiting, slot, work_next);
	TAILQ_INSERT_TAIL(&work->working, slot, work_next);
	slot->work = WORK_TURN_HELD;
	slot->work_since_ms = now;
	set_priority(work, slot, true);
	answer_work_request(slot, 0);
}

void
work_due(void *arg)
{
	struct work_turns *work = arg;
	struct slot *slot = TAILQ_FIRST(&work->waiting), *following;
	uint64_t now, due_ms;
	uint32_t working;

	if (slot == NULL)
		return;
	now = monotonic_ms();
	working = count_working(work, now, &due_ms);
	for (; slot != NULL && working < work->server->config->limits.concurrent_work; slot = following) {
		following = TAILQ_NEXT(slot, work_next);
		if (!has_work_room(work, slot->user))
			continue;
		grant_work(work, slot, now);
		working++;
	}
	(void)count_working(work, now, &due_ms); /* with those that have just begun */
	if (due_ms != UINT64_MAX && !TAILQ_EMPTY(&work->waiting))
		timer_set(work->server->loop, &work->due, due_ms);
}
