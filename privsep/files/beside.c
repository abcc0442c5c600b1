/* SPDX-License-Identifier: ISC */
#include "privsep/files/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/hash_cache.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define PIECE (256 * 1024)	/* bytes between two looks for a request */
#define WORTH (1024 * 1024)	/* a smaller file is hashed when somebody asks */
#define PAUSE_MIN_MS 4		/* between two looks whether more bytes have passed */
#define PAUSE_MAX_MS 256
#define STALLED_MS 10000	/* a transfer that has not moved for so long is no longer watched */
#define UNASKED_MAX 2		/* then no further transfer is hashed, until the client asks for a hash */
#define OLD_S 2			/* FAT keeps times of two seconds; a write of this moment may go on after its time is set */
#define TICK_MS 4
#define TICKS_MAX 4

/* --- is it the same file, unchanged? --- */

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
is_same_state(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    is_same_time(&a->st_mtim, &b->st_mtim) && is_same_time(&a->st_ctim, &b->st_ctim);
}

/* Whether every later change will have another time: the file system's clock has moved on since this one. */
static bool
is_past(const struct timespec *time)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (time->tv_nsec % 1000000 == 0)	/* a file system with coarse times */
		return time->tv_sec < now.tv_sec - OLD_S;
	return time->tv_sec < now.tv_sec || (time->tv_sec == now.tv_sec && time->tv_nsec < now.tv_nsec);
}

/* Whether nobody has changed the file of late, so that no change of it goes on. */
static bool
is_old(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return st->st_mtim.tv_sec < now.tv_sec - OLD_S && st->st_ctim.tv_sec < now.tv_sec - OLD_S;
}

/* --- the digest --- */

static void
forget(struct beside *beside)
{
	if (!beside->is_begun)
		return;
	if (beside->was_asked)
		beside->unasked = 0;
	else if (beside->hashed > 0 && ++beside->unasked >= UNASKED_MAX)
		beside->is_wanted = false;
	digest_drop(&beside->digest);
	close_fd(&beside->fd);
	beside->is_begun = false;
}

/* The first bytes of a file in this state; fd is the digest's, or -1. False: it cannot be. */
static bool
begin(struct beside *beside, int fd, const struct stat *st)
{
	forget(beside);
	if (!beside->is_wanted || digest_begin_own(&beside->digest, beside->algorithm) < 0)
		return false;
	beside->is_begun = true;
	beside->was_asked = false;
	beside->fd = fd;
	beside->source = BESIDE_NOTHING;
	beside->upload = NULL;
	beside->hashed = 0;
	beside->st = *st;
	return true;
}

/* Hash the next bytes of [hashed, to), from a descriptor of the file. 0 or -errno. */
static int
hash_next(struct beside *beside, int fd, uint64_t to)
{
	static char piece[PIECE] SELDOM_WRITTEN;
	uint64_t left = to - beside->hashed;
	ssize_t n;
	int r;

	do
		n = pread(fd, piece, left < PIECE ? (size_t)left : PIECE, (off_t)beside->hashed);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	r = digest_add(&beside->digest, piece, (size_t)n);
	if (r == 0)
		beside->hashed += (uint64_t)n;
	return r;
}

/* --- the client and its transfers --- */

void
beside_init(struct beside *beside, const struct stop *stop, uint32_t sharers)
{
	*beside = (struct beside){.stop = *stop};
	stop_set_beside(&beside->stop, sharers);
}

void
beside_expect(struct beside *beside, enum ipc_hash algorithm)
{
	beside->is_wanted = true;
	beside->algorithm = algorithm;
	beside->unasked = 0;
}

static bool
is_of(const struct beside *beside, const struct stat *st, enum ipc_hash algorithm)
{
	return beside->is_begun && beside->digest.algorithm == algorithm && beside->source != BESIDE_UPLOAD &&
	    is_same_state(&beside->st, st);
}

