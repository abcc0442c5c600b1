/* SPDX-License-Identifier: ISC */
#include "accounts/rate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "common/banned.h"

#define BEHIND_US 50000			/* unused time that may be made up for: a late wake-up costs nothing */
#define AHEAD_US (3600 * 1000000ULL)	/* more than any queue: of an earlier boot */
#define LOCK_TRIES 1000			/* of a millisecond */

static uint64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool
lock(int fd, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return true;
		if (errno != EAGAIN && errno != EACCES)
			return false;
		poll(NULL, 0, 1);
	}
	return false;
}

uint64_t
rate_part(uint64_t bytes_per_s, uint32_t nodes)
{
	if (bytes_per_s == 0 || nodes < 2)
		return bytes_per_s;
	return bytes_per_s < nodes ? 1 : bytes_per_s / nodes;
}

int
rate_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);

	return fd < 0 ? -errno : fd;
}

uint64_t
rate_take(int fd, enum rate_direction direction, uint64_t bytes_per_s, uint64_t bytes)
{
	off_t at = (off_t)direction * (off_t)sizeof(uint64_t);
	uint64_t now, wait, free_at = 0;

	if (bytes_per_s == 0 || !lock(fd, F_WRLCK))
		return 0;
	now = now_us();
	if (pread(fd, &free_at, sizeof(free_at), at) != sizeof(free_at) || free_at > now + AHEAD_US ||
	    free_at + BEHIND_US < now)
		free_at = now < BEHIND_US ? 0 : now - BEHIND_US;
	wait = free_at > now ? free_at - now : 0;
	free_at += (uint64_t)((unsigned __int128)bytes * 1000000 / bytes_per_s);
	(void)!pwrite(fd, &free_at, sizeof(free_at), at);
	lock(fd, F_UNLCK);
	return wait;
}
