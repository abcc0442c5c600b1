/* SPDX-License-Identifier: ISC */
/* The bytes that the server has already, and the proof that they are the file's beginning. */
#include <errno.h>
#include <stdio.h>

#include "client/engine/delivery.h"
#include "client/engine/local.h"
#include "client/engine/sink.h"
#include "common/text.h"

#include "common/banned.h"

enum ftp_class
delivery_ask_size(struct delivery *delivery, const char *path, int64_t *size)
{
	struct ftp *ftp = delivery->ftp;
	enum ftp_class reason = control_exchange(ftp, "SIZE %s", path);
	uint64_t value;

	*size = -1;
	if (reason == FTP_OK && ftp->reply.code == 213 && parse_u64(reply_message(&ftp->reply), INT64_MAX, &value) == 0)
		*size = (int64_t)value;
	return reason;
}

void
delivery_note_verified(struct delivery *delivery, const char *how)
{
	snprintf(delivery->result->verified, sizeof(delivery->result->verified), "%s", how);
	delivery->result->is_size_same = true;
}

/* Compares the bytes that come back with the local ones. */
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

enum ftp_class
delivery_read_again(struct delivery *delivery, uint64_t offset, uint64_t end, bool is_end, bool *is_same)
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

/* Use size as the place to continue, once it is proven. */
static void
go_on_at(struct delivery *delivery, int64_t size, const char *proof)
{
	delivery->at = (uint64_t)size;
	snprintf(delivery->result->proof, sizeof(delivery->result->proof), "%s", proof);
}

/*
 * After a comparison: without a proof, the client sends everything again. unreadable: the reason, where the server
 * does not let the client read the file. *is_same is false then.
 */
static enum ftp_class
judge_comparison(struct delivery *delivery, enum ftp_class reason, bool *is_same, const char *unreadable)
{
	*is_same = *is_same && reason == FTP_OK;
	if (reason == FTP_REFUSED) {
		delivery_start_over(delivery, unreadable);
		return session_ready(delivery->ftp);
	}
	if (reason == FTP_OK && !*is_same)
		delivery_start_over(delivery, "what the server has differs from the local file");
	return reason;
}

/* Compare the last bytes: only for a file that is ours by its name and record, and of the same local file. */
static enum ftp_class
prove_upload_by_overlap(struct delivery *delivery, int64_t size)
{
	int64_t overlap = size < OVERLAP_BYTES ? size : OVERLAP_BYTES;
	bool is_same;
	enum ftp_class reason =
	    delivery_read_again(delivery, (uint64_t)(size - overlap), (uint64_t)size, true, &is_same);

	reason = judge_comparison(delivery, reason, &is_same, "what the server has cannot be read again");
	if (reason != FTP_OK || !is_same)
		return reason;
	go_on_at(delivery, size, "overlap");
	delivery->result->overlap = (uint64_t)overlap;
	return FTP_OK;
}

static enum ftp_class
compare_by_hash(
    struct delivery *delivery, const struct hash_algorithm *algorithm, int64_t size, bool is_whole, bool *is_same)
{
	return remote_hash_compare(delivery->ftp, algorithm, delivery->stage.path,
	    &(const struct hash_local){.fd = delivery->fd,
		.length = (uint64_t)size,
		.is_whole = is_whole,
		.follower = &delivery->follower,
		.meter = &delivery->meter},
	    is_same);
}

enum ftp_class
delivery_prove_by_content(struct delivery *delivery, int64_t size)
{
	const struct hash_algorithm *algorithm = algorithm_best(delivery->ftp);
	const char *how = "content";
	bool is_same = false;
	enum ftp_class reason = FTP_REFUSED;

	if (algorithm != NULL) {
		how = algorithm->name;
		reason = compare_by_hash(delivery, algorithm, size, true, &is_same);
	} else {
		reason = delivery_read_again(delivery, 0, (uint64_t)size, true, &is_same);
	}
	reason = judge_comparison(delivery, reason, &is_same, "what the server has cannot be compared");
	if (reason != FTP_OK || !is_same)
		return reason;
	go_on_at(delivery, size, how);
	delivery_note_verified(delivery, how);
	return FTP_OK;
}

/* Compare by hash. FTP_REFUSED: the server has no hashes of ranges after all. */
static enum ftp_class
prove_by_hash(struct delivery *delivery, int64_t size)
{
	const struct hash_algorithm *algorithm = algorithm_best(delivery->ftp);
	enum ftp_class reason;
	bool is_same;

	if (!remote_hash_has_ranges(delivery->ftp))
		return FTP_REFUSED;
	meter_begin(&delivery->meter, delivery->ftp, FTP_PHASE_CHECK_PART, 0, size);
	reason = compare_by_hash(delivery, algorithm, size, false, &is_same);
	if (reason != FTP_OK)
		return reason;
	if (!is_same) {
		delivery_start_over(delivery, "what the server has differs from the local file");
		return FTP_OK;
	}
	go_on_at(delivery, size, algorithm->name);
	if (size == delivery->status.st_size)
		delivery_note_verified(delivery, algorithm->name);
	return FTP_OK;
}

/*
 * The server has all bytes. Some servers keep an upload aside until they see its end, but report its size already:
 * MLST does not know the name then, and sending an empty rest ends the upload.
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
prove_beginning(struct delivery *delivery, int64_t size)
{
	enum ftp_class reason = prove_by_hash(delivery, size);

	if (reason != FTP_REFUSED)
		return reason;
	/* the last bytes prove nothing about earlier joints, nor whose file it is */
	if (size == delivery->status.st_size)
		return delivery_prove_by_content(delivery, size);
	if (delivery->stage.is_temporary)
		return prove_upload_by_overlap(delivery, size);
	delivery_start_over(delivery, "nothing proves that what the server has is a part of it");
	return FTP_OK;
}

enum ftp_class
delivery_find_offset(struct delivery *delivery)
{
	enum ftp_class reason;
	int64_t size;

	delivery->at = 0;
	delivery->is_whole = false;
	reason = delivery_ask_size(delivery, delivery->stage.path, &size);
	if (reason == FTP_OK && size < 0 && delivery->is_renaming) {
		/* the answer to RNTO was lost: then the file has its name by now */
		stage_forget(&delivery->stage);
		stage_close(&delivery->stage);
		(void)stage_in_place(&delivery->stage, delivery->transfer->remote);
		reason = delivery_ask_size(delivery, delivery->stage.path, &size);
	}
	if (reason != FTP_OK || size < 0)
		return reason;
	if (size > delivery->status.st_size) {
		delivery_start_over(delivery, "the server has more than the local file");
		return FTP_OK;
	}
	if (size > 0)
		reason = prove_beginning(delivery, size);
	if (reason == FTP_OK && delivery->at == (uint64_t)delivery->status.st_size && size == delivery->status.st_size)
		reason = check_finished(delivery);
	return reason;
}
