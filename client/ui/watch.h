/* SPDX-License-Identifier: ISC */
/*
 * Changes of a local tree, as inotify(7) reports them: which directories have changed, and which files are being
 * written. It follows no link.
 */
#ifndef CLIENT_UI_WATCH_H
#define CLIENT_UI_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct watch;

/*
 * Watch a directory with all below it. root_fd is borrowed. Returns 0, -ENOSPC where the system allows no more watches,
 * -errno.
 */
int watch_new(int root_fd, struct watch **watch);
void watch_free(struct watch *watch);

/*
 * Wait until something has changed, and then until nothing has for a moment. timeout_ms -1: no limit. Ends early at a
 * signal. Returns 1 for a change, 0 for none, -errno.
 */
int watch_wait(struct watch *watch, int timeout_ms);

/*
 * Take the changed directories: paths below the root, "" for it; each once, sorted, and no longer changed. *is_all: events
 * were lost, or a directory moved, and all of the tree must be looked at. The caller frees paths and their texts.
 *
 * Returns 0 or -errno.
 */
int watch_take(struct watch *watch, char ***paths, size_t *count, bool *is_all);

/* Mark a directory as changed again, for a later try. NULL: all of the tree. Returns 0 or -ENOMEM. */
int watch_again(struct watch *watch, const char *path);

/* Whether somebody has written this file and not closed it yet. path: below the root. */
bool watch_is_written(const struct watch *watch, const char *path);

#endif
