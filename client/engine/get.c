/* SPDX-License-Identifier: ISC */
/* Downloads: into a part beside the target, which takes its place when all of it is there and is what was sent. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/engine/answer.h"
#include "client/engine/data.h"
#include "client/engine/fetch.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define SETTLED_S 2 /* of a younger file, another version may have the same time */
#define SEGMENT_MIN (1024 * 1024) /* bytes: less is not worth another login */
#define ROUNDS_MAX 8 /* a file that grows as fast as it is fetched has no end */

/* --- receiving --- */

static bool
is_stream(const struct fetch *fetch)
{
	return fetch->transfer->local_name == NULL;
}

/* Where in the remote file the next byte is from. */
static uint64_t
position(const struct fetch *fetch)
{
	return fetch->at + (is_stream(fetch) ? fetch->transfer->offset : 0);
}

/* Keep the last bytes of a stream: they cannot be read again here. */
static void
keep_tail(struct fetch *fetch, const char *bytes, size_t len)
{
	size_t kept;

	if (fetch->tail == NULL)
		return;
	if (len >= OVERLAP_BYTES) {
		memcpy(fetch->tail, bytes + len - OVERLAP_BYTES, OVERLAP_BYTES);
		fetch->tail_len = OVERLAP_BYTES;
		return;
	}
	kept = fetch->tail_len + len > OVERLAP_BYTES ? OVERLAP_BYTES - len : fetch->tail_len;
	memmove(fetch->tail, fetch->tail + fetch->tail_len - kept, kept);
	memcpy(fetch->tail + kept, bytes, len);
	fetch->tail_len = kept + len;
}

