/* SPDX-License-Identifier: ISC */
/*
 * Uploads: gone on with where what the server has is proven to be a beginning, and never complete when the file changed.
 * Where the server has no hashes of ranges they go under a temporary name (stage.h), are read again there, and renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/engine/attempt.h"
#include "client/engine/data.h"
#include "client/engine/local.h"
#include "client/engine/sink.h"
#include "client/engine/stage.h"
#include "client/engine/verify.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define BUFFER_SIZE (160 * 1024)
#define SENDFILE_MAX (1024 * 1024) /* bytes a call: progress and abort in between */

/* One upload. */
struct delivery {
	struct ftp *ftp;
	const struct ftp_transfer *transfer;
	struct ftp_result *result;
	struct meter meter;
	int fd;
	bool is_file; /* regular: has a size, can be read again */
	struct stat status; /* as it was when it was opened */
	struct stage stage; /* where it goes */
	bool is_placed; /* stage is decided */
	bool is_begun; /* this call has sent something */
	bool is_renaming; /* RNTO was sent: the temporary name may be gone */
	bool is_whole; /* all of it is there, proven and finished: nothing is to be sent */
	uint64_t at; /* sent up to here, what was resumed included */
	struct stream_sum sum; /* of a stream */
};

static enum ftp_class
fail_changed(struct delivery *delivery, const char *how)
{
	return ftp_fail(delivery->ftp, FTP_LOCAL, "send it again when nobody writes it",
	    "the local file %s while it was sent; the server was not told that it is complete", how);
}

/* The file is the one that was opened, down to its time: otherwise what was sent is no version of it. */
static enum ftp_class
check_local_unchanged(struct delivery *delivery)
{
	struct stat now;

	if (!delivery->is_file)
		return FTP_OK;
	if (fstat(delivery->fd, &now) < 0)
		return fail_local(delivery->ftp, -errno, "the local file");
	if (now.st_size < delivery->status.st_size)
		return fail_changed(delivery, "shrank");
	if (now.st_size > delivery->status.st_size)
		return fail_changed(delivery, "grew");
	if (now.st_mtim.tv_sec != delivery->status.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != delivery->status.st_mtim.tv_nsec)
		return fail_changed(delivery, "changed");
	return FTP_OK;
}

/* --- sending --- */

static void
count_sent(struct delivery *delivery, size_t n)
{
	delivery->at += n;
	delivery->result->bytes += n;
	meter_move(&delivery->meter, delivery->at);
}

static enum ftp_class
send_plain_file(struct delivery *delivery, struct wire *wire)
{
	uint64_t size = (uint64_t)delivery->status.st_size;

	while (delivery->at < size) {
		off_t offset = (off_t)delivery->at;
		uint64_t left = size - delivery->at;
		ssize_t n =
		    wire_sendfile(wire, delivery->fd, &offset, left < SENDFILE_MAX ? (size_t)left : SENDFILE_MAX);

		if (n < 0)
			return fail_wire(delivery->ftp, wire, (int)n, "data connection");
		if (n == 0)
			return fail_changed(delivery, "shrank");
		count_sent(delivery, (size_t)n);
	}
	return FTP_OK;
}

