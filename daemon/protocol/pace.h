/* SPDX-License-Identifier: ISC */
/* Keeping to the account's rate: bytes move on credit that the monitor gives, shared by all sessions of the account. */
#ifndef DAEMON_PROTOCOL_PACE_H
#define DAEMON_PROTOCOL_PACE_H

#include <stddef.h>
#include <stdint.h>

#include "accounts/rate.h"

struct protocol;

struct pace {
	enum rate_direction direction;
	uint64_t rate;		/* bytes per second; 0: no limit */
	uint64_t credit;	/* bytes that may move now */
};

/* The pace of a transfer that begins. */
void pace_begin(struct pace *pace, const struct protocol *protocol, enum rate_direction direction);

/*
 * How many of want bytes may move now: all, without a rate. Without credit it sleeps, and watches the control
 * connection. Returns 0 with *allowed > 0, or -ECANCELED as watch_fd().
 */
int pace_wait(struct pace *pace, struct protocol *protocol, size_t want, size_t *allowed);

/* n bytes have moved. */
void pace_moved(struct pace *pace, size_t n);

#endif
