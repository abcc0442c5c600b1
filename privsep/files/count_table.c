/* SPDX-License-Identifier: ISC */
#include "privsep/files/count_table.h"

#include <errno.h>
#include <sys/mman.h>

#include "common/banned.h"

#define SIZE_FIRST ((size_t)1 << 12)
#define SIZE_MOST ((size_t)1 << 24)	/* 512 MiB, and half of it while it grows: within the limit of files */

static int
map_entries(size_t size, struct count_seen **entries)
{
	void *memory = mmap(NULL, size * sizeof(struct count_seen), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
	*entries = memory;
	return 0;
}

int
count_table_init(struct count_table *table)
{
	*table = (struct count_table){.size = SIZE_FIRST, .is_whole = true};
	return map_entries(table->size, &table->entries);
}

void
count_table_free(struct count_table *table)
{
	(void)munmap(table->entries, table->size * sizeof(struct count_seen));
	table->entries = NULL;
}

/* The place of a key, or the free one where it would be. */
static struct count_seen *
entry_place(struct count_seen *entries, size_t size, uint64_t key)
{
	size_t at = (size_t)((key * 0x9e3779b97f4a7c15ULL) >> 20) & (size - 1);

	while (entries[at].key != 0 && entries[at].key != key)
		at = (at + 1) & (size - 1);
	return &entries[at];
}

static bool
has_entry_room(size_t used, size_t size)
{
	return used < size - size / 8;
}

static bool
is_needed(const struct count_seen *entry)
{
	return entry->key != 0 && (entry->is_told || entry->is_awaited);
}

/* The least size that has room for the needed entries and one more. */
static size_t
size_for_needed(const struct count_table *table)
{
	size_t needed = 0, size = SIZE_FIRST;

	for (size_t i = 0; i < table->size; i++)
		needed += is_needed(&table->entries[i]);
	while (!has_entry_room(needed, size))
		size *= 2;
	return size;
}

/* Into a table of another size; only_needed: without those that were merely seen. False: no memory, and all is as before. */
static bool
move_entries(struct count_table *table, size_t size, bool only_needed)
{
	struct count_seen *entries;
	size_t used = 0;

	if (map_entries(size, &entries) < 0)
		return false;
	for (size_t i = 0; i < table->size; i++) {
		const struct count_seen *entry = &table->entries[i];

		if (entry->key == 0 || (only_needed && !is_needed(entry)))
			continue;
		*entry_place(entries, size, entry->key) = *entry;
		used++;
	}
	count_table_free(table);
	table->entries = entries;
	table->size = size;
	table->used = used;
	return true;
}

/* Room for one more, with an eighth left free: a look-up always ends. */
static bool
make_entry_room(struct count_table *table)
{
	if (has_entry_room(table->used, table->size))
		return true;
	if (table->size < SIZE_MOST && move_entries(table, 2 * table->size, false))
		return true;
	if (!table->is_whole)
		return false;
	table->is_whole = false;
	return move_entries(table, size_for_needed(table), true);
}

struct count_seen *
count_table_find(const struct count_table *table, uint64_t key)
{
	struct count_seen *entry = entry_place(table->entries, table->size, key);

	return key == 0 || entry->key == 0 ? NULL : entry;
}

/* NULL where there is no room. */
static struct count_seen *
find_or_add(struct count_table *table, uint64_t key)
{
	struct count_seen *entry = count_table_find(table, key);

	if (entry != NULL || key == 0 || !make_entry_room(table))
		return entry;
	entry = entry_place(table->entries, table->size, key);
	entry->key = key;
	table->used++;
	return entry;
}

void
count_table_see(struct count_table *table, uint64_t key, uint64_t bytes)
{
	struct count_seen *entry = table->is_whole ? find_or_add(table, key) : count_table_find(table, key);

	if (entry != NULL && entry->is_told)
		return;
	table->files++;
	table->bytes += bytes;
	if (entry == NULL || entry->names == UINT32_MAX)
		return;
	entry->names++;
	if (__builtin_add_overflow(entry->bytes, bytes, &entry->bytes))
		entry->names = UINT32_MAX;	/* petabytes of holes: such an inode is told by nobody */
}

void
count_table_tell(struct count_table *table, const struct ledger_event *event)
{
	struct count_seen *entry = count_table_find(table, event->key);
	bool is_there = event->kind != LEDGER_GONE;

	if (entry == NULL && !table->is_whole)
		table->is_wrong = true;	/* was it seen? */
	if (entry == NULL)
		entry = find_or_add(table, event->key);
	if (entry == NULL || entry->names == UINT32_MAX || event->bytes > LEDGER_FIGURE_MAX) {
		table->is_wrong = true;
		return;
	}
	if (entry->is_told && (event->kind == LEDGER_MOVED || event->kind == LEDGER_DIRECTORY_MOVED))
		return;
	table->files = table->files - entry->names + is_there;
	table->bytes -= entry->bytes;
	entry->names = is_there;
	entry->bytes = is_there ? event->bytes : 0;
	table->bytes += entry->bytes;
	entry->is_told = true;
}

void
count_table_await(struct count_table *table, uint64_t key)
{
	struct count_seen *entry = find_or_add(table, key);

	if (entry != NULL)
		entry->is_awaited = true;
}

void
count_table_walked(struct count_table *table, uint64_t key)
{
	struct count_seen *entry = table->is_whole ? find_or_add(table, key) : NULL;

	if (entry != NULL)
		entry->is_walked = true;
}

int
count_table_sum(const struct count_table *table, struct ledger_figure *figure)
{
	*figure = (struct ledger_figure){
	    .bytes = table->bytes > LEDGER_FIGURE_MAX ? LEDGER_FIGURE_MAX : (uint64_t)table->bytes,
	    .files = table->files > LEDGER_FIGURE_MAX ? LEDGER_FIGURE_MAX : table->files,
	};
	return table->is_wrong ? -EAGAIN : 0;
}
