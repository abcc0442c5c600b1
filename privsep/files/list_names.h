/* SPDX-License-Identifier: ISC */
/* A stack of names with sort keys in memory of a fixed bound. */
#ifndef PRIVSEP_FILES_LIST_NAMES_H
#define PRIVSEP_FILES_LIST_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "privsep/files/list_sort.h"

#define LIST_NAMES_TEXT_MAX (16U << 20)		/* bytes of names, with a NUL each */
#define LIST_NAMES_COUNT_MAX (512U << 10)

struct list_names {
	char *text;	/* mapped; touched as far as it is used */
	struct list_name *names;
	size_t text_len, count;
};

/* The position of the stack, to go back to. */
struct list_mark {
	size_t text_len, count;
};

/* Map the memory. 0 or -errno. */
int list_names_init(struct list_names *names);

/* Give all memory back. Fine twice, or on a zeroed struct. */
void list_names_free(struct list_names *names);

/* Push a copy of a name; see list_sort() for the key. 0, or -ENOBUFS when the memory is used up (nothing is changed). */
int list_names_add(struct list_names *names, const char *name, size_t len, unsigned char type, uint64_t key);

/* The bytes of a name, with a NUL after them; valid until it is released. */
const char *list_names_text(const struct list_names *names, const struct list_name *name);

struct list_mark list_names_mark(const struct list_names *names);
void list_names_release(struct list_names *names, struct list_mark mark);

/* Sort what was pushed since mark (list_sort()); no memory but its own. */
void list_names_sort(struct list_names *names, struct list_mark mark);

#endif
