/* SPDX-License-Identifier: ISC */
#include "client/engine/pace.h"

#include <time.h>

#include "common/banned.h"

#define SECOND_US 1000000
#define AHEAD_US 50000 /* granted at once: a burst is no longer than this */
#define WAIT_MAX_MS 100

static uint64_t
pace_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

void
pace_set(struct pace *pace, uint64_t rate)
{
	pthread_mutex_lock(&pace->lock);
	if (pace->rate != rate)
		pace->free_at_us = 0;
	pace->rate = rate;
	pthread_mutex_unlock(&pace->lock);
}

/* The time that bytes take, with the lock held. Neither factor is large enough to overflow: rate is at least 1. */
static uint64_t
time_of(const struct pace *pace, size_t bytes)
{
	return (uint64_t)bytes * SECOND_US / pace->rate;
}

/* The bytes of one burst, at least one. */
static size_t
burst(const struct pace *pace)
{
	uint64_t bytes = pace->rate / (SECOND_US / AHEAD_US);

	return bytes == 0 ? 1 : bytes > SIZE_MAX / SECOND_US ? SIZE_MAX / SECOND_US : (size_t)bytes;
}

size_t
pace_grant(struct pace *pace, size_t wanted, unsigned int *wait_ms)
{
	uint64_t now;

	*wait_ms = 0;
	if (pace == NULL)
		return wanted;
	pthread_mutex_lock(&pace->lock);
	now = pace_now_us();
	if (pace->rate == 0 || wanted == 0) {
		/* no limit */
	} else if (pace->free_at_us <= now + AHEAD_US / 2) {
		if (wanted > burst(pace))
			wanted = burst(pace);
		if (pace->free_at_us < now)
			pace->free_at_us = now;
		pace->free_at_us += time_of(pace, wanted);
	} else {
		uint64_t wait = (pace->free_at_us - now) / 1000 + 1;

		*wait_ms = wait > WAIT_MAX_MS ? WAIT_MAX_MS : (unsigned int)wait;
		wanted = 0;
	}
	pthread_mutex_unlock(&pace->lock);
	return wanted;
}

void
pace_return(struct pace *pace, size_t unused)
{
	if (pace == NULL || unused == 0)
		return;
	pthread_mutex_lock(&pace->lock);
	/* the rate may be another one by now */
	if (pace->rate > 0 && pace->free_at_us > time_of(pace, unused))
		pace->free_at_us -= time_of(pace, unused);
	pthread_mutex_unlock(&pace->lock);
}

size_t
pace_piece(struct pace *pace, size_t max)
{
	uint64_t tenth;

	pthread_mutex_lock(&pace->lock);
	tenth = pace->rate / 10;
	pthread_mutex_unlock(&pace->lock);
	return tenth == 0 ? 1 : tenth < max ? (size_t)tenth : max;
}
