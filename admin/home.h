/* The home directory of an account: make it, look at it, remove it. */
#ifndef ADMIN_HOME_H
#define ADMIN_HOME_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

/* What home_prepare() made, so that it can be taken back. */
struct home_made {
	char path[PATH_MAX];
	size_t kept_len;	/* the part of path that was there before; all of it: nothing was made */
};

/*
 * Make the home with owner and mode, and its missing parents (root's, 0755). One that is there
 * must be a directory of uid already; nothing is taken over. Says on stderr what is wrong.
 *
 * made  filled in any case; for home_undo().
 *
 * Returns 0 or -errno; after an error nothing made is left.
 */
int home_prepare(const char *path, uid_t uid, gid_t gid, mode_t mode, struct home_made *made);

/* Remove what home_prepare() made. */
void home_undo(const struct home_made *made);

/*
 * Whether home_purge() would begin: a directory, not a link, of uid; or nothing there.
 * Says on stderr why not. Returns 0, -ENOENT when there is no home, or another -errno.
 */
int home_check_purge(const char *path, uid_t uid);

/*
 * Remove a home and all that is in it. Follows no link and enters no other file system. While
 * it works the directory is root's alone, so nobody adds to it. Says on stderr what is wrong.
 * Returns 0 or -errno.
 */
int home_purge(const char *path, uid_t uid);

#endif
