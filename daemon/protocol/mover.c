/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/ahead.h"
#include "daemon/protocol/mover.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "daemon/protocol/ascii.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/data.h"
#include "daemon/protocol/deflate.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/watch.h"

#include "common/banned.h"

#define CHUNK (256 * 1024) /* bytes of one read or write */
#define RECEIVE_MAX (1024 * 1024) /* and of one that is stored unchanged; with more the caches miss */
#define LARGE_FROM (16 * 1024) /* an upload of more is not small, */
#define ROOM (2 * 1024 * 1024) /* and as many bytes of it may wait in the kernel */
#define KEPT_MAX (64 * 1024) /* bytes of a buffer that may stay in memory between transfers */
#define LARGE_PIECES_FROM (4 * 1024 * 1024) /* a smaller file is not worth more pages than KEPT_MAX */
#define LOOK_EVERY (16 * 1024 * 1024) /* bytes after which the control connection is looked at */
#define COPIED_MAX (16 * 1024) /* bytes of a file that are sent faster by copying them than by sendfile(2) */
#define DISCARD_MS 1000 /* how long, and how much, of a refused upload is still taken in */
#define DISCARD_MAX (16 * 1024 * 1024)
#define PEER_END_MS 1000 /* how long mover_end_orderly() waits for the close_notify of the client */

static char chunk[RECEIVE_MAX] SELDOM_WRITTEN __attribute__((aligned(4096)));
static char converted[2 * CHUNK] SELDOM_WRITTEN;
static char packed[CHUNK] SELDOM_WRITTEN; /* MODE Z: what comes out of zlib */

static size_t chunk_touched; /* the most bytes of chunk that were used at once */

static void
note_chunk_use(size_t len)
{
	if (chunk_touched < len)
		chunk_touched = len;
}

void
mover_init(struct mover *mover)
{
	*mover = (struct mover){.stream = {.fd = -1}, .fd = -1};
}

static void
progress(struct protocol *protocol, uint64_t bytes)
{
	protocol->transfer.bytes += bytes;
	if (protocol->holds_notice && protocol->transfer.bytes > TELL_BYTES)
		tell_monitor_due(protocol);
	claim_bytes(protocol->session->claims, protocol->transfer.bytes);
	claim(protocol->session->claims, CLAIM_TRANSFER, monotonic_coarse_ms());
}

static int
look_for_abort(struct protocol *protocol, struct mover *mover, uint64_t bytes)
{
	mover->since_look += bytes;
	if (mover->since_look < LOOK_EVERY)
		return 0;
	mover->since_look = 0;
	ahead_forget(protocol); /* nothing small follows soon */
	return watch_fd(protocol, -1, 0, 0);
}

