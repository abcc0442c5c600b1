/* SPDX-License-Identifier: ISC */
/* The home directory of an account: make it, check it, remove it. */
#ifndef ADMIN_HOME_H
#define ADMIN_HOME_H

#include <limits.h>
#include <sys/types.h>

#include "trusted/place.h"

/*
 * Make the home, which is the account's from its first moment on, and its missing parents (0755; see
 * trusted_parent_make()). An existing home must be a directory of uid already; nothing is taken over. The directories
 * above it must be root's or uid's, and closed to others. Says on stderr what is wrong.
 *
 * made  filled in any case; for trusted_made_undo() or trusted_made_keep().
 *
 * Returns 0 or -errno; after an error nothing made is left.
 */
int home_prepare(const char *path, uid_t uid, gid_t gid, mode_t mode, struct trusted_made *made);

/* A home to remove. */
struct home_place {
	int dir_fd;			/* the directory that it is in */
	int home_fd;
	char name[NAME_MAX + 1];	/* its name there */
};

/*
 * Open a home for home_purge(): a directory, not a link, of uid, whose path nobody else can change. Says on stderr
 * what is wrong. Returns 0, -ENOENT when there is no home, or another -errno; after an error place is closed.
 */
int home_purge_open(const char *path, uid_t uid, gid_t gid, struct home_place *place);

/* Close both descriptors, unless they are -1. */
void home_place_close(struct home_place *place);

/*
 * Remove a home and all that is in it. Follows no link and enters no other file system. While
 * it works the directory is root's alone, so nobody adds to it. Says on stderr what is wrong.
 *
 * path  only for messages.
 *
 * Returns 0 or -errno.
 */
int home_purge(const char *path, const struct home_place *place);

#endif
