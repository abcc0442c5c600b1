/* SPDX-License-Identifier: ISC */
/* Has a file changed since it was last looked at? */
#ifndef COMMON_FILE_STAMP_H
#define COMMON_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What stat(2) says of a file; equal stamps mean an unchanged file. */
struct file_stamp {
	uint64_t device, inode, size;
	int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

void file_stamp_from_stat(const struct stat *st, struct file_stamp *stamp);

/* The stamp of the file that path leads to now; all zero where it leads to none. */
void file_stamp_of_path(const char *path, struct file_stamp *stamp);

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

#endif
