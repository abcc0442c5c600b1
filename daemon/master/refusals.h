/* SPDX-License-Identifier: ISC */
/*
 * Which refused connections have a line of the log: a few of each address, then the number of the others. An address
 * (of IPv6, a /64) that connects all the time fills no disk, and hides no line of another one.
 */
#ifndef DAEMON_MASTER_REFUSALS_H
#define DAEMON_MASTER_REFUSALS_H

#include <stdbool.h>

#include "common/address.h"

struct loop;

/* From now on the number of those that are left out is logged every ten seconds, if there are some. loop is borrowed. */
void refusals_init(struct loop *loop);

/* May this refusal be logged? If not, it is counted. */
bool refusals_take(const struct address_key *address);

/* Log how many were left out since this was last logged, if any were. */
void refusals_tell(void);

#endif
