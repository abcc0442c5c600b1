/* SPDX-License-Identifier: ISC */
#include "common/budget.h"

#include "common/banned.h"

#define MILLI 1000

bool
budget_take(struct budget *budget, const struct budget_size *size, uint64_t now_ms)
{
	uint64_t most = (uint64_t)size->burst * MILLI, added;

	if (budget->last_ms == 0)
		budget->left_milli = most;
	else if (now_ms > budget->last_ms) {
		if (__builtin_mul_overflow(now_ms - budget->last_ms, size->per_s, &added) || added > most)
			added = most;
		budget->left_milli += added;
	}
	if (budget->left_milli > most)
		budget->left_milli = most;
	budget->last_ms = now_ms;
	if (budget->left_milli < MILLI)
		return false;
	budget->left_milli -= MILLI;
	return true;
}
