/* SPDX-License-Identifier: ISC */
/* A token bucket: a number of things at once, and then a number a second. Pure. */
#ifndef COMMON_BUDGET_H
#define COMMON_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget_size {
	uint32_t burst;	/* at once, after a pause */
	uint32_t per_s;	/* from then on */
};

/* Zero it to begin: it is full then. */
struct budget {
	uint64_t left_milli;	/* thousandths of what may be taken */
	uint64_t last_ms;
};

/* May one more be taken at now_ms (monotonic, not 0)? Takes it. */
bool budget_take(struct budget *budget, const struct budget_size *size, uint64_t now_ms);

#endif
