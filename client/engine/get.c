/* Downloads: into a part beside the target, which takes its place when all of it is there and is what was sent. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/engine/answer.h"
#include "client/engine/data.h"
#include "client/engine/fetch.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define BUFFER_SIZE (512 * 1024)
#define SEGMENT_MIN (1024 * 1024) /* bytes: less is not worth another login */

/* --- receiving --- */

enum ftp_class
fetch_receive(struct ftp *ftp, struct wire *wire, uint64_t wanted,
    int (*take)(void *context, const char *bytes, size_t len), void *context)
{
	char *bytes = malloc(BUFFER_SIZE);
	size_t have = 0;
	ssize_t n = 1;
	int r = bytes == NULL ? -ENOMEM : 0;

	while (r == 0 && n > 0 && wanted > 0) {
		size_t room = BUFFER_SIZE - have < wanted - have ? BUFFER_SIZE - have : (size_t)(wanted - have);

		n = is_aborted(ftp) ? -ECANCELED : wire_read_now(wire, bytes + have, room);
		if (n > 0)
			have += (size_t)n;
		if (have > 0 && (n <= 0 || have == BUFFER_SIZE || have == wanted)) {
			r = take(context, bytes, have);
			wanted -= have;
			have = 0;
		}
		if (n == -EAGAIN) {
			int ready = wire_wait(wire->fd, POLLIN, wire->timeout_ms, wire->abort);

			n = ready < 0 ? ready : 1;
		}
	}
	free(bytes);
	if (r < 0)
		return r == -EFBIG ? fail(ftp, FTP_VERIFY, "fetch it again when nobody writes it",
					 "more came than the size that the server told")
				   : fail_local(ftp, r, "the local side");
	return n < 0 ? fail_wire(ftp, wire, (int)n, "data connection") : FTP_OK;
}

