/*
 * Shared memory of the sessions, one page a slot: what the protocol process claims about its
 * own work, for the deadlines that the monitor keeps. Each session can reach its own slot only.
 */
#ifndef PRIVSEP_IPC_SCOREBOARD_H
#define PRIVSEP_IPC_SCOREBOARD_H

#include <stddef.h>
#include <stdint.h>

enum claim_activity {
	CLAIM_IDLE,
	CLAIM_TRANSFER,	/* bytes should move */
	CLAIM_FINISH	/* the last bytes of an upload are on their way to the disk */
};

/* Written by protocol, read by its monitor; believed for nothing but deadlines. Use the functions below. */
struct claims {
	uint64_t active_ms;	/* CLOCK_MONOTONIC: the last whole command, or byte of a transfer */
	uint32_t activity;	/* enum claim_activity */
};

/* Map a scoreboard of count slots; memory is used only for slots that are touched. NULL: errno. */
void *scoreboard_new(size_t count);

/* In a session: unmap every slot but this one. 0 or -errno. Returns the claims of the slot through claims. */
int scoreboard_confine(void *scoreboard, size_t count, size_t slot, struct claims **claims);

/* In files, which claims nothing: unmap the slot as well. */
void scoreboard_leave(struct claims *claims);

static inline void
claim(struct claims *claims, enum claim_activity activity, uint64_t now_ms)
{
	__atomic_store_n(&claims->activity, (uint32_t)activity, __ATOMIC_RELAXED);
	__atomic_store_n(&claims->active_ms, now_ms, __ATOMIC_RELAXED);
}

static inline uint64_t
claimed_active_ms(const struct claims *claims)
{
	return __atomic_load_n(&claims->active_ms, __ATOMIC_RELAXED);
}

static inline enum claim_activity
claimed_activity(const struct claims *claims)
{
	uint32_t activity = __atomic_load_n(&claims->activity, __ATOMIC_RELAXED);

	return activity <= CLAIM_FINISH ? (enum claim_activity)activity : CLAIM_IDLE;
}

#endif
