/* SPDX-License-Identifier: ISC */
/* Downloads: the part, the proof that it may be continued, and the step that makes it the target. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/engine/answer.h"
#include "client/engine/fetch.h"
#include "common/io.h"

#include "common/banned.h"

#define SETTLED_S 2 /* another version of a younger file may have the same time */

/*
 * The source's present state, for the record. A very recent time counts as unknown: another version may be written
 * within the same second.
 */
void
fetch_describe(struct fetch *fetch)
{
	struct record *begun = &fetch->begun;

	memset(begun, 0, sizeof(*begun));
	if (session_url(fetch->ftp, fetch->transfer->remote, begun->url, sizeof(begun->url)) < 0)
		begun->url[0] = '\0';
	snprintf(begun->validator, sizeof(begun->validator), "%s", fetch->validator);
	begun->size = fetch->size;
	begun->mtime = fetch->mtime < (int64_t)time(NULL) - SETTLED_S ? fetch->mtime : -1;
	begun->whole = fetch->piece_count > 0 ? (int64_t)fetch->sink.at : -1;
	begun->piece_count = fetch->piece_count;
	memcpy(begun->pieces, fetch->pieces, sizeof(begun->pieces));
}

/* Without hashes, this is known before any byte is read: the same place, size and time as in the record. */
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

	fetch_describe(fetch);
	if (fetch->sink.is_stream)
		return;
	r = part_record(&fetch->part, &fetch->begun);
	if (r < 0)
		trace(fetch->ftp, '*', "no record of the part can be kept: %s", strerror(-r));
}

/* The existing part is not of this file: forget it, and report so. Bytes written to a stream stay written. */
enum ftp_class
fetch_start_over(struct fetch *fetch, const char *why)
{
	if (fetch->sink.is_stream)
		return ftp_fail(
		    fetch->ftp, FTP_VERIFY, "fetch it again", "what was written cannot be continued: %s", why);
	ftp_note(fetch->ftp, "'%s' is fetched from the beginning: %s", fetch->transfer->remote, why);
	fetch->result->is_restarted = true;
	fetch->result->resumed = 0;
	fetch->result->overlap = 0;
	fetch->result->proof[0] = '\0';
	follow_end(&fetch->follower);
	fetch->piece_count = 0;
	if (ftruncate(fetch->sink.fd, 0) < 0)
		return fail_local(fetch->ftp, -errno, fetch->part.name);
	fetch->sink.at = fetch->overlap = fetch->seen = 0;
	fetch->is_other = fetch->is_continued = false;
	write_record(fetch);
	return FTP_OK;
}

static enum ftp_class
fail_part(struct fetch *fetch, int r)
{
	if (r == -EBUSY)
		return ftp_fail(fetch->ftp, FTP_LOCAL, "wait for it, or choose another name",
		    "another transfer writes '%s'", fetch->part.name);
	if (r == -EINVAL || r == -ELOOP || r == -EISDIR)
		return ftp_fail(fetch->ftp, FTP_LOCAL, "remove it, or choose another name",
		    "'%s' exists and is not a regular file", fetch->part.name);
	return fail_local(fetch->ftp, r, fetch->part.name);
}

/*
 * Compare length bytes of a local file with the beginning of the remote file, by hash. FTP_REFUSED: the server has
 * no hashes of ranges.
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
	reason = remote_hash_compare(fetch->ftp, algorithm, fetch->transfer->remote,
	    &(const struct hash_local){.fd = fd,
		.length = length,
		.follower = fd == fetch->sink.fd ? &fetch->follower : NULL,
		.meter = &fetch->meter},
	    is_same);
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
		r = local_copy(fd, fetch->sink.fd, (uint64_t)status.st_size);
	close_fd(&fd);
	if (r < 0)
		return fail_local(fetch->ftp, r, fetch->part.name);
	if (reason == FTP_OK && is_same) {
		fetch->sink.at = (uint64_t)status.st_size;
		fetch->is_begun = true;
	}
	return reason == FTP_REFUSED ? FTP_OK : reason;
}

/*
 * Without a part, another file may be a beginning of the remote one, proven by hash: another client's NAME.part, or
 * the file under the name itself (a download that was cut off, a log that grew). Neither changes before the
 * transfer is whole.
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
	ftp_note(fetch->ftp, "'%s' is fetched from the beginning: '%s' is not a proven part of it, and stays %s",
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
		return ftp_fail(fetch->ftp, FTP_LOCAL, NULL, "'%s' cannot be the name of a file here: %s",
		    transfer->local_name,
		    r == -EINVAL ? "it must not be empty, '.', '..' or hold a '/'" : strerror(-r));
	if (fstatat(transfer->local_dir_fd, transfer->local_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    S_ISREG(status.st_mode) || S_ISLNK(status.st_mode))
		return FTP_OK;
	return ftp_fail(fetch->ftp, FTP_LOCAL, "choose another name, or remove it first", "'%s' exists, and it is %s",
	    transfer->local_name, S_ISDIR(status.st_mode) ? "a directory" : "no regular file");
}

int
fetch_drop_pieces(struct fetch *fetch)
{
	if (fetch->piece_count == 0)
		return 0;
	fetch->piece_count = 0;
	return ftruncate(fetch->sink.fd, (off_t)fetch->sink.at) < 0 ? -errno : 0;
}

/*
 * Several connections have left the part with holes. What lies after one counts where the record says that the file is
 * still the same: each connection compares its last bytes before it goes on, and the hash of the whole follows.
 */
