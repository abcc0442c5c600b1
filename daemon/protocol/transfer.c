/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/io.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/data.h"
#include "daemon/protocol/deflate.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/mover.h"
#include "daemon/protocol/outcome.h"
#include "daemon/protocol/pace.h"
#include "daemon/protocol/quota.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/watch.h"

#include "common/banned.h"

#define AT_ONCE_MAX (64 * 1024)		/* bytes that the buffers of any socket take */
#define DETAIL_SIZE 256

struct transfer_kind {
	const char *verb;
	enum ipc_direction direction;
	enum reply_class class;	/* of errors of the file once the transfer runs */
};

static const struct transfer_kind retrieval = {"RETR", DIRECTION_DOWN, REPLY_FILE};

static const struct transfer_kind stores[STORE_MODE_COUNT] = {
    [STORE_REPLACE] = {"STOR", DIRECTION_UP, REPLY_CREATE},
    [STORE_AT] = {"STOR", DIRECTION_UP, REPLY_CREATE},
    [STORE_APPEND] = {"APPE", DIRECTION_UP, REPLY_CREATE},
    [STORE_UNIQUE] = {"STOU", DIRECTION_UP, REPLY_CREATE},
};

static const struct transfer_kind lists[LIST_FORM_COUNT] = {
    [LIST_LONG] = {"LIST", DIRECTION_LIST, REPLY_LIST},
    [LIST_NAMES] = {"NLST", DIRECTION_LIST, REPLY_LIST},
    [LIST_FACTS] = {"MLSD", DIRECTION_LIST, REPLY_LIST},
};

/* One transfer, from the question to files until its last reply. */
struct transfer {
	const struct transfer_kind *kind;
	const struct home_path *path;
	uint64_t started_ms;
	struct mover mover;
	struct quota_told quota;	/* after an upload */
	bool was_open;		/* the data connection was */
};

static void
transfer_init(struct transfer *transfer, const struct transfer_kind *kind, const struct home_path *path)
{
	transfer->kind = kind;
	transfer->path = path;
	transfer->started_ms = monotonic_ms();
	transfer->quota = (struct quota_told){0, UINT64_MAX, 0, UINT64_MAX, false};
	transfer->was_open = false;
	mover_init(&transfer->mover);
}

/*
 * A small transfer on a passive connection, which most clients have opened by now. Where nothing has to be waited
 * for, 150 and 226 leave in one packet. Every wait sends 150 first (watch_fd()). An upload always waits: its client
 * sends after it has read 150.
 */
static bool
is_over_at_once(const struct protocol *protocol, enum ipc_direction direction, uint64_t size)
{
	return protocol->data_mode == DATA_PASSIVE &&
	    (direction == DIRECTION_LIST || (direction == DIRECTION_DOWN && size <= AT_ONCE_MAX));
}

/*
 * 150, then the data connection for size bytes of what. 150 goes first and at once: it confirms the file while the
 * connection may still be on its way.
 */
static int
open_data(struct protocol *protocol, struct transfer *transfer, uint64_t size, const char *what)
{
	enum ipc_direction direction = transfer->kind->direction;
	int r;

	protocol->transfer.is_running = true;
	protocol->transfer.was_aborted = false;
	protocol->transfer.is_deferred = false;
	protocol->transfer.bytes = 0;
	protocol->transfer.verb = transfer->kind->verb;
	claim_transfer(protocol->session->claims, direction, size, monotonic_ms());
	/* RFC 1123, 4.1.2.9: STOU has the name in this form */
	if (transfer->kind == &stores[STORE_UNIQUE])
		reply(protocol, 150, "FILE: %s", what);
	else
		reply(
		    protocol, 150, "Opening %s data connection for %s", protocol->is_ascii ? "ASCII" : "BINARY", what);
	data_expect_next(protocol);
	if (!is_over_at_once(protocol, direction, size))
		control_flush(protocol);
	r = data_open(protocol, &transfer->mover.stream);
	/* else the client takes the end for an attack, and does not come to read what is wrong */
	if (r == -EKEYREJECTED)
		(void)!mover_end_orderly(protocol, &transfer->mover);
	if (r == 0 && protocol->is_deflated)
		r = direction == DIRECTION_UP ? deflate_begin_receiving(protocol->config->mode_z_limit)
					      : deflate_begin_sending(protocol->deflate_level);
	transfer->was_open = r == 0;
	return r;
}

