/* SPDX-License-Identifier: ISC */
/* A walk through a whole home that meets its partial files. */
#ifndef PRIVSEP_FILES_PARTIAL_WALK_H
#define PRIVSEP_FILES_PARTIAL_WALK_H

#include <stdint.h>

#include "privsep/files/home.h"
#include "privsep/files/stop.h"

/* One partial file; valid during the visit. */
struct partial_met {
	int dir_fd;
	const char *name;	/* in dir_fd; never followed */
	const struct home_path *directory;	/* NULL: the path is too long */
};

/*
 * Visit every partial of the home. No link is followed; directories that cannot be read, or lie deeper than 64, are left out.
 *
 * entries_max  how many entries are looked at.
 * stop         looked for now and then; or NULL.
 * visit        0: go on; -errno: end with it.
 *
 * Returns 0 after the whole home, -E2BIG at entries_max, -ECANCELED, or what visit returned.
 */
int partial_walk(const struct home *home, uint64_t entries_max, struct stop *stop,
    int (*visit)(void *arg, const struct partial_met *met), void *arg);

#endif
