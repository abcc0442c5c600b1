/* SPDX-License-Identifier: ISC */
#include "daemon/master/tally.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "common/siphash.h"

#include "common/banned.h"

#define BUCKETS 16384

struct entry {
	uint32_t next; /* in its bucket, or in the list of free ones; 0: the last */
	uint32_t count;
	uint8_t len;
	uint8_t key[TALLY_KEY_MAX];
};

/* Entries are named by their number, the first is 1. */
struct tally {
	struct siphash_key secret;
	uint32_t keys_max, used, free;
	uint32_t buckets[BUCKETS];
	struct entry entries[];
};

static size_t
tally_size(uint32_t keys_max)
{
	return sizeof(struct tally) + (keys_max + 1UL) * sizeof(struct entry);
}

int
tally_new(uint32_t keys_max, struct tally **tally_out)
{
	struct tally *tally = mmap(
	    NULL, tally_size(keys_max), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r = 0;

	if (tally == MAP_FAILED)
		return -errno;
	tally->keys_max = keys_max;
	if (madvise(tally, tally_size(keys_max), MADV_DONTFORK) < 0)
		r = -errno;
	else if (getrandom(&tally->secret, sizeof(tally->secret), 0) != sizeof(tally->secret))
		r = -EIO;
	if (r < 0)
		tally_free(tally);
	else
		*tally_out = tally;
	return r;
}

void
tally_free(struct tally *tally)
{
	if (tally != NULL)
		munmap(tally, tally_size(tally->keys_max));
}

/* The place of the number of the key's entry, or, with 0, where it would be. */
static uint32_t *
tally_place(struct tally *tally, const void *key, size_t len)
{
	uint32_t *place = &tally->buckets[siphash(&tally->secret, key, len) % BUCKETS];

	while (*place != 0) {
		struct entry *entry = &tally->entries[*place];

		if (entry->len == len && memcmp(entry->key, key, len) == 0)
			break;
		place = &entry->next;
	}
	return place;
}

uint32_t
tally_count(struct tally *tally, const void *key, size_t len)
{
	uint32_t number = *tally_place(tally, key, len);

	return number == 0 ? 0 : tally->entries[number].count;
}

static uint32_t
take_entry(struct tally *tally)
{
	uint32_t number = tally->free;

	if (number != 0)
		tally->free = tally->entries[number].next;
	else if (tally->used < tally->keys_max)
		number = ++tally->used;
	return number;
}

int
tally_add(struct tally *tally, const void *key, size_t len)
{
	uint32_t *place;

	if (len == 0 || len > TALLY_KEY_MAX)
		return -EINVAL;
	place = tally_place(tally, key, len);
	if (*place == 0) {
		uint32_t number = take_entry(tally);

		if (number == 0)
			return -ENOSPC;
		tally->entries[number] = (struct entry){.len = (uint8_t)len};
		memcpy(tally->entries[number].key, key, len);
		*place = number;
	}
	tally->entries[*place].count++;
	return 0;
}

void
tally_remove(struct tally *tally, const void *key, size_t len)
{
	uint32_t *place = tally_place(tally, key, len);
	uint32_t number = *place;

	if (number == 0 || --tally->entries[number].count > 0)
		return;
	*place = tally->entries[number].next;
	tally->entries[number].next = tally->free;
	tally->free = number;
}
