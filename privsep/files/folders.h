/* SPDX-License-Identifier: ISC */
/*
 * Shared folders (sallyport-users(5)): trees beside the home that the account sees at paths of its own. Each is a home of
 * its own here, with its descriptor, rights, modes and quota. A path is routed once, by its text, and is a path of one
 * tree from there on; so ".." and links lead nowhere else.
 *
 * A session without folders pays for a look at one pointer.
 */
#ifndef PRIVSEP_FILES_FOLDERS_H
#define PRIVSEP_FILES_FOLDERS_H

#include <stdbool.h>

#include "privsep/files/home.h"

/* Have the folders of the session beside its home, if it has any. 0 or -errno. */
int folders_init(struct home *home, const struct files_session *session);

/* The tree that a path is in: the home, or a folder. path becomes what it is there; for a folder itself "/". */
const struct home *folders_route(const struct home *home, struct home_path *path);

/* Is the path that of a folder, or does it lead to one? Then it is not removed, renamed or replaced. */
bool folders_hold(const struct home *home, const struct home_path *path);

/* home_stat() of a path that is not routed yet. */
int folders_stat(const struct home *home, const struct home_path *path, struct stat *st);

/* The rights that the session has in one of its trees. */
unsigned folders_rights_somewhere(const struct home *home);

/* The trees one after the other: i is 0 for the home. NULL behind the last one. */
const struct home *folders_tree(const struct home *home, size_t i);

/* The name of the folder, number i from 0 on, that is an entry of a directory of the home; NULL behind the last one. */
const char *folders_entry(const struct home *home, const struct home_path *directory, size_t i);

/* Is a name of a directory of the home that of a folder, which hides what the home has there? st: of the folder; or NULL. */
bool folders_hide(const struct home *home, const struct home_path *directory, const char *name, struct stat *st);

#endif
