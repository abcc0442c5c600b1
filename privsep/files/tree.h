/* SPDX-License-Identifier: ISC */
/* Whole trees: walked depth-first, no link followed, with bounded work, and stopped on request. */
#ifndef PRIVSEP_FILES_TREE_H
#define PRIVSEP_FILES_TREE_H

#include <stdint.h>

#include "privsep/files/home.h"
#include "privsep/files/stop.h"

#define TREE_DEPTH_MAX 64
#define TREE_SIZE_ENTRIES_MAX 1000000
#define TREE_REMOVE_ENTRIES_MAX 100000

/*
 * The sum of the sizes of all regular files in a directory, partials left out as in listings;
 * of a plain file its size. 0, -E2BIG, -ECANCELED or another -errno.
 */
int tree_size(const struct home *home, const struct home_path *path, struct stop *stop, uint64_t *bytes);

/*
 * Remove a directory with all that is in it. The tree is looked at first, so that one which is
 * too large or deep (-E2BIG), or reaches into another file system (-EXDEV), stays whole.
 * -EPERM for "/"; -ENOTDIR also for a link to a directory; -EBUSY when a partial in it is being
 * uploaded; -ECANCELED or another -errno: the rest of the tree is still there.
 */
int tree_remove(const struct home *home, const struct home_path *path, struct stop *stop);

#endif
