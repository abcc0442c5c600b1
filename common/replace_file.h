/* SPDX-License-Identifier: ISC */
/* Replaces a small file as a whole: nobody reads half of it. */
#ifndef COMMON_REPLACE_FILE_H
#define COMMON_REPLACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Write a file beside name, as NAME.new, and rename it over name (io_rename_over()).
 *
 * dir_fd   of the directory of both; root's alone, or that of the service.
 * bytes    may be NULL where len is 0.
 * mode     of the new file.
 * is_safe  after a loss of power there is the old file or the new one (fsync).
 *
 * Returns 0; -ENAMETOOLONG; or another -errno, and NAME.new may be left, for the next call to replace.
 */
int replace_file(int dir_fd, const char *name, const void *bytes, size_t len, mode_t mode, bool is_safe);

#endif
