/* SPDX-License-Identifier: ISC */
/*
 * What the nodes that share a database tell each other: bans, bans that were lifted, and sessions that an administrator
 * ends. The broker carries it. Whoever has the broker or the database can say all of it; how much is bounded here.
 */
#ifndef DAEMON_MASTER_FLEET_H
#define DAEMON_MASTER_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/budget.h"
#include "daemon/master/loop.h"
#include "privsep/ipc/messages.h"

struct bans;
struct broker_worker;
struct server;
struct sessions;

#define FLEET_KICKS_MAX 16 /* that others are being told of: as many as clients of the control socket */

/* One that the others are told of. */
struct fleet_kick {
	uint32_t number; /* 0: free */
	bool is_over;
	enum news_outcome outcome;
};

struct fleet {
	struct server *server;
	struct bans *bans;
	struct sessions *sessions;
	struct broker_worker *broker;
	bool is_current; /* all that the others have told is heard: they can be told what they do not know */
	bool was_told_full; /* the database takes no more bans: one line of the log */
	unsigned telling; /* bans, whose answers are out */
	uint64_t tell_ms; /* none is told before: the database has refused some */
	struct loop_timer due;
	struct budget heard, logged;
	uint64_t unlogged, unheard; /* what was left out of the log; what was dropped */
	uint64_t complaint_ms; /* no line about that before */
	uint32_t last_kick;
	struct fleet_kick kicks[FLEET_KICKS_MAX];
	void (*kicked)(void *arg); /* what became of one of kicks is known */
	void *kicked_arg;
};

/* All is borrowed. The parts tell it from now on what changes. kicked is the caller's to set. */
void fleet_init(struct fleet *fleet, struct server *server, struct bans *bans, struct sessions *sessions,
    struct broker_worker *broker);

/* Tell the others to end sessions. Returns a number for fleet_kick_outcome(), or 0 when they cannot be told now. */
uint32_t fleet_kick(struct fleet *fleet, enum news_target target, const char *value);

/* True: it is known what became of that one, which is forgotten now. */
bool fleet_kick_outcome(struct fleet *fleet, uint32_t number, enum news_outcome *outcome);

#endif
