/* SPDX-License-Identifier: ISC */
/*
 * The path under which a file is kept (keep.h): the client's, so that a link is a name as any other. Where directories
 * have rights of their own (zone.h) it is the true one, without links. Otherwise a client could remove a link, make a
 * directory in its place, and have the files of another directory, which it may not read, restored there.
 */
#ifndef PRIVSEP_FILES_KEEP_PATH_H
#define PRIVSEP_FILES_KEEP_PATH_H

#include "privsep/files/home.h"

/*
 * What path led to is called name in dir_fd, no link. Returns 0, -EBUSY when path leads elsewhere by now, or another
 * -errno. found may be path.
 */
int keep_path_find(
    const struct home *home, const struct home_path *path, int dir_fd, const char *name, struct home_path *found);

#endif