/* Write to the part or the stream; a stream may be a pipe whose reader is slow. */
static int
write_all(struct fetch *fetch, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n =
		    is_stream(fetch) ? write(fetch->fd, bytes, len) : pwrite(fetch->fd, bytes, len, (off_t)fetch->at);

		if (n < 0 && errno == EAGAIN) {
			int r = wire_wait(fetch->fd, POLLOUT, INT32_MAX, fetch->ftp->options->abort);

			if (r < 0)
				return r;
		} else if (n < 0 && (errno != EINTR || is_aborted(fetch->ftp))) {
			return errno == EINTR ? -ECANCELED : -errno;
		} else if (n > 0) {
			keep_tail(fetch, bytes, (size_t)n);
			fetch->at += (uint64_t)n;
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The bytes before the cut, which come again, are those that are there. Returns how many there were, -EBADMSG, -errno. */
static ssize_t
take_overlap(struct fetch *fetch, const char *bytes, size_t len)
{
	uint64_t left = fetch->overlap - fetch->seen;
	int r;

	if (len > left)
		len = (size_t)left;
	if (!is_stream(fetch))
		r = local_compare(fetch->fd, fetch->at - left, bytes, len);
	else
		r = left > fetch->tail_len || memcmp(fetch->tail + fetch->tail_len - left, bytes, len) != 0 ? -EBADMSG
													    : 0;
	if (r < 0) {
		fetch->is_other = r == -EBADMSG;
		return r;
	}
	fetch->seen += len;
	return (ssize_t)len;
}

static int
take_bytes(void *context, const char *bytes, size_t len)
{
	struct fetch *fetch = context;
	uint64_t begin = is_stream(fetch) ? fetch->transfer->offset : 0;
	ssize_t again = fetch->seen < fetch->overlap ? take_overlap(fetch, bytes, len) : 0;
	int r;

	if (again < 0)
		return (int)again;
	fetch->result->bytes += len;
	bytes += again;
	len -= (size_t)again;
	fetch->is_longer =
	    !fetch->transfer->is_to_end && fetch->size >= 0 && begin + fetch->at + len > (uint64_t)fetch->size;
	if (fetch->is_longer)
		len = (size_t)((uint64_t)fetch->size - begin - fetch->at);
	if (fetch->is_summed)
		sum_add(&fetch->sum, bytes, len);
	r = write_all(fetch, bytes, len);
	meter_move(&fetch->meter, begin + fetch->at);
	return r == 0 && fetch->is_longer ? -EFBIG : r;
}

/* --- what the server has --- */

static enum ftp_class
look_by_size(struct fetch *fetch)
{
	struct ftp *ftp = fetch->ftp;
	enum ftp_class reason = control_exchange(ftp, "SIZE %s", fetch->transfer->remote);
	const char *text = reply_message(&ftp->reply);
	uint64_t size;

	if (reason == FTP_OK && ftp->reply.code == 213 && parse_u64(text, INT64_MAX, &size) == 0)
		fetch->size = (int64_t)size;
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "MDTM %s", fetch->transfer->remote);
	text = reply_message(&ftp->reply);
	if (reason == FTP_OK && ftp->reply.code == 213 && answer_time(text, strcspn(text, " "), &fetch->mtime) < 0)
		fetch->mtime = -1;
	return reason;
}

static enum ftp_class
take_entry(struct fetch *fetch, const struct ftp_entry *entry)
{
	if (entry->kind == FTP_KIND_DIRECTORY)
		return fail(fetch->ftp, FTP_REFUSED, "use mirror for directories", "it is a directory");
	/* the size of a link is that of its text, and not that of the file */
	if (entry->kind == FTP_KIND_FILE) {
		fetch->size = entry->size;
		fetch->mtime = entry->mtime_is_exact ? entry->mtime : -1;
	}
	return FTP_OK;
}

/* The fact "unique" (RFC 3659, 7.5.2), where the last reply has one: another file of this name has another. */
static void
take_validator(struct fetch *fetch)
{
	const char *text = fetch->ftp->reply.text.data, *at = text == NULL ? NULL : strcasestr(text, "unique=");
	size_t len = at == NULL ? 0 : strcspn(at + 7, "; \r\n");

	if (len > 0 && len < sizeof(fetch->validator))
		snprintf(fetch->validator, sizeof(fetch->validator), "%.*s", (int)len, at + 7);
}

/* Size and time, as far as the server tells them. Whether there is such a file is RETR's to say. */
static enum ftp_class
look(struct fetch *fetch, bool is_again)
{
	const struct ftp_entry *known = fetch->transfer->known;
	struct ftp *ftp = fetch->ftp;
	struct ftp_entry entry;
	enum ftp_class reason;

	fetch->size = fetch->mtime = -1;
	fetch->validator[0] = '\0';
	if (known != NULL && !is_again && known->mtime_is_exact && known->kind == FTP_KIND_FILE)
		return take_entry(fetch, known);
	if (ftp->has_no_mlst || session_feature(ftp, "MLST") == NULL)
		return look_by_size(fetch);
	reason = session_mlst(ftp, fetch->transfer->remote, &entry);
	/* some refuse MLST for what they send: RETR has the last word */
	if (reason == FTP_REFUSED || (reason == FTP_OK && ftp->has_no_mlst))
		return look_by_size(fetch);
	if (reason == FTP_OK) {
		take_validator(fetch);
		reason = take_entry(fetch, &entry);
		ftp_entry_free(&entry);
	}
	return reason;
}

/* --- the part --- */

/*
 * How the source is told now, for the record. A time of just now is kept as unknown: another version may be written
 * within the same second.
 */
static void
describe(struct fetch *fetch)
{
	struct record *begun = &fetch->begun;

	memset(begun, 0, sizeof(*begun));
	if (session_url(fetch->ftp, fetch->transfer->remote, begun->url, sizeof(begun->url)) < 0)
		begun->url[0] = '\0';
	snprintf(begun->validator, sizeof(begun->validator), "%s", fetch->validator);
	begun->size = fetch->size;
	begun->mtime = fetch->mtime < (int64_t)time(NULL) - SETTLED_S ? fetch->mtime : -1;
	begun->whole = -1;
}

/* Without hashes this is what may be known before a byte is read: the same place, size and time as told by record. */
static bool
is_told_same(const struct fetch *fetch, const struct record *record)
{
	char url[RECORD_TEXT_SIZE];

	return session_url(fetch->ftp, fetch->transfer->remote, url, sizeof(url)) == 0 &&
	    strcmp(url, record->url) == 0 && record->size >= 0 && record->size == fetch->size && record->mtime != -1 &&
	    record->mtime == fetch->mtime &&
	    (record->validator[0] == '\0' || fetch->validator[0] == '\0' ||
		strcmp(record->validator, fetch->validator) == 0);
}

/* A part without a record is of no use later, and goes when the download fails. */
static void
write_record(struct fetch *fetch)
{
	int r;

	describe(fetch);
	if (is_stream(fetch))
		return;
	r = part_record(&fetch->part, &fetch->begun);
	if (r < 0)
		trace(fetch->ftp, '*', "no record of the part can be kept: %s", strerror(-r));
}

/* What is there is not of this file: forget it, and say so. What a stream has written stays written. */
static enum ftp_class
start_over(struct fetch *fetch, const char *why)
{
	if (is_stream(fetch))
		return fail(
		    fetch->ftp, FTP_VERIFY, "fetch it again", "what was written cannot be gone on with: %s", why);
	note(fetch->ftp, "'%s' is fetched from the beginning: %s", fetch->transfer->remote, why);
	fetch->result->is_restarted = true;
	fetch->result->resumed = 0;
	fetch->result->overlap = 0;
	fetch->result->proof[0] = '\0';
	if (ftruncate(fetch->fd, 0) < 0)
		return fail_local(fetch->ftp, -errno, fetch->part.name);
	fetch->at = fetch->overlap = fetch->seen = 0;
	fetch->is_other = fetch->is_continued = false;
	write_record(fetch);
	return FTP_OK;
}

static enum ftp_class
fail_part(struct fetch *fetch, int r)
{
	if (r == -EBUSY)
		return fail(fetch->ftp, FTP_LOCAL, "wait for it, or choose another name",
		    "another transfer writes '%s'", fetch->part.name);
	if (r == -EINVAL || r == -ELOOP || r == -EISDIR)
		return fail(fetch->ftp, FTP_LOCAL, "remove it, or choose another name",
		    "'%s' is there, and no regular file", fetch->part.name);
	return fail_local(fetch->ftp, r, fetch->part.name);
}

/*
 * Compare length bytes of a local file with the beginning of what the server has, by hash. FTP_REFUSED: it has no hashes
 * of ranges.
 */
static enum ftp_class
compare_beginning(struct fetch *fetch, int fd, uint64_t length, bool *is_same)
{
	const struct hash_algorithm *algorithm = algorithm_best(fetch->ftp);
	enum ftp_class reason;

	*is_same = false;
	if (algorithm == NULL)
		return FTP_REFUSED;
	meter_begin(&fetch->meter, fetch->ftp, FTP_PHASE_CHECK_PART, 0, (int64_t)length);
	reason = remote_hash_compare(
	    fetch->ftp, algorithm, fetch->transfer->remote, fd, length, false, &fetch->meter, is_same);
	if (reason == FTP_OK && *is_same)
		snprintf(fetch->result->proof, sizeof(fetch->result->proof), "%s", algorithm->name);
	return reason;
}

/* Begin the part with a copy of a file that is proven to be a beginning of the remote one. *is_there: there was a file. */
static enum ftp_class
copy_beginning(struct fetch *fetch, const char *name, bool *is_there)
{
	enum ftp_class reason = FTP_OK;
	bool is_same = false;
	struct stat status;
	int fd = local_open_source(fetch->transfer->local_dir_fd, name, &status), r = 0;

	if (fd < 0)
		return FTP_OK;
	*is_there = true;
	if (fetch->size > 0 && status.st_size > 0 && status.st_size <= fetch->size)
		reason = compare_beginning(fetch, fd, (uint64_t)status.st_size, &is_same);
	if (reason == FTP_OK && is_same)
		r = local_copy(fd, fetch->fd, (uint64_t)status.st_size);
	close_fd(&fd);
	if (r < 0)
		return fail_local(fetch->ftp, r, fetch->part.name);
	if (reason == FTP_OK && is_same) {
		fetch->at = (uint64_t)status.st_size;
		fetch->is_begun = true;
	}
	return reason == FTP_REFUSED ? FTP_OK : reason;
}

/*
 * Where no part is, another file may be a beginning of the remote one, by its hash: another client's NAME.part, or what
 * stands under the name itself (a download that was cut off, a log that grew). Neither is changed before the transfer is whole.
 */
static enum ftp_class
find_beginning(struct fetch *fetch)
{
	const struct ftp_transfer *transfer = fetch->transfer;
	enum ftp_class reason = FTP_OK;
	char other[LOCAL_NAME_SIZE];
	bool is_there = false;

	local_beside(transfer->local_name, PART_SUFFIX, other);
	if (fetch->part.is_beside_other && transfer->is_resume)
		reason = copy_beginning(fetch, other, &is_there);
	if (reason == FTP_OK && !fetch->is_begun)
		reason = copy_beginning(fetch, transfer->local_name, &is_there);
	if (reason != FTP_OK || fetch->is_begun || !is_there || !transfer->is_resume)
		return reason;
	fetch->result->is_restarted = true;
	note(fetch->ftp, "'%s' is fetched from the beginning: '%s' is no part of it that can be proven, and stays %s",
	    transfer->remote, fetch->part.is_beside_other ? other : transfer->local_name,
	    fetch->part.is_beside_other ? "as it is" : "until the new one is whole");
	return FTP_OK;
}

static enum ftp_class
check_target(struct fetch *fetch)
{
	const struct ftp_transfer *transfer = fetch->transfer;
	int r = local_check_name(transfer->local_name);
	struct stat status;

	if (r < 0)
		return fail(fetch->ftp, FTP_LOCAL, NULL, "'%s' cannot be the name of a file here: %s",
		    transfer->local_name,
		    r == -EINVAL ? "it must not be empty, '.', '..' or hold a '/'" : strerror(-r));
	if (fstatat(transfer->local_dir_fd, transfer->local_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    S_ISREG(status.st_mode) || S_ISLNK(status.st_mode))
		return FTP_OK;
	return fail(fetch->ftp, FTP_LOCAL, "choose another name, or remove it first", "'%s' is there, and %s",
	    transfer->local_name, S_ISDIR(status.st_mode) ? "a directory" : "no regular file");
}

static enum ftp_class
open_part(struct fetch *fetch)
{
	const struct ftp_transfer *transfer = fetch->transfer;
	bool is_resumed = transfer->is_resume || transfer->is_resume_own;
	enum ftp_class reason = check_target(fetch);
	int r;

	if (reason != FTP_OK)
		return reason;
	r = part_open(&fetch->part, transfer->local_dir_fd, transfer->local_name);
	if (r < 0)
		return fail_part(fetch, r);
	fetch->fd = fetch->part.fd;
	if (is_resumed)
		fetch->at = fetch->part.length;
	if (ftruncate(fetch->fd, (off_t)fetch->at) < 0)
		return fail_local(fetch->ftp, -errno, fetch->part.name);
	if (is_resumed && fetch->at == 0)
		reason = find_beginning(fetch);
	if (fetch->at == 0 || fetch->is_begun)
		write_record(fetch);
	return reason;
}

/* --- the proof before a resume --- */

static const char *
why_not_same(const struct fetch *fetch, const struct record *record)
{
	if (fetch->is_begun)
		return fetch->mtime == -1 || record->mtime == -1
		    ? "whether it changed on the server meanwhile cannot be told"
		    : "it changed on the server meanwhile";
	if (!fetch->part.has_record)
		return "nothing tells of what file the part is";
	return fetch->mtime == -1 || record->mtime == -1
	    ? "the server has no hashes, and whether the file changed since cannot be told"
	    : "the part is of another file, or it changed since";
}

/*
 * By size and time, and then by bytes that are read again: as many as there are, OVERLAP_BYTES are enough. What comes in
 * rounds is proven by the hash at the end.
 */
static enum ftp_class
prove_by_overlap(struct fetch *fetch, const struct record *record)
{
	uint64_t kept = is_stream(fetch) ? fetch->tail_len : fetch->at;

	if (kept == 0)
		return start_over(fetch, "its last bytes are not known any more");
	if (fetch->rounds == 0 && !is_told_same(fetch, record))
		return start_over(fetch, why_not_same(fetch, record));
	fetch->overlap = kept < OVERLAP_BYTES ? kept : OVERLAP_BYTES;
	fetch->begun = *record;
	return FTP_OK;
}

static enum ftp_class
prove_part(struct fetch *fetch)
{
	const struct record *record = fetch->is_begun ? &fetch->begun : &fetch->part.record;
	enum ftp_class reason = FTP_REFUSED;
	bool is_same = false;

	fetch->overlap = fetch->seen = 0;
	if (fetch->at == 0)
		return FTP_OK;
	fetch->is_continued = true;
	if (fetch->size >= 0 && position(fetch) > (uint64_t)fetch->size)
		return start_over(fetch, "the part is longer than the file");
	/* what this call has received is known to be good: only the joint is in question */
	if (fetch->is_begun && (fetch->rounds > 0 || is_told_same(fetch, record)))
		return prove_by_overlap(fetch, record);
	if (!is_stream(fetch))
		reason = compare_beginning(fetch, fetch->fd, fetch->at, &is_same);
	if (reason == FTP_OK && !is_same)
		return start_over(fetch, "the part differs from what the server has");
	if (reason == FTP_OK)
		write_record(fetch);
	if (reason != FTP_REFUSED)
		return reason;
	if (fetch->transfer->verify == FTP_VERIFY_ALWAYS && algorithm_best(fetch->ftp) == NULL)
		return fail(fetch->ftp, FTP_VERIFY, "without a hash: --verify=auto",
		    "the part cannot be checked: the server has no hashes");
	return prove_by_overlap(fetch, record);
}

/* --- the transfer --- */

static bool
is_limited(const struct fetch *fetch)
{
	return is_stream(fetch) && fetch->transfer->limit > 0;
}

/* The codes of servers that do not take REST, or not there. */
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

/* REST is not everybody's: without it a part is of no use. */
static enum ftp_class
begin_retr(struct fetch *fetch, struct data *data)
{
	enum ftp_class reason =
	    data_begin(fetch->ftp, data, "RETR", fetch->transfer->remote, position(fetch) - fetch->overlap);

	if (reason != FTP_REFUSED || fetch->at == 0 || is_stream(fetch) || !is_restart_refused(fetch->ftp))
		return reason;
	reason = start_over(fetch, "the server cannot resume");
	return reason != FTP_OK ? reason : data_begin(fetch->ftp, data, "RETR", fetch->transfer->remote, 0);
}

/* Whether all has come: by size where that is known, else by a proper end. */
static enum ftp_class
check_end(struct fetch *fetch, const struct data *data)
{
	uint64_t end = position(fetch);

	if (fetch->size >= 0 && end < (uint64_t)fetch->size)
		return fail(fetch->ftp, data->wire.is_cut ? FTP_NETWORK : FTP_VERIFY,
		    data->wire.is_cut ? "resume it" : "fetch it again when nobody writes it",
		    "%llu of %lld bytes came, then the data connection ended", (unsigned long long)end,
		    (long long)fetch->size);
	if (fetch->size < 0 && data->wire.is_cut)
		return fail(fetch->ftp, FTP_NETWORK, "try again",
		    "the data connection ended without TLS's farewell: the file may be "
		    "cut off");
	return FTP_OK;
}

/* Does the server tell a larger size by now? Then what was told at the beginning is whole, and that is said. */
static bool
find_growth(struct fetch *fetch)
{
	int64_t size = fetch->size, mtime = fetch->mtime;
	enum ftp_class reason = session_ready(fetch->ftp);

	if (reason == FTP_OK)
		reason = look(fetch, true);
	fetch->has_grown = reason == FTP_OK && size >= 0 && fetch->size > size;
	fetch->size = size;
	fetch->mtime = mtime;
	if (fetch->has_grown)
		note(fetch->ftp, "'%s' grows: the %lld bytes that it had at the beginning were fetched",
		    fetch->transfer->remote, (long long)size);
	return fetch->has_grown;
}

/* More came than was told: unless the file has grown, the part is known to be wrong. */
static enum ftp_class
look_at_longer(struct fetch *fetch)
{
	struct ftp_error error = fetch->ftp->error;

	if (!find_growth(fetch)) {
		fetch->ftp->error = error;
		return FTP_VERIFY;
	}
	fetch->is_longer = false;
	return FTP_OK;
}

/*
 * The server has ended a transfer of all that there was. Of a file that only grew it tells no fewer bytes than came, and
 * the same fact "unique".
 */
static enum ftp_class
look_at_end(struct fetch *fetch)
{
	char validator[RECORD_VALIDATOR_SIZE];
	int64_t size = fetch->size, mtime = fetch->mtime;
	enum ftp_class reason = session_ready(fetch->ftp);
	uint64_t end = position(fetch);

	snprintf(validator, sizeof(validator), "%s", fetch->validator);
	if (reason == FTP_OK)
		reason = look(fetch, true);
	if (reason != FTP_OK)
		return reason;
	fetch->is_wrong = (fetch->size >= 0 && (uint64_t)fetch->size < end) ||
	    (validator[0] != '\0' && fetch->validator[0] != '\0' && strcmp(validator, fetch->validator) != 0);
	if (fetch->is_wrong)
		return fail(fetch->ftp, FTP_VERIFY, "fetch it again",
		    "it was replaced or cut on the server meanwhile: what came %s",
		    is_stream(fetch) ? "is not to be trusted" : "was removed");
	fetch->has_grown = fetch->size > size;
	if (!fetch->has_grown) {
		fetch->size = size;
		fetch->mtime = mtime;
	}
	return FTP_OK;
}

/* The connection has all that is wanted, or failed with reason. */
static enum ftp_class
end_retr(struct fetch *fetch, struct data *data)
{
	enum ftp_class reason = check_end(fetch, data), ended;
	struct ftp_error cut = fetch->ftp->error;

	/* the server's own words say more than a short file does: 426, 451 */
	ended = data_end(fetch->ftp, data);
	if (ended == FTP_OK && reason != FTP_OK)
		fetch->ftp->error = cut;
	return ended != FTP_OK ? ended : reason;
}

static enum ftp_class
receive_rest(struct fetch *fetch)
{
	uint64_t wanted =
	    is_limited(fetch) ? (uint64_t)fetch->transfer->limit - fetch->at + fetch->overlap : UINT64_MAX;
	struct data data;
	enum ftp_class reason;

	reason = begin_retr(fetch, &data);
	if (reason != FTP_OK)
		return reason;
	reason = data_receive(fetch->ftp, &data.wire, wanted, take_bytes, fetch);
	if (reason != FTP_OK) {
		reason = data_break(fetch->ftp, &data, reason);
		return reason == FTP_VERIFY && fetch->is_longer ? look_at_longer(fetch) : reason;
	}
	if (is_limited(fetch) && fetch->at == (uint64_t)fetch->transfer->limit && !data.wire.is_ended)
		return data_break(fetch->ftp, &data, FTP_OK);
	reason = end_retr(fetch, &data);
	/* a server that had less than the overlap had not this file */
	if (reason == FTP_OK && fetch->seen < fetch->overlap)
		fetch->is_other = true;
	if (reason == FTP_OK && !fetch->is_other && fetch->transfer->is_to_end)
		reason = look_at_end(fetch);
	return reason;
}

static bool
is_whole(const struct fetch *fetch)
{
	return !is_stream(fetch) && fetch->size >= 0 && fetch->at > 0 && fetch->at == (uint64_t)fetch->size;
}

static bool
has_hashes(struct fetch *fetch)
{
	return fetch->transfer->verify != FTP_VERIFY_NEVER && algorithm_best(fetch->ftp) != NULL;
}

/* In pieces only where it is worth it, and where a change of the file meanwhile would be seen. */
static bool
is_for_segments(struct fetch *fetch)
{
	if (fetch->transfer->segments <= 1 || is_stream(fetch) || fetch->size < 0 ||
	    (uint64_t)fetch->size - fetch->at < 2 * SEGMENT_MIN)
		return false;
	if (fetch->transfer->is_to_end) {
		note(fetch->ftp, "'%s' is fetched over one connection: its end is not known before (--to-end)",
		    fetch->transfer->remote);
		return false;
	}
	if (has_hashes(fetch) || fetch->begun.mtime != -1)
		return true;
	note(fetch->ftp,
	    "'%s' is fetched over one connection: the server has no hashes, and a change would not be seen",
	    fetch->transfer->remote);
	return false;
}

static enum ftp_class
fetch_rest(struct fetch *fetch)
{
	enum ftp_class reason;

	/* a hash has proven all of it: nothing is left, and a server may refuse to start at the end */
	if (is_whole(fetch) && fetch->overlap == 0)
		return FTP_OK;
	if (is_for_segments(fetch))
		reason = fetch_segments(fetch, fetch->transfer->segments);
	else
		reason = receive_rest(fetch);
	if (!fetch->is_other)
		return reason;
	reason = start_over(fetch, "what comes after the cut is not of the same file");
	if (reason == FTP_OK)
		reason = session_ready(fetch->ftp);
	return reason != FTP_OK ? reason : receive_rest(fetch);
}

/* --- the end --- */

static enum ftp_class
fail_verify(struct fetch *fetch, const struct hash_algorithm *algorithm)
{
	fetch->is_wrong = true;
	if (is_stream(fetch))
		return fail(fetch->ftp, FTP_VERIFY, "what was written is not to be trusted; fetch it again",
		    "%s differs from the server's", algorithm->name);
	return fail(fetch->ftp, FTP_VERIFY, "fetch it again when nobody writes it",
	    "%s differs from the server's: what came was removed, the target is as it was", algorithm->name);
}

/* The file may be longer by now: only a hash of a range is one of what came. */
static bool
is_beginning(const struct fetch *fetch)
{
	return fetch->has_grown || fetch->transfer->is_to_end;
}

static enum ftp_class
compare_stream(struct fetch *fetch, const struct hash_algorithm *algorithm, bool *is_same)
{
	char there[FTP_HASH_HEX_MAX];
	enum ftp_class reason;

	if (!fetch->is_summed)
		return FTP_REFUSED;
	if (fetch->summed[0] == '\0' && sum_end(&fetch->sum, fetch->summed) < 0)
		return FTP_REFUSED;
	reason = remote_hash_send(
	    fetch->ftp, algorithm, fetch->transfer->remote, 0, is_beginning(fetch) ? (int64_t)fetch->at : -1);
	if (reason == FTP_OK)
		reason = remote_hash_receive(fetch->ftp, algorithm, fetch->at, there);
	if (reason == FTP_OK)
		*is_same = strcmp(fetch->summed, there) == 0;
	return reason;
}

static enum ftp_class
compare_all(struct fetch *fetch, const struct hash_algorithm *algorithm, bool *is_same)
{
	meter_begin(&fetch->meter, fetch->ftp, FTP_PHASE_VERIFY, 0, (int64_t)fetch->at);
	if (is_stream(fetch))
		return compare_stream(fetch, algorithm, is_same);
	return remote_hash_compare(fetch->ftp, algorithm, fetch->transfer->remote, fetch->fd, fetch->at,
	    !is_beginning(fetch), &fetch->meter, is_same);
}

static enum ftp_class
verify_hash(struct fetch *fetch)
{
	const struct hash_algorithm *algorithm = algorithm_best(fetch->ftp);
	enum ftp_class reason = FTP_REFUSED;
	bool is_same = false;

	/* no bytes begin any file: there is nothing to compare, and nothing to claim */
	if (is_beginning(fetch) && fetch->at == 0)
		return FTP_OK;
	if (algorithm != NULL)
		reason = compare_all(fetch, algorithm, &is_same);
	/* a server that sends only what a file had when it was opened hashes what it has grown by as well */
	if (reason == FTP_OK && !is_same && !is_beginning(fetch) && fetch->at > 0 && find_growth(fetch))
		reason = compare_all(fetch, algorithm, &is_same);
	if (reason == FTP_OK && !is_same)
		return fail_verify(fetch, algorithm);
	if (reason == FTP_OK)
		snprintf(fetch->result->verified, sizeof(fetch->result->verified), "%s", algorithm->name);
	if (reason == FTP_OK || (reason != FTP_REFUSED && reason != FTP_TEMPORARY))
		return reason;
	/* what came in rounds is proven by nothing else */
	if (fetch->transfer->verify == FTP_VERIFY_ALWAYS || fetch->rounds > 0)
		return fail(fetch->ftp, FTP_VERIFY, "without a hash: --verify=auto",
		    "the server has no hash %sto compare with", is_beginning(fetch) ? "of a range " : "");
	return FTP_OK;
}

/* What came in several pieces is of one file only when size and time are still those that were told. */
static enum ftp_class
check_unchanged(struct fetch *fetch)
{
	int64_t size = fetch->size, mtime = fetch->mtime;
	enum ftp_class reason;

	if (!fetch->is_continued || fetch->result->verified[0] != '\0' || fetch->has_grown)
		return FTP_OK;
	reason = session_ready(fetch->ftp);
	if (reason == FTP_OK)
		reason = look(fetch, true);
	fetch->is_wrong = reason == FTP_OK && (size != fetch->size || mtime != fetch->mtime) &&
	    !(fetch->transfer->is_to_end && fetch->size > size);
	if (fetch->is_wrong)
		reason = fail(fetch->ftp, FTP_VERIFY, "fetch it again when nobody writes it",
		    "it changed on the server meanwhile: what came was removed");
	return reason;
}

static enum ftp_class
verify(struct fetch *fetch)
{
	enum ftp_class reason = FTP_OK;

	if (fetch->transfer->verify != FTP_VERIFY_NEVER)
		reason = verify_hash(fetch);
	/* of a file that grew meanwhile the server has more by now, unless all of that came too */
	fetch->result->is_size_same =
	    fetch->size >= 0 && (fetch->transfer->is_to_end ? (uint64_t)fetch->size == fetch->at : !fetch->has_grown);
	return reason != FTP_OK ? reason : check_unchanged(fetch);
}

static enum ftp_class
put_in_place(struct fetch *fetch)
{
	const struct ftp_transfer *transfer = fetch->transfer;
	int r;

	if (fetch->mtime != -1 && !transfer->no_mtime) {
		struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)fetch->mtime}};

		if (futimens(fetch->fd, times) < 0)
			note(fetch->ftp, "the time of '%s' cannot be set: %s", transfer->local_name, strerror(errno));
	}
	r = part_rename(&fetch->part, transfer->local_name);
	if (r == -ESTALE)
		return fail(fetch->ftp, FTP_LOCAL, "fetch it again",
		    "another program has put its own file in the place of '%s'", fetch->part.name);
	return r < 0 ? fail_local(fetch->ftp, r, transfer->local_name) : FTP_OK;
}