void
beside_begin_read(struct beside *beside, int fd, const struct stat *st)
{
	char text[DIGEST_TEXT_SIZE];
	int own_fd;

	if (!beside->is_wanted || st->st_size < WORTH || storage_is_shared() || !is_old(st) ||
	    hash_cache_get(fd, st, beside->algorithm, text))
		return;
	own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own_fd < 0)
		return;
	if (!is_of(beside, st, beside->algorithm) && !begin(beside, -1, st)) {
		close_fd(&own_fd);
		return;
	}
	close_fd(&beside->fd);
	beside->fd = own_fd;
	beside->source = BESIDE_DOWNLOAD;
}

/* How far the transfer has come; 0 where that cannot be known. */
static uint64_t
position(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);

	return at < 0 ? 0 : (uint64_t)at;
}

/*
 * A partial that was hashed just before is continued, where nobody has changed it since. In place, programs of this host
 * may write to what is being sent; without a mark protocol could do so afterwards.
 */
void
beside_begin_write(struct beside *beside, const struct upload *upload)
{
	if (!beside->is_wanted || !upload->is_partial || !upload->handed.is_marked || storage_is_shared())
		return;
	if ((!is_of(beside, &upload->found, beside->algorithm) || beside->hashed > position(upload->fd)) &&
	    !begin(beside, -1, &upload->found))
		return;
	close_fd(&beside->fd);
	beside->source = BESIDE_UPLOAD;
	beside->upload = upload;
}

/* Nothing was read of a small upload, and nothing is kept. */
void
beside_settle(struct beside *beside)
{
	if (!beside->is_begun || beside->source != BESIDE_UPLOAD || beside->fd < 0)
		return;
	for (int i = 0; i < TICKS_MAX && fstat(beside->fd, &beside->st) == 0 && !is_past(&beside->st.st_mtim); i++)
		poll(NULL, 0, TICK_MS);
}

/* The name changed the state once more, but not the time of the content. */
static bool
has_settled(struct beside *beside)
{
	const struct timespec mtime = beside->st.st_mtim;

	return fstat(beside->fd, &beside->st) == 0 && is_same_time(&mtime, &beside->st.st_mtim) && is_past(&mtime) &&
	    beside->hashed <= (uint64_t)beside->st.st_size;
}

void
beside_end_write(struct beside *beside, bool is_whole)
{
	if (!beside->is_begun || beside->source != BESIDE_UPLOAD)
		return;
	beside->upload = NULL;
	beside->source = BESIDE_FILE;
	if (!is_whole || beside->fd < 0 || !has_settled(beside))
		forget(beside);
}

void
beside_end(struct beside *beside)
{
	forget(beside);
}

/* --- between requests --- */

/* The end of what may be read now. */
static uint64_t
readable(const struct beside *beside)
{
	uint64_t size = (uint64_t)beside->st.st_size, at;

	switch (beside->source) {
	case BESIDE_NOTHING:
		return 0;
	case BESIDE_DOWNLOAD:
		at = position(beside->fd);
		return at < size ? at : size;
	case BESIDE_UPLOAD:
		return position(beside->upload->fd);
	case BESIDE_FILE:
		return size;
	}
	return 0;
}

static bool
has_enough(const struct beside *beside, uint64_t until)
{
	if (until <= beside->hashed)
		return false;
	if (beside->hashed == 0 && until < WORTH)
		return false;
	return until - beside->hashed >= PIECE ||
	    (beside->source != BESIDE_UPLOAD && until == (uint64_t)beside->st.st_size);
}

/* -EAGAIN: a request waits, or the channel has ended. */
static int
look_for_request(const struct stop *stop, int pause_ms)
{
	struct pollfd request = {.fd = stop->channel, .events = POLLIN};

	return poll(&request, 1, pause_ms) > 0 ? -EAGAIN : 0;
}

/* The upload has become large enough: read it from a descriptor that is never handed out. */
static int
open_upload(struct beside *beside)
{
	beside->fd = fcntl(beside->upload->handed.fd, F_DUPFD_CLOEXEC, 0);
	return beside->fd < 0 ? -errno : 0;
}

