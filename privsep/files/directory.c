/* SPDX-License-Identifier: ISC */
#include "privsep/files/directory.h"

#include <errno.h>
#include <fcntl.h>

#include "common/io.h"

#include "common/banned.h"

void
directory_take(struct directory *directory, int fd)
{
	directory->fd = fd;
	directory->length = 0;
	directory->cursor = 0;
}

int
directory_open_at(struct directory *directory, int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	directory_take(directory, fd);
	return fd < 0 ? -errno : 0;
}

int
directory_next(struct directory *directory, const struct dirent64 **entry)
{
	const struct dirent64 *next;

	*entry = NULL;
	if (directory->cursor >= directory->length) {
		ssize_t n = getdents64(directory->fd, directory->bytes, sizeof(directory->bytes));

		if (n < 0)
			return errno == ENOENT ? 0 : -errno;	/* removed while it is read: that is its end */
		if (n == 0)
			return 0;
		directory->length = (size_t)n;
		directory->cursor = 0;
	}
	next = (const void *)(directory->bytes + directory->cursor);
	directory->cursor += next->d_reclen;
	*entry = next;
	return 0;
}

bool
directory_is_large(const struct directory *directory)
{
	/* a read ends where the next entry might not fit */
	return directory->length > sizeof(directory->bytes) - sizeof(struct dirent64);
}

void
directory_close(struct directory *directory)
{
	close_fd(&directory->fd);
}
