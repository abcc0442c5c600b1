/* SPDX-License-Identifier: ISC */
/* Whether the directories that have rights of their own (zones.h) are there. For programs that check accounts. */
#ifndef ACCOUNTS_ZONE_PLACES_H
#define ACCOUNTS_ZONE_PLACES_H

#include <stddef.h>

struct account;
struct zones;

/*
 * Look at the directory of rule number i below the home, without following a link. Returns what is wrong and what to do,
 * static text to stand behind the directory's name; NULL: nothing, or nobody can tell.
 */
const char *zone_place_problem(int home_fd, const struct zones *zones, size_t i);

/* Call tell for each rule of the account, and of its group, with a problem. */
void zone_places_check(const struct account *account, int home_fd,
    void (*tell)(void *arg, const char *directory, const char *problem), void *arg);

#endif
