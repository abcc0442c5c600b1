/* SPDX-License-Identifier: ISC */
/* Downloads: into a part beside the target, which takes the target's place when it is whole and right. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/engine/answer.h"
#include "client/engine/attempt.h"
#include "client/engine/data.h"
#include "client/engine/fetch.h"
#include "common/io.h"

#include "common/banned.h"

#define SEGMENT_MIN (1024 * 1024) /* bytes: less is not worth another login */
#define SPLICE_MIN (1024 * 1024) /* bytes: less is not worth a pipe */
#define ROUNDS_MAX 8 /* a file that grows as fast as it is fetched has no end */

/* --- receiving --- */

/*
 * Compare the bytes before the cut, which come again, with the existing ones. Returns how many there were,
 * -EBADMSG, -errno.
 */
static ssize_t
take_overlap(struct fetch *fetch, const char *bytes, size_t len)
{
	uint64_t left = fetch->overlap - fetch->seen;
	int r;

	if (len > left)
		len = (size_t)left;
	r = sink_compare(&fetch->sink, left, bytes, len);
	if (r < 0) {
		fetch->is_other = r == -EBADMSG;
		return r;
	}
	fetch->seen += len;
	return (ssize_t)len;
}

static bool
has_hashes(struct fetch *fetch)
{
	return fetch->transfer->verify != FTP_VERIFY_NEVER && algorithm_best(fetch->ftp) != NULL;
}

static int
sink_take_bytes(void *context, const char *bytes, size_t len)
{
	struct fetch *fetch = context;
	uint64_t begin = fetch->sink.is_stream ? fetch->transfer->offset : 0;
	ssize_t again = fetch->seen < fetch->overlap ? take_overlap(fetch, bytes, len) : 0;
	int r;

	if (again < 0)
		return (int)again;
	fetch->result->bytes += len;
	bytes += again;
	len -= (size_t)again;
	fetch->is_longer =
	    !fetch->transfer->is_to_end && fetch->size >= 0 && begin + fetch->sink.at + len > (uint64_t)fetch->size;
	if (fetch->is_longer)
		len = (size_t)((uint64_t)fetch->size - begin - fetch->sink.at);
	stream_sum_add(&fetch->sum, bytes, len);
	r = sink_write(&fetch->sink, fetch->ftp, bytes, len);
	meter_move(&fetch->meter, begin + fetch->sink.at);
	follow_to(fetch->follower, fetch->sink.at);
	return r == 0 && fetch->is_longer ? -EFBIG : r;
}

/* The kernel has moved bytes into the part. */
static void
count_moved(void *context)
{
	struct fetch *fetch = context;

	fetch->result->bytes += fetch->sink.at - fetch->counted;
	fetch->counted = fetch->sink.at;
	meter_move(&fetch->meter, fetch->sink.at);
	follow_to(fetch->follower, fetch->sink.at);
}

/* What is large, and goes into the part as it comes. */
static bool
is_for_kernel(const struct fetch *fetch, const struct wire *wire)
{
	return !fetch->sink.is_stream && wire->tls == NULL && !wire->text.is_on && fetch->size >= 0 &&
	    (uint64_t)fetch->size >= fetch->sink.at + SPLICE_MIN;
}

/* The bytes before the cut come again; then what was announced; then the end, or more than that. */
static enum ftp_class
receive_bytes(struct fetch *fetch, struct wire *wire, uint64_t wanted)
{
	enum ftp_class reason = FTP_OK;

	if (is_for_kernel(fetch, wire)) {
		if (fetch->overlap > 0)
			reason = data_receive(fetch->ftp, wire, fetch->overlap, sink_take_bytes, fetch);
		fetch->counted = fetch->sink.at;
		if (reason == FTP_OK && !wire->is_ended)
			reason = data_splice(
			    fetch->ftp, wire, (uint64_t)fetch->size - fetch->sink.at, &fetch->sink, count_moved, fetch);
	}
	if (reason != FTP_OK || wire->is_ended)
		return reason;
	return data_receive(fetch->ftp, wire, wanted, sink_take_bytes, fetch);
}

