/* SPDX-License-Identifier: ISC */
/*
 * The last answers of the database about accounts that exist, for the time in which it does not answer. Bounded in number
 * and bytes: the oldest answer goes first. The memory of one that goes is wiped, because it has a password's hash.
 */
#ifndef PRIVSEP_BROKER_CACHE_H
#define PRIVSEP_BROKER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/siphash.h"

#define CACHE_ENTRIES_MAX 100000
#define CACHE_BYTES_MAX (64U << 20)

struct kept;

TAILQ_HEAD(kept_list, kept);

struct cache {
	struct siphash_key key;
	struct kept **slots; /* chains; owned */
	size_t slot_count; /* a power of two */
	struct kept_list by_age; /* the oldest first */
	size_t count, bytes;
	size_t count_max, bytes_max;
};

/* What is known of a name. line is borrowed, until the cache changes. */
struct kept_answer {
	uint64_t id;
	const char *line;
	size_t len;
};

/* An empty cache for at most count_max answers and bytes_max bytes. key: random. Returns 0 or -ENOMEM. */
int cache_init(struct cache *cache, const struct siphash_key *key, size_t count_max, size_t bytes_max);

/* Wipe and free all. */
void cache_free(struct cache *cache);

/* Keep an answer, in place of a former one about the name. Without memory for it there is none afterwards. */
void cache_keep(struct cache *cache, const char *name, const struct kept_answer *answer, uint64_t now_ms);

/* There is no such account (any more). */
void cache_forget(struct cache *cache, const char *name);

/* The answer about a name. False: there is none. */
bool cache_find(const struct cache *cache, const char *name, struct kept_answer *answer);

/* Drop answers that were given before since_ms. */
void cache_drop_older(struct cache *cache, uint64_t since_ms);

#endif
