/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "common/io.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/data.h"
#include "daemon/protocol/deflate.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/mover.h"
#include "daemon/protocol/pace.h"
#include "daemon/protocol/quota.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/watch.h"

#include "common/banned.h"

#define AT_ONCE_MAX (64 * 1024)		/* bytes that the buffers of any socket take */

/*
 * A small thing on a passive connection, which most clients have opened by now: where nothing has
 * to be waited for, 150 and 226 leave in one packet. Whatever waits sends 150 first (watch_fd()).
 * An upload has to be waited for: its client sends when it has read 150.
 */
static bool
is_over_at_once(const struct protocol *protocol, enum ipc_direction direction, uint64_t size)
{
	return protocol->data_mode == DATA_PASSIVE && (direction == DIRECTION_LIST || (direction == DIRECTION_DOWN && size <= AT_ONCE_MAX));
}

/*
 * 150, then the data connection. 150 goes first and at once: it tells the client that the
 * file is all right while the connection may still be on its way.
 */
static int
open_data(struct protocol *protocol, const char *verb, enum ipc_direction direction, uint64_t size,
    struct mover *mover, const char *what)
{
	int r;

	protocol->transfer.is_running = true;
	protocol->transfer.was_aborted = false;
	protocol->transfer.is_deferred = false;
	protocol->transfer.bytes = 0;
	protocol->transfer.verb = verb;
	claim_transfer(protocol->session->claims, direction, size, monotonic_ms());
	/* RFC 1123, 4.1.2.9: STOU tells the name in this form */
	if (strcmp(verb, "STOU") == 0)
		reply(protocol, 150, "FILE: %s", what);
	else
		reply(protocol, 150, "Opening %s data connection for %s", protocol->is_ascii ? "ASCII" : "BINARY", what);
	data_expect_next(protocol);
	if (!is_over_at_once(protocol, direction, size))
		control_flush(protocol);
	r = data_open(protocol, &mover->stream);
	/* else the client takes the end for an attack, and does not come to read what is wrong */
	if (r == -EKEYREJECTED)
		(void)!mover_end_orderly(protocol, mover);
	if (r == 0 && protocol->is_deflated)
		r = direction == DIRECTION_UP ? deflate_begin_receiving(protocol->config->mode_z_limit)
			      : deflate_begin_sending(protocol->deflate_level);
	return r;
}

static void
reply_cancelled(struct protocol *protocol)
{
	if (protocol->transfer.was_aborted) {
		reply(protocol, 426, "Transfer aborted");
		reply(protocol, 226, "ABOR done");
	} else if (protocol->end_reason == END_STALL_TIMEOUT) {
		reply(protocol, 426, "No data for %u s; transfer given up", protocol->config->timeouts.stall_s);
	} else {
		reply(protocol, 426, "Transfer broken off");
	}
}

/* The last reply of a transfer. r is 0 or what ended it. */
static void
reply_end(struct protocol *protocol, const struct mover *mover, int r, bool was_open, enum reply_class class,
    const char *name)
{
	if (r == 0)
		reply_quota_warning(protocol, &mover->quota);
	if (r == 0)
		reply(protocol, 226, mover->is_unproven ? "Transfer complete; its end was not proven by TLS"
							: "Transfer complete");
	else if (r == -ECANCELED)
		reply_cancelled(protocol);
	else if (r == -EKEYREJECTED)
		reply(protocol, 522, "The data connection must resume the TLS session of the control connection");
	else if (!was_open && mover->stream.error[0] != '\0')	/* RFC 4217, 10: the negotiation failed */
		reply(protocol, 522, "TLS failed on the data connection: %s", mover->stream.error);
	else if (!was_open && r == -ESTALE)
		reply(protocol, 425, "The port was given up: another session needed it, or nobody connected; send EPSV or PASV again");
	else if (!was_open)
		reply(protocol, 425, "Cannot open the data connection: %s", strerror(-r));
	else if (mover->is_local && r == -ENODATA)
		reply(protocol, 451, "The file became shorter while it was sent");
	else if (mover->is_local)
		reply_error(protocol, class, r, name);
	else if (r == -EPROTO && protocol->is_deflated)
		reply(protocol, 426, "The data was not whole in the format of MODE Z");
	else if (r == -ENODATA)
		reply(protocol, 426, "TLS ended without close_notify; the upload may be cut off and is kept as a partial");
	else
		reply(protocol, 426, "Data connection broke: %s", strerror(-r));
	if (protocol->transfer.was_aborted && r != -ECANCELED)
		reply(protocol, 226, "ABOR came when all was over");
}