/* --- the transfer --- */

/* The codes of servers that do not support REST, or not at this point. */
static bool
is_restart_refused(const struct ftp *ftp)
{
	switch (ftp->error.reply_code) {
	case 500:
	case 501:
	case 502:
	case 503:
	case 504:
	case 551:
	case 554:
	case 555:
		return true;
	default:
		return false;
	}
}

/* Some servers have no REST: without it a part is of no use. */
static enum ftp_class
begin_retr(struct fetch *fetch, struct data *data)
{
	enum ftp_class reason =
	    data_begin(fetch->ftp, data, "RETR", fetch->transfer->remote, fetch_position(fetch) - fetch->overlap);

	if (reason != FTP_REFUSED || fetch->sink.at == 0 || fetch->sink.is_stream || !is_restart_refused(fetch->ftp))
		return reason;
	reason = fetch_start_over(fetch, "the server cannot resume");
	return reason != FTP_OK ? reason : data_begin(fetch->ftp, data, "RETR", fetch->transfer->remote, 0);
}

/* True when everything has come: by size where that is known, else by a proper end. */
static enum ftp_class
check_end(struct fetch *fetch, const struct data *data)
{
	uint64_t end = fetch_position(fetch);

	if (fetch->size >= 0 && end < (uint64_t)fetch->size)
		return ftp_fail(fetch->ftp, data->wire.is_cut ? FTP_NETWORK : FTP_VERIFY,
		    data->wire.is_cut ? "resume it" : "fetch it again when nobody writes it",
		    "%llu of %lld bytes came, then the data connection ended", (unsigned long long)end,
		    (long long)fetch->size);
	if (fetch->size < 0 && data->wire.is_cut)
		return ftp_fail(fetch->ftp, FTP_NETWORK, "try again",
		    "the data connection ended without TLS's close_notify: the file may be cut off");
	return FTP_OK;
}

/* The connection has received all that is wanted, or failed with reason. */
static enum ftp_class
end_retr(struct fetch *fetch, struct data *data)
{
	enum ftp_class reason = check_end(fetch, data), ended;
	struct ftp_error cut = fetch->ftp->error;

	/* the server's reply explains more than a short file does: 426, 451 */
	ended = data_end(fetch->ftp, data);
	if (ended == FTP_OK && reason != FTP_OK)
		fetch->ftp->error = cut;
	return ended != FTP_OK ? ended : reason;
}

static enum ftp_class
receive_rest(struct fetch *fetch)
{
	uint64_t wanted =
	    fetch_is_limited(fetch) ? (uint64_t)fetch->transfer->limit - fetch->sink.at + fetch->overlap : UINT64_MAX;
	struct data data;
	enum ftp_class reason;

	reason = begin_retr(fetch, &data);
	if (reason != FTP_OK)
		return reason;
	reason = receive_bytes(fetch, &data.wire, wanted);
	if (reason != FTP_OK) {
		reason = data_break(fetch->ftp, &data, reason);
		return reason == FTP_VERIFY && fetch->is_longer ? fetch_look_at_longer(fetch) : reason;
	}
	if (fetch_is_limited(fetch) && fetch->sink.at == (uint64_t)fetch->transfer->limit && !data.wire.is_ended)
		return data_break(fetch->ftp, &data, FTP_OK);
	reason = end_retr(fetch, &data);
	/* a server that had less than the overlap did not have this file */
	if (reason == FTP_OK && fetch->seen < fetch->overlap)
		fetch->is_other = true;
	if (reason == FTP_OK && !fetch->is_other && fetch->transfer->is_to_end)
		reason = fetch_look_at_end(fetch);
	return reason;
}

static bool
is_whole(const struct fetch *fetch)
{
	return !fetch->sink.is_stream && fetch->size >= 0 && fetch->sink.at > 0 &&
	    fetch->sink.at == (uint64_t)fetch->size;
}

