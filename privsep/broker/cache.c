/* SPDX-License-Identifier: ISC */
#include "privsep/broker/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"

#define SLOTS_MIN 64

/* One answer. The name and the line lie after it, each with a NUL. */
struct kept {
	struct kept *next; /* in its chain */
	TAILQ_ENTRY(kept) entry;
	uint64_t hash;
	uint64_t given_ms;
	uint64_t id;
	size_t size; /* of all this */
	size_t name_len, line_len;
	char text[];
};

int
cache_init(struct cache *cache, const struct siphash_key *key, size_t count_max, size_t bytes_max)
{
	size_t slot_count = SLOTS_MIN;

	while (slot_count < count_max)
		slot_count *= 2;
	*cache = (struct cache){.key = *key, .slot_count = slot_count, .count_max = count_max, .bytes_max = bytes_max};
	TAILQ_INIT(&cache->by_age);
	cache->slots = calloc(slot_count, sizeof(struct kept *));
	return cache->slots == NULL ? -ENOMEM : 0;
}

/* Where the chain of a hash has the name, or ends. */
static struct kept **
find_link(const struct cache *cache, uint64_t hash, const char *name, size_t len)
{
	struct kept **link = &cache->slots[hash & (cache->slot_count - 1)];

	while (*link != NULL &&
	    !((*link)->hash == hash && (*link)->name_len == len && memcmp((*link)->text, name, len) == 0))
		link = &(*link)->next;
	return link;
}

static void
drop_link(struct cache *cache, struct kept **link)
{
	struct kept *kept = *link;

	*link = kept->next;
	TAILQ_REMOVE(&cache->by_age, kept, entry);
	cache->count--;
	cache->bytes -= kept->size;
	explicit_bzero(kept, kept->size);
	free(kept);
}

static void
drop_oldest(struct cache *cache)
{
	const struct kept *oldest = TAILQ_FIRST(&cache->by_age);

	drop_link(cache, find_link(cache, oldest->hash, oldest->text, oldest->name_len));
}

void
cache_free(struct cache *cache)
{
	while (!TAILQ_EMPTY(&cache->by_age))
		drop_oldest(cache);
	free(cache->slots);
	cache->slots = NULL;
}

void
cache_keep(struct cache *cache, const char *name, const struct kept_answer *answer, uint64_t now_ms)
{
	size_t name_len = strlen(name), size = sizeof(struct kept) + name_len + 1 + answer->len + 1;
	uint64_t hash = siphash(&cache->key, name, name_len);
	struct kept *kept;

	cache_forget(cache, name);
	if (size > cache->bytes_max || cache->count_max == 0)
		return;
	while (cache->count >= cache->count_max || cache->bytes + size > cache->bytes_max)
		drop_oldest(cache);
	kept = calloc(1, size);
	if (kept == NULL)
		return;
	kept->hash = hash;
	kept->given_ms = now_ms;
	kept->id = answer->id;
	kept->size = size;
	kept->name_len = name_len;
	kept->line_len = answer->len;
	memcpy(kept->text, name, name_len);
	memcpy(kept->text + name_len + 1, answer->line, answer->len);
	kept->next = cache->slots[hash & (cache->slot_count - 1)];
	cache->slots[hash & (cache->slot_count - 1)] = kept;
	TAILQ_INSERT_TAIL(&cache->by_age, kept, entry);
	cache->count++;
	cache->bytes += size;
}

void
cache_forget(struct cache *cache, const char *name)
{
	size_t len = strlen(name);
	struct kept **link = find_link(cache, siphash(&cache->key, name, len), name, len);

	if (*link != NULL)
		drop_link(cache, link);
}

bool
cache_find(const struct cache *cache, const char *name, struct kept_answer *answer)
{
	size_t len = strlen(name);
	const struct kept *kept = *find_link(cache, siphash(&cache->key, name, len), name, len);

	if (kept == NULL)
		return false;
	*answer = (struct kept_answer){.id = kept->id, .line = kept->text + kept->name_len + 1, .len = kept->line_len};
	return true;
}

void
cache_drop_older(struct cache *cache, uint64_t since_ms)
{
	const struct kept *oldest;

	while ((oldest = TAILQ_FIRST(&cache->by_age)) != NULL && oldest->given_ms < since_ms)
		drop_oldest(cache);
}
