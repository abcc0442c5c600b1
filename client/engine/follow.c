/* SPDX-License-Identifier: ISC */
#include "client/engine/follow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "client/engine/session.h"
#include "client/engine/sum.h"

#include "common/banned.h"

#define PIECE (256 * 1024) /* bytes at once: what was just written or sent is in the processor's cache */
#define WAKE_AFTER PIECE /* bytes that are worth waking the thread for */
#define LOOK_MS 50 /* between two looks at the user's wish to stop */

struct follower {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	uint64_t until; /* bytes that the thread may read */
	uint64_t done; /* bytes that it has hashed */
	uint64_t wanted; /* bytes that somebody waits for; 0: nobody does */
	bool is_stopped;
	int result;
	/* the thread's while done < until */
	int fd;
	struct sum sum;
	char *piece;
};

/* --- in the thread --- */

static bool
has_work(const struct follower *follower)
{
	uint64_t ready = follower->until - follower->done;

	return ready >= WAKE_AFTER || (ready > 0 && follower->wanted >= follower->until);
}

/* Hash the next bytes of [done, until). Returns their number, or -errno. */
static ssize_t
follow_piece(struct follower *follower, uint64_t done, uint64_t until)
{
	size_t wanted = until - done < PIECE ? (size_t)(until - done) : PIECE;
	ssize_t n;

	do
		n = pread(follower->fd, follower->piece, wanted, (off_t)done);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ENODATA;
	sum_add(&follower->sum, follower->piece, (size_t)n);
	return n;
}

static void *
follow_thread(void *argument)
{
	struct follower *follower = argument;

	pthread_mutex_lock(&follower->lock);
	while (!follower->is_stopped && follower->result == 0) {
		uint64_t done = follower->done, until = follower->until;
		ssize_t n;

		if (!has_work(follower)) {
			pthread_cond_wait(&follower->changed, &follower->lock);
			continue;
		}
		pthread_mutex_unlock(&follower->lock);
		n = follow_piece(follower, done, until);
		pthread_mutex_lock(&follower->lock);
		if (n < 0)
			follower->result = (int)n;
		else
			follower->done += (uint64_t)n;
		if (follower->result < 0 || (follower->wanted > 0 && follower->done >= follower->wanted))
			pthread_cond_broadcast(&follower->changed);
	}
	pthread_mutex_unlock(&follower->lock);
	return NULL;
}

/* --- in the caller's thread --- */

static void
free_follower(struct follower *follower)
{
	sum_free(&follower->sum);
	pthread_cond_destroy(&follower->changed);
	pthread_mutex_destroy(&follower->lock);
	free(follower->piece);
	free(follower);
}

/* Only the thread that waits for the user takes signals. */
static int
start_follower(struct follower *follower)
{
	sigset_t blocked, saved;
	int r;

	sigfillset(&blocked);
	pthread_sigmask(SIG_SETMASK, &blocked, &saved);
	r = pthread_create(&follower->thread, NULL, follow_thread, follower);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return -r;
}

static int
init_follower(struct follower *follower, const struct hash_algorithm *algorithm, int fd)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&follower->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&follower->lock, NULL);
	follower->fd = fd;
	follower->piece = malloc(PIECE);
	return follower->piece == NULL ? -ENOMEM : sum_begin(&follower->sum, algorithm);
}

struct follower *
follow_begin(const struct hash_algorithm *algorithm, int fd)
{
	struct follower *follower = calloc(1, sizeof(*follower));

	if (follower == NULL)
		return NULL;
	if (init_follower(follower, algorithm, fd) < 0 || start_follower(follower) < 0) {
		free_follower(follower);
		return NULL;
	}
	return follower;
}

void
follow_to(struct follower *follower, uint64_t until)
{
	if (follower == NULL)
		return;
	pthread_mutex_lock(&follower->lock);
	if (until > follower->until)
		follower->until = until;
	if (has_work(follower))
		pthread_cond_broadcast(&follower->changed);
	pthread_mutex_unlock(&follower->lock);
}

/* Wait until `length` bytes are hashed; the lock is held. 0, -ECANCELED, or the thread's error. */
static int
wait_for_hash(struct follower *follower, struct ftp *ftp, uint64_t length, struct meter *meter)
{
	while (follower->result == 0 && follower->done < length) {
		uint64_t done = follower->done;
		struct timespec at;

		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_nsec += LOOK_MS * 1000000L;
		at.tv_sec += at.tv_nsec / 1000000000L;
		at.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&follower->changed, &follower->lock, &at);
		if (is_aborted(ftp))
			return -ECANCELED;
		if (meter != NULL && follower->done != done)
			meter_move(meter, follower->done);
	}
	return follower->result;
}

int
follow_hash(struct follower *follower, struct ftp *ftp, const struct hash_algorithm *algorithm, uint64_t length,
    struct meter *meter, char hex[FTP_HASH_HEX_MAX])
{
	int r = -ENOENT;

	if (follower == NULL || follower->sum.algorithm != algorithm)
		return r;
	pthread_mutex_lock(&follower->lock);
	if (follower->until <= length) {
		follower->until = follower->wanted = length;
		pthread_cond_broadcast(&follower->changed);
		r = wait_for_hash(follower, ftp, length, meter);
		follower->wanted = 0;
		/* the thread waits now: it has nothing to read */
		if (r == 0)
			r = sum_so_far(&follower->sum, hex);
	}
	pthread_mutex_unlock(&follower->lock);
	return r;
}

void
follow_end(struct follower **follower)
{
	if (*follower == NULL)
		return;
	pthread_mutex_lock(&(*follower)->lock);
	(*follower)->is_stopped = true;
	pthread_cond_broadcast(&(*follower)->changed);
	pthread_mutex_unlock(&(*follower)->lock);
	pthread_join((*follower)->thread, NULL);
	free_follower(*follower);
	*follower = NULL;
}
