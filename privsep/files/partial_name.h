/* SPDX-License-Identifier: ISC */
/*
 * The names of partial files: ".sallyport-" + 32 hex digits of the SHA-256 of the target's
 * name + ".partial". Of fixed length, so that a target of 255 bytes has one as well.
 */
#ifndef PRIVSEP_FILES_PARTIAL_NAME_H
#define PRIVSEP_FILES_PARTIAL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "common/home_path.h"

#define PARTIAL_NAME_SIZE 52	/* with NUL */
#define KEEP_DIRECTORY ".sallyport-keep"	/* in the root of the home */

/* Fetch the digest. Once, before the walls: later nothing may be loaded or opened. 0 or -errno. */
int partial_name_init(void);

/* The partial's name for a file called target. 0 or -errno (the digest failed). */
int partial_name_make(const char *target, char name[PARTIAL_NAME_SIZE]);

/* Is this the name of a partial file? Such names are never listed and never reachable. */
bool partial_name_is(const char *name, size_t len);

/* Is this a name of ours: of a partial, or of the directory of what is kept (keep.h)? No client sees or names such things. */
bool own_name_is(const char *name, size_t len);

/* Does a component of the path have such a name? */
bool own_name_in_path(const struct home_path *path);

#endif
