/* SPDX-License-Identifier: ISC */
/* Partial files that lie in directories: found, removed, swept when they are old. Removals are within a bracket of the quota. */
#ifndef PRIVSEP_FILES_PARTIAL_H
#define PRIVSEP_FILES_PARTIAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "privsep/files/home.h"

/* fstat of the partial that an upload to path would resume. 0, -ENOENT or another -errno. */
int partial_stat(const struct home *home, const struct home_path *path, struct stat *st);

/* The same where the file would be called target, in dir_fd. */
int partial_stat_at(int dir_fd, const char *target, struct stat *st);

/* Open it for reading, where that is permitted (zone.h). The caller closes *fd_out. Errors as above. */
int partial_open(const struct home *home, const struct home_path *path, int *fd_out, struct stat *st);

/* Remove the partial of a file called target. 0, -ENOENT, -EBUSY while it is uploaded, or another -errno. */
int partial_remove(const struct home *home, int dir_fd, const char *target);

/* The same for the name of a partial itself. */
int partial_remove_named(const struct home *home, int dir_fd, const char *name);

/* The same in a bracket of its own: one that keeps nobody waiting. */
int partial_remove_counted(const struct home *home, int dir_fd, const char *name);

/*
 * Note in a kept partial to which file it belongs: its own name is a hash, which does not lead back. A courtesy: on a
 * file system without extended attributes nothing is noted.
 */
void partial_note_target(int fd, const char *target);

/* The partial has become the finished file. */
void partial_forget_target(int fd);

/*
 * The target of the partial called name. The note counts only if name is its hash, whoever wrote it. 0; -ENODATA:
 * nothing (true) is noted.
 */
int partial_read_target(int fd, const char *name, char target[NAME_MAX + 1]);

/*
 * Remove every partial from a directory that holds nothing else.
 * Returns 0, -ENOTEMPTY when it holds something else (nothing is removed then), -EBUSY, or another -errno.
 */
int partial_clear_directory(const struct home *home, int parent_fd, const char *name);

/* Was the partial called name last written to before limit? */
bool partial_is_older(int dir_fd, const char *name, time_t limit);

/*
 * Remove partials that have not been written to for keep_s seconds and that nobody uploads to. A courtesy: errors are
 * not reported, and one call examines a bounded number of entries.
 *
 * path  of a file in dir_fd, as the client names it: uploads to one directory after the other cost one look a minute.
 */
void partial_sweep(const struct home *home, const struct home_path *path, int dir_fd, uint64_t keep_s);

#endif