int
mover_fail_local(struct mover *mover, int error)
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
			r = watch_fd(protocol, mover->stream.fd, mover->stream.wants, NO_DEADLINE);
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
			r = look_for_abort(protocol, mover, (uint64_t)n);
		} else if (n == 0) {
			return mover_fail_local(mover, -ENODATA); /* the file became shorter */
		} else if (errno == EAGAIN) {
			r = watch_fd(protocol, mover->stream.fd, POLLOUT, NO_DEADLINE);
		} else if (errno == EIO) {
			return mover_fail_local(mover, -EIO);
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
	size_t piece = mover->left < LARGE_PIECES_FROM ? KEPT_MAX : CHUNK;

	while (mover->left > 0) {
		size_t want = mover->left < piece ? (size_t)mover->left : piece;
		int r = pace_wait(&mover->pace, protocol, want, &want);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(mover->fd, chunk, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return mover_fail_local(mover, n == 0 ? -ENODATA : -errno);
		mover->left -= (uint64_t)n;
		note_chunk_use((size_t)n);
		pace_moved(&mover->pace, (size_t)n);
		if (mover->left == 0)
			stream_expect_end(&mover->stream);
		r = protocol->is_ascii ? send_converted(protocol, mover, (size_t)n)
				       : send_piece(protocol, mover, chunk, (size_t)n, false);
		if (r == 0)
			r = look_for_abort(protocol, mover, (uint64_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool
needs_buffer(const struct protocol *protocol, const struct mover *mover)
{
	return protocol->is_ascii || protocol->is_deflated || mover->left <= COPIED_MAX ||
	    !stream_takes_sendfile(&mover->stream);
}

int
mover_send_file(struct protocol *protocol, struct mover *mover)
{
	return needs_buffer(protocol, mover) ? send_file_buffered(protocol, mover) : send_file_direct(protocol, mover);
}

/* A listing comes through a pipe, with CRLF already, in pieces as files writes them. */
int
mover_send_listing(struct protocol *protocol, struct mover *mover)
{
	for (;;) {
		ssize_t n = read(mover->fd, chunk, KEPT_MAX);
		int r;

		if (n == 0)
			return 0;
		if (n > 0)
			r = send_piece(protocol, mover, chunk, (size_t)n, false);
		else if (errno == EAGAIN)
			r = watch_fd(protocol, mover->fd, POLLIN, NO_DEADLINE);
		else
			r = errno == EINTR ? 0 : mover_fail_local(mover, -errno);
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
	return r < 0 ? mover_fail_local(mover, r) : 0;
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
			return mover_fail_local(mover, -errno);
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
	return n == -EFBIG ? mover_fail_local(mover, -EFBIG) : (int)n;
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
	if (!protocol->is_ascii && !protocol->is_deflated &&
	    protocol->announced == protocol->transfer.bytes + protocol->restart_offset)
		return true;
	tell_monitor_noted(protocol, NOTED_TLS_CUT,
	    protocol->config->tls.require_close
		? "upload ended without close_notify; refused (tls.require-close = yes)"
		: "upload ended without close_notify; accepted (tls.require-close = no)");
	mover->is_unproven = !protocol->config->tls.require_close;
	return mover->is_unproven;
}

/*
 * An upload that is not small: let more come while a piece is written, in fewer and larger pieces. By itself the
 * kernel offers 64 KiB first and more only slowly. A low-water mark makes room at once (tcp_set_rcvlowat() of the
 * kernel). SO_RCVBUF would end the kernel's tuning and is bounded by net.core.rmem_max. The mark itself is not
 * needed, so it is taken back.
 */
static void
grow_receive_buffer(struct protocol *protocol, struct mover *mover)
{
	int mark = ROOM, no_mark = 1;

	if (mover->has_room || mover->pace.rate != 0 || protocol->transfer.bytes < LARGE_FROM)
		return;
	mover->has_room = true;
	(void)setsockopt(mover->stream.fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark));
	(void)setsockopt(mover->stream.fd, SOL_SOCKET, SO_RCVLOWAT, &no_mark, sizeof(no_mark));
}

int
mover_receive_file(struct protocol *protocol, struct mover *mover)
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
			/* a client that aborts or dies ends the data, too: that is not the end of the file */
			r = watch_fd(protocol, -1, 0, 0);
			return r < 0 ? r : store_end(protocol, mover);
		}
		if (n > 0) {
			note_chunk_use((size_t)n);
			pace_moved(&mover->pace, (size_t)n);
			progress(protocol, (uint64_t)n);
			grow_receive_buffer(protocol, mover);
			r = store_piece(protocol, mover, (size_t)n);
			if (r == 0)
				r = look_for_abort(protocol, mover, (uint64_t)n);
		} else {
			r = n == -EAGAIN ? watch_fd(protocol, mover->stream.fd, mover->stream.wants, NO_DEADLINE)
					 : (int)n;
		}
		if (r < 0)
			return r;
	}
}

int
mover_end_orderly(struct protocol *protocol, struct mover *mover)
{
	uint64_t deadline;
	ssize_t n;
	int r;

	while ((r = stream_shutdown(&mover->stream)) == -EAGAIN) {
		r = watch_fd(protocol, mover->stream.fd, mover->stream.wants, NO_DEADLINE);
		if (r < 0)
			return r;
	}
	if (r < 0 || mover->stream.tls == NULL)
		return r == -ENOTCONN ? -ECONNRESET : r;
	deadline = monotonic_ms() + PEER_END_MS;
	n = stream_has_pending(&mover->stream) ? 1 : -EAGAIN; /* nothing else is here so soon */
	while ((n > 0 && monotonic_ms() < deadline) ||
	    (n == -EAGAIN && watch_fd(protocol, mover->stream.fd, POLLIN, deadline) == 0))
		n = stream_read(&mover->stream, chunk, CHUNK);
	return 0;
}

int
mover_end_sending(struct protocol *protocol, struct mover *mover)
{
	int r = send_piece(protocol, mover, "", 0, true);

	return r < 0 ? r : mover_end_orderly(protocol, mover);
}

int
mover_close_file(struct mover *mover)
{
	int fd = mover->fd;

	mover->fd = -1;
	return fd < 0 || close(fd) == 0 || errno == EINTR ? 0 : mover_fail_local(mover, -errno);
}

void
mover_close(const struct protocol *protocol, struct mover *mover)
{
	stream_close(&mover->stream);
	close_fd(&mover->fd);
	if (protocol->is_deflated) /* else its page has not been touched */
		deflate_close();
}

void
mover_forget_buffers(void)
{
	if (chunk_touched > KEPT_MAX)
		(void)!madvise(chunk, sizeof(chunk), MADV_DONTNEED);
	chunk_touched = 0;
}

void
mover_discard_rest(struct protocol *protocol, struct mover *mover)
{
	uint64_t deadline = monotonic_ms() + DISCARD_MS;
	size_t left = DISCARD_MAX;
	ssize_t n = -EAGAIN;

	while (left > 0 && monotonic_ms() < deadline && (n > 0 || n == -EAGAIN)) {
		n = stream_read(&mover->stream, chunk, sizeof(chunk));
		if (n > 0) {
			note_chunk_use((size_t)n);
			left -= (size_t)n < left ? (size_t)n : left;
		} else if (n == -EAGAIN && watch_fd(protocol, mover->stream.fd, mover->stream.wants, deadline) < 0) {
			return;
		}
	}
}
