/* SPDX-License-Identifier: ISC */
/* Counting a home from the command line: in a walled process under the account's uid. */
#ifndef ADMIN_COUNTING_H
#define ADMIN_COUNTING_H

#include "accounts/account.h"
#include "accounts/ledger.h"

#define COUNTING_SWEEPS_NOTHING UINT64_MAX

/*
 * Count the home of an account into its ledger, while its sessions go on. Shows how far it is where stderr is a terminal,
 * and says there what is wrong.
 *
 * ledger   NULL: the account has no quota.
 * wait_s   how long to wait for the end of another count of the home that is under way.
 * keep_s   partial files that have not been written to for so many seconds are removed first, but for
 *          COUNTING_SWEEPS_NOTHING.
 * swept    how many were.
 *
 * Returns 0 or -errno; -EBUSY: the other count has not ended.
 */
int counting_run(const struct account *account, struct ledger *ledger, uint64_t keep_s, uint64_t wait_s,
    uint64_t *swept, struct ledger_figure *counted);

#endif
