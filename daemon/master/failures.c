/* SPDX-License-Identifier: ISC */
#include "daemon/master/failures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/banned.h"

#define FIRST_DELAY_MS 250
#define LAST_DELAY_MS 4000

static bool
is_forgotten(const struct failure *entry, uint64_t now_ms, uint64_t forget_ms)
{
	return entry->count == 0 || now_ms - entry->last_ms >= forget_ms;
}

/* How many attempts slow the next one down: failures, and those of which nobody knows what they were. */
static uint32_t
slowing_count(const struct failure *entry, uint64_t now_ms, uint64_t forget_ms)
{
	uint32_t count = is_forgotten(entry, now_ms, forget_ms) ? 0 : entry->count;
	uint32_t unknown = now_ms - entry->unknown_ms >= forget_ms ? 0 : entry->unknown;

	return count < UINT32_MAX - unknown ? count + unknown : UINT32_MAX;
}

int
failures_init(struct failures *failures)
{
	if (getrandom(&failures->secret, sizeof(failures->secret), 0) != sizeof(failures->secret))
		return -EIO;
	return 0;
}

/* The place of the number of the address's entry, or, with 0, where it would be. */
static uint32_t *
failure_place(struct failures *failures, const struct address_key *address)
{
	uint32_t *place = &failures->buckets[siphash(&failures->secret, address, sizeof(*address)) % FAILURES_BUCKETS];

	while (*place != 0) {
		struct failure *entry = &failures->entries[*place - 1];

		if (memcmp(&entry->address, address, sizeof(*address)) == 0)
			break;
		place = &entry->next;
	}
	return place;
}

static struct failure *
find_failure(struct failures *failures, const struct address_key *address)
{
	uint32_t number = *failure_place(failures, address);

	return number == 0 ? NULL : &failures->entries[number - 1];
}

static void
release_entry(struct failures *failures, struct failure *entry)
{
	*failure_place(failures, &entry->address) = entry->next;
	entry->is_used = false;
	entry->next = failures->free;
	failures->free = (uint32_t)(entry - failures->entries) + 1;
}

static uint64_t
last_seen_ms(const struct failure *entry)
{
	return entry->last_ms > entry->unknown_ms ? entry->last_ms : entry->unknown_ms;
}

/* Which of two entries is missed less; NULL is missed most. */
static struct failure *
lesser_failure(struct failure *a, struct failure *b)
{
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	if ((a->banned_until_ms == 0) != (b->banned_until_ms == 0))
		return a->banned_until_ms == 0 ? a : b;
	if (a->banned_until_ms != 0)
		return a->banned_until_ms <= b->banned_until_ms ? a : b;
	return last_seen_ms(a) <= last_seen_ms(b) ? a : b;
}

/* Release the least important entry. False: all are bans by hand. */
static bool
make_failure_room(struct failures *failures)
{
	struct failure *least = NULL;

	for (size_t i = 0; i < failures->used; i++)
		if (!failures->entries[i].is_by_hand)
			least = lesser_failure(least, &failures->entries[i]);
	if (least == NULL)
		return false;
	failures->banned -= least->banned_until_ms != 0;
	failures->of_others -= least->is_of_others;
	release_entry(failures, least);
	return true;
}

/* An entry for address: its own, or a new one. NULL: all are bans by hand. */
static struct failure *
claim_entry(struct failures *failures, const struct address_key *address)
{
	struct failure *entry = find_failure(failures, address);
	uint32_t *place;

	if (entry != NULL)
		return entry;
	if (failures->free == 0 && failures->used < FAILURES_MAX) {
		entry = &failures->entries[failures->used++];
	} else {
		if (failures->free == 0 && !make_failure_room(failures))
			return NULL;
		entry = &failures->entries[failures->free - 1];
		failures->free = entry->next;
	}
	*entry = (struct failure){.address = *address, .is_used = true};
	place = failure_place(failures, address);
	*place = (uint32_t)(entry - failures->entries) + 1;
	return entry;
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
	struct failure *entry = find_failure(failures, address);
	uint32_t count = entry == NULL ? 0 : slowing_count(entry, now_ms, forget_ms);
	uint64_t start;

	if (count == 0)
		return now_ms;
	start = entry->next_ms > now_ms ? entry->next_ms : now_ms;
	entry->next_ms = start + delay_ms(count);
	return start;
}

/* Was the failure that is limit - 1 before the last one within the time? */
static bool
is_too_much(const struct failure *entry, uint64_t now_ms, uint64_t forget_ms, uint32_t limit)
{
	if (entry->count < limit)
		return false;
	return limit > FAILURES_KEPT || now_ms - entry->times_ms[(entry->count - limit) % FAILURES_KEPT] < forget_ms;
}

/* The next attempt waits from now on. */
static void
slow_down(struct failure *entry, uint64_t now_ms, uint64_t forget_ms)
{
	uint64_t next = now_ms + delay_ms(slowing_count(entry, now_ms, forget_ms));

	if (entry->next_ms < next)
		entry->next_ms = next;
}

