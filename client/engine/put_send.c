/* SPDX-License-Identifier: ISC */
/* The bytes of an upload: from the beginning, or from where it goes on. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/engine/delivery.h"
#include "common/io.h"

#include "common/banned.h"

#define BUFFER_SIZE (160 * 1024)
#define SENDFILE_MAX (1024 * 1024) /* bytes a call: progress and abort in between */

static enum ftp_class
fail_changed(struct delivery *delivery, const char *how)
{
	return ftp_fail(delivery->ftp, FTP_LOCAL, "send it again when nobody writes it",
	    "the local file %s while it was sent; the server was not told that it is complete", how);
}

/* Check that the file is the one that was opened, down to its time: otherwise the sent bytes are no version of it. */
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

static void
count_sent(struct delivery *delivery, size_t n)
{
	delivery->at += n;
	delivery->result->bytes += n;
	meter_move(&delivery->meter, delivery->at);
	follow_to(delivery->follower, delivery->at);
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

/* The next bytes of the source; 0 at its end. The client waits for a stream as long as it takes. */
static ssize_t
read_source(struct delivery *delivery, char *bytes, size_t most)
{
	for (;;) {
		uint64_t left = delivery->is_file ? (uint64_t)delivery->status.st_size - delivery->at : most;
		size_t wanted = left < most ? (size_t)left : most;
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
	/* a slow transfer counts its bytes in time for the eye */
	size_t most = wire->pace == NULL ? BUFFER_SIZE : pace_piece(wire->pace, BUFFER_SIZE);
	enum ftp_class reason = bytes == NULL ? fail_local(delivery->ftp, -ENOMEM, "upload") : FTP_OK;

	while (reason == FTP_OK && (!delivery->is_file || delivery->at < (uint64_t)delivery->status.st_size)) {
		ssize_t n = read_source(delivery, bytes, most);
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

void
delivery_start_over(struct delivery *delivery, const char *why)
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

/* True when the server refuses to continue a file: ProFTPD, as Debian configures it, replies 451. */
static bool
is_resume_refused(const struct ftp *ftp, enum ftp_class reason)
{
	int code = ftp->error.reply_code;

	return (reason == FTP_REFUSED || reason == FTP_TEMPORARY) &&
	    (code == 451 || code == 500 || code == 501 || code == 502 || code == 503 || code == 504);
}

/* The server cannot continue at this offset: it keeps another beginning aside, which APPE would continue. */
static bool
is_offset_refused(const struct ftp *ftp, enum ftp_class reason)
{
	int code = ftp->error.reply_code;

	return reason == FTP_REFUSED && (code == 551 || code == 554 || code == 555);
}

/* Continue at delivery->at, by REST and STOR, or by APPE, because the server's file ends there. */
static enum ftp_class
begin_resumed(struct delivery *delivery, struct data *data)
{
	struct ftp *ftp = delivery->ftp;
	const char *remote = delivery->stage.path;
	enum ftp_class reason = FTP_REFUSED;

	if (!ftp->has_no_stor_restart) {
		reason = data_begin(ftp, data, "STOR", remote, delivery->at);
		if (is_offset_refused(ftp, reason)) {
			delivery_start_over(delivery, "the server cannot resume at this offset");
			return data_begin(ftp, data, "STOR", remote, 0);
		}
		if (!is_resume_refused(ftp, reason))
			return reason;
		ftp->has_no_stor_restart = true;
	}
	reason = data_begin(ftp, data, "APPE", remote, 0);
	if (!is_resume_refused(ftp, reason))
		return reason;
	delivery_start_over(delivery, "the server does not continue uploads");
	return data_begin(ftp, data, "STOR", remote, 0);
}

enum ftp_class
delivery_leave_temporary(struct delivery *delivery)
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

	/* a user who may not make a new name may still write an old one */
	if (reason != FTP_REFUSED || !delivery->stage.is_temporary || ftp->error.reply_code == 0)
		return reason;
	refusal = ftp->error;
	reason = delivery_leave_temporary(delivery);
	if (reason == FTP_OK)
		reason = session_ready(ftp);
	if (reason == FTP_OK)
		reason = data_begin(ftp, data, verb, delivery->stage.path, 0);
	if (reason == FTP_OK)
		ftp_note(ftp, "the server accepts no temporary name for '%s': %s; it goes under its own name",
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

/* It will be compared by hash: both sides hash it from the beginning on. A stream is hashed as it is read. */
static enum ftp_class
prepare_sent_comparison(struct delivery *delivery)
{
	const struct ftp_transfer *transfer = delivery->transfer;
	int64_t size = delivery->is_file ? delivery->status.st_size : -1;

	if (transfer->is_append || transfer->verify == FTP_VERIFY_NEVER || algorithm_best(delivery->ftp) == NULL)
		return FTP_OK;
	if (delivery->follower == NULL && size >= FOLLOW_MIN)
		delivery->follower = follow_begin(algorithm_best(delivery->ftp), delivery->fd);
	follow_to(delivery->follower, delivery->at);
	return remote_hash_announce(delivery->ftp, size);
}

enum ftp_class
delivery_send_rest(struct delivery *delivery)
{
	struct data data;
	enum ftp_class reason = prepare_sent_comparison(delivery);
	int r;

	if (reason == FTP_OK)
		reason = begin_upload(delivery, &data);
	if (reason != FTP_OK)
		return reason;
	delivery->is_begun = true;
	if (delivery->is_file && data.wire.tls == NULL && !data.wire.text.is_on)
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
