/* SPDX-License-Identifier: ISC */
/* The speed of a transfer, smoothed: the last few seconds count. Pure; times are the caller's. */
#ifndef CLIENT_UI_SPEED_H
#define CLIENT_UI_SPEED_H

#include <stdbool.h>
#include <stdint.h>

struct speed {
	uint64_t last_ms, last_bytes;
	double bytes_per_s;
	double weight;	/* of what has been seen so far: 0 at first, towards 1 */
	bool has_begun;
};

/* The bytes moved until a time (milliseconds of any monotonic clock). Calls less than 50 ms apart are gathered. */
void speed_add(struct speed *speed, uint64_t now_ms, uint64_t bytes);

/* Bytes a second, or -1 while too little was seen. */
int64_t speed_get(const struct speed *speed);

/*
 * Seconds that the rest takes at this speed, or -1 where that is not known (unknown total, standing still, over 1000
 * days).
 */
int64_t speed_eta(int64_t bytes_per_s, uint64_t done, int64_t total);

#endif