/* Use several connections only where it is worth it, and where a change of the file meanwhile would be noticed. */
static bool
is_for_segments(struct fetch *fetch)
{
	if (fetch->transfer->segments <= 1 || fetch->sink.is_stream || fetch->size < 0 ||
	    (uint64_t)fetch->size - fetch->sink.at < 2 * SEGMENT_MIN)
		return false;
	if (fetch->transfer->is_to_end) {
		ftp_note(fetch->ftp, "'%s' is fetched over one connection: its end is not known beforehand (--to-end)",
		    fetch->transfer->remote);
		return false;
	}
	if (has_hashes(fetch) || fetch->begun.mtime != -1)
		return true;
	ftp_note(fetch->ftp,
	    "'%s' is fetched over one connection: the server has no hashes, and a change would not be noticed",
	    fetch->transfer->remote);
	return false;
}

/* All of it will be compared by hash, unless it is the piece of a file: both sides hash it from the beginning on. */
static enum ftp_class
prepare_comparison(struct fetch *fetch)
{
	if (!has_hashes(fetch) || fetch->transfer->offset > 0 || fetch_is_limited(fetch))
		return FTP_OK;
	if (!fetch->sink.is_stream && fetch->follower == NULL && fetch->size >= FOLLOW_MIN)
		fetch->follower = follow_begin(algorithm_best(fetch->ftp), fetch->sink.fd);
	follow_to(fetch->follower, fetch->sink.at);
	return remote_hash_announce(fetch->ftp, fetch->size);
}

static enum ftp_class
receive_over_one(struct fetch *fetch)
{
	int r = fetch_drop_pieces(fetch);

	return r < 0 ? fail_local(fetch->ftp, r, fetch->part.name) : receive_rest(fetch);
}

static enum ftp_class
fetch_rest(struct fetch *fetch)
{
	enum ftp_class reason;

	/* a hash has proven all of it: nothing is left, and a server may refuse to start at the end */
	if (is_whole(fetch) && fetch->overlap == 0)
		return FTP_OK;
	reason = prepare_comparison(fetch);
	if (reason != FTP_OK)
		return reason;
	if (is_for_segments(fetch))
		reason = fetch_segments(fetch, fetch->transfer->segments);
	else
		reason = receive_over_one(fetch);
	if (!fetch->is_other)
		return reason;
	reason = fetch_start_over(fetch, "what comes after the cut is not of the same file");
	if (reason == FTP_OK)
		reason = session_ready(fetch->ftp);
	return reason != FTP_OK ? reason : receive_rest(fetch);
}

/* --- the end --- */

static enum ftp_class
fail_verify(struct fetch *fetch, const struct hash_algorithm *algorithm)
{
	fetch->is_wrong = true;
	if (fetch->sink.is_stream)
		return ftp_fail(fetch->ftp, FTP_VERIFY, "do not trust what was written; fetch it again",
		    "%s differs from the server's", algorithm->name);
	return ftp_fail(fetch->ftp, FTP_VERIFY, "fetch it again when nobody writes it",
	    "%s differs from the server's: what came was removed, the target is as it was", algorithm->name);
}

/* The file may be longer now: only the hash of a range is that of the received bytes. */
static bool
is_beginning(const struct fetch *fetch)
{
	return fetch->has_grown || fetch->transfer->is_to_end;
}

