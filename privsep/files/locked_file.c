/* SPDX-License-Identifier: ISC */
#include "privsep/files/locked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define RACES_MAX 16

static int
lock_now(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* Before the opening, so that no FIFO or device is opened on purpose. */
static int
look_for_plain_file(int dir_fd, const char *name, struct stat *st)
{
	storage_refresh(dir_fd);
	if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return S_ISDIR(st->st_mode) ? -EISDIR : -ENOTSUP;
	return 0;
}

/* Whatever bears the name now: it is examined again when it is locked. */
static int
open_to_lock(int dir_fd, const char *name, bool must_write, int *fd_out, const struct stat *st)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	*fd_out = openat(dir_fd, name, O_WRONLY | flags);
	if (*fd_out < 0 && errno == EACCES && !must_write && st->st_uid != geteuid())
		*fd_out = openat(dir_fd, name, O_RDONLY | flags);
	return *fd_out < 0 ? -errno : 0;
}

/*
 * Does the name still lead to the file that was opened? Another session may have renamed one over it, or this one to its
 * final name. Asked after the lock is there: on shared storage a look from before shows what was.
 */
static bool
is_still_named(int dir_fd, const char *name, struct stat *st, int fd)
{
	struct stat named;

	storage_refresh(dir_fd);
	return fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, st) == 0 &&
	    named.st_dev == st->st_dev && named.st_ino == st->st_ino;
}

/* is_seen: a look a moment ago found a plain file of that name. Only with must_write: otherwise its owner counts. */
static int
open_and_lock(int dir_fd, const char *name, bool must_write, bool is_seen, int *fd_out, struct stat *st)
{
	int fd = -1;
	int r;

	for (int race = 0; race < RACES_MAX; race++) {
		r = is_seen && race == 0 ? 0 : look_for_plain_file(dir_fd, name, st);
		if (r == 0)
			r = open_to_lock(dir_fd, name, must_write, &fd, st);
		if (r == 0)
			r = lock_now(fd);
		if (r < 0)
			goto out;
		if (is_still_named(dir_fd, name, st, fd)) {
			r = -ENOTSUP;
			if (!S_ISREG(st->st_mode))
				goto out;
			*fd_out = fd;
			return 0;
		}
		close_fd(&fd);
	}
	r = -EBUSY;
out:
	close_fd(&fd);
	return r;
}

int
locked_file_open(int dir_fd, const char *name, int *fd_out, struct stat *st)
{
	return open_and_lock(dir_fd, name, true, false, fd_out, st);
}

int
locked_file_open_seen(int dir_fd, const char *name, int *fd_out, struct stat *st)
{
	return open_and_lock(dir_fd, name, true, true, fd_out, st);
}

int
locked_file_hold(int dir_fd, const char *name, int *fd_out, struct stat *st)
{
	return open_and_lock(dir_fd, name, false, false, fd_out, st);
}

bool
locked_file_is_named(int dir_fd, const char *name, int fd)
{
	struct stat st;

	return is_still_named(dir_fd, name, &st, fd);
}

bool
locked_file_is_held(int dir_fd, const char *name, int fd, struct stat *st)
{
	return lock_now(fd) == 0 && is_still_named(dir_fd, name, st, fd);
}

bool
locked_file_is_still_locked(int fd, struct stat *st)
{
	return lock_now(fd) == 0 && storage_look_at_fd(fd, st) == 0;
}

int
locked_file_create(int dir_fd, const char *name, mode_t mode, int *fd_out)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return errno == EEXIST ? -EBUSY : -errno;
	r = lock_now(fd);
	/* Otherwise no lock is to be had, and nobody could remove the file later. */
	if (r < 0 && r != -EBUSY && locked_file_is_named(dir_fd, name, fd))
		(void)unlinkat(dir_fd, name, 0);
	if (r < 0)
		close_fd(&fd);
	else
		*fd_out = fd;
	/* nobody but us has a reason to hold it: another server takes it for a partial that gives way, and removes it */
	return r == -EBUSY ? -ESTALE : r;
}

void
locked_file_close(int *fd)
{
	if (*fd >= 0)
		flock(*fd, LOCK_UN);
	close_fd(fd);
}