static void
outcome_detail_text(const struct protocol *protocol, const struct transfer *transfer, enum outcome_detail detail, int r,
    char text[DETAIL_SIZE])
{
	text[0] = '\0';
	switch (detail) {
	case DETAIL_TLS:
		snprintf(text, DETAIL_SIZE, "%s", transfer->mover.stream.error);
		break;
	case DETAIL_SYSTEM:
		snprintf(text, DETAIL_SIZE, "%s", strerror(-r));
		break;
	case DETAIL_STALL:
		snprintf(text, DETAIL_SIZE, "%u s; transfer given up", protocol->config->timeouts.stall_s);
		break;
	case DETAIL_NOTHING:
	case DETAIL_FILE:
		break;
	}
}

/* The last reply of a transfer; r is 0 or what ended it. */
static void
reply_outcome(struct protocol *protocol, const struct transfer *transfer, enum outcome outcome, int r)
{
	const struct outcome_row *row = outcome_row(outcome);
	char detail[DETAIL_SIZE];

	if (r == 0)
		reply_quota_warning(protocol, &transfer->quota);
	if (row->detail == DETAIL_FILE) {
		reply_error(protocol, transfer->kind->class, r, transfer->path->text);
	} else {
		outcome_detail_text(protocol, transfer, row->detail, r, detail);
		reply(protocol, row->code, "%s%s", row->text, detail);
	}
	if (outcome == OUTCOME_ABORTED)
		reply(protocol, 226, "ABOR done");
	else if (protocol->transfer.was_aborted)
		reply(protocol, 226, "ABOR came after the end of the transfer");
}

/* Reply, log and count; r is 0 or what ended the transfer. */
static void
finish_transfer(struct protocol *protocol, const struct transfer *transfer, int r)
{
	enum outcome outcome = outcome_of(&(const struct ending){
	    .error = r,
	    .was_open = transfer->was_open,
	    .is_local = transfer->mover.is_local,
	    .is_deflated = protocol->is_deflated,
	    .is_unproven = transfer->mover.is_unproven,
	    .has_tls_error = transfer->mover.stream.error[0] != '\0',
	    .was_aborted = protocol->transfer.was_aborted,
	    .end_reason = protocol->end_reason,
	});
	enum ipc_direction direction = transfer->kind->direction;
	uint64_t now, ms, bytes = protocol->transfer.bytes;

	reply_outcome(protocol, transfer, outcome, r);
	now = monotonic_ms();
	ms = now - transfer->started_ms;
	tell_monitor_transferred(protocol, direction, bytes, ms, -r, transfer->path->text);
	protocol->transfer.is_running = false;
	protocol->transfer.is_deferred = false;
	if (direction != DIRECTION_LIST)
		mover_forget_buffers();
	claim_transfer_end(protocol->session->claims, direction, bytes, ms, outcome_row(outcome)->failure);
	claim(protocol->session->claims, CLAIM_IDLE, now);
}

void
transfer_retrieve(struct protocol *protocol, const struct home_path *path)
{
	uint64_t offset = protocol->is_ascii ? 0 : protocol->restart_offset, size = 0;
	struct transfer transfer;
	struct mover *mover = &transfer.mover;
	int r;

	if (protocol->is_ascii && protocol->range_end != UINT64_MAX) {
		reply(protocol, 555, "RANG needs TYPE I");
		return;
	}
	transfer_init(&transfer, &retrieval, path);
	pace_begin(&mover->pace, protocol, RATE_DOWN);
	r = ask_files_open_read(protocol, path, offset, &size, &mover->fd);
	if (r < 0) {
		reply_error(protocol, REPLY_FILE, r, path->text);
		return;
	}
	if (size > protocol->range_end)
		size = protocol->range_end;
	mover->left = size > offset ? size - offset : 0;
	mover->skip = protocol->is_ascii ? protocol->restart_offset : 0;
	r = open_data(protocol, &transfer,
	    protocol->is_ascii || protocol->is_deflated ? CLAIM_SIZE_UNKNOWN : mover->left, home_path_name(path));
	if (r == 0)
		r = mover_send_file(protocol, mover);
	if (r == 0)
		r = mover_end_sending(protocol, mover);
	mover_close(protocol, mover);
	finish_transfer(protocol, &transfer, r);
}

