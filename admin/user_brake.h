/* SPDX-License-Identifier: ISC */
/* The brakes of accounts on this server (accounts/brake.h): one file each in state-directory/brakes. */
#ifndef ADMIN_USER_BRAKE_H
#define ADMIN_USER_BRAKE_H

#include "accounts/brake.h"

struct ctl;

/* Whose removal was one too many for the brake of the account name. False: it has not fallen, or nobody knows. */
bool user_brake_has_fallen(const struct ctl *ctl, const char *name, struct brake_fall *fall);

/* The account name is gone: a later one of that name begins anew. */
void user_brake_forget(const struct ctl *ctl, const char *name);

#endif
