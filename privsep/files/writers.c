#include "privsep/files/writers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/vfs.h>

#include "common/io.h"

#include "common/banned.h"

#define WAIT_MS 500	/* a process that was killed needs a moment to be gone */

int
writers_init(struct writers *writers, int dir_fd, const char *name)
{
	int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	writers->lease = F_RDLCK;	/* granted while nobody writes, whoever reads */
	writers->fd = openat(dir_fd, name, O_RDONLY | flags);
	if (writers->fd < 0 && errno == EACCES) {
		writers->lease = F_WRLCK;	/* granted to the only one: what its owner cannot read, nobody reads */
		writers->fd = openat(dir_fd, name, O_WRONLY | flags);
	}
	return writers->fd < 0 ? -errno : 0;
}

/* File systems of the network refuse a lease with the same error when their server has not granted one. */
static bool
can_tell(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type != NFS_SUPER_MAGIC && fs.f_type != SMB_SUPER_MAGIC &&
	    fs.f_type != CIFS_SUPER_MAGIC && fs.f_type != SMB2_SUPER_MAGIC;
}

int
writers_wait_gone(const struct writers *writers)
{
	uint64_t deadline = monotonic_ms() + WAIT_MS;

	if (writers->fd < 0)
		return 0;
	while (fcntl(writers->fd, F_SETLEASE, writers->lease) < 0) {
		if (errno != EAGAIN || !can_tell(writers->fd))
			return 0;
		if (monotonic_ms() >= deadline)
			return -EBUSY;
		poll(NULL, 0, 2);
	}
	fcntl(writers->fd, F_SETLEASE, F_UNLCK);
	return 0;
}

void
writers_close(struct writers *writers)
{
	close_fd(&writers->fd);
}
