/* SPDX-License-Identifier: ISC */
#include "daemon/master/deadlines.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/banned.h"

void
deadlines_init(struct deadlines *deadlines, struct deadline **room, uint32_t max)
{
	*deadlines = (struct deadlines){.heap = room, .max = max};
}

static uint64_t
deadline_at(const struct deadlines *deadlines, uint32_t place)
{
	return deadlines->heap[place - 1]->at_ms;
}

static void
put_deadline(struct deadlines *deadlines, uint32_t place, struct deadline *deadline)
{
	deadlines->heap[place - 1] = deadline;
	deadline->place = place;
}

/* From place upwards, until its parent is due no later. */
static void
rise_in_heap(struct deadlines *deadlines, uint32_t place, struct deadline *deadline)
{
	while (place > 1 && deadline_at(deadlines, place / 2) > deadline->at_ms) {
		put_deadline(deadlines, place, deadlines->heap[place / 2 - 1]);
		place /= 2;
	}
	put_deadline(deadlines, place, deadline);
}

/* From place downwards, until its children are due no sooner. */
static void
sink_in_heap(struct deadlines *deadlines, uint32_t place, struct deadline *deadline)
{
	while (place <= deadlines->count / 2) {
		uint32_t child = 2 * place;

		if (child < deadlines->count && deadline_at(deadlines, child + 1) < deadline_at(deadlines, child))
			child++;
		if (deadline_at(deadlines, child) >= deadline->at_ms)
			break;
		put_deadline(deadlines, place, deadlines->heap[child - 1]);
		place = child;
	}
	put_deadline(deadlines, place, deadline);
}

void
deadlines_drop(struct deadlines *deadlines, struct deadline *deadline)
{
	uint32_t place = deadline->place;
	struct deadline *last;

	if (place == 0)
		return;
	deadline->place = 0;
	last = deadlines->heap[--deadlines->count];
	if (last == deadline)
		return;
	if (last->at_ms < deadline->at_ms)
		rise_in_heap(deadlines, place, last);
	else
		sink_in_heap(deadlines, place, last);
}

void
deadlines_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t at_ms)
{
	deadlines_drop(deadlines, deadline);
	if (deadlines->count == deadlines->max)
		abort();
	deadline->at_ms = at_ms;
	rise_in_heap(deadlines, ++deadlines->count, deadline);
}

struct deadline *
deadlines_first(const struct deadlines *deadlines)
{
	return deadlines->count == 0 ? NULL : deadlines->heap[0];
}
