/* SPDX-License-Identifier: ISC */
/*
 * passive-address as a host name: looked up by a short-lived process without rights, so that
 * the master reads four bytes of an address and nothing of the network.
 */
#ifndef DAEMON_MASTER_RESOLVER_H
#define DAEMON_MASTER_RESOLVER_H

#include <stdbool.h>
#include <sys/types.h>

struct master;

/*
 * Have what the configuration in force says in master->passive.told: an address at once, a
 * name when its lookup is done. At start and reload.
 */
void resolver_configure(struct master *master);

/* Look a name up again when it is time to. Returns the ms until then, -1 when there is no name. */
int resolver_watch(struct master *master);

/* A child of the master is gone. True when it was the lookup. */
bool resolver_reaped(struct master *master, pid_t pid, int status);

#endif
