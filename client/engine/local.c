#include "client/engine/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "common/io.h"

#include "common/banned.h"

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
	size_t room = LOCAL_NAME_SIZE - 1 - strlen(suffix);

	snprintf(beside, LOCAL_NAME_SIZE, "%.*s%s", (int)room, name, suffix);
}

/* fd is regular, or closed. */
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

int
local_open_part(int dir_fd, const char *name, struct stat *status)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	fd = check_regular(fd, status);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = errno == EWOULDBLOCK ? -EBUSY : -errno;

		/* some file systems have no locks: then nobody is kept out */
		if (r == -EBUSY) {
			close_fd(&fd);
			return r;
		}
	}
	return fd;
}

int
local_open_source(int dir_fd, const char *name, struct stat *status)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : check_regular(fd, status);
}
