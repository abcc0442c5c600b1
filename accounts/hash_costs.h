/* SPDX-License-Identifier: ISC */
/* The measured costs of kinds of hashes, kept for a day, so that a restart does not compute them again. */
#ifndef ACCOUNTS_HASH_COSTS_H
#define ACCOUNTS_HASH_COSTS_H

#include <stddef.h>
#include <stdint.h>

#include "accounts/hash_kind.h"

#define HASH_COSTS_MAX 16

struct hash_cost {
	char front[HASH_KIND_MAX + 1];	/* as hash_kind.h distinguishes kinds */
	uint64_t cost_us;	/* of a processor; never 0 */
};

/* Parse a line "COST FRONT" without its newline. Pure. Returns 0 or -EINVAL. */
int hash_cost_parse(const char *line, struct hash_cost *cost);

/* Read the costs of state_directory. Returns how many; 0 where there is no file, or none of use. */
size_t hash_costs_load(const char *state_directory, struct hash_cost costs[HASH_COSTS_MAX]);

/* runs as root: keep these instead. 0 or -errno. */
int hash_costs_save(const char *state_directory, const struct hash_cost *costs, size_t count);

#endif
