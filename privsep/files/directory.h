/* SPDX-License-Identifier: ISC */
/* Reading a directory's entries in large pieces. */
#ifndef PRIVSEP_FILES_DIRECTORY_H
#define PRIVSEP_FILES_DIRECTORY_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/libc.h"

struct directory {
	int fd;		/* -1: not open; entries are looked at relative to it */
	size_t length, cursor;
	char bytes[65536] __attribute__((aligned(16)));
};

/* Take an open descriptor (O_RDONLY | O_DIRECTORY); the directory closes it. */
void directory_take(struct directory *directory, int fd);

/* Open the directory called name in dir_fd; the last component is not followed. 0 or -errno. */
int directory_open_at(struct directory *directory, int dir_fd, const char *name);

/*
 * The next entry, "." and ".." among them, or NULL at the end.
 * Returns 0 or -errno. The entry is valid until the next call.
 */
int directory_next(struct directory *directory, const struct dirent64 **entry);

/* Are there more entries than one read brings (64 KiB, some 1,600)? Ask after the first directory_next(). */
bool directory_is_large(const struct directory *directory);

void directory_close(struct directory *directory);

/* Whether an entry is the directory itself or the one above. */
static inline bool
is_dot_or_dotdot(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

#endif
