/* SPDX-License-Identifier: ISC */
/* Quotas: shown, and counted anew. */
#ifndef ADMIN_QUOTA_H
#define ADMIN_QUOTA_H

struct ctl;

/* An account is removed, or made anew: an old ledger of that name is not its own. */
void quota_forget(const struct ctl *ctl, const char *name);

#endif