/* --- all of it --- */

static enum ftp_class
prepare(struct fetch *fetch, bool is_again)
{
	enum ftp_class reason = session_ready(fetch->ftp);

	if (reason == FTP_OK)
		reason = look(fetch, is_again);
	if (reason == FTP_OK && !is_stream(fetch) && fetch->fd < 0)
		reason = open_part(fetch);
	if (reason == FTP_OK && is_stream(fetch) && fetch->at == 0)
		describe(fetch);
	/* a beginning that was copied from the target is proven already */
	if (reason == FTP_OK && (is_again || !fetch->is_begun))
		reason = prove_part(fetch);
	return reason;
}

static enum ftp_class
fetch_once(struct fetch *fetch, bool is_again)
{
	bool is_first = fetch->at == 0 || !fetch->is_begun;
	enum ftp_class reason = prepare(fetch, is_again);
	uint64_t began;

	if (reason != FTP_OK)
		return reason;
	if (is_first)
		fetch->result->resumed = fetch->at;
	if (!is_again)
		fetch->announced = fetch->size;
	fetch->is_begun = true;
	meter_begin(
	    &fetch->meter, fetch->ftp, FTP_PHASE_TRANSFER, position(fetch), is_limited(fetch) ? -1 : fetch->size);
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
 * Most servers send what a file had when they opened it. Another round fetches what it grew by since, where a hash of all
 * of it will prove that the rounds are of one file.
 */
static bool
begin_round(struct fetch *fetch)
{
	if (!fetch->transfer->is_to_end || fetch->size < 0 || position(fetch) >= (uint64_t)fetch->size)
		return false;
	if (!is_stream(fetch) && has_hashes(fetch) && remote_hash_has_ranges(fetch->ftp) &&
	    fetch->rounds < ROUNDS_MAX) {
		fetch->rounds++;
		return true;
	}
	note(fetch->ftp, "'%s' grows on: %llu bytes were fetched, and it has %lld by now", fetch->transfer->remote,
	    (unsigned long long)position(fetch), (long long)fetch->size);
	return false;
}

static enum ftp_class
fetch_with_retries(struct fetch *fetch)
{
	unsigned int tries = 0;
	enum ftp_class reason;
	uint64_t at;

	for (;;) {
		at = fetch->at;
		reason = fetch_once(fetch, tries > 0 || fetch->rounds > 0);
		if (reason == FTP_OK && begin_round(fetch))
			continue;
		if (reason == FTP_OK)
			return reason;
		/* what moves on is worth another try: only tries in vain are counted */
		if (fetch->at > at && fetch->ftp->options->retries > 0 && tries > 1)
			tries = 1;
		reason = session_retry(fetch->ftp, reason, &tries);
		if (reason != FTP_OK)
			return reason;
		fetch->result->retries++;
		doing(fetch->ftp, "cannot fetch '%s'", fetch->transfer->remote);
	}
}

static void
begin_stream(struct fetch *fetch)
{
	const struct hash_algorithm *algorithm;

	if (!is_stream(fetch))
		return;
	fetch->fd = fetch->transfer->stream_fd;
	if (fetch->ftp->options->retries > 0)
		fetch->tail = malloc(OVERLAP_BYTES);
	if (fetch->transfer->verify == FTP_VERIFY_NEVER || fetch->transfer->offset > 0 || is_limited(fetch) ||
	    session_ready(fetch->ftp) != FTP_OK)
		return;
	algorithm = algorithm_best(fetch->ftp);
	fetch->is_summed = algorithm != NULL && sum_begin(&fetch->sum, algorithm) == 0;
}

/* A part that is empty, known to be wrong, or that nothing would know again helps nobody. */
static void
leave_part(struct fetch *fetch)
{
	struct stat status;

	if (fetch->fd < 0)
		return;
	if (fetch->is_wrong || fetch->is_longer || fetch->is_other || !fetch->part.has_record ||
	    (fstat(fetch->fd, &status) == 0 && status.st_size == 0))
		part_remove(&fetch->part);
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
	fetch->fd = fetch->part.fd = -1;
	fetch->size = fetch->mtime = fetch->announced = -1;
	fetch->result = result != NULL ? result : &unwanted;
	memset(fetch->result, 0, sizeof(*fetch->result));
	begin_stream(fetch);
	reason = fetch_with_retries(fetch);
	fetch->result->size = fetch->at;
	if (fetch->announced >= 0 && position(fetch) > (uint64_t)fetch->announced)
		fetch->result->grown = position(fetch) - (uint64_t)fetch->announced;
	if (reason == FTP_OK && !is_limited(fetch) && transfer->offset == 0)
		reason = verify(fetch);
	if (reason == FTP_OK && !is_stream(fetch))
		reason = put_in_place(fetch);
	if (reason != FTP_OK && !is_stream(fetch))
		leave_part(fetch);
	sum_free(&fetch->sum);
	part_close(&fetch->part);
	free(fetch->tail);
	free(fetch);
	return reason;
}
