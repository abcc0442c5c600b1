/* SPDX-License-Identifier: ISC */
/* The listeners for coming transfers, while they rest: when they are closed. See data_expect_next(). */
#ifndef DAEMON_PROTOCOL_AHEAD_H
#define DAEMON_PROTOCOL_AHEAD_H

#include <stdbool.h>

struct protocol;

/* Close those that rest. */
void ahead_forget(struct protocol *protocol);

/* How long those that rest stay open if no port is announced, in ms; -1: none rests. */
int ahead_left_ms(const struct protocol *protocol);

/* Close them if that is over. False: it is not, or none rests. */
bool ahead_expire(struct protocol *protocol);

#endif
