/* SPDX-License-Identifier: ISC */
/* Moments at which something is due, the next one at the front: a binary heap. Each step costs O(log n). Pure. */
#ifndef DAEMON_MASTER_DEADLINES_H
#define DAEMON_MASTER_DEADLINES_H

#include <stdint.h>

/* A moment; part of what is due then. All zero: it is in no heap. */
struct deadline {
	uint64_t at_ms;
	uint32_t place; /* in the heap, the first is 1; 0: in none */
};

struct deadlines {
	struct deadline **heap; /* room for max of them; borrowed */
	uint32_t count, max;
};

void deadlines_init(struct deadlines *deadlines, struct deadline **room, uint32_t max);

/* It is due at at_ms from now on, wherever it stood before. There must be room: max is the number of all that exist. */
void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t at_ms);

/* Remove it from its heap; does nothing for one that is in no heap. */
void deadlines_drop(struct deadlines *deadlines, struct deadline *deadline);

/* The one that is due next, or NULL. It stays in the heap. */
struct deadline *deadlines_first(const struct deadlines *deadlines);

#endif
