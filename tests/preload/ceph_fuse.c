/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD: what a ceph-fuse before the repair of ceph#54733 does to a program. The file system is of FUSE, and
 * renameat2(2) takes RENAME_NOREPLACE and replaces all the same. The home must be on no block device, as one of FUSE is.
 */
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TYPE_FUSE 0x65735546
#define NOREPLACE 1U

int
fstatfs(int fd, struct statfs *fs)
{
	long r = syscall(SYS_fstatfs, fd, fs);

	if (r == 0)
		fs->f_type = TYPE_FUSE;
	return (int)r;
}

/* Programs that are built for large files call this one. */
int
fstatfs64(int fd, struct statfs64 *fs)
{
	return fstatfs(fd, (struct statfs *)fs);
}

int
renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags & ~NOREPLACE);
}