/* What the transfer counts as; r is 0 or what ended it. */
static enum transfer_failure
failure_of(const struct protocol *protocol, const struct mover *mover, int r, bool was_open)
{
	if (r == 0)
		return TRANSFER_FAILURE_COUNT;
	if (r == -ECANCELED)
		return protocol->end_reason >= 0 ? FAILED_ENDED : FAILED_ABORTED;
	if (r == -EKEYREJECTED || mover->stream.error[0] != '\0' || (!mover->is_local && r == -ENODATA))
		return FAILED_TLS;
	if (!was_open)
		return FAILED_NO_CONNECTION;
	if (!mover->is_local)
		return FAILED_CONNECTION;
	return r == -ENOSPC || r == -EDQUOT ? FAILED_SPACE : FAILED_FILE;
}

static void
finish(struct protocol *protocol, const struct mover *mover, enum ipc_direction direction,
    const struct home_path *path, uint64_t started_ms, int r, bool was_open)
{
	uint64_t now = monotonic_ms();

	tell_monitor_transferred(protocol, direction, protocol->transfer.bytes, now - started_ms, -r, path->text);
	protocol->transfer.is_running = false;
	protocol->transfer.is_deferred = false;
	if (direction != DIRECTION_LIST)
		mover_forget_buffers(protocol->transfer.bytes);
	claim_transfer_end(protocol->session->claims, direction, protocol->transfer.bytes, now - started_ms,
	    failure_of(protocol, mover, r, was_open));
	claim(protocol->session->claims, CLAIM_IDLE, now);
}

void
transfer_retrieve(struct protocol *protocol, const struct home_path *path)
{
	struct mover mover;
	uint64_t started = monotonic_ms(), size = 0;
	uint64_t offset = protocol->is_ascii ? 0 : protocol->restart_offset;
	bool was_open;
	int r;

	mover_init(&mover);
	pace_begin(&mover.pace, protocol, RATE_DOWN);
	if (protocol->is_ascii && protocol->range_end != UINT64_MAX) {
		reply(protocol, 555, "RANG needs TYPE I");
		return;
	}
	r = ask_files_open_read(protocol, path, offset, &size, &mover.fd);
	if (r < 0) {
		reply_error(protocol, REPLY_FILE, r, path->text);
		return;
	}
	if (size > protocol->range_end)
		size = protocol->range_end;
	mover.left = size > offset ? size - offset : 0;
	mover.skip = protocol->is_ascii ? protocol->restart_offset : 0;
	r = open_data(protocol, "RETR", DIRECTION_DOWN,
	    protocol->is_ascii || protocol->is_deflated ? CLAIM_SIZE_UNKNOWN : mover.left, &mover, home_path_name(path));
	was_open = r == 0;
	if (r == 0)
		r = mover_send_file(protocol, &mover);
	if (r == 0)
		r = mover_end_sending(protocol, &mover);
	mover_close(protocol, &mover);
	reply_end(protocol, &mover, r, was_open, REPLY_FILE, path->text);
	finish(protocol, &mover, DIRECTION_DOWN, path, started, r, was_open);
}

/* RFC 3659, 5.3: behind a REST, APPE acts as STOR does. */
static enum ipc_store_mode
mode_with_restart(const struct protocol *protocol, enum ipc_store_mode mode)
{
	return mode != STORE_UNIQUE && protocol->restart_offset > 0 ? STORE_AT : mode;
}

/*
 * To the disk, and then one more look at the control connection: a client that died has closed
 * both, the data first or last, and its upload is not whole. Without upload-sync there is no time
 * in which that could have happened.
 */
