#include "daemon/master/failures.h"

#include <stdbool.h>
#include <string.h>

#include "common/banned.h"

#define FIRST_DELAY_MS 250
#define LAST_DELAY_MS 4000

static bool
is_forgotten(const struct failure *entry, uint64_t now_ms, uint64_t forget_ms)
{
	return entry->count == 0 || now_ms - entry->last_ms >= forget_ms;
}

static struct failure *
find(struct failures *failures, const struct address_key *address)
{
	for (size_t i = 0; i < failures->used; i++)
		if (failures->entries[i].count != 0 &&
		    memcmp(&failures->entries[i].address, address, sizeof(*address)) == 0)
			return &failures->entries[i];
	return NULL;
}

/* A free entry, a forgotten one, or the least recent. */
static struct failure *
claim_entry(struct failures *failures, uint64_t now_ms, uint64_t forget_ms)
{
	struct failure *oldest = &failures->entries[0];

	if (failures->used < FAILURES_MAX)
		return &failures->entries[failures->used++];
	for (size_t i = 0; i < failures->used; i++) {
		struct failure *entry = &failures->entries[i];

		if (is_forgotten(entry, now_ms, forget_ms))
			return entry;
		if (entry->last_ms < oldest->last_ms)
			oldest = entry;
	}
	return oldest;
}

static uint64_t
delay_ms(uint32_t count)
{
	uint64_t delay = FIRST_DELAY_MS;

	for (uint32_t i = 1; i < count && delay < LAST_DELAY_MS; i++)
		delay *= 2;
	return delay;
}

uint64_t
failures_reserve(struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t forget_ms)
{
	struct failure *entry = find(failures, address);
	uint64_t start;

	if (entry == NULL || is_forgotten(entry, now_ms, forget_ms))
		return now_ms;
	start = entry->next_ms > now_ms ? entry->next_ms : now_ms;
	entry->next_ms = start + delay_ms(entry->count);
	return start;
}

void
failures_add(struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t forget_ms)
{
	struct failure *entry = find(failures, address);

	if (entry == NULL) {
		entry = claim_entry(failures, now_ms, forget_ms);
		*entry = (struct failure){.address = *address};
	}
	if (is_forgotten(entry, now_ms, forget_ms))
		entry->count = 0;
	if (entry->count < UINT32_MAX)
		entry->count++;
	entry->last_ms = now_ms;
	if (entry->next_ms < now_ms + delay_ms(entry->count))
		entry->next_ms = now_ms + delay_ms(entry->count);
}
