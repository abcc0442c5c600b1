/* SPDX-License-Identifier: ISC */
/* What nobody may remove yet, from the command line. */
#ifndef ADMIN_USER_RETAINED_H
#define ADMIN_USER_RETAINED_H

#include "accounts/account.h"

/* May the account's home be removed? 0, or -errno, with the list of what is retained on stderr. */
int user_retained_permit_purge(const struct account *account);

#endif
