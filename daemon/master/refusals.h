/* SPDX-License-Identifier: ISC */
/*
 * Which refused connections have a line of the log: a few of each address, then the number of the others. An address
 * (of IPv6, a /64) that connects all the time fills no disk, and hides no line of another one.
 */
#ifndef DAEMON_MASTER_REFUSALS_H
#define DAEMON_MASTER_REFUSALS_H

#include <stdbool.h>

#include "common/address.h"

/* May this refusal be logged? If not, it is counted, and told by refusals_watch(). */
bool refusals_take(const struct address_key *address);

/* Log how many were left out since this was last logged, if any were. */
void refusals_tell(void);

/* The same when it is due. Returns the ms until it is; -1: nothing was left out. */
int refusals_watch(void);

#endif
