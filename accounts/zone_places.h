/* SPDX-License-Identifier: ISC */
/* Whether the directories that have rights of their own (zones.h) are there. For programs that check accounts. */
#ifndef ACCOUNTS_ZONE_PLACES_H
#define ACCOUNTS_ZONE_PLACES_H

#include <stddef.h>

struct account;

/*
 * Look at the directory of each rule of the account, and of its group, below the home, without following a link. Call tell
 * for each that is not there, is a link, or cannot be written to though the rule allows changes: problem is static text to
 * stand behind the directory's name, what is wrong and what to do.
 */
void zone_places_check(const struct account *account, int home_fd,
    void (*tell)(void *arg, const char *directory, const char *problem), void *arg);

#endif
