/* SPDX-License-Identifier: ISC */
/*
 * Uploads on file systems without locks, for which nobody can find out whether protocol gave their descriptors back
 * (handed.h). They are remembered, and checked again when protocol is gone: a descriptor that it kept may have
 * changed them. Changes that the session asks for do not count.
 */
#ifndef PRIVSEP_FILES_UNGUARDED_H
#define PRIVSEP_FILES_UNGUARDED_H

#include <stdbool.h>
#include <stddef.h>

#include "privsep/files/home.h"
#include "privsep/ipc/messages.h"

#define UNGUARDED_MAX 16	/* the last ones of a session */

struct unguarded {
	size_t count, next;	/* entries in use; the next to be overwritten */
	bool was_told;		/* that there is such a file system */
	struct unguarded_upload {
		dev_t device;
		ino_t inode;
		off_t size;
		struct timespec mtime;
		bool is_hooked;	/* a hook has got it, with its digest */
		struct home_path path;
	} uploads[UNGUARDED_MAX];
};

/* An upload to path has ended. Its file system is reported to the monitor once. */
void unguarded_add(struct unguarded *unguarded, const struct home *home, const struct home_path *path, bool is_hooked);

/* Tell the monitor of each that has changed since; those that have gone are forgotten. Before a change that the session asks for. */
void unguarded_look(struct unguarded *unguarded, const struct home *home);

/* After such a change: as they are now, they are remembered. */
void unguarded_renew(struct unguarded *unguarded, const struct home *home);

/* A path, and what is below it, has another name. */
void unguarded_renamed(struct unguarded *unguarded, const struct home_path *from, const struct home_path *to);

/* The session ends: wait until the monitor knows that protocol is gone, then look. */
void unguarded_end(struct unguarded *unguarded, const struct home *home);

#endif
