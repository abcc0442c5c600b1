/* SPDX-License-Identifier: ISC */
/* A rename that replaces nothing, also on file systems whose kernel has no flag for that (NFS, CephFS). */
#ifndef PRIVSEP_FILES_RENAME_NEW_H
#define PRIVSEP_FILES_RENAME_NEW_H

#include <stdbool.h>

/*
 * Rename from in from_fd to a name that is free at that moment, even if sessions on other machines want it.
 *
 * minds_flags  RENAME_NOREPLACE of renameat2(2) can be relied on, where it is not refused. Without it a file gets a
 *              second name (linkat(2), which never replaces) and loses its first; for a directory an empty one is made,
 *              and taken the place of.
 *
 * Returns 0; -EEXIST; -ENOSYS where the file system has no way to do this; or another -errno, with everything as it was,
 * unless the file system fails between two of its calls: then the file may have both names.
 */
int rename_to_new(int from_fd, const char *from, int to_fd, const char *to, bool minds_flags);

#endif
