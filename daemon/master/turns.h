/* SPDX-License-Identifier: ISC */
/*
 * Turns for work of which only a number runs at once, in rounds over addresses.
 *
 * Each waits in the queue of its address. While several addresses wait, each has at most one turn, first come first
 * served; an address that waits alone may have all. A turn may be given back before the attempt is judged; it counts
 * for its address until then, so that an address tries no faster because its answers come late. Every step costs
 * O(1), or O(log n) for one that is put off. No clock, no descriptor.
 */
#ifndef DAEMON_MASTER_TURNS_H
#define DAEMON_MASTER_TURNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/address.h"

struct turns;
struct turn_address;

enum turn_state {
	TURN_NONE,
	TURN_WAITS,
	TURN_HELD,
	TURN_GIVEN_BACK /* others may have it, but it still counts for its address */
};

/* The state of one waiter; all zero at first. One that is given back may be copied and the original zeroed. */
struct turn {
	enum turn_state state;
	uint64_t not_before_ms; /* 0: not known yet */
	struct turn_address *address;
	TAILQ_ENTRY(turn) next; /* of the same address */
};

/* Nobody waits. addresses_max: as many as there can be turns at once. No other process inherits it. 0 or -errno. */
int turns_new(uint32_t addresses_max, struct turns **turns_out);
void turns_free(struct turns *turns);

/* How many run at once, and how many of them for an address that waits alone. Those that run already go on. */
void turns_set_bounds(struct turns *turns, uint32_t most, uint32_t most_per_address);

/* turn, in state TURN_NONE, waits from now on. */
void turns_wait(struct turns *turns, struct turn *turn, const struct address_key *address);

/* The waiter whose turn it is by now_ms; NULL: none. Take it or put it off, then ask again. */
struct turn *turns_next(struct turns *turns, uint64_t now_ms);

/* What turns_next() has returned waits until until_ms, and with it all of its address. */
void turns_put_off(struct turns *turns, struct turn *turn, uint64_t until_ms);

/* What turns_next() has returned has its turn. */
void turns_take(struct turns *turns, struct turn *turn);

/* A turn that is held ends; what it was for is not judged yet. */
void turns_give_back(struct turns *turns, struct turn *turn);

/* turn is over, whatever its state was; it is all zero afterwards. */
void turns_leave(struct turns *turns, struct turn *turn);

/* How many run now; how many wait; when the next one that was put off may come (UINT64_MAX: none was). */
uint32_t turns_running(const struct turns *turns);
uint32_t turns_waiting(const struct turns *turns);
uint64_t turns_due_ms(const struct turns *turns);

#endif
