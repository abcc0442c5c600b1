/* SPDX-License-Identifier: ISC */
/*
 * passive-address as a host name: looked up by a short-lived process without rights, so that
 * the master reads four bytes of an address and nothing of the network.
 */
#ifndef DAEMON_MASTER_RESOLVER_H
#define DAEMON_MASTER_RESOLVER_H

#include "daemon/master/errand.h"

struct server;

struct resolver {
	struct server *server;
	struct errand lookup;
	struct loop_timer look;
};

/* Nothing is looked up yet. server is borrowed. */
void resolver_init(struct resolver *resolver, struct server *server);

/*
 * Put what the configuration in force says into server->offer.passive_told: an address at once, a name when its
 * lookup is done, and again every five minutes. At start and reload.
 */
void resolver_configure(struct resolver *resolver);

#endif
