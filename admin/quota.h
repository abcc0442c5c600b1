/* SPDX-License-Identifier: ISC */
/* Quotas: shown, and counted anew. */
#ifndef ADMIN_QUOTA_H
#define ADMIN_QUOTA_H

#include <stdbool.h>

struct account;
struct ctl;

/* An account is removed, or made anew: an old ledger of that name is not its own. */
void quota_forget(const struct ctl *ctl, const char *name);

/*
 * The account has got its settings, perhaps a quota. Where nobody knows the figure, have the running server count the
 * home, and print what that means for uploads.
 */
void quota_begin_count(const struct ctl *ctl, const struct account *account);

enum quota_asking { QUOTA_IS_KNOWN, QUOTA_IS_ASKED, QUOTA_IS_UNKNOWN };

/* The same without a wait and a word: is the figure known, does the running server count now, or nobody? */
enum quota_asking quota_ask_count(const struct ctl *ctl, const struct account *account);

/*
 * The home has got a file without a session: count it anew where its account has a quota. is_stored: the account is in the
 * database. Says on stderr what is wrong. 0 or -errno.
 */
int quota_count_changed(const struct ctl *ctl, const struct account *account, bool is_stored);

#endif
