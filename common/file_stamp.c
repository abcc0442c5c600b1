/* SPDX-License-Identifier: ISC */
#include "common/file_stamp.h"

#include <string.h>

#include "common/banned.h"

void
file_stamp_from_stat(const struct stat *st, struct file_stamp *stamp)
{
	*stamp = (struct file_stamp){
	    .device = st->st_dev,
	    .inode = st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .mtime_s = st->st_mtim.tv_sec,
	    .mtime_ns = st->st_mtim.tv_nsec,
	    .ctime_s = st->st_ctim.tv_sec,
	    .ctime_ns = st->st_ctim.tv_nsec,
	};
}

void
file_stamp_of_path(const char *path, struct file_stamp *stamp)
{
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	if (stat(path, &st) == 0)
		file_stamp_from_stat(&st, stamp);
}

bool
file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime_s == b->mtime_s &&
	    a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}
