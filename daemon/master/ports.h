/* SPDX-License-Identifier: ISC */
/*
 * Announced ports of small ranges (passive-ports): who holds one, the oldest first. When a session finds the range full,
 * the oldest announcement gives way, so that sessions that announce ports and never use them hold up nobody for longer
 * than three seconds. A session announces one port at a time: more sessions are what it takes to hold more of them.
 */
#ifndef DAEMON_MASTER_PORTS_H
#define DAEMON_MASTER_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/master/slot.h"

struct board;

#define PORTS_YIELD_AFTER_MS 3000 /* a client that means it connects within */

struct ports {
	const struct board *board;
	struct slots announcing; /* the oldest announcement first */
};

/* Nobody has announced a port. board is borrowed. */
void ports_init(struct ports *ports, const struct board *board);

/* The slot's monitor has announced a port, in place of any former one. */
void ports_announce(struct ports *ports, struct slot *slot, const union address *bound, uint64_t now_ms);

/* The announcement is used up, or the session is gone. */
void ports_leave(struct ports *ports, struct slot *slot);

/*
 * No port from low to high is free on the address local. Tell the session to yield whose announcement there is the oldest, if
 * it is old enough or its bytes move already, which is a claim (scoreboard.h): one that lies loses its port early.
 * Returns the session that was told, or NULL.
 */
struct slot *ports_yield(struct ports *ports, const union address *local, uint16_t low, uint16_t high, uint64_t now_ms);

#endif
