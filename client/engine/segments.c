/* SPDX-License-Identifier: ISC */
/*
 * One large file over several connections. While they run, the part has holes, and its record says which of its bytes
 * count. When they end early, the next try goes on in each piece, after the last bytes of it have come again and are the
 * same. Each connection reads on into the next piece: the bytes that come twice show that the server begins at the offset
 * that it was asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/engine/data.h"
#include "client/engine/fetch.h"
#include "common/io.h"

#include "common/banned.h"

#define SEGMENTS_MAX RECORD_PIECES_MAX
#define NAP_MS 50
#define RECORD_MS 2000 /* how often the record is written: what a kill of the program loses */

struct segment {
	pthread_t thread;
	bool is_started;
	struct ftp *ftp; /* of its own, but for the first, which has the caller's */
	const char *remote;
	int fd;
	uint64_t begin, end;
	uint64_t began_at; /* before that, an earlier try has written it */
	uint64_t size; /* of the file */
	uint64_t lowest; /* from here on the file has bytes that this connection may compare */
	atomic_ullong at; /* written up to here */
	uint64_t overlap; /* bytes before at that still come again */
	char *beyond; /* the bytes of the next piece, OVERLAP_BYTES or less; NULL: it is the last */
	size_t beyond_len;
	bool is_other; /* bytes that come twice differ, or there are too many */
	atomic_bool is_done;
	enum ftp_class reason;
};

struct segments {
	struct segment items[SEGMENTS_MAX];
	unsigned int count;
	struct ftp_options options; /* of the segments' handles: silent, with a stop of their own */
	volatile sig_atomic_t stop;
	const volatile sig_atomic_t *user_abort;
};

/* --- in the threads --- */

