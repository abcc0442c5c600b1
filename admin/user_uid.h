/* SPDX-License-Identifier: ISC */
/* A user id for a new account. */
#ifndef ADMIN_USER_UID_H
#define ADMIN_USER_UID_H

#include <stdint.h>

struct book;
struct ctl;

/*
 * count uids in a row of uid-range that no account of any book has, no group of one or of a folder, and no user of the system;
 * *uid is the first of them. taken_below: none below this one (0: all of the range). Says on stderr what is wrong.
 * Returns 0 or -errno.
 */
int user_free_uid(const struct ctl *ctl, struct book *book, uint32_t taken_below, uint32_t count, uint32_t *uid);

#endif