static enum ftp_class
verify_fetch_hash(struct fetch *fetch)
{
	struct verification verification = {
	    .ftp = fetch->ftp,
	    .path = fetch->transfer->remote,
	    .fd = fetch->sink.is_stream ? -1 : fetch->sink.fd,
	    .sum = &fetch->sum,
	    .follower = &fetch->follower,
	    .length = fetch->sink.at,
	    .is_beginning = is_beginning(fetch),
	    /* only the hash proves a file that came in rounds */
	    .is_demanded = fetch->transfer->verify == FTP_VERIFY_ALWAYS || fetch->rounds > 0,
	    .meter = &fetch->meter,
	};
	const struct hash_algorithm *algorithm;
	enum ftp_class reason;
	bool is_same;

	/* every file begins with no bytes: there is nothing to compare, and nothing to claim */
	if (is_beginning(fetch) && fetch->sink.at == 0)
		return FTP_OK;
	reason = verify_by_hash(&verification, &algorithm, &is_same);
	/* a server that sends only the size at opening still hashes the bytes that the file has grown by */
	if (reason == FTP_OK && algorithm != NULL && !is_same && !is_beginning(fetch) && fetch->sink.at > 0 &&
	    fetch_find_growth(fetch)) {
		verification.is_beginning = true;
		reason = verify_by_hash(&verification, &algorithm, &is_same);
	}
	if (reason != FTP_OK || algorithm == NULL)
		return reason;
	if (!is_same)
		return fail_verify(fetch, algorithm);
	snprintf(fetch->result->verified, sizeof(fetch->result->verified), "%s", algorithm->name);
	return FTP_OK;
}

/* Pieces over several connections belong to one file only when its size and time are still the announced ones. */
static enum ftp_class
check_remote_unchanged(struct fetch *fetch)
{
	int64_t size = fetch->size, mtime = fetch->mtime;
	enum ftp_class reason;

	if (!fetch->is_continued || fetch->result->verified[0] != '\0' || fetch->has_grown)
		return FTP_OK;
	reason = session_ready(fetch->ftp);
	if (reason == FTP_OK)
		reason = fetch_look(fetch, true);
	fetch->is_wrong = reason == FTP_OK && (size != fetch->size || mtime != fetch->mtime) &&
	    !(fetch->transfer->is_to_end && fetch->size > size);
	if (fetch->is_wrong)
		reason = ftp_fail(fetch->ftp, FTP_VERIFY, "fetch it again when nobody writes it",
		    "it changed on the server meanwhile: what came was removed");
	return reason;
}

static enum ftp_class
verify_fetch(struct fetch *fetch)
{
	enum ftp_class reason = FTP_OK;

	if (fetch->transfer->verify != FTP_VERIFY_NEVER)
		reason = verify_fetch_hash(fetch);
	/* a file that grew meanwhile is longer on the server, unless its new bytes came too */
	fetch->result->is_size_same = fetch->size >= 0 &&
	    (fetch->transfer->is_to_end ? (uint64_t)fetch->size == fetch->sink.at : !fetch->has_grown);
	return reason != FTP_OK ? reason : check_remote_unchanged(fetch);
}

/* --- all of it --- */

static enum ftp_class
prepare_fetch(struct fetch *fetch, bool is_again)
{
	enum ftp_class reason = session_ready(fetch->ftp);

	if (reason == FTP_OK)
		reason = fetch_look(fetch, is_again);
	if (reason == FTP_OK && !fetch->sink.is_stream && fetch->sink.fd < 0)
		reason = fetch_open_part(fetch);
	if (reason == FTP_OK && fetch->sink.is_stream && fetch->sink.at == 0)
		fetch_describe(fetch);
	/* a beginning that was copied from the target is proven already */
	if (reason == FTP_OK && (is_again || !fetch->is_begun))
		reason = fetch_prove_part(fetch);
	return reason;
}

static enum ftp_class
fetch_once(struct fetch *fetch, bool is_again)
{
	bool is_first = fetch->sink.at == 0 || !fetch->is_begun;
	enum ftp_class reason = prepare_fetch(fetch, is_again);
	uint64_t began;

	if (reason != FTP_OK)
		return reason;
	if (is_first)
		fetch->result->resumed = fetch->sink.at;
	if (!is_again)
		fetch->announced = fetch->size;
	fetch->is_begun = true;
	meter_begin(&fetch->meter, fetch->ftp, FTP_PHASE_TRANSFER, fetch_position(fetch),
	    fetch_is_limited(fetch) ? -1 : fetch->size);
	began = monotonic_ms();
	reason = fetch_rest(fetch);
	fetch->result->elapsed_ms += monotonic_ms() - began;
	meter_end(&fetch->meter);
	if (fetch->overlap > 0 && fetch->seen == fetch->overlap && !fetch->is_other && fetch->rounds == 0) {
		fetch->result->overlap = fetch->overlap;
		snprintf(fetch->result->proof, sizeof(fetch->result->proof), "overlap");
	}
	return reason;
}

