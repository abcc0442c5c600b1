/* SPDX-License-Identifier: ISC */
/* Counting a home from the command line: in a walled process under the account's uid. */
#ifndef ADMIN_COUNTING_H
#define ADMIN_COUNTING_H

#include "accounts/account.h"
#include "privsep/files/count.h"

#define COUNTING_SWEEPS_NOTHING UINT64_MAX

struct counting {
	struct count_figure figure;
	uint64_t swept;		/* partial files that were removed before */
};

/*
 * Count the home of an account. Says on stderr what is wrong.
 *
 * uploads  of accounts/ledger.h; NULL: none.
 * keep_s   partial files that have not been written to for so many seconds are removed first, but for
 *          COUNTING_SWEEPS_NOTHING.
 *
 * Returns 0 or -errno.
 */
int counting_run(
    const struct account *account, struct count_uploads *uploads, uint64_t keep_s, struct counting *counting);

#endif
