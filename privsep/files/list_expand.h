/* SPDX-License-Identifier: ISC */
/* Wildcards of a path, expanded component by component, with bounded work. */
#ifndef PRIVSEP_FILES_LIST_EXPAND_H
#define PRIVSEP_FILES_LIST_EXPAND_H

#include "privsep/files/directory.h"
#include "privsep/files/home.h"
#include "privsep/files/list_names.h"

/*
 * Push the home path of everything that the pattern matches, in any order. A component that exists literally is taken
 * literally.
 *
 * scratch         for reading directories; closed before and after.
 * matches_hidden  wildcards match a leading dot, too.
 *
 * Returns 0; -ENOENT when nothing matches; -E2BIG when the pattern asks for more work than
 * one request may cost (more than 16 components with wildcards, 200,000 entries looked at,
 * 100,000 matched); or another -errno.
 */
int list_expand(const struct home *home, const struct home_path *pattern, bool matches_hidden,
    struct directory *scratch, struct list_names *names);

#endif