/* The next bytes of the source; 0 at its end. A stream is waited for as long as it takes. */
static ssize_t
read_source(struct delivery *delivery, char *bytes)
{
	for (;;) {
		uint64_t left = delivery->is_file ? (uint64_t)delivery->status.st_size - delivery->at : BUFFER_SIZE;
		size_t wanted = left < BUFFER_SIZE ? (size_t)left : BUFFER_SIZE;
		ssize_t n;

		if (is_aborted(delivery->ftp))
			return -ECANCELED;
		if (!delivery->is_file) {
			int r = wire_wait(delivery->fd, POLLIN, INT32_MAX, delivery->ftp->options->abort);

			if (r < 0 && r != -ETIMEDOUT)
				return r;
		}
		n = delivery->is_file ? pread(delivery->fd, bytes, wanted, (off_t)delivery->at)
				      : read(delivery->fd, bytes, wanted);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

static enum ftp_class
send_bytes(struct delivery *delivery, struct wire *wire)
{
	char *bytes = malloc(BUFFER_SIZE);
	enum ftp_class reason = bytes == NULL ? fail_local(delivery->ftp, -ENOMEM, "upload") : FTP_OK;

	while (reason == FTP_OK && (!delivery->is_file || delivery->at < (uint64_t)delivery->status.st_size)) {
		ssize_t n = read_source(delivery, bytes);
		int r;

		if (n < 0) {
			reason = fail_local(delivery->ftp, (int)n, "the local side");
		} else if (n == 0) {
			if (delivery->is_file)
				reason = fail_changed(delivery, "shrank");
			break;
		} else {
			stream_sum_add(&delivery->sum, bytes, (size_t)n);
			r = wire_write(wire, bytes, (size_t)n);
			if (r < 0)
				reason = fail_wire(delivery->ftp, wire, r, "data connection");
			else
				count_sent(delivery, (size_t)n);
		}
	}
	free(bytes);
	return reason;
}

static void
start_over(struct delivery *delivery, const char *why)
{
	ftp_note(delivery->ftp, "'%s' is sent from the beginning: %s", delivery->transfer->remote, why);
	delivery->result->is_restarted = true;
	delivery->result->resumed = 0;
	delivery->result->overlap = 0;
	delivery->result->proof[0] = delivery->result->verified[0] = '\0';
	delivery->result->is_size_same = false;
	delivery->at = 0;
	meter_begin(
	    &delivery->meter, delivery->ftp, FTP_PHASE_TRANSFER, 0, delivery->is_file ? delivery->status.st_size : -1);
}

/* Whether the server will not continue a file: ProFTPD, as Debian configures it, answers 451. */
static bool
is_resume_refused(const struct ftp *ftp, enum ftp_class reason)
{
	int code = ftp->error.reply_code;

	return (reason == FTP_REFUSED || reason == FTP_TEMPORARY) &&
	    (code == 451 || code == 500 || code == 501 || code == 502 || code == 503 || code == 504);
}

/* The offset is not one that the server can go on at: it keeps another beginning aside, which APPE would go on with. */
static bool
is_offset_refused(const struct ftp *ftp, enum ftp_class reason)
{
	int code = ftp->error.reply_code;

	return reason == FTP_REFUSED && (code == 551 || code == 554 || code == 555);
}

/* Continue at delivery->at: by REST and STOR, or APPE, since the end of the server's file is where we are. */
static enum ftp_class
begin_resumed(struct delivery *delivery, struct data *data)
{
	struct ftp *ftp = delivery->ftp;
	const char *remote = delivery->stage.path;
	enum ftp_class reason = FTP_REFUSED;

	if (!ftp->has_no_stor_restart) {
		reason = data_begin(ftp, data, "STOR", remote, delivery->at);
		if (is_offset_refused(ftp, reason)) {
			start_over(delivery, "the server cannot go on at this place");
			return data_begin(ftp, data, "STOR", remote, 0);
		}
		if (!is_resume_refused(ftp, reason))
			return reason;
		ftp->has_no_stor_restart = true;
	}
	reason = data_begin(ftp, data, "APPE", remote, 0);
	if (!is_resume_refused(ftp, reason))
		return reason;
	start_over(delivery, "the server does not continue uploads");
	return data_begin(ftp, data, "STOR", remote, 0);
}

/* The temporary name is not wanted any more, or not allowed: from now on under the name itself. */
static enum ftp_class
leave_temporary(struct delivery *delivery)
{
	stage_forget(&delivery->stage);
	stage_close(&delivery->stage);
	if (stage_in_place(&delivery->stage, delivery->transfer->remote) < 0)
		return ftp_fail(delivery->ftp, FTP_USAGE, NULL, "its name is too long");
	return FTP_OK;
}

static enum ftp_class
begin_anew(struct delivery *delivery, struct data *data)
{
	struct ftp *ftp = delivery->ftp;
	const char *verb = delivery->transfer->is_append ? "APPE" : "STOR";
	enum ftp_class reason = data_begin(ftp, data, verb, delivery->stage.path, 0);
	struct ftp_error refusal;

	/* who may not make a new name may still write an old one */
	if (reason != FTP_REFUSED || !delivery->stage.is_temporary || ftp->error.reply_code == 0)
		return reason;
	refusal = ftp->error;
	reason = leave_temporary(delivery);
	if (reason == FTP_OK)
		reason = session_ready(ftp);
	if (reason == FTP_OK)
		reason = data_begin(ftp, data, verb, delivery->stage.path, 0);
	if (reason == FTP_OK)
		ftp_note(ftp, "the server makes no temporary name for '%s': %s; it goes under its own name",
		    delivery->stage.path, refusal.why);
	return reason;
}

static enum ftp_class
begin_upload(struct delivery *delivery, struct data *data)
{
	int r = stage_keep(&delivery->stage);

	if (r < 0)
		trace(delivery->ftp, '*', "no record of the upload can be kept: %s", strerror(-r));
	if (!delivery->transfer->is_append && delivery->at > 0)
		return begin_resumed(delivery, data);
	return begin_anew(delivery, data);
}

static enum ftp_class
send_rest(struct delivery *delivery)
{
	struct data data;
	enum ftp_class reason = begin_upload(delivery, &data);
	int r;

	if (reason != FTP_OK)
		return reason;
	delivery->is_begun = true;
	if (delivery->is_file && data.wire.tls == NULL)
		reason = send_plain_file(delivery, &data.wire);
	else
		reason = send_bytes(delivery, &data.wire);
	if (reason == FTP_OK)
		reason = check_local_unchanged(delivery);
	if (reason != FTP_OK)
		return data_break(delivery->ftp, &data, reason);
	if (data.wire.tls != NULL) {
		r = wire_finish(&data.wire);
		if (r < 0)
			return data_break(
			    delivery->ftp, &data, fail_wire(delivery->ftp, &data.wire, r, "data connection"));
	}
	return data_end(delivery->ftp, &data);
}

/* --- resuming --- */

/* What the server has under this name; -1: nothing, or it does not tell. */
static enum ftp_class
ask_size(struct delivery *delivery, const char *path, int64_t *size)
{
	struct ftp *ftp = delivery->ftp;
	enum ftp_class reason = control_exchange(ftp, "SIZE %s", path);
	uint64_t value;

	*size = -1;
	if (reason == FTP_OK && ftp->reply.code == 213 && parse_u64(reply_message(&ftp->reply), INT64_MAX, &value) == 0)
		*size = (int64_t)value;
	return reason;
}

static void
note_verified(struct delivery *delivery, const char *how)
{
	snprintf(delivery->result->verified, sizeof(delivery->result->verified), "%s", how);
	delivery->result->is_size_same = true;
}

/* What comes back, beside what is here. */
struct comparison {
	int fd;
	uint64_t at, end;
	bool is_other;
};

static int
take_again(void *context, const char *bytes, size_t len)
{
	struct comparison *comparison = context;
	int r = len > comparison->end - comparison->at ? -EBADMSG
						       : local_compare(comparison->fd, comparison->at, bytes, len);

	comparison->is_other = r == -EBADMSG;
	comparison->at += len;
	return r;
}

/*
 * Read what the server has from offset up to end, and compare it with the local file; with is_end the file is to end there.
 * FTP_REFUSED: it cannot be read.
 */
static enum ftp_class
read_again(struct delivery *delivery, uint64_t offset, uint64_t end, bool is_end, bool *is_same)
{
	struct comparison comparison = {.fd = delivery->fd, .at = offset, .end = end};
	struct ftp *ftp = delivery->ftp;
	struct data data;
	enum ftp_class reason = data_begin(ftp, &data, "RETR", delivery->stage.path, offset);

	*is_same = false;
	if (reason == FTP_TEMPORARY)
		reason = FTP_REFUSED;
	if (reason != FTP_OK)
		return reason;
	reason = data_receive(ftp, &data.wire, is_end ? UINT64_MAX : end - offset, take_again, &comparison);
	if (reason != FTP_OK) {
		reason = data_break(ftp, &data, reason);
		return comparison.is_other ? session_ready(ftp) : reason;
	}
	reason = is_end ? data_end(ftp, &data) : data_break(ftp, &data, FTP_OK);
	*is_same = reason == FTP_OK && comparison.at == end && !data.wire.is_cut;
	return reason != FTP_OK ? reason : session_ready(ftp);
}

/* Take size as where to go on, once it is proven. */
static void
go_on_at(struct delivery *delivery, int64_t size, const char *proof)
{
	delivery->at = (uint64_t)size;
	snprintf(delivery->result->proof, sizeof(delivery->result->proof), "%s", proof);
}

/* By its last bytes: only for what is ours by its name and record, and of the same local file. */
static enum ftp_class
prove_upload_by_overlap(struct delivery *delivery, int64_t size)
{
	int64_t overlap = size < OVERLAP_BYTES ? size : OVERLAP_BYTES;
	bool is_same;
	enum ftp_class reason = read_again(delivery, (uint64_t)(size - overlap), (uint64_t)size, true, &is_same);

	if (reason == FTP_REFUSED) {
		start_over(delivery, "what the server has cannot be read again");
		return session_ready(delivery->ftp);
	}
	if (reason != FTP_OK)
		return reason;
	if (!is_same) {
		start_over(delivery, "what the server has differs from the local file");
		return FTP_OK;
	}
	go_on_at(delivery, size, "overlap");
	delivery->result->overlap = (uint64_t)overlap;
	return FTP_OK;
}

/* By all of its bytes, where as many are there as here: reading them costs no more than sending them. */
static enum ftp_class
prove_by_content(struct delivery *delivery, int64_t size)
{
	const struct hash_algorithm *algorithm = algorithm_best(delivery->ftp);
	const char *how = "content";
	bool is_same = false;
	enum ftp_class reason = FTP_REFUSED;

	if (algorithm != NULL) {
		how = algorithm->name;
		reason = remote_hash_compare(delivery->ftp, algorithm, delivery->stage.path, delivery->fd,
		    (uint64_t)size, true, &delivery->meter, &is_same);
	} else {
		reason = read_again(delivery, 0, (uint64_t)size, true, &is_same);
	}
	if (reason == FTP_REFUSED) {
		start_over(delivery, "what the server has cannot be compared");
		return session_ready(delivery->ftp);
	}
	if (reason != FTP_OK)
		return reason;
	if (!is_same) {
		start_over(delivery, "what the server has differs from the local file");
		return FTP_OK;
	}
	go_on_at(delivery, size, how);
	note_verified(delivery, how);
	return FTP_OK;
}

/* By hash. FTP_REFUSED: the server has none of ranges after all. */
static enum ftp_class
prove_by_hash(struct delivery *delivery, int64_t size)
{
	const struct hash_algorithm *algorithm = algorithm_best(delivery->ftp);
	enum ftp_class reason;
	bool is_same;

	if (!remote_hash_has_ranges(delivery->ftp))
		return FTP_REFUSED;
	meter_begin(&delivery->meter, delivery->ftp, FTP_PHASE_CHECK_PART, 0, size);
	reason = remote_hash_compare(delivery->ftp, algorithm, delivery->stage.path, delivery->fd, (uint64_t)size,
	    false, &delivery->meter, &is_same);
	if (reason != FTP_OK)
		return reason;
	if (!is_same) {
		start_over(delivery, "what the server has differs from the local file");
		return FTP_OK;
	}
	go_on_at(delivery, size, algorithm->name);
	if (size == delivery->status.st_size)
		note_verified(delivery, algorithm->name);
	return FTP_OK;
}

/*
 * All is there. Some servers keep an upload aside until its end was seen, and tell its size already: MLST does not know the
 * name then, and an empty rest ends it.
 */
static enum ftp_class
check_finished(struct delivery *delivery)
{
	struct ftp *ftp = delivery->ftp;
	struct ftp_entry entry;
	enum ftp_class reason;

	delivery->is_whole = true;
	if (ftp->has_no_mlst || session_feature(ftp, "MLST") == NULL)
		return FTP_OK;
	reason = session_mlst(ftp, delivery->stage.path, &entry);
	if (reason == FTP_OK && !ftp->has_no_mlst)
		ftp_entry_free(&entry);
	delivery->is_whole = reason == FTP_OK;
	return reason == FTP_REFUSED ? FTP_OK : reason;
}

static enum ftp_class
prove(struct delivery *delivery, int64_t size)
{
	enum ftp_class reason = prove_by_hash(delivery, size);

	if (reason != FTP_REFUSED)
		return reason;
	/* the last bytes say nothing of earlier joints, nor whose file it is */
	if (size == delivery->status.st_size)
		return prove_by_content(delivery, size);
	if (delivery->stage.is_temporary)
		return prove_upload_by_overlap(delivery, size);
	start_over(delivery, "nothing proves that what the server has is a part of it");
	return FTP_OK;
}

/* Where to continue: what the server has must be proven to be the beginning of the local file. */
static enum ftp_class
find_offset(struct delivery *delivery)
{
	enum ftp_class reason;
	int64_t size;

	delivery->at = 0;
	delivery->is_whole = false;
	reason = ask_size(delivery, delivery->stage.path, &size);
	if (reason == FTP_OK && size < 0 && delivery->is_renaming) {
		/* the answer to RNTO was lost: then the file has its name by now */
		stage_forget(&delivery->stage);
		stage_close(&delivery->stage);
		(void)stage_in_place(&delivery->stage, delivery->transfer->remote);
		reason = ask_size(delivery, delivery->stage.path, &size);
	}
	if (reason != FTP_OK || size < 0)
		return reason;
	if (size > delivery->status.st_size) {
		start_over(delivery, "the server has more than the local file");
		return FTP_OK;
	}
	if (size > 0)
		reason = prove(delivery, size);
	if (reason == FTP_OK && delivery->at == (uint64_t)delivery->status.st_size && size == delivery->status.st_size)
		reason = check_finished(delivery);
	return reason;
}

/* --- the end --- */

static enum ftp_class
verify_size(struct delivery *delivery)
{
	enum ftp_class reason;
	int64_t size;

	reason = ask_size(delivery, delivery->stage.path, &size);
	if (reason != FTP_OK || size < 0)
		return reason;
	if ((uint64_t)size != delivery->at)
		return ftp_fail(delivery->ftp, FTP_VERIFY, "send it again", "the server has %lld bytes of %llu",
		    (long long)size, (unsigned long long)delivery->at);
	delivery->result->is_size_same = true;
	return FTP_OK;
}

static enum ftp_class
verify_delivery_hash(struct delivery *delivery)
{
	const struct verification verification = {
	    .ftp = delivery->ftp,
	    .path = delivery->stage.path,
	    .fd = delivery->is_file ? delivery->fd : -1,
	    .sum = &delivery->sum,
	    .length = delivery->at,
	    .is_demanded = delivery->transfer->verify == FTP_VERIFY_ALWAYS,
	    .meter = &delivery->meter,
	};
	const struct hash_algorithm *algorithm;
	bool is_same;
	enum ftp_class reason = verify_by_hash(&verification, &algorithm, &is_same);

	if (reason != FTP_OK || algorithm == NULL)
		return reason;
	if (!is_same)
		return ftp_fail(delivery->ftp, FTP_VERIFY, "send it again",
		    "%s of what the server has differs from the local file's", algorithm->name);
	note_verified(delivery, algorithm->name);
	return FTP_OK;
}

static enum ftp_class
verify_delivery(struct delivery *delivery)
{
	enum ftp_class reason = FTP_OK;

	if (delivery->transfer->is_append || delivery->result->verified[0] != '\0')
		return FTP_OK;
	if (delivery->transfer->verify != FTP_VERIFY_NEVER)
		reason = verify_delivery_hash(delivery);
	/* a hash says more than the size does */
	if (reason == FTP_OK && *delivery->result->verified == '\0')
		reason = verify_size(delivery);
	return reason;
}

/* RNFR and RNTO (RFC 959, 4.1.3). FTP_REFUSED, or FTP_TEMPORARY: the account, or the server, does not do that. */
static enum ftp_class
rename_there(struct delivery *delivery)
{
	struct ftp *ftp = delivery->ftp;
	enum ftp_class reason = control_exchange(ftp, "RNFR %s", delivery->stage.path);

	if (reason == FTP_OK && ftp->reply.code / 100 != 3)
		reason = fail_reply(ftp);
	if (reason != FTP_OK)
		return reason;
	delivery->is_renaming = true;
	reason = control_exchange(ftp, "RNTO %s", delivery->transfer->remote);
	if (reason == FTP_OK)
		reason = want_done(ftp);
	if (reason != FTP_NETWORK)
		delivery->is_renaming = false;
	return reason;
}

/* A file of ours that nobody is to find. When it cannot be removed, that is said. */
static void
remove_temporary(struct delivery *delivery, const char *path)
{
	struct ftp *ftp = delivery->ftp;
	struct ftp_error saved = ftp->error;

	if (control_exchange(ftp, "DELE %s", path) == FTP_OK && ftp->reply.code / 100 != 2 && delivery->is_begun)
		ftp_note(ftp, "'%s' is left on the server: it may not be removed", path);
	ftp->error = saved;
}

static enum ftp_class
give_name(struct delivery *delivery)
{
	enum ftp_class reason;

	if (!delivery->stage.is_temporary)
		return FTP_OK;
	reason = rename_there(delivery);
	if (reason == FTP_OK) {
		stage_forget(&delivery->stage);
		stage_close(&delivery->stage);
		return stage_in_place(&delivery->stage, delivery->transfer->remote) < 0 ? FTP_USAGE : FTP_OK;
	}
	if (reason != FTP_REFUSED && reason != FTP_TEMPORARY)
		return reason;
	ftp_note(delivery->ftp, "the server does not rename '%s': %s", delivery->stage.path, delivery->ftp->error.why);
	remove_temporary(delivery, delivery->stage.path);
	delivery->ftp->has_no_rename = true;
	reason = leave_temporary(delivery);
	if (reason != FTP_OK)
		return reason;
	start_over(delivery, "it has to be written under its own name");
	reason = session_ready(delivery->ftp);
	if (reason == FTP_OK)
		reason = send_rest(delivery);
	return reason != FTP_OK ? reason : verify_delivery(delivery);
}

/* After an error: what is under a temporary name is kept where another run can go on with it, and goes otherwise. */
static void
leave_wrong(struct delivery *delivery, enum ftp_class reason)
{
	if (!delivery->stage.is_temporary || !delivery->is_begun || reason == FTP_NETWORK || reason == FTP_TEMPORARY ||
	    reason == FTP_ABORTED || !delivery->ftp->is_logged_in)
		return;
	remove_temporary(delivery, delivery->stage.path);
	stage_forget(&delivery->stage);
}

/* A server without a command for it is no error: the file is there. */
static void
keep_mtime(struct delivery *delivery)
{
	struct ftp *ftp = delivery->ftp;

	if (!delivery->is_file || delivery->transfer->no_mtime || delivery->transfer->is_append)
		return;
	if (ftp_set_mtime(ftp, delivery->transfer->remote, delivery->status.st_mtim.tv_sec) != FTP_OK)
		trace(ftp, '*', "%s: %s", ftp->error.what, ftp->error.why);
}

/* --- all of it --- */

static enum ftp_class
open_source(struct delivery *delivery)
{
	const struct ftp_transfer *transfer = delivery->transfer;

	if (transfer->local_name == NULL) {
		delivery->fd = transfer->stream_fd;
		return FTP_OK;
	}
	delivery->fd = local_open_source(transfer->local_dir_fd, transfer->local_name, &delivery->status);
	if (delivery->fd == -EISDIR)
		return ftp_fail(delivery->ftp, FTP_LOCAL, "use mirror for directories", "'%s' is a directory",
		    transfer->local_name);
	if (delivery->fd == -EINVAL)
		return ftp_fail(delivery->ftp, FTP_LOCAL, "send it through standard input ('-')",
		    "'%s' is no regular file", transfer->local_name);
	if (delivery->fd == -EACCES)
		return ftp_fail(delivery->ftp, FTP_LOCAL, "a user who may read it", "'%s': %s", transfer->local_name,
		    strerror(EACCES));
	if (delivery->fd < 0)
		return fail_local(delivery->ftp, delivery->fd, transfer->local_name);
	delivery->is_file = true;
	return FTP_OK;
}

static enum ftp_class
check_absent(struct delivery *delivery)
{
	enum ftp_class reason = FTP_OK;
	int64_t size;

	if (delivery->transfer->is_unique) {
		reason = ask_size(delivery, delivery->transfer->remote, &size);
		if (reason == FTP_OK && size >= 0)
			reason = ftp_fail(
			    delivery->ftp, FTP_REFUSED, "choose another name", "the name exists on the server already");
	}
	return reason;
}

/* Only a file can be sent again when the server does not rename after all. An empty one has nothing to go on with. */
static bool
wants_temporary(const struct delivery *delivery)
{
	return delivery->is_file && delivery->status.st_size > 0 && !delivery->transfer->is_append &&
	    !delivery->transfer->is_in_place && !delivery->ftp->has_no_rename && !remote_hash_has_ranges(delivery->ftp);
}

static enum ftp_class
choose_place(struct delivery *delivery)
{
	const char *remote = delivery->transfer->remote;
	int r;

	if (delivery->is_placed)
		return FTP_OK;
	delivery->is_placed = true;
	if (delivery->transfer->verify == FTP_VERIFY_ALWAYS && !delivery->transfer->is_append &&
	    algorithm_best(delivery->ftp) == NULL)
		return ftp_fail(delivery->ftp, FTP_VERIFY, "without a hash: --verify=auto",
		    "the server has no hash to compare with; nothing was sent");
	r = wants_temporary(delivery) ? stage_temporary(&delivery->stage, delivery->ftp, remote, delivery->fd)
				      : stage_in_place(&delivery->stage, remote);
	return r < 0 ? fail_local(delivery->ftp, r, remote) : FTP_OK;
}

/* May what the server has be gone on with, if it is proven? */
static bool
may_resume(const struct delivery *delivery)
{
	const struct ftp_transfer *transfer = delivery->transfer;

	if (!delivery->is_file || transfer->is_append)
		return false;
	if (delivery->is_begun)
		return true;
	return delivery->stage.is_temporary
	    ? delivery->stage.is_known && (transfer->is_resume || transfer->is_resume_own)
	    : transfer->is_resume;
}

/* Under the name itself there may be all of it already, from an earlier run or another client. */
static enum ftp_class
look_at_remote_target(struct delivery *delivery)
{
	struct stage temporary = delivery->stage;
	enum ftp_class reason = FTP_OK;
	int64_t size;

	if (!delivery->stage.is_temporary || delivery->stage.is_known || delivery->is_begun ||
	    !delivery->transfer->is_resume)
		return FTP_OK;
	reason = ask_size(delivery, delivery->transfer->remote, &size);
	if (reason != FTP_OK || size <= 0)
		return reason;
	if (size != delivery->status.st_size) {
		start_over(delivery, "nothing proves that what the server has is a part of it");
		return FTP_OK;
	}
	(void)stage_in_place(&delivery->stage, delivery->transfer->remote);
	reason = prove_by_content(delivery, size);
	delivery->is_whole = reason == FTP_OK && delivery->at == (uint64_t)size;
	if (!delivery->is_whole) {
		delivery->stage = temporary;
		return reason;
	}
	/* what an earlier run left of another version is of no use any more */
	if (temporary.has_record)
		remove_temporary(delivery, temporary.path);
	stage_forget(&temporary);
	stage_close(&temporary);
	return reason;
}

/*
 * Both sides of the cut, read again after a resume: a server may truncate the file and then write at the offset, so that the
 * size is right and the beginning is gone.
 */
static enum ftp_class
read_joint(struct delivery *delivery, uint64_t joint, bool *is_wrong)
{
	uint64_t size = (uint64_t)delivery->status.st_size, begin = joint < OVERLAP_BYTES ? 0 : joint - OVERLAP_BYTES,
		 end = size - joint < OVERLAP_BYTES ? size : joint + OVERLAP_BYTES;
	bool is_same = false;
	enum ftp_class reason = read_again(delivery, begin, end, end == size, &is_same);

	*is_wrong = reason == FTP_REFUSED || (reason == FTP_OK && !is_same);
	return reason == FTP_REFUSED ? session_ready(delivery->ftp) : reason;
}

/* After a resume a server may have less, or more, than both pieces: then it did not go on where it was told to. */
static enum ftp_class
check_joint(struct delivery *delivery, uint64_t joint, bool *is_wrong)
{
	bool is_hashed = delivery->transfer->verify != FTP_VERIFY_NEVER && algorithm_best(delivery->ftp) != NULL;
	enum ftp_class reason = FTP_OK;
	int64_t size = -1;

	*is_wrong = false;
	if (delivery->result->proof[0] == '\0')
		return FTP_OK;
	reason = ask_size(delivery, delivery->stage.path, &size);
	*is_wrong = reason == FTP_OK && size != delivery->status.st_size;
	if (reason != FTP_OK || *is_wrong || is_hashed)
		return reason;
	return read_joint(delivery, joint, is_wrong);
}

static enum ftp_class
send_and_check(struct delivery *delivery)
{
	uint64_t joint = delivery->at;
	enum ftp_class reason = send_rest(delivery);
	bool is_wrong = false;

	if (reason == FTP_OK)
		reason = check_joint(delivery, joint, &is_wrong);
	if (reason != FTP_OK || !is_wrong)
		return reason;
	start_over(delivery, "the server does not continue uploads");
	delivery->ftp->has_no_stor_restart = true;
	return send_rest(delivery);
}

static enum ftp_class
find_upload_place(struct delivery *delivery, bool is_again)
{
	enum ftp_class reason = session_ready(delivery->ftp);

	if (reason == FTP_OK && !is_again)
		reason = check_absent(delivery);
	if (reason == FTP_OK)
		reason = choose_place(delivery);
	if (reason == FTP_OK && may_resume(delivery))
		reason = find_offset(delivery);
	else if (reason == FTP_OK && !delivery->is_whole)
		reason = look_at_remote_target(delivery);
	return reason;
}

static enum ftp_class
send_file_once(void *context, bool is_again)
{
	struct delivery *delivery = context;
	bool is_first = !delivery->is_begun;
	enum ftp_class reason = find_upload_place(delivery, is_again);
	uint64_t began = monotonic_ms();

	if (reason != FTP_OK)
		return reason;
	if (is_first && !delivery->is_whole)
		delivery->result->resumed = delivery->at;
	if (delivery->is_whole && is_first)
		ftp_note(
		    delivery->ftp, "'%s' is whole on the server already: nothing is sent", delivery->transfer->remote);
	meter_begin(&delivery->meter, delivery->ftp, FTP_PHASE_TRANSFER, delivery->at,
	    delivery->is_file ? delivery->status.st_size : -1);
	if (!delivery->is_whole)
		reason = send_and_check(delivery);
	delivery->result->elapsed_ms += monotonic_ms() - began;
	meter_end(&delivery->meter);
	if (reason == FTP_OK)
		reason = verify_delivery(delivery);
	return reason != FTP_OK ? reason : give_name(delivery);
}

/* A stream cannot be read again, and an append that may have come must not come twice. */
static bool
can_retry(const void *context)
{
	const struct delivery *delivery = context;

	return delivery->at == 0 || (delivery->is_file && !delivery->transfer->is_append);
}

enum ftp_class
ftp_put(struct ftp *ftp, const struct ftp_transfer *transfer, struct ftp_result *result)
{
	struct ftp_result unwanted = {0};
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	enum ftp_class reason;

	doing(ftp, "cannot send '%s'", transfer->remote);
	if (delivery == NULL)
		return fail_local(ftp, -ENOMEM, "upload");
	*delivery = (struct delivery){.ftp = ftp, .transfer = transfer, .fd = -1};
	delivery->stage.dir_fd = delivery->stage.lock_fd = -1;
	delivery->result = result != NULL ? result : &unwanted;
	memset(delivery->result, 0, sizeof(*delivery->result));
	reason = open_source(delivery);
	if (reason == FTP_OK) {
		const struct attempt attempt = {
		    .ftp = ftp,
		    .verb = "send",
		    .remote = transfer->remote,
		    .retries = &delivery->result->retries,
		    .at = &delivery->at,
		    .once = send_file_once,
		    .may_retry = can_retry,
		};

		if (!delivery->is_file && !transfer->is_append && transfer->verify != FTP_VERIFY_NEVER)
			stream_sum_begin(&delivery->sum, ftp);
		reason = attempt_run(&attempt, delivery);
	}
	delivery->result->size = delivery->at;
	if (reason == FTP_OK)
		keep_mtime(delivery);
	else
		leave_wrong(delivery, reason);
	stream_sum_free(&delivery->sum);
	stage_close(&delivery->stage);
	if (transfer->local_name != NULL)
		close_fd(&delivery->fd);
	free(delivery);
	return reason;
}
