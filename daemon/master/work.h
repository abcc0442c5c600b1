/* SPDX-License-Identifier: ISC */
/*
 * Turns for long work of files processes: HASH, SITE CPTO, RMDA and the like. Limited numbers run at once for an
 * account (limits.work-per-user) and for the server (limits.concurrent-work). The others wait, first come first
 * served. A session gives its turn back after a second and waits again, so that the work of all goes on in rounds.
 * One that does not give it back stops counting for the server, and so holds up its own account alone.
 *
 * A process with a turn runs at low priority. Work that only reads runs when nobody else is ready to run
 * (SCHED_IDLE), for the disk too. Work that changes the home, and so may have the lock of its quota, runs at nice 19.
 * The master sets the priority, because a session lacks the right to go back. Without CAP_SYS_NICE there are only
 * turns.
 */
#ifndef DAEMON_MASTER_WORK_H
#define DAEMON_MASTER_WORK_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/master/slot.h"

struct server;

struct work_turns {
	const struct server *server;
	struct slots waiting, working; /* first come first served; those whose turn it is */
	struct loop_timer due;
	int nice; /* the server's own */
};

/* Nobody works. server is borrowed. */
void work_init(struct work_turns *work, const struct server *server);

/* The slot's monitor asks for a turn of its files process, or gives it back (no turn: withdraws). False: out of order. */
bool work_begin(struct work_turns *work, struct slot *slot, pid_t files_pid, bool is_change);
bool work_end(struct work_turns *work, struct slot *slot);

/* The session is gone, and its turn with it. */
void work_leave(struct work_turns *work, struct slot *slot);

/*
 * Give turns to waiting processes, as far as some are free; again when the next one may be free. arg: the struct
 * work_turns.
 */
void work_due(void *arg);

/* The same before the loop waits again: the limits have changed. */
void work_grant_soon(struct work_turns *work);

#endif
