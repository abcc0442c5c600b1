/* SPDX-License-Identifier: ISC */
#include "privsep/files/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/file_system.h"
#include "common/written.h"

#include "common/banned.h"

/* As the kernel defines them (linux/stat.h); not every libc has them. */
#define FORCE_SYNC 0x2000
#define BASIC_STATS 0x7ffU

/* Of the home that this process serves, and of its folders: the kind that asks for more care. */
static enum file_system_kind home_kind OFTEN_WRITTEN = FILE_SYSTEM_LOCAL;

void
storage_probe(int home_fd, dev_t device)
{
	home_kind = file_system_kind_of(home_fd, device);
}

void
storage_probe_folder(int folder_fd, dev_t device)
{
	enum file_system_kind kind = file_system_kind_of(folder_fd, device);

	if (kind != FILE_SYSTEM_LOCAL && home_kind != FILE_SYSTEM_FUSE)
		home_kind = kind;
}

bool
storage_is_shared(void)
{
	return home_kind != FILE_SYSTEM_LOCAL;
}

bool
storage_minds_flags(void)
{
	return home_kind != FILE_SYSTEM_FUSE;
}

/* Only that the kernel asks the server is wanted: what it answers is in the kernel's cache then. */
static void
force_sync(int dir_fd, const char *name, int flags)
{
	uint64_t answer[32];	/* a struct statx has 256 bytes */

	(void)!syscall(SYS_statx, dir_fd, name, flags | FORCE_SYNC, BASIC_STATS, answer);
}

void
storage_refresh(int dir_fd)
{
	if (storage_is_shared())
		force_sync(dir_fd, "", AT_EMPTY_PATH);
}

void
storage_refresh_way(int home_fd, const char *relative)
{
	const char *below = relative + strspn(relative, "/");	/* the target of an absolute link */
	size_t len = strlen(below);
	char way[PATH_MAX];

	if (!storage_is_shared() || len >= sizeof(way))
		return;
	memcpy(way, below, len + 1);
	force_sync(home_fd, "", AT_EMPTY_PATH);
	/* from above: each name is looked up in a directory that is fresh */
	for (char *slash = strchr(way, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		force_sync(home_fd, way, 0);
		*slash = '/';
	}
}

int
storage_look(int dir_fd, const char *name, struct stat *st)
{
	if (storage_is_shared()) {
		force_sync(dir_fd, "", AT_EMPTY_PATH);
		force_sync(dir_fd, name, AT_SYMLINK_NOFOLLOW);
	}
	return fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int
storage_look_at_fd(int fd, struct stat *st)
{
	if (storage_is_shared())
		force_sync(fd, "", AT_EMPTY_PATH);
	return fstat(fd, st) < 0 ? -errno : 0;
}
