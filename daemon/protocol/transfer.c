/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/protocol/ascii.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/data.h"
#include "daemon/protocol/deflate.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/pace.h"
#include "daemon/protocol/quota.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

#define CHUNK (256 * 1024)		/* bytes of one read or write */
#define RECEIVE_MAX (1024 * 1024)	/* and of one that is stored as it comes; with more the caches miss */
#define LARGE_FROM (16 * 1024)		/* an upload of more is not small, */
#define ROOM (2 * 1024 * 1024)		/* and as many bytes of it may wait in the kernel */
#define KEPT_MAX (64 * 1024)		/* bytes of a buffer that may stay in memory between transfers */
#define LOOK_EVERY (16 * 1024 * 1024)	/* bytes after which the control connection is looked at */
#define COPIED_MAX (16 * 1024)	/* bytes of a file that are sent faster by copying them than by sendfile(2) */
#define AT_ONCE_MAX (64 * 1024)		/* bytes that the buffers of any socket take */
#define NO_DEADLINE UINT64_MAX		/* the monitor keeps the stall deadline */
#define WORK_MS_MAX (30 * 60 * 1000)	/* the longest that files may work on one command */
#define WORK_TICK_MS 5000
#define DISCARD_MS 1000			/* how long, and how much, of a refused upload is still taken in */
#define DISCARD_MAX (16 * 1024 * 1024)
#define PEER_END_MS 1000		/* how long the peer's close_notify is waited for behind ours */

static char chunk[RECEIVE_MAX] __attribute__((aligned(4096)));
static char converted[2 * CHUNK];
static char packed[CHUNK];	/* MODE Z: what comes out of zlib */

/* What goes on while bytes move. */

static void
progress(struct protocol *protocol, uint64_t bytes)
{
	protocol->transfer.bytes += bytes;
	if (protocol->holds_notice && protocol->transfer.bytes > TELL_BYTES)
		tell_monitor_due(protocol);
	claim_bytes(protocol->session->claims, protocol->transfer.bytes);
	claim(protocol->session->claims, CLAIM_TRANSFER, monotonic_coarse_ms());
}

/* Serve a line that may come during a transfer; any other stays at hand until its end. */
static void
serve_line(struct protocol *protocol)
{
	char verb[16];
	char *argument = NULL;
	size_t len;
	char line[COMMAND_LINE_MAX + 1];

	protocol->transfer.is_deferred = true;
	if (protocol->control.line_event != LINE_WHOLE)
		return;
	memcpy(line, protocol->control.reader.text, protocol->control.reader.len + 1);
	if (line_split(line, verb, &argument, &len) < 0)
		return;
	if (strcmp(verb, "ABOR") == 0)
		protocol->transfer.was_aborted = true;
	else if (strcmp(verb, "STAT") == 0 && argument == NULL)
		reply(protocol, 213, "%s: %llu bytes so far", protocol->transfer.verb,
		    (unsigned long long)protocol->transfer.bytes);
	else
		return;
	protocol->transfer.is_deferred = false;
	control_done_line(protocol);
}

static bool
must_stop(const struct protocol *protocol)
{
	if (protocol->transfer.was_aborted)
		return true;
	/* a client that is gone ends the transfer (RFC 959, 4.1.1 QUIT) unless it left commands behind */
	if (protocol->control.at_end && !protocol->transfer.is_deferred)
		return true;
	return protocol->end_reason >= 0 && protocol->end_reason != END_DRAIN;
}

int
transfer_watch(struct protocol *protocol, int fd, short events, uint64_t deadline_ms)
{
	enum { DATA, CONTROL, MONITOR, WAITS };
	struct pollfd waits[WAITS];

	for (;;) {
		bool listens = !protocol->transfer.is_deferred && !protocol->control.at_end;
		int timeout = deadline_ms == NO_DEADLINE ? -1 : deadline_left_ms(deadline_ms, monotonic_ms());
		int tell_in, n;

		while (!protocol->transfer.is_deferred && control_has_line(protocol))
			serve_line(protocol);
		control_flush(protocol);
		if (must_stop(protocol))
			return -ECANCELED;
		if (listens && !protocol->transfer.is_deferred && control_read_pending(protocol))
			continue;
		waits[DATA] = (struct pollfd){.fd = fd, .events = events};
		waits[CONTROL] = (struct pollfd){.fd = listens ? protocol->control.stream.fd : -1,
		    .events = protocol->control.input_wants};
		waits[MONITOR] = (struct pollfd){.fd = protocol->monitor_channel, .events = POLLIN};
		tell_in = tell_monitor_left_ms(protocol);
		if (tell_in >= 0 && (timeout < 0 || timeout > tell_in))
			timeout = tell_in;
		n = poll(waits, WAITS, timeout);
		if (n == 0 && fd >= 0 && tell_monitor_due(protocol))
			continue;
		if (n == 0)
			return fd < 0 ? 0 : -ETIMEDOUT;
		if (n < 0)
			continue;
		if (waits[MONITOR].revents != 0)
			ask_take_notice(protocol);
		if (waits[CONTROL].revents != 0)
			control_read(protocol);
		if (waits[MONITOR].revents == 0 && waits[CONTROL].revents == 0)
			return 0;
	}
}