/* Write to the part or the stream; a stream may be a pipe whose reader is slow. */
static int
write_all(struct fetch *fetch, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = fetch->transfer->local_name != NULL ? pwrite(fetch->fd, bytes, len, (off_t)fetch->at)
								: write(fetch->fd, bytes, len);

		if (n < 0 && errno == EAGAIN) {
			int r = wire_wait(fetch->fd, POLLOUT, INT32_MAX, fetch->ftp->options->abort);

			if (r < 0)
				return r;
		} else if (n < 0 && (errno != EINTR || is_aborted(fetch->ftp))) {
			return errno == EINTR ? -ECANCELED : -errno;
		} else if (n > 0) {
			fetch->at += (uint64_t)n;
			fetch->result->bytes += (uint64_t)n;
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int
take_bytes(void *context, const char *bytes, size_t len)
{
	struct fetch *fetch = context;
	uint64_t begin = fetch->transfer->local_name == NULL ? fetch->transfer->offset : 0;
	bool is_more = fetch->size >= 0 && begin + fetch->at + len > (uint64_t)fetch->size;
	int r;

	if (is_more)
		len = (size_t)((uint64_t)fetch->size - begin - fetch->at);
	if (fetch->is_summed)
		sum_add(&fetch->sum, bytes, len);
	r = write_all(fetch, bytes, len);
	meter_move(&fetch->meter, begin + fetch->at);
	return r == 0 && is_more ? -EFBIG : r;
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

/* Size and time, as far as the server tells them. Whether there is such a file is RETR's to say. */
static enum ftp_class
look(struct fetch *fetch, bool is_again)
{
	const struct ftp_entry *known = fetch->transfer->known;
	struct ftp *ftp = fetch->ftp;
	struct ftp_entry entry;
	enum ftp_class reason;

	fetch->size = fetch->mtime = -1;
	if (known != NULL && !is_again && known->mtime_is_exact && known->kind == FTP_KIND_FILE)
		return take_entry(fetch, known);
	if (ftp->has_no_mlst || session_feature(ftp, "MLST") == NULL)
		return look_by_size(fetch);
	reason = session_mlst(ftp, fetch->transfer->remote, &entry);
	if (reason == FTP_OK && ftp->has_no_mlst)
		return look_by_size(fetch);
	if (reason == FTP_OK) {
		reason = take_entry(fetch, &entry);
		ftp_entry_free(&entry);
	}
	return reason;
}

/* --- the part --- */

/* The part is not of this file: forget it, and say so. */
static enum ftp_class
start_over(struct fetch *fetch, const char *why)
{
	note(fetch->ftp, "'%s' is fetched from the beginning: %s", fetch->transfer->remote, why);
	fetch->result->is_restarted = true;
	fetch->result->resumed = 0;
	if (fetch->fd >= 0 && ftruncate(fetch->fd, 0) < 0)
		return fail_local(fetch->ftp, -errno, fetch->part);
	fetch->at = 0;
	return FTP_OK;
}

static enum ftp_class
fail_part(struct fetch *fetch, int r)
{
	if (r == -EBUSY)
		return fail(fetch->ftp, FTP_LOCAL, "wait for it, or choose another name",
		    "another transfer writes '%s'", fetch->part);
	if (r == -EINVAL || r == -ELOOP)
		return fail(fetch->ftp, FTP_LOCAL, "remove it, or choose another name",
		    "'%s' is there, and no regular file", fetch->part);
	return fail_local(fetch->ftp, r, fetch->part);
}

/*
 * Before a resume: length bytes of a local file must be the beginning of what the server has (HASH of a range, or the
 * X-verbs). Without hashes they are taken for it, unless a check was asked for.
 */
static enum ftp_class
compare_beginning(struct fetch *fetch, int fd, uint64_t length, bool *is_same)
{
	const struct hash_algorithm *algorithm = algorithm_best(fetch->ftp);
	enum ftp_class reason = FTP_REFUSED;

	*is_same = true;
	if (fetch->transfer->verify == FTP_VERIFY_NEVER)
		return FTP_OK;
	if (algorithm != NULL) {
		meter_begin(&fetch->meter, fetch->ftp, FTP_PHASE_CHECK_PART, 0, (int64_t)length);
		reason = remote_hash_compare(
		    fetch->ftp, algorithm, fetch->transfer->remote, fd, length, false, &fetch->meter, is_same);
	}
	if (reason != FTP_REFUSED)
		return reason;
	if (fetch->transfer->verify == FTP_VERIFY_ALWAYS)
		return fail(fetch->ftp, FTP_VERIFY, "fetch the whole file, or resume with --verify=auto",
		    "the part cannot be checked: the server has no hashes of ranges");
	note(fetch->ftp, "the part of '%s' is continued without a check: the server has no hashes of ranges",
	    fetch->transfer->remote);
	return FTP_OK;
}

static enum ftp_class
check_part(struct fetch *fetch)
{
	enum ftp_class reason;
	bool is_same;

	if (fetch->at == 0 || fetch->is_checked)
		return FTP_OK;
	if (fetch->size >= 0 && fetch->at > (uint64_t)fetch->size)
		return start_over(fetch, "the part is longer than the file");
	reason = compare_beginning(fetch, fetch->fd, fetch->at, &is_same);
	if (reason == FTP_OK && !is_same)
		return start_over(fetch, "the part differs from what the server has");
	return reason;
}

/*
 * Where no part is, but the target is a beginning of the file (another client's download that was cut off), the target
 * becomes the part. Otherwise it stays until the whole file takes its place.
 */
static enum ftp_class
adopt_target(struct fetch *fetch)
{
	const struct ftp_transfer *transfer = fetch->transfer;
	enum ftp_class reason = FTP_OK;
	bool is_same = false;
	struct stat status;
	int fd;

	local_beside(transfer->local_name, ".part", fetch->part);
	if (fstatat(transfer->local_dir_fd, fetch->part, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT ||
	    fetch->size <= 0)
		return FTP_OK;
	fd = local_open_source(transfer->local_dir_fd, transfer->local_name, &status);
	if (fd < 0)
		return FTP_OK;
	if (status.st_size > 0 && status.st_size <= fetch->size)
		reason = compare_beginning(fetch, fd, (uint64_t)status.st_size, &is_same);
	close_fd(&fd);
	if (reason == FTP_OK && !is_same) {
		note(fetch->ftp, "'%s' is fetched from the beginning: '%s' is no beginning of it", transfer->remote,
		    transfer->local_name);
		fetch->result->is_restarted = true;
	}
	if (reason == FTP_OK && is_same &&
	    renameat(transfer->local_dir_fd, transfer->local_name, transfer->local_dir_fd, fetch->part) < 0)
		reason = fail_local(fetch->ftp, -errno, transfer->local_name);
	fetch->is_checked = is_same;
	return reason;
}

static enum ftp_class
open_part(struct fetch *fetch)
{
	const struct ftp_transfer *transfer = fetch->transfer;
	struct stat status;
	int r = local_check_name(transfer->local_name);

	if (r < 0)
		return fail(fetch->ftp, FTP_LOCAL, NULL, "'%s' cannot be the name of a file here: %s",
		    transfer->local_name,
		    r == -EINVAL ? "it must not be empty, '.', '..' or hold a '/'" : strerror(-r));
	local_beside(transfer->local_name, ".part", fetch->part);
	if (fstatat(transfer->local_dir_fd, transfer->local_name, &status, 0) == 0 && S_ISDIR(status.st_mode))
		return fail_local(fetch->ftp, -EISDIR, transfer->local_name);
	if (transfer->is_resume) {
		enum ftp_class reason = adopt_target(fetch);

		if (reason != FTP_OK)
			return reason;
	}
	fetch->fd = local_open_part(transfer->local_dir_fd, fetch->part, &status);
	if (fetch->fd < 0)
		return fail_part(fetch, fetch->fd);
	if (!transfer->is_resume && ftruncate(fetch->fd, 0) < 0)
		return fail_local(fetch->ftp, -errno, fetch->part);
	fetch->at = transfer->is_resume ? (uint64_t)status.st_size : 0;
	return FTP_OK;
}

/* --- the transfer --- */

static bool
is_limited(const struct fetch *fetch)
{
	return fetch->transfer->local_name == NULL && fetch->transfer->limit > 0;
}

/* REST is not everybody's: without it a part is of no use. */
static enum ftp_class
begin_retr(struct fetch *fetch, struct data *data)
{
	uint64_t offset = fetch->at + (fetch->transfer->local_name == NULL ? fetch->transfer->offset : 0);
	enum ftp_class reason = data_begin(fetch->ftp, data, "RETR", fetch->transfer->remote, offset);
	int code = fetch->ftp->error.reply_code;

	if (reason != FTP_REFUSED || fetch->at == 0 || fetch->transfer->local_name == NULL ||
	    !(code == 501 || code == 502 || code == 504))
		return reason;
	reason = start_over(fetch, "the server cannot resume");
	return reason != FTP_OK ? reason : data_begin(fetch->ftp, data, "RETR", fetch->transfer->remote, 0);
}

/* Whether all has come: by size where that is known, else by a proper end. */
static enum ftp_class
check_end(struct fetch *fetch, const struct data *data)
{
	uint64_t end = fetch->at + (fetch->transfer->local_name == NULL ? fetch->transfer->offset : 0);

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

static enum ftp_class
fetch_rest(struct fetch *fetch)
{
	uint64_t wanted = is_limited(fetch) ? (uint64_t)fetch->transfer->limit - fetch->at : UINT64_MAX,
		 begin = fetch->at;
	struct ftp_error cut;
	struct data data;
	enum ftp_class reason, ended;

	/* nothing is left, and a server may refuse to start at the end */
	if (fetch->transfer->local_name != NULL && fetch->size >= 0 && fetch->at > 0 &&
	    fetch->at == (uint64_t)fetch->size)
		return FTP_OK;
	reason = begin_retr(fetch, &data);
	if (reason != FTP_OK)
		return reason;
	reason = fetch_receive(fetch->ftp, &data.wire, wanted, take_bytes, fetch);
	if (reason != FTP_OK)
		return data_break(fetch->ftp, &data, reason);
	if (is_limited(fetch) && fetch->at - begin == wanted && !data.wire.is_ended)
		return data_break(fetch->ftp, &data, FTP_OK);
	reason = check_end(fetch, &data);
	cut = fetch->ftp->error;
	/* the server's own words say more than a short file does: 426, 451 */
	ended = data_end(fetch->ftp, &data);
	if (ended == FTP_OK && reason != FTP_OK)
		fetch->ftp->error = cut;
	return ended != FTP_OK ? ended : reason;
}

/* --- the end --- */

static enum ftp_class
fail_verify(struct fetch *fetch, const struct hash_algorithm *algorithm)
{
	if (fetch->transfer->local_name == NULL)
		return fail(fetch->ftp, FTP_VERIFY, "what was written is not to be trusted; fetch it again",
		    "%s differs from the server's", algorithm->name);
	/* a part that is wrong somewhere helps nobody */
	unlinkat(fetch->transfer->local_dir_fd, fetch->part, 0);
	return fail(fetch->ftp, FTP_VERIFY, "fetch it again when nobody writes it",
	    "%s differs from the server's: what came was removed, the target is as it was", algorithm->name);
}

static enum ftp_class
compare_stream(struct fetch *fetch, const struct hash_algorithm *algorithm, bool *is_same)
{
	char here[FTP_HASH_HEX_MAX], there[FTP_HASH_HEX_MAX];
	enum ftp_class reason;

	if (!fetch->is_summed)
		return FTP_REFUSED;
	reason = remote_hash_send(fetch->ftp, algorithm, fetch->transfer->remote, 0, -1);
	if (reason == FTP_OK)
		reason = remote_hash_receive(fetch->ftp, algorithm, fetch->at, there);
	if (reason == FTP_OK && sum_end(&fetch->sum, here) == 0)
		*is_same = strcmp(here, there) == 0;
	return reason;
}

static enum ftp_class
verify(struct fetch *fetch)
{
	const struct hash_algorithm *algorithm = algorithm_best(fetch->ftp);
	enum ftp_verify wanted = fetch->transfer->verify;
	enum ftp_class reason = FTP_REFUSED;
	bool is_same = false;

	if (fetch->size >= 0)
		snprintf(fetch->result->verified, sizeof(fetch->result->verified), "size");
	if (wanted == FTP_VERIFY_NEVER)
		return FTP_OK;
	if (algorithm != NULL) {
		meter_begin(&fetch->meter, fetch->ftp, FTP_PHASE_VERIFY, 0, (int64_t)fetch->at);
		if (fetch->transfer->local_name != NULL)
			reason = remote_hash_compare(fetch->ftp, algorithm, fetch->transfer->remote, fetch->fd,
			    fetch->at, true, &fetch->meter, &is_same);
		else
			reason = compare_stream(fetch, algorithm, &is_same);
	}
	if (reason == FTP_OK && !is_same)
		return fail_verify(fetch, algorithm);
	if (reason == FTP_OK)
		snprintf(fetch->result->verified, sizeof(fetch->result->verified), "%s", algorithm->name);
	if (reason == FTP_OK || (reason != FTP_REFUSED && reason != FTP_TEMPORARY))
		return reason;
	if (wanted == FTP_VERIFY_ALWAYS)
		return fail(
		    fetch->ftp, FTP_VERIFY, "without a hash: --verify=auto", "the server has no hash to compare with");
	return FTP_OK;
}

static enum ftp_class
put_in_place(struct fetch *fetch)
{
	const struct ftp_transfer *transfer = fetch->transfer;

	if (fetch->mtime >= 0 && !transfer->no_mtime) {
		struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)fetch->mtime}};

		if (futimens(fetch->fd, times) < 0)
			note(fetch->ftp, "the time of '%s' cannot be set: %s", transfer->local_name, strerror(errno));
	}
	if (renameat(transfer->local_dir_fd, fetch->part, transfer->local_dir_fd, transfer->local_name) < 0)
		return fail_local(fetch->ftp, -errno, transfer->local_name);
	return FTP_OK;
}

/* --- all of it --- */

static enum ftp_class
fetch_once(struct fetch *fetch, bool is_again)
{
	enum ftp_class reason = session_ready(fetch->ftp);
	int64_t size = fetch->size, mtime = fetch->mtime;
	unsigned int segments = fetch->transfer->segments;
	uint64_t began;

	if (reason == FTP_OK)
		reason = look(fetch, is_again);
	if (reason != FTP_OK)
		return reason;
	if (is_again && fetch->at > 0 && (size != fetch->size || mtime != fetch->mtime)) {
		if (fetch->transfer->local_name == NULL)
			return fail(
			    fetch->ftp, FTP_VERIFY, "fetch it again", "the file changed on the server meanwhile");
		reason = start_over(fetch, "it changed on the server meanwhile");
	}
	if (reason == FTP_OK && fetch->transfer->local_name != NULL && fetch->fd < 0)
		reason = open_part(fetch);
	if (reason == FTP_OK && fetch->transfer->local_name != NULL)
		reason = check_part(fetch);
	if (reason != FTP_OK)
		return reason;
	if (!is_again)
		fetch->result->resumed = fetch->at;
	fetch->is_checked = true;
	meter_begin(&fetch->meter, fetch->ftp, FTP_PHASE_TRANSFER,
	    fetch->at + (fetch->transfer->local_name == NULL ? fetch->transfer->offset : 0),
	    is_limited(fetch) ? -1 : fetch->size);
	began = monotonic_ms();
	if (segments > 1 && fetch->transfer->local_name != NULL && fetch->size >= 0 &&
	    (uint64_t)fetch->size - fetch->at >= 2 * SEGMENT_MIN)
		reason = fetch_segments(fetch, segments);
	else
		reason = fetch_rest(fetch);
	fetch->result->elapsed_ms += monotonic_ms() - began;
	meter_end(&fetch->meter);
	return reason;
}

static enum ftp_class
fetch_with_retries(struct fetch *fetch)
{
	unsigned int tries = 0;
	enum ftp_class reason;
	uint64_t at;

	for (;;) {
		at = fetch->at;
		reason = fetch_once(fetch, tries > 0);
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
begin_sum(struct fetch *fetch)
{
	const struct hash_algorithm *algorithm;

	if (fetch->transfer->local_name != NULL || fetch->transfer->verify == FTP_VERIFY_NEVER ||
	    fetch->transfer->offset > 0 || is_limited(fetch) || session_ready(fetch->ftp) != FTP_OK)
		return;
	algorithm = algorithm_best(fetch->ftp);
	fetch->is_summed = algorithm != NULL && sum_begin(&fetch->sum, algorithm) == 0;
}

enum ftp_class
ftp_get(struct ftp *ftp, const struct ftp_transfer *transfer, struct ftp_result *result)
{
	struct ftp_result unwanted = {0};
	struct fetch fetch = {.ftp = ftp, .transfer = transfer, .fd = -1, .size = -1, .mtime = -1};
	struct stat status;
	enum ftp_class reason;

	fetch.result = result != NULL ? result : &unwanted;
	memset(fetch.result, 0, sizeof(*fetch.result));
	doing(ftp, "cannot fetch '%s'", transfer->remote);
	if (transfer->local_name == NULL)
		fetch.fd = transfer->stream_fd;
	begin_sum(&fetch);
	reason = fetch_with_retries(&fetch);
	fetch.result->size = fetch.at;
	if (reason == FTP_OK && !is_limited(&fetch) && transfer->offset == 0)
		reason = verify(&fetch);
	if (reason == FTP_OK && transfer->local_name != NULL)
		reason = put_in_place(&fetch);
	/* nothing came: nothing to resume */
	else if (transfer->local_name != NULL && fetch.fd >= 0 && fstat(fetch.fd, &status) == 0 &&
	    status.st_size == 0 && status.st_nlink == 1)
		unlinkat(transfer->local_dir_fd, fetch.part, 0);
	sum_free(&fetch.sum);
	if (transfer->local_name != NULL)
		close_fd(&fetch.fd);
	return reason;
}
