/* SPDX-License-Identifier: ISC */
/* Keeps the list of the accounts that use most, for metrics: an errand reads the ledgers every minute. */
#ifndef DAEMON_MASTER_QUOTA_TOP_H
#define DAEMON_MASTER_QUOTA_TOP_H

#include <stdbool.h>

#include "daemon/master/errand.h"
#include "privsep/ipc/quota_board.h"

struct server;

struct quota_top {
	struct server *server;
	struct quota_board *board;
	struct errand errand;
	struct loop_timer look;
	bool is_stopped; /* for good */
};

/* Make the empty list, and look, if metrics-quota-users wants it. server is borrowed. 0 or -errno. */
int quota_top_init(struct quota_top *top, struct server *server);

/* The configuration has changed: look from now on, or no more. */
void quota_top_configure(struct quota_top *top);

/* Look no more; the list stays as it is for who shows it to the end. */
void quota_top_stop(struct quota_top *top);

#endif
