/* SPDX-License-Identifier: ISC */
#include "accounts/names_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/io.h"
#include "common/replace_file.h"

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

int
names_key_load(const char *state_directory, struct siphash_key *key)
{
	int dir_fd = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir_fd < 0 ? -errno : read_key(dir_fd, key);

	if (r < 0 && getrandom(key, sizeof(*key), 0) != sizeof(*key))
		memset(key, 0, sizeof(*key));
	if (r == -ENOENT && dir_fd >= 0)
		r = replace_file(dir_fd, FILE_NAME, key, sizeof(*key), 0600, true);
	close_fd(&dir_fd);
	return r;
}
