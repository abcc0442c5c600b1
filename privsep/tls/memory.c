/* SPDX-License-Identifier: ISC */
#include "privsep/tls/memory.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/written.h"

#include "common/banned.h"

#define PAGE 4096
#define PAGES 256	/* of an area; what does not fit is malloc's */
#define GRAIN 16
#define SMALL_MAX 2048	/* bytes of a chunk, in multiples of GRAIN; what is larger gets whole pages */
#define CLASSES (SMALL_MAX / GRAIN)
/*
 * Where on its first page an allocation of whole pages begins. Buffers that are copied into one another, 64 bytes
 * at a time, must not lie at the same place of a page: loads would wait for the stores before them.
 */
#define SKEW (PAGE / 2)
#define WIPED_IN_PLACE (2 * PAGE - SKEW)
#define GIVEN_BACK_MIN (8 * PAGE)	/* most of such a buffer was never touched, and wiping must not touch it */

struct chunk {
	uint32_t size;	/* with these two */
	uint32_t is_free;
	struct chunk *next;	/* the next free one of its size; of a taken one, the first of the caller's bytes */
};

#define HEAD_SIZE offsetof(struct chunk, next)

enum page { PAGE_FREE, PAGE_CHUNKS, PAGE_FIRST, PAGE_FURTHER };	/* the last two: of an allocation of its own */

struct area {
	uint8_t pages[PAGES];	/* enum page */
	unsigned char *cut, *cut_end;	/* the rest of the page that chunks are cut from, one after the other */
	struct chunk *free[CLASSES];
	unsigned char bytes[PAGES][PAGE] __attribute__((aligned(PAGE)));
};

/* apart: in clear, no session touches them */
static struct area master_area SELDOM_WRITTEN, session_area SELDOM_WRITTEN;
static struct area *area = &master_area;

static bool
is_in(const struct area *place, const void *memory)
{
	return (uintptr_t)memory - (uintptr_t)place->bytes < sizeof(place->bytes);
}

static size_t
page_of(const struct area *place, const void *memory)
{
	return ((uintptr_t)memory - (uintptr_t)place->bytes) / PAGE;
}

/* Whole pages, from the end on: smaller things are at the beginning. NULL: there is no room. */
static void *
take_pages(size_t count)
{
	size_t found = 0;

	for (size_t i = PAGES; i-- > 0;) {
		found = area->pages[i] == PAGE_FREE ? found + 1 : 0;
		if (found < count)
			continue;
		memset(area->pages + i, PAGE_FURTHER, count);
		area->pages[i] = PAGE_FIRST;
		return area->bytes[i] + SKEW;
	}
	return NULL;
}

static size_t
count_pages(const struct area *place, const void *memory)
{
	size_t first = page_of(place, memory), end = first + 1;

	while (end < PAGES && place->pages[end] == PAGE_FURTHER)
		end++;
	return end - first;
}

/* NULL: there is no room. */
static struct chunk *
cut_chunk(size_t size)
{
	struct chunk *chunk;

	if ((size_t)(area->cut_end - area->cut) < size) {
		unsigned char *page = memchr(area->pages, PAGE_FREE, PAGES);

		if (page == NULL)
			return NULL;
		*page = PAGE_CHUNKS;
		page = area->bytes[page - area->pages];
		if (page != area->cut_end)	/* what follows the head is aligned */
			area->cut = page + GRAIN - HEAD_SIZE;
		area->cut_end = page + PAGE;
	}
	chunk = (struct chunk *)(void *)area->cut;
	area->cut += size;
	chunk->size = (uint32_t)size;
	return chunk;
}