static void
keep_pieces(struct fetch *fetch)
{
	const struct record *record = &fetch->part.record;
	struct stat status;

	if (!fetch->part.has_record || record->piece_count == 0 || fetch->transfer->segments <= 1 ||
	    !is_told_same(fetch, record) || record->pieces[record->piece_count - 1].end != (uint64_t)fetch->size ||
	    fetch->sink.at < record->pieces[0].begin || fstat(fetch->sink.fd, &status) < 0)
		return;
	for (unsigned int i = 0; i < record->piece_count; i++) {
		const struct record_piece *piece = &record->pieces[i];

		if (piece->at > piece->begin && piece->at > (uint64_t)status.st_size)
			return;
	}
	memcpy(fetch->pieces, record->pieces, sizeof(fetch->pieces));
	fetch->piece_count = record->piece_count;
}

enum ftp_class
fetch_open_part(struct fetch *fetch)
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
	fetch->sink.fd = fetch->part.fd;
	if (is_resumed) {
		fetch->sink.at = fetch->part.length;
		keep_pieces(fetch);
	}
	if (fetch->piece_count == 0 && ftruncate(fetch->sink.fd, (off_t)fetch->sink.at) < 0)
		return fail_local(fetch->ftp, -errno, fetch->part.name);
	if (is_resumed && fetch->sink.at == 0 && fetch->piece_count == 0)
		reason = find_beginning(fetch);
	if (fetch->sink.at == 0 || fetch->is_begun)
		write_record(fetch);
	return reason;
}

static const char *
why_not_same(const struct fetch *fetch, const struct record *record)
{
	if (fetch->is_begun)
		return fetch->mtime == -1 || record->mtime == -1 ? "it may have changed on the server meanwhile"
								 : "it changed on the server meanwhile";
	if (!fetch->part.has_record)
		return "nothing says which file the part is of";
	return fetch->mtime == -1 || record->mtime == -1
	    ? "the server has no hashes, and the file may have changed since"
	    : "the part is of another file, or it changed since";
}

/*
 * Compare size and time, and then the last bytes, which come again: at most OVERLAP_BYTES. The hash at the end
 * proves a file that comes in rounds.
 */
static enum ftp_class
prove_part_by_overlap(struct fetch *fetch, const struct record *record)
{
	uint64_t kept = sink_kept(&fetch->sink);

	if (kept == 0)
		return fetch_start_over(fetch, "its last bytes are no longer known");
	if (fetch->rounds == 0 && !is_told_same(fetch, record))
		return fetch_start_over(fetch, why_not_same(fetch, record));
	fetch->overlap = kept < OVERLAP_BYTES ? kept : OVERLAP_BYTES;
	fetch->begun = *record;
	return FTP_OK;
}

enum ftp_class
fetch_prove_part(struct fetch *fetch)
{
	const struct record *record = fetch->is_begun ? &fetch->begun : &fetch->part.record;
	enum ftp_class reason = FTP_REFUSED;
	bool is_same = false;
	int r = 0;

	fetch->overlap = fetch->seen = 0;
	/* pieces after a hole are proven by the record alone, until they go on */
	if (fetch->piece_count > 0 && !is_told_same(fetch, record))
		r = fetch_drop_pieces(fetch);
	if (r < 0)
		return fail_local(fetch->ftp, r, fetch->part.name);
	if (fetch->sink.at == 0)
		return FTP_OK;
	fetch->is_continued = true;
	if (fetch->size >= 0 && fetch_position(fetch) > (uint64_t)fetch->size)
		return fetch_start_over(fetch, "the part is longer than the file");
	/* the bytes of this call are known to be good: only the joint is in question */
	if (fetch->is_begun && (fetch->rounds > 0 || is_told_same(fetch, record)))
		return prove_part_by_overlap(fetch, record);
	if (!fetch->sink.is_stream)
		reason = compare_beginning(fetch, fetch->sink.fd, fetch->sink.at, &is_same);
	if (reason == FTP_OK && !is_same)
		return fetch_start_over(fetch, "the part differs from what the server has");
	if (reason == FTP_OK)
		write_record(fetch);
	if (reason != FTP_REFUSED)
		return reason;
	if (fetch->transfer->verify == FTP_VERIFY_ALWAYS && algorithm_best(fetch->ftp) == NULL)
		return ftp_fail(fetch->ftp, FTP_VERIFY, "without a hash: --verify=auto",
		    "the part cannot be checked: the server has no hashes");
	return prove_part_by_overlap(fetch, record);
}

enum ftp_class
fetch_put_in_place(struct fetch *fetch)
{
	const struct ftp_transfer *transfer = fetch->transfer;
	int r;

	if (fetch->mtime != -1 && !transfer->no_mtime) {
		struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)fetch->mtime}};

		if (futimens(fetch->sink.fd, times) < 0)
			ftp_note(
			    fetch->ftp, "the time of '%s' cannot be set: %s", transfer->local_name, strerror(errno));
	}
	r = part_rename(&fetch->part, transfer->local_name);
	if (r == -ESTALE)
		return ftp_fail(fetch->ftp, FTP_LOCAL, "fetch it again",
		    "another program has put its own file in the place of '%s'", fetch->part.name);
	return r < 0 ? fail_local(fetch->ftp, r, transfer->local_name) : FTP_OK;
}

/* Remove a part that is empty, known to be wrong, or without a record: no later run can use it. */
void
fetch_leave_part(struct fetch *fetch)
{
	struct stat status;

	if (fetch->sink.fd < 0)
		return;
	if (fetch->is_wrong || fetch->is_longer || fetch->is_other || !fetch->part.has_record ||
	    (fstat(fetch->sink.fd, &status) == 0 && status.st_size == 0))
		part_remove(&fetch->part);
}
