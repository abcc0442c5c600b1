/* SPDX-License-Identifier: ISC */
/* Keeps the list of the accounts that use most, for metrics: an errand reads the ledgers every minute. */
#ifndef DAEMON_MASTER_QUOTA_TOP_H
#define DAEMON_MASTER_QUOTA_TOP_H

struct master;

/* Make the empty list, and look, if metrics-quota-users wants it. 0 or -errno. */
int quota_top_init(struct master *master);

/* The configuration has changed, or metrics have stopped: look from now on, or no more. */
void quota_top_configure(struct master *master);

#endif
