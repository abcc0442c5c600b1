/* SPDX-License-Identifier: ISC */
#include "privsep/files/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define WAIT_MS 500		/* a process that was killed needs a moment to be gone */
#define MARKS_AT (1LL << 62)	/* no content reaches so far; each process has a byte of its own */

static struct flock
mark_of_ours(short type)
{
	static pid_t self;	/* libc asks the kernel each time */

	if (self == 0)
		self = getpid();
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = MARKS_AT + self, .l_len = 1};
}

/*
 * Does the mark still exist? It keeps every other lock off its byte. So a larger lock, like that of a program that
 * waited for the whole file, shows that the mark has gone.
 */
static bool
is_mark_seen(int fd)
{
	const struct flock mark = mark_of_ours(F_RDLCK);
	struct flock lock = mark;

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_start == mark.l_start &&
	    lock.l_len == mark.l_len;
}

static int
open_beside(int dir_fd, const char *name, int *fd_out)
{
	int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	/* a server of NFS delegates to a reader: another node would wait for its return, for the lease if this one is gone */
	int access_mode = storage_is_shared() ? O_WRONLY : O_RDONLY;

	*fd_out = openat(dir_fd, name, access_mode | flags);
	if (*fd_out < 0 && errno == EACCES)	/* its owner may write to it and not read */
		*fd_out = openat(dir_fd, name, O_WRONLY | flags);
	return *fd_out < 0 ? -errno : 0;
}

int
handed_mark(struct handed *handed, int fd, int dir_fd, const char *name)
{
	struct flock lock = mark_of_ours(F_WRLCK);
	int r = open_beside(dir_fd, name, &handed->fd);

	if (r < 0)
		return r;
	/* seen from the other side: some file systems take a lock and forget it */
	handed->is_marked = fcntl(fd, F_OFD_SETLK, &lock) == 0 && is_mark_seen(handed->fd);
	return 0;
}

int
handed_wait_back(const struct handed *handed)
{
	uint64_t deadline;

	if (handed->fd < 0)
		return 0;
	if (!handed->is_marked)
		return -EOPNOTSUPP;
	if (!is_mark_seen(handed->fd))
		return 0;
	deadline = monotonic_ms() + WAIT_MS;
	while (is_mark_seen(handed->fd)) {
		if (monotonic_ms() >= deadline)
			return -EBUSY;
		poll(NULL, 0, 2);
	}
	return 0;
}

bool
handed_is_seen(int fd)
{
	/* to the end: whoever's mark */
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = MARKS_AT};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void
handed_close(struct handed *handed)
{
	close_fd(&handed->fd);
}
