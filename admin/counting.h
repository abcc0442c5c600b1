/* Counting a home from the command line: in a walled process under the account's uid. */
#ifndef ADMIN_COUNTING_H
#define ADMIN_COUNTING_H

#include "accounts/account.h"
#include "privsep/files/count.h"

/*
 * Count the home of an account. Says on stderr what is wrong.
 *
 * uploads  of accounts/ledger.h; NULL: none.
 *
 * Returns 0 or -errno.
 */
int counting_run(const struct account *account, struct count_uploads *uploads, struct count_figure *figure);

#endif
