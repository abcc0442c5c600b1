/* SPDX-License-Identifier: ISC */
/* Sorts names by a number, then by their bytes. Pure. */
#ifndef PRIVSEP_FILES_LIST_SORT_H
#define PRIVSEP_FILES_LIST_SORT_H

#include <stddef.h>
#include <stdint.h>

#define LIST_SORT_SLACK 8	/* bytes after the last name that may be read, whatever they are */

struct list_name {
	uint64_t key;		/* sorted by first, ascending; the same for all where the name alone decides */
	uint32_t at;		/* where the name begins in the text that holds all of them, with a NUL after it */
	uint16_t len;
	unsigned char type;	/* DT_* of the directory entry, perhaps DT_UNKNOWN */
};

/*
 * Sort count names by key and, where keys are the same, as strcmp() does. The keys are used up.
 *
 * spare  room for count names.
 * text   what list_name.at counts from; LIST_SORT_SLACK bytes longer than its names.
 *
 * Time is linear in the bytes of all names, whatever they are; names in order, or in the opposite order, as some file
 * systems return them, are only compared.
 */
void list_sort(struct list_name *names, struct list_name *spare, size_t count, const char *text);

#endif