int
transfer_watch_work(struct protocol *protocol, int channel)
{
	uint64_t give_up = monotonic_ms() + WORK_MS_MAX;
	int r;

	tell_monitor_due(protocol);
	protocol->transfer.is_running = true;
	protocol->transfer.was_aborted = protocol->transfer.is_deferred = false;
	protocol->transfer.bytes = 0;
	protocol->transfer.verb = "work on files";
	do {
		claim(protocol->session->claims, CLAIM_TRANSFER, monotonic_ms());
		r = transfer_watch(protocol, channel, POLLIN, monotonic_ms() + WORK_TICK_MS);
	} while (r == -ETIMEDOUT && monotonic_ms() < give_up);
	protocol->transfer.owes_abort_reply = protocol->transfer.was_aborted;
	protocol->transfer.is_running = protocol->transfer.is_deferred = false;
	claim(protocol->session->claims, CLAIM_IDLE, monotonic_ms());
	return r < 0 ? -ECANCELED : 0;
}

/* Moving bytes. Each returns 0, or -errno: of the file with is_local set, of the connection without. */

struct mover {
	struct stream stream;
	struct pace pace;
	int fd;			/* the file, or a listing's pipe */
	uint64_t left;		/* RETR: bytes to send */
	uint64_t skip;		/* RETR in TYPE A: bytes of network form that REST leaves out */
	uint64_t since_look;
	bool is_local;		/* the error is the file's */
	bool is_unproven;	/* an upload over TLS that ended without close_notify, and was taken all the same */
	bool held_cr;
	bool has_room;		/* see make_room() */
	struct quota_told quota;	/* behind an upload */
};

static int
look(struct protocol *protocol, struct mover *mover, uint64_t bytes)
{
	mover->since_look += bytes;
	if (mover->since_look < LOOK_EVERY)
		return 0;
	mover->since_look = 0;
	data_forget_next(protocol);	/* nothing small follows soon */
	return transfer_watch(protocol, -1, 0, 0);
}

static int
local_error(struct mover *mover, int error)
{
	mover->is_local = true;
	return error;
}

static int
send_all(struct protocol *protocol, struct mover *mover, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = stream_write(&mover->stream, bytes, len);
		int r;

		if (n == -EAGAIN) {
			r = transfer_watch(protocol, mover->stream.fd, mover->stream.wants, NO_DEADLINE);
			if (r < 0)
				return r;
			continue;
		}
		if (n < 0)
			return (int)n;
		bytes += n;
		len -= (size_t)n;
		progress(protocol, (uint64_t)n);
	}
	return 0;
}

/* Bytes of the file's form for the network, through zlib in MODE Z. is_last: with the end of the stream. */
static int
send_piece(struct protocol *protocol, struct mover *mover, const char *bytes, size_t len, bool is_last)
{
	long n;
	int r;

	if (!protocol->is_deflated)
		return send_all(protocol, mover, bytes, len);
	deflate_input(bytes, len);
	while ((n = deflate_next(packed, sizeof(packed), is_last)) > 0) {
		r = send_all(protocol, mover, packed, (size_t)n);
		if (r < 0)
			return r;
	}
	return (int)n;
}

