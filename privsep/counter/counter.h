/* SPDX-License-Identifier: ISC */
/*
 * Counting the home of an account into its ledger, while its sessions go on. The caller is root and keeps the ledger; a
 * child behind the walls of files walks the home, and is believed no more than a sum. Used by sallyportctl, and by the
 * master's errand for figures that are to be counted.
 */
#ifndef PRIVSEP_COUNTER_COUNTER_H
#define PRIVSEP_COUNTER_COUNTER_H

#include "accounts/account.h"
#include "accounts/ledger.h"

struct counter_order {
	const struct account *account;
	int home_fd;		/* checked to be the account's */
	struct ledger *ledger;	/* open; NULL: the account has none, and is merely counted */
	/* Called several times a second with the names that were met so far; NULL: not. */
	void (*progress)(void *arg, uint64_t met);
	void *arg;
};

/*
 * Count. After sandbox_init() and partial_name_init().
 *
 * counted  what the home has, without what uploads that go on have added.
 *
 * Returns 0, -EBUSY when another one counts, -EAGAIN when sessions of the account changed too much or died too often
 * meanwhile, -ECHILD when the child died, -E2BIG for a tree that is too deep, or another -errno. After an error the
 * ledger is as it was.
 */
int counter_run(const struct counter_order *order, struct ledger_figure *counted);

#endif
