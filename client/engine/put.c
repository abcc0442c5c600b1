/* SPDX-License-Identifier: ISC */
/*
 * Uploads: they resume where the server's bytes are proven to be a beginning, and never succeed when the file
 * changed. On a server without hashes of ranges they go under a temporary name (stage.h); the client reads that
 * file again there, and renames it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/delivery.h"
#include "client/engine/local.h"
#include "client/engine/sink.h"
#include "common/io.h"

#include "common/banned.h"

/* --- the end --- */

static enum ftp_class
verify_size(struct delivery *delivery)
{
	enum ftp_class reason;
	int64_t size;

	reason = delivery_ask_size(delivery, delivery->stage.path, &size);
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
	    .follower = &delivery->follower,
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
	delivery_note_verified(delivery, algorithm->name);
	return FTP_OK;
}

static enum ftp_class
verify_delivery(struct delivery *delivery)
{
	enum ftp_class reason = FTP_OK;

	/* as text it may have another size there */
	if (delivery->transfer->is_append || delivery->ftp->options->is_ascii || delivery->result->verified[0] != '\0')
		return FTP_OK;
	if (delivery->transfer->verify != FTP_VERIFY_NEVER)
		reason = verify_delivery_hash(delivery);
	/* a hash says more than the size does */
	if (reason == FTP_OK && *delivery->result->verified == '\0')
		reason = verify_size(delivery);
	return reason;
}

/* RNFR and RNTO (RFC 959, 4.1.3). FTP_REFUSED, or FTP_TEMPORARY: the account, or the server, cannot rename. */
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

/* Remove a temporary file of ours. A failure to remove it is reported. */
static void
remove_temporary(struct delivery *delivery, const char *path)
{
	struct ftp *ftp = delivery->ftp;
	struct ftp_error saved = ftp->error;

	if (control_exchange(ftp, "DELE %s", path) == FTP_OK && ftp->reply.code / 100 != 2 && delivery->is_begun)
		ftp_note(ftp, "'%s' is left on the server: it cannot be removed", path);
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
	reason = delivery_leave_temporary(delivery);
	if (reason != FTP_OK)
		return reason;
	delivery_start_over(delivery, "it must be written under its own name");
	reason = session_ready(delivery->ftp);
	if (reason == FTP_OK)
		reason = delivery_send_rest(delivery);
	return reason != FTP_OK ? reason : verify_delivery(delivery);
}

/* After an error: keep the temporary file where another run can resume it, remove it otherwise. */
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
	ftp->is_last_command = true;
	if (ftp_set_mtime(ftp, delivery->transfer->remote, delivery->status.st_mtim.tv_sec) != FTP_OK)
		trace(ftp, '*', "%s: %s", ftp->error.what, ftp->error.why);
	/* it may have sent nothing */
	ftp->is_last_command = false;
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
		reason = delivery_ask_size(delivery, delivery->transfer->remote, &size);
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

/* True when the server's bytes may be resumed, if they are proven. */
static bool
may_resume(const struct delivery *delivery)
{
	const struct ftp_transfer *transfer = delivery->transfer;

	if (!delivery->is_file || transfer->is_append || delivery->ftp->options->is_ascii)
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
	reason = delivery_ask_size(delivery, delivery->transfer->remote, &size);
	if (reason != FTP_OK || size <= 0)
		return reason;
	if (size != delivery->status.st_size) {
		delivery_start_over(delivery, "nothing proves that what the server has is a part of it");
		return FTP_OK;
	}
	(void)stage_in_place(&delivery->stage, delivery->transfer->remote);
	reason = delivery_prove_by_content(delivery, size);
	delivery->is_whole = reason == FTP_OK && delivery->at == (uint64_t)size;
	if (!delivery->is_whole) {
		delivery->stage = temporary;
		return reason;
	}
	/* an earlier run left this of another version, which is of no use any more */
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
	enum ftp_class reason = delivery_read_again(delivery, begin, end, end == size, &is_same);

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
	reason = delivery_ask_size(delivery, delivery->stage.path, &size);
	*is_wrong = reason == FTP_OK && size != delivery->status.st_size;
	if (reason != FTP_OK || *is_wrong || is_hashed)
		return reason;
	return read_joint(delivery, joint, is_wrong);
}

static enum ftp_class
send_and_check(struct delivery *delivery)
{
	uint64_t joint = delivery->at;
	enum ftp_class reason = delivery_send_rest(delivery);
	bool is_wrong = false;

	if (reason == FTP_OK)
		reason = check_joint(delivery, joint, &is_wrong);
	if (reason != FTP_OK || !is_wrong)
		return reason;
	delivery_start_over(delivery, "the server does not continue uploads");
	delivery->ftp->has_no_stor_restart = true;
	return delivery_send_rest(delivery);
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
		reason = delivery_find_offset(delivery);
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

	return delivery->at == 0 ||
	    (delivery->is_file && !delivery->transfer->is_append && !delivery->ftp->options->is_ascii);
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
	follow_end(&delivery->follower);
	stage_close(&delivery->stage);
	if (transfer->local_name != NULL)
		close_fd(&delivery->fd);
	free(delivery);
	return reason;
}
