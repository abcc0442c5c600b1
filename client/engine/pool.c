/* SPDX-License-Identifier: ISC */
#include "client/engine/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/engine/session.h"
#include "common/io.h"

#include "common/banned.h"

#define IDLE_MAX_MS 60000 /* routers forget connections; a dead one would cost the time of a silence */

struct ftp_pool {
	pthread_mutex_t lock;
	pid_t owner; /* the process whose connections these are */
	unsigned int live; /* members in use */
	size_t count;
	struct idle {
		struct ftp *ftp;
		uint64_t since_ms;
	} idle[POOL_IDLE_MAX];
};

struct ftp_pool *
pool_new(void)
{
	struct ftp_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pool->live = 1;
	pool->owner = getpid();
	return pool;
}

/* Idle connections of the process that forked this one are not ours to use, nor to end. */
static void
lock_pool(struct ftp_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	if (pool->owner == getpid())
		return;
	pool->owner = getpid();
	pool->count = 0;
}

struct ftp_pool *
pool_join(struct ftp_pool *pool)
{
	lock_pool(pool);
	pool->live++;
	pthread_mutex_unlock(&pool->lock);
	return pool;
}

/* In step, logged in, with nothing left to be read: as good as a new one. */
static bool
is_fit(struct ftp *ftp)
{
	return ftp->is_logged_in && !ftp->is_restart_pending && ftp->input_at == ftp->input_end &&
	    !control_has_input(ftp, 0);
}

bool
pool_keep(struct ftp *ftp)
{
	struct ftp_pool *pool = ftp->pool;
	bool is_kept;

	if (is_aborted(ftp))
		return false;
	/* nothing of the last transfer remains */
	(void)control_take_ahead(ftp);
	ftp->expects_more = false;
	ftp->ahead_port = 0;
	if (!is_fit(ftp))
		return false;
	lock_pool(pool);
	is_kept = pool->live > 1 && pool->count < POOL_IDLE_MAX;
	if (is_kept) {
		pool->live--;
		pool->idle[pool->count++] = (struct idle){ftp, monotonic_ms()};
		/* the owner of the options may end before the connection is used again */
		ftp->options = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	return is_kept;
}

static bool
is_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Take an idle handle out, with the lock held. */
static void
forget_idle(struct ftp_pool *pool, size_t i)
{
	pool->count--;
	memmove(&pool->idle[i], &pool->idle[i + 1], (pool->count - i) * sizeof(pool->idle[0]));
}

struct ftp *
pool_take(const struct ftp *ftp)
{
	struct ftp_pool *pool = ftp->pool;
	uint64_t now = monotonic_ms();
	struct ftp *found = NULL;

	lock_pool(pool);
	/* the last one that was in use is the least likely to be dead */
	for (size_t i = pool->count; i > 0 && found == NULL; i--) {
		struct ftp *idle = pool->idle[i - 1].ftp;

		if (now - pool->idle[i - 1].since_ms > IDLE_MAX_MS || !is_same_text(idle->user, ftp->user) ||
		    !is_same_text(idle->password, ftp->password))
			continue;
		found = idle;
		pool->live++;
		forget_idle(pool, i - 1);
	}
	pthread_mutex_unlock(&pool->lock);
	if (found != NULL) {
		found->options = ftp->options;
		found->control.abort = ftp->options->abort;
		memset(&found->error, 0, sizeof(found->error));
	}
	return found;
}

bool
pool_leave(struct ftp_pool *pool)
{
	bool is_last;

	lock_pool(pool);
	is_last = --pool->live == 0;
	pthread_mutex_unlock(&pool->lock);
	return is_last;
}

struct ftp *
pool_pop(struct ftp_pool *pool, bool is_any)
{
	struct ftp *popped = NULL;

	lock_pool(pool);
	/* the first one is idle for the longest time */
	if (pool->count > 0 && (is_any || monotonic_ms() - pool->idle[0].since_ms > IDLE_MAX_MS)) {
		popped = pool->idle[0].ftp;
		forget_idle(pool, 0);
	}
	pthread_mutex_unlock(&pool->lock);
	return popped;
}

void
pool_free(struct ftp_pool *pool)
{
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