/* RFC 3659, 5.3: after a REST, APPE acts as STOR does. */
static enum ipc_store_mode
mode_with_restart(const struct protocol *protocol, enum ipc_store_mode mode)
{
	return mode != STORE_UNIQUE && protocol->restart_offset > 0 ? STORE_AT : mode;
}

/*
 * Write to the disk, then check the control connection once more. A client that died has closed both, the data first
 * or last, and its upload is not whole. Without upload-sync there is no time for that.
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

/* The data, until the client's end. Returns 0 or -errno; the connection is closed. */
static int
receive_upload(struct protocol *protocol, struct mover *mover, int r)
{
	if (r == 0 && mover->stream.tls != NULL)
		stream_acknowledge_soon(&mover->stream);
	if (r == 0 && mover->stream.tls == NULL)	/* nothing is here so soon */
		r = watch_fd(protocol, mover->stream.fd, POLLIN, NO_DEADLINE);
	if (r == 0)
		r = mover_receive_file(protocol, mover);
	if (r < 0 && mover->is_local)
		mover_discard_rest(protocol, mover);
	if (r == 0 && mover->stream.tls != NULL)	/* in clear, closing says the same */
		(void)!stream_shutdown(&mover->stream);
	if (r == 0)
		r = mover_close_file(mover);
	mover_close(protocol, mover);
	return r;
}

void
transfer_store(struct protocol *protocol, const struct home_path *path, enum ipc_store_mode mode)
{
	struct transfer transfer;
	struct mover *mover = &transfer.mover;
	char name[NAME_MAX + 1];
	uint64_t start = 0;
	int r, finished;

	if ((protocol->is_ascii && protocol->restart_offset > 0) || protocol->range_end != UINT64_MAX) {
		/* RFC 1123, 4.1.3.4: a mismatch between the type and what REST asks for */
		reply(protocol, 555,
		    protocol->is_ascii ? "REST with an upload needs TYPE I" : "RANG is for RETR and HASH");
		return;
	}
	transfer_init(&transfer, &stores[mode], path);
	pace_begin(&mover->pace, protocol, RATE_UP);
	r = ask_files_open_write(
	    protocol, path, mode_with_restart(protocol, mode), protocol->restart_offset, &start, name, &mover->fd);
	if (r < 0) {
		reply_error(protocol, REPLY_CREATE, r, path->text);
		return;
	}
	/* UINT64_MAX where ALLO announced nothing: unknown to both */
	r = open_data(protocol, &transfer, protocol->announced, mode == STORE_UNIQUE ? name : home_path_name(path));
	r = receive_upload(protocol, mover, r);
	claim(protocol->session->claims, CLAIM_FINISH, monotonic_ms());
	if (r == 0)
		r = sync_upload(protocol, mover);
	finished = ask_files_finish_write(protocol, r == 0, &transfer.quota);
	if (r == 0 && finished < 0)
		r = mover_fail_local(mover, finished);
	finish_transfer(protocol, &transfer, r);
}

void
transfer_list(struct protocol *protocol, const struct home_path *path, enum ipc_list_form form, uint8_t flags,
    uint32_t shown_from)
{
	struct transfer transfer;
	struct mover *mover = &transfer.mover;
	uint64_t entries;
	int r, ended;

	transfer_init(&transfer, &lists[form], path);
	r = ask_files_list(protocol, path, form, flags, shown_from, &mover->fd);
	if (r < 0) {
		reply_error(protocol, form == LIST_FACTS && r != -ENOTDIR ? REPLY_FILE : REPLY_LIST, r, path->text);
		return;
	}
	if (fcntl(mover->fd, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = open_data(protocol, &transfer, CLAIM_SIZE_UNKNOWN, "directory listing");
	if (r == 0)
		r = mover_send_listing(protocol, mover);
	if (r == 0)
		r = mover_end_sending(protocol, mover);
	mover_close(protocol, mover);
	ended = ask_files_list_end(protocol, &entries);
	if (r == 0 && ended < 0)
		r = mover_fail_local(mover, ended);
	finish_transfer(protocol, &transfer, r);
}
