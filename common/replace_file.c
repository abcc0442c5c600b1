/* SPDX-License-Identifier: ISC */
#include "common/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

int
replace_file(int dir_fd, const char *name, const void *bytes, size_t len, mode_t mode, bool is_safe)
{
	char beside[NAME_MAX + 1];
	int fd, r;

	if ((size_t)snprintf(beside, sizeof(beside), "%s.new", name) >= sizeof(beside))
		return -ENAMETOOLONG;
	if (unlinkat(dir_fd, beside, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = io_write_all(fd, bytes, len);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && is_safe && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = io_rename_over(dir_fd, beside, name);
	close_fd(&fd);
	return r;
}
