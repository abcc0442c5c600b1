/* SPDX-License-Identifier: ISC */
/*
 * Has another process given back a descriptor that it got? Nobody can take it back. So it is marked: a byte lock far
 * after the content belongs to the open file (fcntl(2), F_OFD_SETLK) and lasts until the last copy of the descriptor
 * is closed, wherever that copy went: into another process, a channel, a mapping.
 */
#ifndef PRIVSEP_FILES_HANDED_H
#define PRIVSEP_FILES_HANDED_H

#include <stdbool.h>

struct handed {
	int fd;		/* of the same file, never handed out; -1: nothing is handed out */
	bool is_marked;	/* false: the file system keeps no such lock, or the name led to another file */
};

/*
 * Mark fd, which is open for writing, before it is handed out. name is that of its file in dir_fd.
 * Returns 0, also where no mark is seen afterwards, or -errno.
 */
int handed_mark(struct handed *handed, int fd, int dir_fd, const char *name);

/*
 * Wait a moment until all copies of the marked descriptor are closed, one's own included.
 * Returns 0; -EBUSY when somebody keeps one; -EOPNOTSUPP when there was no mark.
 */
int handed_wait_back(const struct handed *handed);

/* Does anybody hold a marked descriptor of the file? fd is one of it, not marked itself. */
bool handed_is_seen(int fd);

void handed_close(struct handed *handed);

#endif
