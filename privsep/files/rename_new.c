/* SPDX-License-Identifier: ISC */
#include "privsep/files/rename_new.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/libc.h"

#include "common/banned.h"

#define EMPTY_MODE 0700	/* for the moment until the renamed directory takes its place */

/* rename(2) replaces an empty directory alone: one that somebody has put something into is -ENOTEMPTY. */
static int
rename_directory(int from_fd, const char *from, int to_fd, const char *to)
{
	int r;

	if (mkdirat(to_fd, to, EMPTY_MODE) < 0)
		return -errno;
	if (renameat(from_fd, from, to_fd, to) == 0)
		return 0;
	r = errno == ENOTEMPTY ? -EEXIST : -errno;
	(void)unlinkat(to_fd, to, AT_REMOVEDIR);
	return r;
}

/* EPERM is of a file system without links, or of the kernel, which refuses them to files of other users. */
static int
link_error(int error, const struct stat *st)
{
	if (error == ENOSYS || error == EOPNOTSUPP || error == EMLINK || (error == EPERM && st->st_uid == geteuid()))
		return -ENOSYS;
	return -error;
}

static bool
is_same(const struct stat *one, const struct stat *other)
{
	return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

static int
rename_by_link(int from_fd, const char *from, int to_fd, const char *to, const struct stat *st)
{
	struct stat now;
	int r;

	if (linkat(from_fd, from, to_fd, to, 0) < 0)
		return link_error(errno, st);
	/* another session has put its file there meanwhile, which is not ours to remove */
	if (fstatat(from_fd, from, &now, AT_SYMLINK_NOFOLLOW) == 0 && !is_same(&now, st))
		return 0;
	/* gone: another session has removed or renamed it meanwhile, and the new name may be its only one */
	if (unlinkat(from_fd, from, 0) == 0 || errno == ENOENT)
		return 0;
	r = -errno;
	/* a file server may have removed it, and only its answer is lost */
	if (fstatat(from_fd, from, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : r;
	if (is_same(&now, st))
		(void)unlinkat(to_fd, to, 0);
	return r;
}

int
rename_to_new(int from_fd, const char *from, int to_fd, const char *to, bool minds_flags)
{
	struct stat st;

	if (minds_flags) {
		if (renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EINVAL)	/* that is of a file system without the flag, too */
			return -errno;
	}
	if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? rename_directory(from_fd, from, to_fd, to)
				   : rename_by_link(from_fd, from, to_fd, to, &st);
}
