/* SPDX-License-Identifier: ISC */
/*
 * Counts of homes, for quotas whose figure is none or only a bound (accounts/ledger.h): an errand each, while the sessions
 * of the account go on. Monitors ask for them again and again; one that runs, or has just ended, is not started anew.
 */
#ifndef DAEMON_MASTER_HOME_COUNTS_H
#define DAEMON_MASTER_HOME_COUNTS_H

#include "accounts/account.h"
#include "daemon/master/errand.h"

#define HOME_COUNTS_KNOWN 64

struct accounts_loader;
struct server;

struct home_count {
	char user[ACCOUNT_NAME_MAX + 1];
	struct errand errand;
	struct home_counts *counts;
	uint64_t began_ms, not_before_ms; /* no other one of the account before */
};

struct home_counts {
	struct server *server;
	const struct accounts_loader *accounts;
	unsigned running;
	struct home_count known[HOME_COUNTS_KNOWN];
};

/* None runs. The rest is borrowed. */
void home_counts_init(struct home_counts *counts, struct server *server, const struct accounts_loader *accounts);

/* Count the home of user, unless that is under way, was just done, or as many as may are counted. */
void home_counts_want(struct home_counts *counts, const char *user);

#endif
