/* SPDX-License-Identifier: ISC */
/* Removing a directory on the server with all that is in it. */
#ifndef CLIENT_UI_REMOTE_TREE_H
#define CLIENT_UI_REMOTE_TREE_H

#include "client/ui/mirror_plan.h"
#include "client/ui/session.h"

/*
 * Remove path with all that is in it; links are removed, not followed. It looks at the whole tree first: if a
 * listing has lines that no parser understands, or a link leads back, it removes nothing.
 *
 * keep   what it excludes stays, and so do its parents; keep->path is the path of the directory in the mirror.
 * NULL: nothing stays.
 *
 * Reports errors; stops at the first.
 */
enum exit_status remote_tree_remove(struct session *session, const char *path, const struct mirror_wishes *keep);

/* Count into *names what remote_tree_remove() would remove. Reports errors. */
enum exit_status remote_tree_count(
    struct session *session, const char *path, const struct mirror_wishes *keep, size_t *names);

#endif
