/* Uploads: resumed where the server has a beginning that is ours, verified, and never complete when the file changed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/engine/data.h"
#include "client/engine/hash.h"
#include "client/engine/local.h"
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
	uint64_t at; /* sent up to here, what was resumed included */
	struct sum sum; /* of a stream, as it goes by */
	bool is_summed;
};

static enum ftp_class
fail_changed(struct delivery *delivery, const char *how)
{
	return fail(delivery->ftp, FTP_LOCAL, "send it again when nobody writes it",
	    "the local file %s while it was sent; the server was not told that it is complete", how);
}

/* The file is the one that was opened, down to its time: otherwise what was sent is no version of it. */
static enum ftp_class
check_unchanged(struct delivery *delivery)
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
			if (delivery->is_summed)
				sum_add(&delivery->sum, bytes, (size_t)n);
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
	note(delivery->ftp, "'%s' is sent from the beginning: %s", delivery->transfer->remote, why);
	delivery->result->is_restarted = true;
	delivery->result->resumed = 0;
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
	    (code == 451 || code == 501 || code == 502 || code == 504);
}

/* Continue at delivery->at: by REST and STOR, or APPE, since the end of the server's file is where we are. */
static enum ftp_class
begin_resumed(struct delivery *delivery, struct data *data)
{
	struct ftp *ftp = delivery->ftp;
	const char *remote = delivery->transfer->remote;
	enum ftp_class reason = FTP_REFUSED;

	if (!ftp->has_no_stor_restart) {
		reason = data_begin(ftp, data, "STOR", remote, delivery->at);
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

static enum ftp_class
begin_upload(struct delivery *delivery, struct data *data)
{
	if (!delivery->transfer->is_append && delivery->at > 0)
		return begin_resumed(delivery, data);
	return data_begin(
	    delivery->ftp, data, delivery->transfer->is_append ? "APPE" : "STOR", delivery->transfer->remote, 0);
}

static enum ftp_class
send_rest(struct delivery *delivery)
{
	struct data data;
	enum ftp_class reason = begin_upload(delivery, &data);
	int r;

	if (reason != FTP_OK)
		return reason;
	if (delivery->is_file && data.wire.tls == NULL)
		reason = send_plain_file(delivery, &data.wire);
	else
		reason = send_bytes(delivery, &data.wire);
	if (reason == FTP_OK)
		reason = check_unchanged(delivery);
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
ask_size(struct delivery *delivery, int64_t *size)
{
	struct ftp *ftp = delivery->ftp;
	enum ftp_class reason = control_exchange(ftp, "SIZE %s", delivery->transfer->remote);
	uint64_t value;

	*size = -1;
	if (reason == FTP_OK && ftp->reply.code == 213 && parse_u64(reply_message(&ftp->reply), INT64_MAX, &value) == 0)
		*size = (int64_t)value;
	return reason;
}

/* Where to continue: what the server has must be the beginning of the local file. */
static enum ftp_class
find_offset(struct delivery *delivery, bool is_own)
{
	const struct hash_algorithm *algorithm = algorithm_best(delivery->ftp);
	enum ftp_class reason;
	bool is_same = true;
	int64_t size;

	reason = ask_size(delivery, &size);
	if (reason != FTP_OK)
		return reason;
	delivery->at = 0;
	if (size <= 0)
		return FTP_OK;
	if (size > delivery->status.st_size) {
		start_over(delivery, "the server has more than the local file");
		return FTP_OK;
	}
	delivery->at = (uint64_t)size;
	if (delivery->transfer->verify == FTP_VERIFY_NEVER)
		return FTP_OK;
	reason = FTP_REFUSED;
	if (algorithm != NULL) {
		meter_begin(&delivery->meter, delivery->ftp, FTP_PHASE_CHECK_PART, 0, size);
		reason = remote_hash_compare(delivery->ftp, algorithm, delivery->transfer->remote, delivery->fd,
		    (uint64_t)size, false, &delivery->meter, &is_same);
	}
	if (reason == FTP_OK && !is_same)
		start_over(delivery, "what the server has differs from the local file");
	if (reason != FTP_REFUSED)
		return reason;
	if (delivery->transfer->verify == FTP_VERIFY_ALWAYS)
		return fail(delivery->ftp, FTP_VERIFY, "send the whole file, or resume with --verify=auto",
		    "what the server has cannot be checked: it has no hashes of ranges");
	if (!is_own)
		note(delivery->ftp, "'%s' is continued without a check: the server has no hashes of ranges",
		    delivery->transfer->remote);
	return FTP_OK;
}

/* --- the end --- */

static enum ftp_class
verify_size(struct delivery *delivery)
{
	enum ftp_class reason;
	int64_t size;

	reason = ask_size(delivery, &size);
	if (reason != FTP_OK || size < 0)
		return reason;
	if ((uint64_t)size != delivery->at)
		return fail(delivery->ftp, FTP_VERIFY, "send it again", "the server has %lld bytes of %llu",
		    (long long)size, (unsigned long long)delivery->at);
	delivery->result->is_size_same = true;
	return FTP_OK;
}

static enum ftp_class
compare_stream(struct delivery *delivery, const struct hash_algorithm *algorithm, bool *is_same)
{
	char here[FTP_HASH_HEX_MAX], there[FTP_HASH_HEX_MAX];
	enum ftp_class reason = remote_hash_send(delivery->ftp, algorithm, delivery->transfer->remote, 0, -1);

	if (reason == FTP_OK)
		reason = remote_hash_receive(delivery->ftp, algorithm, delivery->at, there);
	if (reason == FTP_OK)
		*is_same = sum_end(&delivery->sum, here) == 0 && strcmp(here, there) == 0;
	return reason;
}

static enum ftp_class
verify_hash(struct delivery *delivery)
{
	const struct hash_algorithm *algorithm = algorithm_best(delivery->ftp);
	enum ftp_class reason = FTP_REFUSED;
	bool is_same = false;

	if (algorithm != NULL && (delivery->is_file || delivery->is_summed)) {
		meter_begin(&delivery->meter, delivery->ftp, FTP_PHASE_VERIFY, 0, (int64_t)delivery->at);
		if (delivery->is_file)
			reason = remote_hash_compare(delivery->ftp, algorithm, delivery->transfer->remote, delivery->fd,
			    delivery->at, true, &delivery->meter, &is_same);
		else
			reason = compare_stream(delivery, algorithm, &is_same);
	}
	if (reason == FTP_OK && !is_same)
		return fail(delivery->ftp, FTP_VERIFY, "send it again",
		    "%s of what the server has differs from the local file's", algorithm->name);
	if (reason == FTP_OK)
		snprintf(delivery->result->verified, sizeof(delivery->result->verified), "%s", algorithm->name);
	if (reason == FTP_OK || (reason != FTP_REFUSED && reason != FTP_TEMPORARY))
		return reason;
	if (delivery->transfer->verify == FTP_VERIFY_ALWAYS)
		return fail(delivery->ftp, FTP_VERIFY, "without a hash: --verify=auto",
		    "the server has no hash to compare with");
	return FTP_OK;
}

static enum ftp_class
verify(struct delivery *delivery)
{
	enum ftp_class reason = FTP_OK;

	if (delivery->transfer->is_append)
		return FTP_OK;
	if (delivery->transfer->verify != FTP_VERIFY_NEVER)
		reason = verify_hash(delivery);
	/* a hash says more than the size does */
	if (reason == FTP_OK && *delivery->result->verified == '\0')
		reason = verify_size(delivery);
	return reason;
}

/* A server without a command for it is no error: the file is there. */
static void
keep_mtime(struct delivery *delivery)
{
	struct ftp *ftp = delivery->ftp;

	if (!delivery->is_file || delivery->transfer->no_mtime || delivery->transfer->is_append ||
	    (session_feature(ftp, "MFMT") == NULL && session_feature(ftp, "MDTM") == NULL))
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
		return fail(delivery->ftp, FTP_LOCAL, "use mirror for directories", "'%s' is a directory",
		    transfer->local_name);
	if (delivery->fd == -EINVAL)
		return fail(delivery->ftp, FTP_LOCAL, "send it through standard input ('-')", "'%s' is no regular file",
		    transfer->local_name);
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
		reason = ask_size(delivery, &size);
		if (reason == FTP_OK && size >= 0)
			reason = fail(
			    delivery->ftp, FTP_REFUSED, "choose another name", "the name exists on the server already");
	}
	return reason;
}

static enum ftp_class
send_once(struct delivery *delivery, bool is_again)
{
	enum ftp_class reason = session_ready(delivery->ftp);
	bool is_resumed =
	    delivery->is_file && !delivery->transfer->is_append && (delivery->transfer->is_resume || is_again);
	uint64_t began;

	if (reason == FTP_OK && !is_again)
		reason = check_absent(delivery);
	if (reason == FTP_OK && is_resumed)
		reason = find_offset(delivery, is_again);
	if (reason != FTP_OK)
		return reason;
	if (!is_again)
		delivery->result->resumed = delivery->at;
	meter_begin(&delivery->meter, delivery->ftp, FTP_PHASE_TRANSFER, delivery->at,
	    delivery->is_file ? delivery->status.st_size : -1);
	began = monotonic_ms();
	reason = send_rest(delivery);
	delivery->result->elapsed_ms += monotonic_ms() - began;
	meter_end(&delivery->meter);
	return reason;
}

/* A stream cannot be read again, and an append that may have come must not come twice. */
static bool
can_retry(const struct delivery *delivery)
{
	return delivery->at == 0 || (delivery->is_file && !delivery->transfer->is_append);
}

static enum ftp_class
send_with_retries(struct delivery *delivery)
{
	unsigned int tries = 0;
	enum ftp_class reason;
	uint64_t at;

	for (;;) {
		at = delivery->at;
		reason = send_once(delivery, tries > 0);
		if (reason == FTP_OK || !can_retry(delivery))
			return reason;
		if (delivery->at > at && delivery->ftp->options->retries > 0 && tries > 1)
			tries = 1;
		reason = session_retry(delivery->ftp, reason, &tries);
		if (reason != FTP_OK)
			return reason;
		delivery->result->retries++;
		doing(delivery->ftp, "cannot send '%s'", delivery->transfer->remote);
	}
}

static void
begin_sum(struct delivery *delivery)
{
	const struct hash_algorithm *algorithm;

	if (delivery->is_file || delivery->transfer->is_append || delivery->transfer->verify == FTP_VERIFY_NEVER ||
	    session_ready(delivery->ftp) != FTP_OK)
		return;
	algorithm = algorithm_best(delivery->ftp);
	delivery->is_summed = algorithm != NULL && sum_begin(&delivery->sum, algorithm) == 0;
}

enum ftp_class
ftp_put(struct ftp *ftp, const struct ftp_transfer *transfer, struct ftp_result *result)
{
	struct ftp_result unwanted = {0};
	struct delivery delivery = {.ftp = ftp, .transfer = transfer, .fd = -1};
	enum ftp_class reason;

	delivery.result = result != NULL ? result : &unwanted;
	memset(delivery.result, 0, sizeof(*delivery.result));
	doing(ftp, "cannot send '%s'", transfer->remote);
	reason = open_source(&delivery);
	if (reason == FTP_OK) {
		begin_sum(&delivery);
		reason = send_with_retries(&delivery);
	}
	delivery.result->size = delivery.at;
	if (reason == FTP_OK)
		reason = verify(&delivery);
	if (reason == FTP_OK)
		keep_mtime(&delivery);
	sum_free(&delivery.sum);
	if (transfer->local_name != NULL)
		close_fd(&delivery.fd);
	return reason;
}