/* TYPE I, in clear or where the kernel encrypts: the kernel moves the bytes. */
static int
send_file_direct(struct protocol *protocol, struct mover *mover)
{
	while (mover->left > 0) {
		size_t want = mover->left < LOOK_EVERY ? (size_t)mover->left : LOOK_EVERY;
		int r = pace_wait(&mover->pace, protocol, want, &want);
		ssize_t n;

		if (r < 0)
			return r;
		n = sendfile(mover->stream.fd, mover->fd, NULL, want);
		if (n > 0) {
			mover->left -= (uint64_t)n;
			pace_moved(&mover->pace, (size_t)n);
			progress(protocol, (uint64_t)n);
			r = look(protocol, mover, (uint64_t)n);
		} else if (n == 0) {
			return local_error(mover, -ENODATA);	/* the file became shorter */
		} else if (errno == EAGAIN) {
			r = transfer_watch(protocol, mover->stream.fd, POLLOUT, NO_DEADLINE);
		} else if (errno == EIO) {
			return local_error(mover, -EIO);
		} else if (errno != EINTR) {
			return -errno;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int
send_converted(struct protocol *protocol, struct mover *mover, size_t len)
{
	size_t n = ascii_encode(chunk, len, converted);
	size_t skip = n < mover->skip ? n : (size_t)mover->skip;

	mover->skip -= skip;
	return send_piece(protocol, mover, converted + skip, n - skip, false);
}

/* TYPE A, TLS, or little: through the buffer. */
static int
send_file_buffered(struct protocol *protocol, struct mover *mover)
{
	while (mover->left > 0) {
		size_t want = mover->left < CHUNK ? (size_t)mover->left : CHUNK;
		int r = pace_wait(&mover->pace, protocol, want, &want);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(mover->fd, chunk, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return local_error(mover, n == 0 ? -ENODATA : -errno);
		mover->left -= (uint64_t)n;
		pace_moved(&mover->pace, (size_t)n);
		if (mover->left == 0)
			stream_expect_end(&mover->stream);
		r = protocol->is_ascii ? send_converted(protocol, mover, (size_t)n)
				       : send_piece(protocol, mover, chunk, (size_t)n, false);
		if (r == 0)
			r = look(protocol, mover, (uint64_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A listing comes through a pipe, with CRLF already, in pieces as files writes them. */
static int
send_listing(struct protocol *protocol, struct mover *mover)
{
	for (;;) {
		ssize_t n = read(mover->fd, chunk, KEPT_MAX);
		int r;

		if (n == 0)
			return 0;
		if (n > 0)
			r = send_piece(protocol, mover, chunk, (size_t)n, false);
		else if (errno == EAGAIN)
			r = transfer_watch(protocol, mover->fd, POLLIN, NO_DEADLINE);
		else
			r = errno == EINTR ? 0 : local_error(mover, -errno);
		if (r < 0)
			return r;
	}
}

/* The kernel refuses to write past what the quota has granted: ask for more. */
static int
ask_for_more(struct protocol *protocol, struct mover *mover, size_t len)
{
	int r = ask_files_grow_write(protocol);

	if (r == -EDQUOT)
		protocol->quota_asked = len;
	return r < 0 ? local_error(mover, r) : 0;
}

static int
store_bytes(struct protocol *protocol, struct mover *mover, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(mover->fd, bytes, len);
		int r;

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EFBIG)
			return local_error(mover, -errno);
		r = ask_for_more(protocol, mover, len);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
store_plain(struct protocol *protocol, struct mover *mover, const char *bytes, size_t len)
{
	if (!protocol->is_ascii)
		return store_bytes(protocol, mover, bytes, len);
	len = ascii_decode(bytes, len, &mover->held_cr, converted);
	return store_bytes(protocol, mover, converted, len);
}

static int
store_piece(struct protocol *protocol, struct mover *mover, size_t len)
{
	long n;
	int r;

	if (!protocol->is_deflated)
		return store_plain(protocol, mover, chunk, len);
	deflate_input(chunk, len);
	while ((n = inflate_next(packed, sizeof(packed))) > 0) {
		r = store_plain(protocol, mover, packed, (size_t)n);
		if (r < 0)
			return r;
	}
	return n == -EFBIG ? local_error(mover, -EFBIG) : (int)n;
}

/* The client has sent all: what is left to store, and whether MODE Z came to its own end. */
static int
store_end(struct protocol *protocol, struct mover *mover)
{
	if (protocol->is_deflated && !inflate_is_complete())
		return -EPROTO;
	return store_bytes(protocol, mover, converted, ascii_decode_end(&mover->held_cr, converted));
}

/*
 * TLS was cut off without close_notify: by an attacker who shortens the file, or by an old
 * client. A size that ALLO announced proves the end as well.
 */
static bool
is_cut_allowed(struct protocol *protocol, struct mover *mover)
{
	if (!protocol->is_ascii && !protocol->is_deflated && protocol->announced == protocol->transfer.bytes + protocol->restart_offset)
		return true;
	tell_monitor_noted(protocol, NOTED_TLS_CUT,
	    protocol->config->tls.require_close ? "upload ended without close_notify; refused (tls.require-close = yes)"
						: "upload ended without close_notify; accepted (tls.require-close = no)");
	mover->is_unproven = !protocol->config->tls.require_close;
	return mover->is_unproven;
}

/*
 * An upload that is not small: let more come while a piece is written, in fewer and larger ones. Left alone, the
 * kernel offers 64 KiB first and more by and by. A low-water mark makes room for itself at once (tcp_set_rcvlowat()
 * of the kernel; SO_RCVBUF would end its tuning and is bounded by net.core.rmem_max); the mark itself is not wanted.
 */
static void
make_room(struct protocol *protocol, struct mover *mover)
{
	int mark = ROOM, no_mark = 1;

	if (mover->has_room || mover->pace.rate != 0 || protocol->transfer.bytes < LARGE_FROM)
		return;
	mover->has_room = true;
	(void)setsockopt(mover->stream.fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark));
	(void)setsockopt(mover->stream.fd, SOL_SOCKET, SO_RCVLOWAT, &no_mark, sizeof(no_mark));
}

static int
receive_file(struct protocol *protocol, struct mover *mover)
{
	size_t most = protocol->is_ascii || protocol->is_deflated ? CHUNK : RECEIVE_MAX;

	for (;;) {
		size_t want = most;
		int r = pace_wait(&mover->pace, protocol, want, &want);
		ssize_t n;

		if (r < 0)
			return r;
		n = stream_read(&mover->stream, chunk, want);
		if (n == -ENODATA && is_cut_allowed(protocol, mover))
			n = 0;
		if (n == 0) {
			/* a client that aborts or dies ends the data too: that is not the end of the file */
			r = transfer_watch(protocol, -1, 0, 0);
			return r < 0 ? r : store_end(protocol, mover);
		}
		if (n > 0) {
			pace_moved(&mover->pace, (size_t)n);
			progress(protocol, (uint64_t)n);
			make_room(protocol, mover);
			r = store_piece(protocol, mover, (size_t)n);
			if (r == 0)
				r = look(protocol, mover, (uint64_t)n);
		} else {
			r = n == -EAGAIN ? transfer_watch(protocol, mover->stream.fd, mover->stream.wants, NO_DEADLINE)
					 : (int)n;
		}
		if (r < 0)
			return r;
	}
}

/* Beginning and end, the same for all. */

/*
 * Tell the client that no more comes, and over TLS wait a moment for its own end, so that
 * nothing that it has sent makes the kernel answer with a reset, which can overtake our last bytes.
 */
static int
end_orderly(struct protocol *protocol, struct mover *mover)
{
	uint64_t deadline;
	ssize_t n;
	int r;

	while ((r = stream_shutdown(&mover->stream)) == -EAGAIN) {
		r = transfer_watch(protocol, mover->stream.fd, mover->stream.wants, NO_DEADLINE);
		if (r < 0)
			return r;
	}
	if (r < 0 || mover->stream.tls == NULL)
		return r == -ENOTCONN ? -ECONNRESET : r;
	deadline = monotonic_ms() + PEER_END_MS;
	do
		n = stream_read(&mover->stream, chunk, CHUNK);
	while ((n > 0 && monotonic_ms() < deadline) ||
	    (n == -EAGAIN && transfer_watch(protocol, mover->stream.fd, POLLIN, deadline) == 0));
	return 0;
}

/*
 * A small thing on a passive connection, which most clients have opened by now: where nothing has
 * to be waited for, 150 and 226 leave in one packet. Whatever waits sends 150 first (transfer_watch()).
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
		(void)!end_orderly(protocol, mover);
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

static int
end_sending(struct protocol *protocol, struct mover *mover)
{
	int r = send_piece(protocol, mover, "", 0, true);

	return r < 0 ? r : end_orderly(protocol, mover);
}

/* A file system of the network may tell only now that something was not written (close(2)). */
static int
close_uploaded(struct mover *mover)
{
	int fd = mover->fd;

	mover->fd = -1;
	return fd < 0 || close(fd) == 0 || errno == EINTR ? 0 : local_error(mover, -errno);
}

static void
close_mover(const struct protocol *protocol, struct mover *mover)
{
	stream_close(&mover->stream);
	close_fd(&mover->fd);
	if (protocol->is_deflated)	/* else its page has not been touched */
		deflate_close();
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

/* Behind a large transfer, pages of the buffers go back: most sessions are idle most of the time. */
static void
forget_buffers(uint64_t bytes)
{
	if (bytes > KEPT_MAX)
		(void)!madvise(chunk, sizeof(chunk), MADV_DONTNEED);
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
		forget_buffers(protocol->transfer.bytes);
	claim_transfer_end(protocol->session->claims, direction, protocol->transfer.bytes, now - started_ms,
	    failure_of(protocol, mover, r, was_open));
	claim(protocol->session->claims, CLAIM_IDLE, now);
}

static bool
needs_buffer(const struct protocol *protocol, const struct mover *mover)
{
	return protocol->is_ascii || protocol->is_deflated || mover->left <= COPIED_MAX ||
	    !stream_takes_sendfile(&mover->stream);
}

void
transfer_retrieve(struct protocol *protocol, const struct home_path *path)
{
	struct mover mover = {.stream = {.fd = -1}, .fd = -1, .quota = {0, UINT64_MAX, 0, UINT64_MAX}};
	uint64_t started = monotonic_ms(), size = 0;
	uint64_t offset = protocol->is_ascii ? 0 : protocol->restart_offset;
	bool was_open;
	int r;

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
		r = needs_buffer(protocol, &mover) ? send_file_buffered(protocol, &mover)
						   : send_file_direct(protocol, &mover);
	if (r == 0)
		r = end_sending(protocol, &mover);
	close_mover(protocol, &mover);
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
	return r < 0 ? local_error(mover, r) : transfer_watch(protocol, -1, 0, 0);
}

/*
 * What is refused may be on its way all the same. Taken in for a moment, so that the client's system is not
 * told of a reset before the client comes to read why.
 */
static void
discard_rest(struct protocol *protocol, struct mover *mover)
{
	uint64_t deadline = monotonic_ms() + DISCARD_MS;
	size_t left = DISCARD_MAX;
	ssize_t n = -EAGAIN;

	while (left > 0 && monotonic_ms() < deadline && (n > 0 || n == -EAGAIN)) {
		n = stream_read(&mover->stream, chunk, sizeof(chunk));
		if (n > 0)
			left -= (size_t)n < left ? (size_t)n : left;
		else if (n == -EAGAIN && transfer_watch(protocol, mover->stream.fd, mover->stream.wants, deadline) < 0)
			return;
	}
}

void
transfer_store(struct protocol *protocol, const struct home_path *path, enum ipc_store_mode mode)
{
	struct mover mover = {.stream = {.fd = -1}, .fd = -1, .quota = {0, UINT64_MAX, 0, UINT64_MAX}};
	uint64_t started = monotonic_ms(), start = 0;
	char name[NAME_MAX + 1];
	bool was_open;
	int r, finished;

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
		r = transfer_watch(protocol, mover.stream.fd, POLLIN, NO_DEADLINE);
	if (r == 0)
		r = receive_file(protocol, &mover);
	if (r < 0 && mover.is_local)
		discard_rest(protocol, &mover);
	if (r == 0 && mover.stream.tls != NULL)	/* in clear, closing says the same */
		(void)!stream_shutdown(&mover.stream);
	if (r == 0)
		r = close_uploaded(&mover);
	close_mover(protocol, &mover);
	claim(protocol->session->claims, CLAIM_FINISH, monotonic_ms());
	if (r == 0)
		r = sync_upload(protocol, &mover);
	finished = ask_files_finish_write(protocol, r == 0, &mover.quota);
	if (r == 0 && finished < 0)
		r = local_error(&mover, finished);
	reply_end(protocol, &mover, r, was_open, REPLY_CREATE, path->text);
	finish(protocol, &mover, DIRECTION_UP, path, started, r, was_open);
}

void
transfer_list(struct protocol *protocol, const struct home_path *path, enum ipc_list_form form, uint8_t flags,
    uint32_t shown_from)
{
	struct mover mover = {.stream = {.fd = -1}, .fd = -1, .quota = {0, UINT64_MAX, 0, UINT64_MAX}};
	uint64_t started = monotonic_ms(), entries;
	bool was_open;
	int r = ask_files_list(protocol, path, form, flags, shown_from, &mover.fd);
	int ended;

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
		r = send_listing(protocol, &mover);
	if (r == 0)
		r = end_sending(protocol, &mover);
	close_mover(protocol, &mover);
	ended = ask_files_list_end(protocol, &entries);
	if (r == 0 && ended < 0) {
		mover.is_local = true;
		r = ended;
	}
	reply_end(protocol, &mover, r, was_open, REPLY_LIST, path->text);
	finish(protocol, &mover, DIRECTION_LIST, path, started, r, was_open);
}