/* What has passed by now. 0: it is hashed; -EAGAIN; or another -errno. */
static int
hash_passed(struct beside *beside, struct stop *stop, uint64_t until)
{
	int r = beside->fd < 0 ? open_upload(beside) : 0;

	stop_begin(stop);
	while (r == 0 && has_enough(beside, until)) {
		r = stop_is_turn_due(stop) ? stop_wait_for_turn_beside(stop) : 0;
		if (r == 0)
			r = hash_next(beside, beside->fd, until);
		if (r == 0)
			r = look_for_request(stop, 0);
	}
	stop_end(stop);
	return r;
}

static bool
has_work_left(const struct beside *beside)
{
	if (!beside->is_begun || beside->source == BESIDE_NOTHING)
		return false;
	return beside->source == BESIDE_UPLOAD || beside->hashed < (uint64_t)beside->st.st_size;
}

/* Nothing more is read for now; a request may go on. */
static void
rest(struct beside *beside)
{
	if (!beside->is_begun || beside->source == BESIDE_UPLOAD)
		return;
	close_fd(&beside->fd);
	beside->source = BESIDE_NOTHING;
}

int
beside_work(struct beside *beside)
{
	struct stop *stop = &beside->stop;
	int pause_ms = PAUSE_MIN_MS, stalled_ms = 0, r;

	while (has_work_left(beside) && stalled_ms < STALLED_MS) {
		uint64_t until = readable(beside);

		if (has_enough(beside, until)) {
			r = hash_passed(beside, stop, until);
			pause_ms = PAUSE_MIN_MS;
			stalled_ms = 0;
		} else {
			r = look_for_request(stop, pause_ms);
			stalled_ms += pause_ms;
			pause_ms = pause_ms < PAUSE_MAX_MS ? 2 * pause_ms : PAUSE_MAX_MS;
		}
		if (r == -EAGAIN || stop->error < 0)
			return stop->error;
		if (r < 0)
			forget(beside);
	}
	rest(beside);
	return 0;
}

/* --- the answer --- */

int
beside_hash(struct beside *beside, int fd, const struct stat *st, enum ipc_hash algorithm, uint64_t to,
    struct stop *stop, char text[DIGEST_TEXT_SIZE])
{
	struct stat after;
	int r = 0;

	if (!is_of(beside, st, algorithm) || beside->hashed > to)
		return -ESTALE;
	beside->was_asked = true;
	stop_begin(&beside->stop);
	while (r == 0 && beside->hashed < to) {
		r = hash_next(beside, fd, to);
		if (r == 0 && beside->hashed < to)
			r = stop_check(&beside->stop);
	}
	stop_end(&beside->stop);
	stop->error = beside->stop.error;
	if (r == -ECANCELED)
		return r;
	if (r < 0 || fstat(fd, &after) < 0 || !is_same_state(st, &after) || digest_so_far(&beside->digest, text) < 0) {
		forget(beside);
		return -ESTALE;
	}
	return 0;
}

bool
beside_begin_part(struct beside *beside, const struct stat *st, enum ipc_hash algorithm, bool is_partial)
{
	bool is_provable = is_partial ? is_past(&st->st_mtim) && is_past(&st->st_ctim) : is_old(st);

	if (st->st_size < WORTH || storage_is_shared() || !is_provable)
		return false;
	if (beside->is_begun && beside->source == BESIDE_UPLOAD)
		return false;
	beside->algorithm = algorithm;
	return begin(beside, -1, st);
}

bool
beside_copy(const struct beside *beside, int fd, enum ipc_hash algorithm, struct digest *digest, uint64_t *hashed)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !is_of(beside, &st, algorithm) || digest_copy(digest, &beside->digest) < 0)
		return false;
	*hashed = beside->hashed;
	return true;
}

void
beside_advance(struct beside *beside, int fd, const struct digest *digest, uint64_t hashed)
{
	struct digest copy;
	struct stat st;

	if (!beside->is_begun || hashed <= beside->hashed || fstat(fd, &st) < 0 ||
	    !is_of(beside, &st, digest->algorithm) || digest_copy(&copy, digest) < 0)
		return;
	digest_drop(&beside->digest);
	beside->digest = copy;
	beside->hashed = hashed;
}
