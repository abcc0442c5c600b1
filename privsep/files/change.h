/* SPDX-License-Identifier: ISC */
/* Changes of the tree: directories made and removed, files removed, things renamed. No link is followed at the end. */
#ifndef PRIVSEP_FILES_CHANGE_H
#define PRIVSEP_FILES_CHANGE_H

#include "privsep/files/home.h"

/* MKD. The mode is the configured one. -EINVAL for a name with control characters. 0 or -errno. */
int change_make_directory(const struct home *home, const struct home_path *path);

/* RMD. A directory that holds nothing but partials nobody uploads to is empty. -EPERM for "/". 0 or -errno. */
int change_remove_directory(const struct home *home, const struct home_path *path);

/* DELE. Where there is only a partial of that name, the partial. 0 or -errno. */
int change_remove_file(const struct home *home, const struct home_path *path);

/*
 * RNFR and RNTO, as rename(2); -EPERM for "/" as either, -EINVAL for a new name with control characters, -EKEYREVOKED
 * for an existing name where the account may not overwrite.
 */
int change_rename(const struct home *home, const struct home_path *from, const struct home_path *to);

/*
 * MFMT. mtime in seconds; atime is kept. Files and directories, links followed; -ENOTSUP for others, -EINVAL beyond time_t.
 *
 * kept_s  what the file system made of it: each kind has a last day.
 */
int change_set_time(const struct home *home, const struct home_path *path, int64_t mtime_s, int64_t *kept_s);

/*
 * SITE CHMOD. -EINVAL above 0777: a directory keeps its set-group-ID and sticky bits, a file
 * loses such. Files and directories, links followed; -ENOTSUP for others.
 */
int change_set_mode(const struct home *home, const struct home_path *path, uint32_t mode);

#endif
