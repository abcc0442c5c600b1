/* SPDX-License-Identifier: ISC */
/*
 * Connections that a proxy has made: they wait here until the porter (privsep/porter) has read whose they are, and are
 * admitted then like others. The porter is kept running while there are listeners for a proxy.
 */
#ifndef DAEMON_MASTER_PROXIED_H
#define DAEMON_MASTER_PROXIED_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/master/worker.h"

struct admission;
struct listener;
struct server;

/* A connection that waits. */
struct unnamed;
TAILQ_HEAD(unnamed_list, unnamed);

struct proxied {
	struct server *server;
	struct admission *admission;
	struct worker porter;
	bool is_wanted; /* there are listeners */
	bool was_told; /* that the porter cannot be started */
	struct unnamed *all; /* PORTER_CONNECTIONS_MAX; NULL: none was ever needed */
	struct unnamed_list waiting, free; /* waiting: the oldest first */
	uint32_t owed; /* verdicts about connections that were given up here */
	struct loop_timer overdue; /* of the oldest one */
};

/* No porter yet. The rest is borrowed. */
void proxied_init(struct proxied *proxied, struct server *server, struct admission *admission);

/* There are listeners for a proxy, or none any more: then the porter ends with the last connection that waits. */
void proxied_configure(struct proxied *proxied, bool is_wanted);

/* Accept what waits at such a listener. arg: the struct proxied. True: more may wait, but other events want their turn. */
bool proxied_accept(void *arg, const struct listener *listener);

/*
 * Another server takes over: admit those whose header comes within half a second, so that it learns of their sessions.
 * At the end of the server they read why they are refused. Close the others, and end the porter.
 */
void proxied_leave(struct proxied *proxied);

#endif