static int
sync_upload(struct protocol *protocol, struct mover *mover)
{
	int r;

	if (!protocol->config->upload_sync)
		return 0;
	r = ask_files_sync_write(protocol);
	return r < 0 ? mover_fail_local(mover, r) : watch_fd(protocol, -1, 0, 0);
}

void
transfer_store(struct protocol *protocol, const struct home_path *path, enum ipc_store_mode mode)
{
	struct mover mover;
	uint64_t started = monotonic_ms(), start = 0;
	char name[NAME_MAX + 1];
	bool was_open;
	int r, finished;

	mover_init(&mover);
	pace_begin(&mover.pace, protocol, RATE_UP);
	if ((protocol->is_ascii && protocol->restart_offset > 0) || protocol->range_end != UINT64_MAX) {
		/* RFC 1123, 4.1.3.4: a mismatch between the type and what REST asks for */
		reply(protocol, 555, protocol->is_ascii ? "REST with an upload needs TYPE I" : "RANG is for RETR and HASH");
		return;
	}
	r = ask_files_open_write(protocol, path, mode_with_restart(protocol, mode), protocol->restart_offset, &start,
	    name, &mover.fd);
	if (r < 0) {
		reply_error(protocol, REPLY_CREATE, r, path->text);
		return;
	}
	/* UINT64_MAX where ALLO announced nothing: unknown to both */
	r = open_data(protocol, mode == STORE_UNIQUE ? "STOU" : mode == STORE_APPEND ? "APPE" : "STOR", DIRECTION_UP,
	    protocol->announced, &mover, mode == STORE_UNIQUE ? name : home_path_name(path));
	was_open = r == 0;
	if (r == 0 && mover.stream.tls == NULL)	/* nothing is here so soon */
		r = watch_fd(protocol, mover.stream.fd, POLLIN, NO_DEADLINE);
	if (r == 0)
		r = mover_receive_file(protocol, &mover);
	if (r < 0 && mover.is_local)
		mover_discard_rest(protocol, &mover);
	if (r == 0 && mover.stream.tls != NULL)	/* in clear, closing says the same */
		(void)!stream_shutdown(&mover.stream);
	if (r == 0)
		r = mover_close_file(&mover);
	mover_close(protocol, &mover);
	claim(protocol->session->claims, CLAIM_FINISH, monotonic_ms());
	if (r == 0)
		r = sync_upload(protocol, &mover);
	finished = ask_files_finish_write(protocol, r == 0, &mover.quota);
	if (r == 0 && finished < 0)
		r = mover_fail_local(&mover, finished);
	reply_end(protocol, &mover, r, was_open, REPLY_CREATE, path->text);
	finish(protocol, &mover, DIRECTION_UP, path, started, r, was_open);
}

void
transfer_list(struct protocol *protocol, const struct home_path *path, enum ipc_list_form form, uint8_t flags,
    uint32_t shown_from)
{
	struct mover mover;
	uint64_t started = monotonic_ms(), entries;
	bool was_open;
	int r, ended;

	mover_init(&mover);
	r = ask_files_list(protocol, path, form, flags, shown_from, &mover.fd);
	if (r < 0) {
		reply_error(protocol, form == LIST_FACTS && r != -ENOTDIR ? REPLY_FILE : REPLY_LIST, r, path->text);
		return;
	}
	if (fcntl(mover.fd, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = open_data(protocol, form == LIST_FACTS ? "MLSD" : form == LIST_NAMES ? "NLST" : "LIST", DIRECTION_LIST,
		    CLAIM_SIZE_UNKNOWN, &mover, "directory listing");
	was_open = r == 0;
	if (r == 0)
		r = mover_send_listing(protocol, &mover);
	if (r == 0)
		r = mover_end_sending(protocol, &mover);
	mover_close(protocol, &mover);
	ended = ask_files_list_end(protocol, &entries);
	if (r == 0 && ended < 0) {
		mover.is_local = true;
		r = ended;
	}
	reply_end(protocol, &mover, r, was_open, REPLY_LIST, path->text);
	finish(protocol, &mover, DIRECTION_LIST, path, started, r, was_open);
}
