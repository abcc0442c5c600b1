/* SPDX-License-Identifier: ISC */
/* A limit on the bytes a second of all data connections together, in both directions. Thread-safe. */
#ifndef CLIENT_ENGINE_PACE_H
#define CLIENT_ENGINE_PACE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
	pthread_mutex_t lock;
	uint64_t rate; /* bytes a second; 0: no limit */
	uint64_t free_at_us; /* CLOCK_MONOTONIC: when what was granted so far is paid for */
};

#define PACE_INITIALIZER \
	{ \
		.lock = PTHREAD_MUTEX_INITIALIZER \
	}

void pace_set(struct pace *pace, uint64_t rate);

/*
 * Ask to move up to wanted bytes now. Returns how many (> 0), or 0 with *wait_ms, the time to ask again after (at most 100 ms).
 * pace NULL: no limit.
 */
size_t pace_grant(struct pace *pace, size_t wanted, unsigned int *wait_ms);

/* The bytes of a tenth of a second: at least 1, at most max. */
size_t pace_piece(struct pace *pace, size_t max);

/* Give back what was granted and not moved. */
void pace_return(struct pace *pace, size_t unused);

#endif
