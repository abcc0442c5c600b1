/* SPDX-License-Identifier: ISC */
#include "client/engine/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include <zlib.h>

#include "common/io.h"

#include "common/banned.h"

#define CHECKSUM_LEN 9	/* "~01234567" */
#define COPY_MAX (1024 * 1024 * 1024)

int
local_check_name(const char *name)
{
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/') != NULL)
		return -EINVAL;
	return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

void
local_beside(const char *name, const char *suffix, char beside[LOCAL_NAME_SIZE])
{
	size_t len = strlen(name), room = LOCAL_NAME_SIZE - 1 - strlen(suffix);

	if (len <= room) {
		snprintf(beside, LOCAL_NAME_SIZE, "%s%s", name, suffix);
		return;
	}
	room -= CHECKSUM_LEN;
	while (room > 0 && (name[room] & 0xc0) == 0x80)
		room--;
	snprintf(beside, LOCAL_NAME_SIZE, "%.*s~%08lx%s", (int)room, name,
	    crc32_z(crc32(0, NULL, 0), (const unsigned char *)name, len), suffix);
}

int
local_copy(int from_fd, int to_fd, uint64_t length)
{
	off_t offset = 0;

	if (lseek(to_fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((uint64_t)offset < length) {
		uint64_t left = length - (uint64_t)offset;
		ssize_t n = sendfile(to_fd, from_fd, &offset, left < COPY_MAX ? (size_t)left : COPY_MAX);

		if (n == 0)
			return -ENODATA;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
	return 0;
}

/* Check that fd is a regular file, or close it. */
static int
check_regular(int fd, struct stat *status)
{
	int r = 0;

	if (fstat(fd, status) < 0)
		r = -errno;
	else if (S_ISDIR(status->st_mode))
		r = -EISDIR;
	else if (!S_ISREG(status->st_mode))
		r = -EINVAL;
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

/*
 * Between open and lock another transfer may have renamed the part to its target, which must not be written any
 * more.
 */
static bool
is_part_still_named(int fd, int dir_fd, const char *name)
{
	struct stat open, named;

	return fstat(fd, &open) == 0 && fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

int
local_open_part(int dir_fd, const char *name, struct stat *status, bool *is_new)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);

	*is_new = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	fd = check_regular(fd, status);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = errno == EWOULDBLOCK ? -EBUSY : -errno;

		/* a file system without locks excludes nobody */
		if (r == -EBUSY) {
			close_fd(&fd);
			return r;
		}
	}
	if (fd >= 0 && !is_part_still_named(fd, dir_fd, name)) {
		close_fd(&fd);
		return -EBUSY;
	}
	return fd;
}

int
local_open_source(int dir_fd, const char *name, struct stat *status)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : check_regular(fd, status);
}

int
local_compare(int fd, uint64_t offset, const char *bytes, size_t len)
{
	char own[8192];

	while (len > 0) {
		ssize_t n = pread(fd, own, len < sizeof(own) ? len : sizeof(own), (off_t)offset);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 || (n > 0 && memcmp(own, bytes, (size_t)n) != 0))
			return -EBADMSG;
		if (n > 0) {
			bytes += n;
			offset += (uint64_t)n;
			len -= (size_t)n;
		}
	}
	return 0;
}
