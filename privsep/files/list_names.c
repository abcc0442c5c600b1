/* SPDX-License-Identifier: ISC */
#include "privsep/files/list_names.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/banned.h"

/* The names twice, because sorting needs the room after them. Then the text. */
#define NAMES_SIZE (2 * LIST_NAMES_COUNT_MAX * sizeof(struct list_name))
#define SIZE (NAMES_SIZE + LIST_NAMES_TEXT_MAX + LIST_SORT_SLACK)

int
list_names_init(struct list_names *names)
{
	void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -ENOMEM;
	*names = (struct list_names){.names = memory, .text = (char *)memory + NAMES_SIZE};
	return 0;
}

void
list_names_free(struct list_names *names)
{
	if (names->names != NULL)
		munmap(names->names, SIZE);
	*names = (struct list_names){0};
}

int
list_names_add(struct list_names *names, const char *name, size_t len, unsigned char type, uint64_t key)
{
	size_t at = names->text_len;

	if (names->count == LIST_NAMES_COUNT_MAX || LIST_NAMES_TEXT_MAX - at < len + 1)
		return -ENOBUFS;
	memcpy(names->text + at, name, len);
	names->text[at + len] = '\0';
	names->text_len += len + 1;
	names->names[names->count++] =
	    (struct list_name){.key = key, .at = (uint32_t)at, .len = (uint16_t)len, .type = type};
	return 0;
}

const char *
list_names_text(const struct list_names *names, const struct list_name *name)
{
	return names->text + name->at;
}

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

void
list_names_sort(struct list_names *names, struct list_mark mark)
{
	/* libc's qsort may allocate, and asks for the machine's memory first */
	list_sort(names->names + mark.count, names->names + names->count, names->count - mark.count, names->text);
}
