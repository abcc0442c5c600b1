/* SPDX-License-Identifier: ISC */
/* Keeps the list of the accounts that use most, for metrics: an errand reads the ledgers every minute. */
#ifndef DAEMON_MASTER_QUOTA_TOP_H
#define DAEMON_MASTER_QUOTA_TOP_H

#include <stdbool.h>
#include <sys/types.h>

struct master;

/* Make the empty list. 0 or -errno. */
int quota_top_init(struct master *master);

/* Look when it is time to, if metrics-quota-users wants it. Returns the ms until it is again, -1: not at all. */
int quota_top_watch(struct master *master);

/* A child of the master is gone. True when it was the errand. */
bool quota_top_reaped(struct master *master, pid_t pid, int status);

#endif
