/* SPDX-License-Identifier: ISC */
/*
 * Has the clock of the host been set? CLOCK_REALTIME is compared with CLOCK_BOOTTIME, which nobody sets, and which goes on
 * while the machine sleeps. Pure.
 */
#ifndef DAEMON_MASTER_CLOCK_WATCH_H
#define DAEMON_MASTER_CLOCK_WATCH_H

#include <stdint.h>

#define CLOCK_WATCH_STEP_S 60 /* less than this between two looks is a clock that is slewed */

struct clock_watch {
	int64_t real_s, boot_s; /* at the last look */
	uint64_t sure_s; /* so long, up to then, the clock has gone as time does */
};

/* The first look. */
void clock_watch_begin(struct clock_watch *watch, int64_t real_s, int64_t boot_s);

/* One more look. Returns by how many seconds the clock was set since the last one, mostly 0; negative: back. */
int64_t clock_watch_look(struct clock_watch *watch, int64_t real_s, int64_t boot_s);

#endif