static void *
memory_take(size_t size, const char *file, int line)
{
	size_t chunk_size = (size + HEAD_SIZE + GRAIN - 1) & ~(size_t)(GRAIN - 1);
	unsigned class = (unsigned)(chunk_size / GRAIN) - 1;
	struct chunk *chunk;
	void *memory = NULL;

	(void)file;
	(void)line;
	if (size > SMALL_MAX - HEAD_SIZE) {
		if (size < sizeof(area->bytes))
			memory = take_pages((size + SKEW + PAGE - 1) / PAGE);
		return memory == NULL ? malloc(size) : memory;
	}
	chunk = area->free[class];
	if (chunk == NULL) {
		chunk = cut_chunk(chunk_size);
		return chunk == NULL ? malloc(size) : (void *)&chunk->next;
	}
	if (!is_in(area, chunk) || chunk->size != chunk_size || !chunk->is_free)
		abort();
	area->free[class] = chunk->next;
	chunk->next = NULL;
	chunk->is_free = false;
	return &chunk->next;
}

static struct chunk *
chunk_of(void *memory)
{
	return (struct chunk *)(void *)((unsigned char *)memory - HEAD_SIZE);
}

/* How many bytes memory has room for. */
static size_t
room_of(void *memory)
{
	const struct area *place;

	if (is_in(&session_area, memory))
		place = &session_area;
	else if (is_in(&master_area, memory))
		place = &master_area;
	else
		return malloc_usable_size(memory);
	return place->pages[page_of(place, memory)] == PAGE_CHUNKS ? chunk_of(memory)->size - HEAD_SIZE
								   : count_pages(place, memory) * PAGE - SKEW;
}

static void
free_chunk(struct chunk *chunk)
{
	struct chunk **first;

	if (chunk->is_free || chunk->size < GRAIN || chunk->size > SMALL_MAX)
		abort();
	first = &area->free[chunk->size / GRAIN - 1];
	chunk->is_free = true;
	chunk->next = *first;
	*first = chunk;
}

static void
free_pages(unsigned char *memory, size_t count)
{
	size_t first = page_of(area, memory);

	if (area->pages[first] != PAGE_FIRST || memory != area->bytes[first] + SKEW)
		abort();
	memset(area->pages + first, PAGE_FREE, count);
}

static void
memory_wipe(void *memory, const char *file, int line)
{
	size_t size, rest = 0;

	(void)file;
	(void)line;
	if (memory == NULL || (area == &session_area && is_in(&master_area, memory)))
		return;
	size = room_of(memory);
	if (is_in(area, memory) && size >= GIVEN_BACK_MIN)
		rest = size - WIPED_IN_PLACE;
	if (rest > 0 && madvise((unsigned char *)memory + WIPED_IN_PLACE, rest, MADV_DONTNEED) < 0)
		rest = 0;
	explicit_bzero(memory, size - rest);
	if (!is_in(area, memory))
		free(memory);
	else if (area->pages[page_of(area, memory)] == PAGE_CHUNKS)
		free_chunk(chunk_of(memory));
	else
		free_pages(memory, (size + SKEW) / PAGE);
}

/* Never in place, and never by realloc(3), which leaves the old bytes where they were when it moves. */
static void *
memory_move(void *memory, size_t size, const char *file, int line)
{
	size_t old_size = memory == NULL ? 0 : room_of(memory);
	void *moved = memory_take(size, file, line);

	if (moved == NULL)
		return NULL;
	if (memory != NULL)
		memcpy(moved, memory, old_size < size ? old_size : size);
	memory_wipe(memory, file, line);
	return moved;
}

int
memory_init(void)
{
	return CRYPTO_set_mem_functions(memory_take, memory_move, memory_wipe) == 1 ? 0 : -EALREADY;
}

void
memory_begin_session(void)
{
	area = &session_area;
}

void
memory_trim(void)
{
	size_t end;

	for (size_t i = 0; i < PAGES; i = end + 1) {
		for (end = i; end < PAGES && area->pages[end] == PAGE_FREE; end++)
			;
		if (end > i)
			(void)!madvise(area->bytes[i], (end - i) * PAGE, MADV_DONTNEED);
	}
}
