#include "privsep/files/list_names.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "common/banned.h"

#define RUN 16	/* sorted by insertion before merging begins */

static void *
map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void
unmap(void *memory, size_t size)
{
	if (memory != NULL)
		munmap(memory, size);
}

#define NAMES_SIZE (LIST_NAMES_COUNT_MAX * sizeof(struct list_name))

int
list_names_init(struct list_names *names)
{
	*names = (struct list_names){
	    .text = map(LIST_NAMES_TEXT_MAX), .names = map(NAMES_SIZE), .spare = map(NAMES_SIZE)};
	if (names->text != NULL && names->names != NULL && names->spare != NULL)
		return 0;
	list_names_free(names);
	return -ENOMEM;
}

void
list_names_free(struct list_names *names)
{
	unmap(names->text, LIST_NAMES_TEXT_MAX);
	unmap(names->names, NAMES_SIZE);
	unmap(names->spare, NAMES_SIZE);
	*names = (struct list_names){0};
}

int
list_names_add(struct list_names *names, const char *name, size_t len, unsigned char type, uint64_t key)
{
	char *copy = names->text + names->text_len;

	if (names->count == LIST_NAMES_COUNT_MAX || LIST_NAMES_TEXT_MAX - names->text_len < len + 1)
		return -ENOBUFS;
	memcpy(copy, name, len);
	copy[len] = '\0';
	names->text_len += len + 1;
	names->names[names->count++] =
	    (struct list_name){.key = key, .name = copy, .len = (uint16_t)len, .type = type};
	return 0;
}

/* The first eight bytes as one number: most comparisons end there. */
uint64_t
list_names_key(const char *name, size_t len)
{
	uint64_t key = 0;

	memcpy(&key, name, len < sizeof(key) ? len : sizeof(key));
	return __builtin_bswap64(key);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "list_names_key swaps bytes");

struct list_mark
list_names_mark(const struct list_names *names)
{
	return (struct list_mark){.text_len = names->text_len, .count = names->count};
}

void
list_names_release(struct list_names *names, struct list_mark mark)
{
	names->text_len = mark.text_len;
	names->count = mark.count;
}

static inline bool
is_after(const struct list_name *a, const struct list_name *b)
{
	if (a->key != b->key)
		return a->key > b->key;
	return strcmp(a->name, b->name) > 0;
}

static void
sort_run(struct list_name *names, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct list_name moved = names[i];
		size_t j = i;

		for (; j > 0 && is_after(&names[j - 1], &moved); j--)
			names[j] = names[j - 1];
		names[j] = moved;
	}
}

static void
merge(const struct list_name *from, size_t middle, size_t end, struct list_name *to)
{
	size_t left = 0, right = middle;

	while (left < middle && right < end)
		*to++ = is_after(&from[left], &from[right]) ? from[right++] : from[left++];
	memcpy(to, from + left, (middle - left) * sizeof(*to));
	memcpy(to + (middle - left), from + right, (end - right) * sizeof(*to));
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Bottom-up merge sort; libc's qsort may allocate, and asks for the machine's memory first. */
void
list_names_sort(struct list_names *names, struct list_mark mark)
{
	struct list_name *from = names->names + mark.count, *to = names->spare, *swap;
	size_t count = names->count - mark.count;

	for (size_t i = 0; i < count; i += RUN)
		sort_run(from + i, smaller(RUN, count - i));
	for (size_t width = RUN; width < count; width *= 2) {
		for (size_t i = 0; i < count; i += 2 * width)
			merge(from + i, smaller(width, count - i), smaller(2 * width, count - i), to + i);
		swap = from;
		from = to;
		to = swap;
	}
	if (from == names->spare)
		memcpy(to, from, count * sizeof(*to));
}