static int
write_piece(struct segment *segment, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = pwrite(segment->fd, bytes, len, (off_t)atomic_load(&segment->at));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			atomic_fetch_add(&segment->at, (unsigned long long)n);
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Handle first the bytes that exist already, then the bytes to write, then those of the next piece. */
static int
segment_take_bytes(void *context, const char *bytes, size_t len)
{
	struct segment *segment = context;
	uint64_t at = atomic_load(&segment->at);
	size_t n = len < segment->overlap ? len : (size_t)segment->overlap;
	int r = n == 0 ? 0 : local_compare(segment->fd, at - segment->overlap, bytes, n);

	segment->overlap -= n;
	bytes += n;
	len -= n;
	segment->is_other = r == -EBADMSG;
	if (r < 0)
		return r;
	n = len < segment->end - at ? len : (size_t)(segment->end - at);
	r = write_piece(segment, bytes, n);
	bytes += n;
	len -= n;
	if (r < 0 || len == 0)
		return r;
	if (segment->beyond == NULL) {
		segment->is_other = true;
		return -EFBIG;
	}
	n = len < OVERLAP_BYTES - segment->beyond_len ? len : OVERLAP_BYTES - segment->beyond_len;
	memcpy(segment->beyond + segment->beyond_len, bytes, n);
	segment->beyond_len += n;
	return 0;
}

/* The number of bytes of the next piece that come twice. */
static size_t
beyond_wanted(const struct segment *segment)
{
	uint64_t left = segment->size - segment->end;

	return left < OVERLAP_BYTES ? (size_t)left : OVERLAP_BYTES;
}

static enum ftp_class
fetch_segment(struct segment *segment)
{
	uint64_t at = atomic_load(&segment->at), back = at - segment->lowest, wanted;
	struct ftp *ftp = segment->ftp;
	struct data data;
	enum ftp_class reason = session_ready(ftp);

	segment->overlap = back < OVERLAP_BYTES ? back : OVERLAP_BYTES;
	segment->beyond_len = 0;
	if (reason == FTP_OK)
		reason = data_begin(ftp, &data, "RETR", segment->remote, at - segment->overlap);
	if (reason != FTP_OK)
		return reason;
	/* the last connection reads to the end, which must be the file's end */
	wanted = segment->beyond == NULL ? UINT64_MAX : segment->overlap + segment->end - at + beyond_wanted(segment);
	reason = data_receive(ftp, &data.wire, wanted, segment_take_bytes, segment);
	if (reason != FTP_OK)
		return data_break(ftp, &data, reason);
	if (segment->beyond == NULL && atomic_load(&segment->at) == segment->end && !data.wire.is_cut)
		return data_end(ftp, &data);
	if (atomic_load(&segment->at) < segment->end ||
	    (segment->beyond != NULL && segment->beyond_len < beyond_wanted(segment))) {
		reason = ftp_fail(ftp, data.wire.is_cut ? FTP_NETWORK : FTP_VERIFY, NULL,
		    "the file ended at %llu of %llu bytes", (unsigned long long)atomic_load(&segment->at),
		    (unsigned long long)segment->end);
		return data_break(ftp, &data, reason);
	}
	/* the rest of the file belongs to another connection */
	return data_break(ftp, &data, FTP_OK);
}

static void *
segment_thread(void *argument)
{
	struct segment *segment = argument;
	unsigned int tries = 0;

	do {
		doing(segment->ftp, "cannot fetch '%s'", segment->remote);
		segment->reason = fetch_segment(segment);
		if (segment->reason == FTP_OK)
			break;
		segment->reason = session_retry(segment->ftp, segment->reason, &tries);
	} while (segment->reason == FTP_OK);
	atomic_store(&segment->is_done, true);
	return NULL;
}

/* --- in the caller's thread --- */

/* Set up the handle and its work before any thread runs, because one handle is the caller's. */
static int
prepare_segment(struct segments *all, struct segment *segment, struct fetch *fetch)
{
	segment->ftp = segment == all->items ? fetch->ftp : ftp_clone(fetch->ftp);
	if (segment->ftp == NULL)
		return -ENOMEM;
	segment->ftp->options = &all->options;
	segment->ftp->control.abort = &all->stop;
	segment->remote = fetch->transfer->remote;
	segment->fd = fetch->sink.fd;
	segment->size = (uint64_t)fetch->size;
	/* the first piece follows what is there; after an earlier try each compares its own last bytes */
	segment->lowest =
	    segment == all->items && fetch->piece_count == 0 ? segment->begin - fetch->overlap : segment->begin;
	if (segment != &all->items[all->count - 1])
		segment->beyond = malloc(OVERLAP_BYTES);
	return segment != &all->items[all->count - 1] && segment->beyond == NULL ? -ENOMEM : 0;
}

/* Only the thread that waits takes signals. */
static int
start_segment(struct segment *segment)
{
	sigset_t blocked, saved;
	int r;

	sigfillset(&blocked);
	pthread_sigmask(SIG_SETMASK, &blocked, &saved);
	r = pthread_create(&segment->thread, NULL, segment_thread, segment);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	segment->is_started = r == 0;
	return -r;
}

/* The end of what is whole from the beginning on. */
static uint64_t
whole_until(const struct segments *all, uint64_t base)
{
	for (unsigned int i = 0; i < all->count; i++) {
		base = atomic_load(&all->items[i].at);
		if (base < all->items[i].end)
			break;
	}
	return base;
}

/* Write the record: which bytes of the part count if this ends now. */
static void
record_pieces(struct segments *all, struct fetch *fetch)
{
	fetch->begun.piece_count = all->count;
	for (unsigned int i = 0; i < all->count; i++) {
		const struct segment *segment = &all->items[i];

		fetch->begun.pieces[i] = (struct record_piece){
		    .begin = segment->begin, .at = atomic_load(&segment->at), .end = segment->end};
	}
	fetch->begun.whole = (int64_t)whole_until(all, all->items[0].begin);
	(void)part_record(&fetch->part, &fetch->begun);
}

/* Wait for all; the first failure stops the others, and so does the user. */
static void
watch_segments(struct segments *all, struct fetch *fetch, uint64_t base)
{
	uint64_t record_ms = monotonic_coarse_ms() + RECORD_MS;
	unsigned int done;

	do {
		uint64_t moved = base;

		done = 0;
		for (unsigned int i = 0; i < all->count; i++) {
			struct segment *segment = &all->items[i];

			moved += atomic_load(&segment->at) - segment->begin;
			if (atomic_load(&segment->is_done) || !segment->is_started) {
				done++;
				if (segment->reason != FTP_OK || !segment->is_started)
					all->stop = 1;
			}
		}
		if (all->user_abort != NULL && *all->user_abort)
			all->stop = 1;
		meter_move(&fetch->meter, moved);
		follow_to(fetch->follower, whole_until(all, base));
		if (monotonic_coarse_ms() >= record_ms) {
			record_pieces(all, fetch);
			record_ms = monotonic_coarse_ms() + RECORD_MS;
		}
		if (done < all->count)
			wire_wait(-1, 0, NAP_MS, NULL);
	} while (done < all->count);
}

/* Find the first error that is not caused by stopping the others. */
static enum ftp_class
collect_segments(struct segments *all, struct fetch *fetch)
{
	enum ftp_class reason = FTP_OK;

	for (unsigned int i = 0; i < all->count; i++) {
		struct segment *segment = &all->items[i];

		if (segment->is_started)
			pthread_join(segment->thread, NULL);
		fetch->result->bytes += atomic_load(&segment->at) - segment->began_at;
		if (reason == FTP_OK && segment->is_started && segment->reason != FTP_OK &&
		    segment->reason != FTP_ABORTED) {
			fetch->ftp->error = *ftp_error(segment->ftp);
			reason = segment->reason;
		}
		if (segment->ftp != fetch->ftp)
			ftp_free(segment->ftp);
	}
	return reason;
}

/* Check that the pieces fit together. A server that begins at another offset would mix the file up. */
static bool
fits_together(const struct segments *all, bool is_all)
{
	for (unsigned int i = 0; i < all->count; i++)
		if (all->items[i].is_other)
			return false;
	for (unsigned int i = 0; is_all && i + 1 < all->count; i++) {
		const struct segment *segment = &all->items[i];

		if (local_compare(segment->fd, segment->end, segment->beyond, segment->beyond_len) < 0)
			return false;
	}
	return true;
}

static void
cut_up(struct segments *all, const struct fetch *fetch)
{
	uint64_t base = fetch->sink.at, step = ((uint64_t)fetch->size - base) / all->count;

	for (unsigned int i = 0; i < all->count; i++) {
		struct segment *segment = &all->items[i];

		segment->begin = base + i * step;
		segment->end = i + 1 == all->count ? (uint64_t)fetch->size : segment->begin + step;
		segment->began_at = segment->begin;
		atomic_store(&segment->at, segment->began_at);
	}
}

/* Go on in the pieces of an earlier try, however many there are to be now. */
static void
take_up(struct segments *all, const struct fetch *fetch)
{
	all->count = fetch->piece_count;
	for (unsigned int i = 0; i < all->count; i++) {
		struct segment *segment = &all->items[i];

		segment->begin = fetch->pieces[i].begin;
		segment->end = fetch->pieces[i].end;
		segment->began_at = fetch->pieces[i].at;
		atomic_store(&segment->at, segment->began_at);
	}
}

/* Whole: there are no holes. Otherwise the next try, of this call or a later one, goes on in each piece. */
static enum ftp_class
leave_pieces(struct segments *all, struct fetch *fetch, enum ftp_class reason)
{
	fetch->sink.at = whole_until(all, all->items[0].begin);
	fetch->piece_count = reason == FTP_OK ? 0 : all->count;
	for (unsigned int i = 0; i < fetch->piece_count; i++) {
		const struct segment *segment = &all->items[i];

		fetch->pieces[i] = (struct record_piece){
		    .begin = segment->begin, .at = atomic_load(&segment->at), .end = segment->end};
	}
	if (reason == FTP_OK && ftruncate(fetch->sink.fd, (off_t)fetch->sink.at) < 0)
		return fail_local(fetch->ftp, -errno, fetch->part.name);
	return reason;
}

static enum ftp_class
run_segments(struct segments *all, struct fetch *fetch)
{
	const struct ftp_options *options = fetch->ftp->options;
	enum ftp_class reason;
	int r = 0;

	if (fetch->piece_count > 0)
		take_up(all, fetch);
	else
		cut_up(all, fetch);
	record_pieces(all, fetch);
	for (unsigned int i = 0; i < all->count && r == 0; i++)
		r = prepare_segment(all, &all->items[i], fetch);
	for (unsigned int i = 0; i < all->count && r == 0; i++)
		r = start_segment(&all->items[i]);
	watch_segments(all, fetch, all->items[0].begin);
	reason = collect_segments(all, fetch);
	fetch->ftp->options = options;
	fetch->ftp->control.abort = options->abort;
	if (r < 0)
		reason = fail_local(fetch->ftp, r, "segments");
	else if (reason == FTP_OK && is_aborted(fetch->ftp))
		reason = ftp_fail(fetch->ftp, FTP_ABORTED, NULL, "stopped");
	fetch->seen = fetch->overlap;
	return leave_pieces(all, fetch, reason);
}

enum ftp_class
fetch_segments(struct fetch *fetch, unsigned int count)
{
	const struct ftp_options *options = fetch->ftp->options;
	struct segments *all = calloc(1, sizeof(*all));
	enum ftp_class reason;

	if (all == NULL)
		return fail_local(fetch->ftp, -ENOMEM, "segments");
	all->count = count < SEGMENTS_MAX ? count : SEGMENTS_MAX;
	all->options = *options;
	all->user_abort = options->abort;
	all->options.events = NULL;
	all->options.abort = &all->stop;
	reason = run_segments(all, fetch);
	fetch->is_other = !fits_together(all, reason == FTP_OK);
	fetch->is_continued = true;
	fetch->begun.piece_count = 0;
	fetch->begun.whole = -1;
	if (fetch->piece_count > 0)
		record_pieces(all, fetch);
	else
		(void)part_record(&fetch->part, &fetch->begun);
	for (unsigned int i = 0; i < all->count; i++)
		free(all->items[i].beyond);
	free(all);
	return reason;
}
