/* SPDX-License-Identifier: ISC */
/*
 * Counts of homes, for quotas whose figure is none or only a bound (accounts/ledger.h): an errand each, while the sessions
 * of the account go on. Monitors ask for them again and again; one that runs is not started anew, and one that has just
 * ended only later.
 *
 * A count begins in one of a few quick places. There it may stay for seconds; then it moves to a place for large homes,
 * or, where those are taken, it ends and waits for one. So a small home never waits until a large one is counted.
 */
#ifndef DAEMON_MASTER_HOME_COUNTS_H
#define DAEMON_MASTER_HOME_COUNTS_H

#include <stdint.h>

#include "accounts/account.h"
#include "daemon/master/errand.h"

#define HOME_COUNTS_KNOWN 64

struct accounts_loader;
struct server;

/* Where the home of an account of the database is, and whose. */
struct stored_home {
	uint32_t uid, gid;
	char path[];
};

struct home_count {
	struct stored_home *stored; /* NULL: the users file says where. Ours */
	char user[ACCOUNT_NAME_MAX + 1];
	struct errand errand;
	struct home_counts *counts;
	bool is_wanted; /* as soon as it may begin */
	bool is_large; /* it has taken long before, or takes long now */
	uint64_t began_ms, not_before_ms; /* no other one of the account before */
};

struct home_counts {
	struct server *server;
	const struct accounts_loader *accounts;
	unsigned quick, large; /* that run */
	struct loop_timer next;
	struct home_count known[HOME_COUNTS_KNOWN];
};

/* None runs. The rest is borrowed. */
void home_counts_init(struct home_counts *counts, struct server *server, const struct accounts_loader *accounts);

/* A copy, which free() frees; NULL: there is no memory, or home is NULL. */
struct stored_home *stored_home_copy(const struct stored_home *home);

/*
 * Count the home of user, as soon as there is a place, unless that is under way. Without a place it waits for one. home: of
 * an account of the database, else NULL; borrowed.
 */
void home_counts_want(struct home_counts *counts, const char *user, const struct stored_home *home);

/* Begin what waits and may begin: after a load of the accounts, too. */
void home_counts_go_on(struct home_counts *counts);

#endif
