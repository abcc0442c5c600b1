/* SPDX-License-Identifier: ISC */
/*
 * Announced ports of small ranges (passive-ports) and their sessions, the oldest first. When a session finds the
 * range full, the oldest announcement gives way. So sessions that announce ports and never use them hold up nobody
 * for longer than three seconds. A session announces one port at a time, so holding more ports takes more sessions.
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
 * No port from low to high is free on the address local. Ask the session with the oldest announcement there to yield,
 * if that is old enough or its bytes move already. The latter is a claim (scoreboard.h): a session that lies loses
 * its port early. Returns that session, or NULL.
 */
struct slot *ports_yield(struct ports *ports, const union address *local, uint16_t low, uint16_t high, uint64_t now_ms);

#endif
