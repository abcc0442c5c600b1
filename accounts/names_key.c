/* SPDX-License-Identifier: ISC */
#include "accounts/names_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

#define FILE_NAME "names-key"

/* 0; -ENOENT: there is none, or it is damaged; another -errno. */
static int
read_key(int dir_fd, struct siphash_key *key)
{
	struct siphash_key found;
	int fd = openat(dir_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = io_read_all(fd, &found, sizeof(found));
	close_fd(&fd);
	if (got < 0)
		return (int)got;
	if (got != (ssize_t)sizeof(found))
		return -ENOENT;
	*key = found;
	return 0;
}

/* Write it beside its place and rename it, so that nobody reads half of it. */
static int
write_key(int dir_fd, const struct siphash_key *key)
{
	int fd, r;

	if (unlinkat(dir_fd, FILE_NAME ".new", 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir_fd, FILE_NAME ".new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = io_write_all(fd, key, sizeof(*key));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = io_rename_over(dir_fd, FILE_NAME ".new", FILE_NAME);
	close_fd(&fd);
	return r;
}

int
names_key_load(const char *state_directory, struct siphash_key *key)
{
	int dir_fd = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir_fd < 0 ? -errno : read_key(dir_fd, key);

	if (r < 0 && getrandom(key, sizeof(*key), 0) != sizeof(*key))
		memset(key, 0, sizeof(*key));
	if (r == -ENOENT && dir_fd >= 0)
		r = write_key(dir_fd, key);
	close_fd(&dir_fd);
	return r;
}