/*
 * Most servers send the size that a file had when they opened it. Another round fetches what it grew by since,
 * where a hash of the whole will prove that the rounds are of one file.
 */
static bool
begin_round(struct fetch *fetch)
{
	if (!fetch->transfer->is_to_end || fetch->size < 0 || fetch_position(fetch) >= (uint64_t)fetch->size)
		return false;
	if (!fetch->sink.is_stream && has_hashes(fetch) && remote_hash_has_ranges(fetch->ftp) &&
	    fetch->rounds < ROUNDS_MAX) {
		fetch->rounds++;
		return true;
	}
	ftp_note(fetch->ftp, "'%s' is still growing: %llu bytes were fetched, and it has %lld now",
	    fetch->transfer->remote, (unsigned long long)fetch_position(fetch), (long long)fetch->size);
	return false;
}

/* A round is no retry: it follows a transfer that succeeded. */
static enum ftp_class
fetch_rounds(void *context, bool is_again)
{
	struct fetch *fetch = context;
	enum ftp_class reason;

	do
		reason = fetch_once(fetch, is_again || fetch->rounds > 0);
	while (reason == FTP_OK && begin_round(fetch));
	return reason;
}

static void
begin_stream(struct fetch *fetch)
{
	if (!fetch->sink.is_stream)
		return;
	fetch->sink.fd = fetch->transfer->stream_fd;
	if (fetch->ftp->options->retries > 0)
		sink_keep_tail(&fetch->sink);
	if (fetch->transfer->verify != FTP_VERIFY_NEVER && fetch->transfer->offset == 0 && !fetch_is_limited(fetch))
		stream_sum_begin(&fetch->sum, fetch->ftp);
}

enum ftp_class
ftp_get(struct ftp *ftp, const struct ftp_transfer *transfer, struct ftp_result *result)
{
	struct ftp_result unwanted = {0};
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	enum ftp_class reason;

	doing(ftp, "cannot fetch '%s'", transfer->remote);
	if (fetch == NULL)
		return fail_local(ftp, -ENOMEM, "download");
	fetch->ftp = ftp;
	fetch->transfer = transfer;
	fetch->sink.is_stream = transfer->local_name == NULL;
	fetch->sink.fd = fetch->part.fd = -1;
	fetch->size = fetch->mtime = fetch->announced = -1;
	fetch->result = result != NULL ? result : &unwanted;
	memset(fetch->result, 0, sizeof(*fetch->result));
	begin_stream(fetch);
	reason = attempt_run(&(const struct attempt){.ftp = ftp,
				 .verb = "fetch",
				 .remote = transfer->remote,
				 .retries = &fetch->result->retries,
				 .at = &fetch->sink.at,
				 .once = fetch_rounds},
	    fetch);
	fetch->result->size = fetch->sink.at;
	if (fetch->announced >= 0 && fetch_position(fetch) > (uint64_t)fetch->announced)
		fetch->result->grown = fetch_position(fetch) - (uint64_t)fetch->announced;
	ftp->is_last_command = reason == FTP_OK && !fetch->sink.is_stream;
	if (reason == FTP_OK && !fetch_is_limited(fetch) && transfer->offset == 0)
		reason = verify_fetch(fetch);
	ftp->is_last_command = false;
	if (reason == FTP_OK && !fetch->sink.is_stream)
		reason = fetch_put_in_place(fetch);
	if (reason != FTP_OK && !fetch->sink.is_stream)
		fetch_leave_part(fetch);
	stream_sum_free(&fetch->sum);
	follow_end(&fetch->follower);
	part_close(&fetch->part);
	sink_free(&fetch->sink);
	free(fetch);
	return reason;
}