void
failures_add_unknown(struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t forget_ms)
{
	struct failure *entry = claim_entry(failures, address);

	if (entry == NULL)
		return;
	if (now_ms - entry->unknown_ms >= forget_ms)
		entry->unknown = 0;
	if (entry->unknown < UINT32_MAX)
		entry->unknown++;
	entry->unknown_ms = now_ms;
	slow_down(entry, now_ms, forget_ms);
}

bool
failures_add(
    struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t forget_ms, uint32_t limit)
{
	struct failure *entry = claim_entry(failures, address);

	if (entry == NULL)
		return false;
	if (is_forgotten(entry, now_ms, forget_ms))
		entry->count = 0;
	entry->times_ms[entry->count % FAILURES_KEPT] = now_ms;
	if (entry->count < UINT32_MAX)
		entry->count++;
	entry->last_ms = now_ms;
	slow_down(entry, now_ms, forget_ms);
	return is_too_much(entry, now_ms, forget_ms, limit);
}

int
failures_ban(
    struct failures *failures, const struct address_key *address, uint64_t now_ms, uint64_t until_ms, bool is_by_hand)
{
	struct failure *entry = claim_entry(failures, address);

	if (entry == NULL)
		return -ENOSPC;
	failures->banned += entry->banned_until_ms == 0;
	failures->of_others -= entry->is_of_others;
	entry->banned_until_ms = until_ms;
	entry->banned_ms = now_ms;
	entry->is_by_hand = is_by_hand;
	entry->is_of_others = false;
	entry->node = 0;
	entry->standing = BAN_UNTOLD;
	entry->refused = 0;
	entry->count = entry->unknown = 0;
	entry->last_ms = now_ms;
	return 0;
}

/* --- names of nodes --- */

/* One that no ban refers to; 0: there is none. */
static uint8_t
free_place_of_node(const struct failures *failures)
{
	bool is_used[FAILURES_NODES_MAX + 1] = {false};
	uint8_t i = 1;

	for (size_t entry = 0; entry < failures->used; entry++)
		is_used[failures->entries[entry].node] |= failures->entries[entry].is_used;
	while (i <= FAILURES_NODES_MAX && is_used[i])
		i++;
	return i <= FAILURES_NODES_MAX ? i : 0;
}

static uint8_t
place_of_node(const struct failures *failures, const char *node)
{
	for (uint8_t i = 1; i <= FAILURES_NODES_MAX; i++)
		if (strcmp(failures->nodes[i - 1], node) == 0)
			return i;
	return free_place_of_node(failures);
}

void
failures_note_node(struct failures *failures, struct failure *entry, const char *node)
{
	entry->node = node[0] == '\0' ? 0 : place_of_node(failures, node);
	if (entry->node != 0)
		snprintf(failures->nodes[entry->node - 1], FAILURES_NODE_SIZE, "%s", node);
}

const char *
failures_node(const struct failures *failures, const struct failure *entry)
{
	return entry->node == 0 ? "" : failures->nodes[entry->node - 1];
}

int
failures_ban_told(struct failures *failures, const struct address_key *address, uint64_t made_ms, uint64_t until_ms,
    bool is_by_hand, const char *node)
{
	struct failure *entry = failures_find_ban(failures, address);
	bool was_own = entry != NULL && !entry->is_of_others;
	int r;

	if (entry == NULL && failures->of_others >= FAILURES_OF_OTHERS_MAX)
		return -ENOSPC;
	r = failures_ban(failures, address, made_ms, until_ms, is_by_hand);
	if (r < 0)
		return r;
	entry = find_failure(failures, address);
	entry->standing = BAN_KNOWN;
	entry->is_of_others = !was_own;
	failures->of_others += entry->is_of_others;
	failures_note_node(failures, entry, node);
	return 0;
}

static void
end_ban(struct failures *failures, struct failure *entry)
{
	failures->banned--;
	failures->of_others -= entry->is_of_others;
	entry->banned_until_ms = 0;
	entry->is_of_others = false;
	entry->node = 0;
	entry->is_by_hand = false;
	if (entry->count == 0 && entry->unknown == 0)
		release_entry(failures, entry);
}

struct failure *
failures_find_ban(struct failures *failures, const struct address_key *address)
{
	struct failure *entry = failures->banned == 0 ? NULL : find_failure(failures, address);

	return entry == NULL || entry->banned_until_ms == 0 ? NULL : entry;
}

const struct failure *
failures_unban(struct failures *failures, const struct address_key *address)
{
	struct failure *entry = failures_find_ban(failures, address);

	if (entry == NULL)
		return NULL;
	end_ban(failures, entry);
	return entry;
}

uint32_t
failures_refuse(struct failures *failures, const struct address_key *address, uint64_t now_ms)
{
	struct failure *entry = failures->banned == 0 ? NULL : find_failure(failures, address);

	if (entry == NULL || entry->banned_until_ms <= now_ms)
		return 0;
	if (entry->refused < UINT32_MAX)
		entry->refused++;
	return entry->refused;
}

const struct failure *
failures_expire(struct failures *failures, size_t *next, uint64_t now_ms)
{
	while (*next < failures->used) {
		struct failure *entry = &failures->entries[(*next)++];

		if (entry->banned_until_ms == 0 || entry->banned_until_ms > now_ms)
			continue;
		end_ban(failures, entry);
		return entry;
	}
	return NULL;
}
