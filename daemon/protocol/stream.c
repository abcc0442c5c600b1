/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/stream.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/tls/context.h"

#include "common/banned.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/*
 * Records that TLS sends gather here, so that several leave in one call. One buffer serves the process: only one
 * stream, the data connection, sends much at a time, and others flush at once.
 */
#define GATHER_SIZE (160 * 1024) /* bytes: nine or ten records with their heads */

struct gather {
	int fd;
	int flags;	/* of send(2) */
	bool is_held;	/* more comes at once: libssl's own flushes send nothing */
	size_t start, end;
	char bytes[GATHER_SIZE];
};

static struct gather gathers[STREAM_KIND_COUNT] SELDOM_WRITTEN;
static BIO_METHOD *gather_method OFTEN_WRITTEN;

/* Send what was gathered. 1, or -1 with errno. */
static int
gather_send(struct gather *gather)
{
	while (gather->start < gather->end) {
		ssize_t n = send(gather->fd, gather->bytes + gather->start, gather->end - gather->start,
		    gather->flags | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		gather->start += (size_t)n;
	}
	gather->start = gather->end = 0;
	return 1;
}

static int
gather_write(BIO *bio, const char *bytes, int len)
{
	struct gather *gather = BIO_get_data(bio);
	size_t n = (size_t)len;

	BIO_clear_retry_flags(bio);
	if (sizeof(gather->bytes) - gather->end < n && gather_send(gather) < 0) {
		if (errno == EAGAIN)
			BIO_set_retry_write(bio);
		return -1;
	}
	if (n > sizeof(gather->bytes) - gather->end)
		n = sizeof(gather->bytes) - gather->end;
	memcpy(gather->bytes + gather->end, bytes, n);
	gather->end += n;
	return (int)n;
}

static int
gather_read(BIO *bio, char *bytes, int len)
{
	struct gather *gather = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = recv(gather->fd, bytes, (size_t)len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)n;
}

/* libssl flushes at the end of each flight of a handshake; it asks BIO_CTRL_EOF to distinguish a cut from an error. */
static long
gather_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct gather *gather = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		BIO_clear_retry_flags(bio);
		if (gather->is_held || gather_send(gather) > 0)
			return 1;
		if (errno == EAGAIN)
			BIO_set_retry_write(bio);
		return -1;
	case BIO_CTRL_EOF:
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	default:
		return 0;
	}
}

/*
 * A filter above OpenSSL's BIO of a socket, which hands the keys to the kernel. It sends records other than data
 * (close_notify, alerts) itself, with flags that the filter of system calls allows; OpenSSL sends them without.
 */
static struct kernel {
	int fd;
	unsigned char record_type; /* of the next write; 0: data, for which the kernel takes it by itself */
} kernel;

/* As a comment in openssl/bio.h says, libssl names the type of the next record, or takes that back. */
#define SET_RECORD_TYPE 74
#define CLEAR_RECORD_TYPE 75

static BIO_METHOD *kernel_method OFTEN_WRITTEN;

static ssize_t
kernel_send_record(const struct kernel *to, const char *bytes, size_t len)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(1)];
	} control;
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};

	memset(&control, 0, sizeof(control));
	control.header.cmsg_level = SOL_TLS;
	control.header.cmsg_type = TLS_SET_RECORD_TYPE;
	control.header.cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(&control.header) = to->record_type;
	msg.msg_controllen = control.header.cmsg_len;
	return sendmsg(to->fd, &msg, MSG_DONTWAIT);
}

static int
kernel_write(BIO *bio, const char *bytes, int len)
{
	struct kernel *to = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (to->record_type == 0) {
		n = BIO_write(BIO_next(bio), bytes, len);
		BIO_copy_next_retry(bio);
		return (int)n;
	}
	do
		n = kernel_send_record(to, bytes, (size_t)len);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		to->record_type = 0;
	else if (errno == EAGAIN)
		BIO_set_retry_write(bio);
	return (int)n;
}

static long
kernel_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct kernel *to = BIO_get_data(bio);

	if (command != SET_RECORD_TYPE && command != CLEAR_RECORD_TYPE)
		return BIO_ctrl(BIO_next(bio), command, number, pointer);
	to->record_type = command == SET_RECORD_TYPE ? (unsigned char)number : 0;
	return 0;
}

static int
gather_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

void
stream_setup(void)
{
	gather_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "gathering socket");
	if (gather_method == NULL)
		return;
	BIO_meth_set_write(gather_method, gather_write);
	BIO_meth_set_read(gather_method, gather_read);
	BIO_meth_set_ctrl(gather_method, gather_ctrl);
	BIO_meth_set_create(gather_method, gather_create);
	kernel_method = BIO_meth_new(BIO_TYPE_FILTER | BIO_get_new_index(), "records that are no data");
	if (kernel_method == NULL)
		return;
	BIO_meth_set_write(kernel_method, kernel_write);
	BIO_meth_set_ctrl(kernel_method, kernel_ctrl);
	BIO_meth_set_create(kernel_method, gather_create);
}

void
stream_init(struct stream *stream, int fd)
{
	*stream = (struct stream){.fd = fd};
}

/* The reason of a failed call, in OpenSSL's words, out of its queue. */
static void
keep_tls_error(struct stream *stream, const char *otherwise)
{
	unsigned long number = ERR_get_error();
	const char *reason = number == 0 ? NULL : ERR_reason_error_string(number);

	snprintf(stream->error, sizeof(stream->error), "%s", reason == NULL ? otherwise : reason);
	ERR_clear_error();
}

/* SSL_get_error(3) looks at the queue of errors: clear what an earlier call has left there. */
static void
stream_begin_call(void)
{
	ERR_clear_error();
	errno = 0;
}

/* A failed SSL_*() call as -errno. */
static int
tls_error(struct stream *stream, int result)
{
	int saved = errno;
	unsigned long number;

	switch (SSL_get_error(stream->tls, result)) {
	case SSL_ERROR_WANT_READ:
		stream->wants = POLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		stream->wants = POLLOUT;
		return -EAGAIN;
	case SSL_ERROR_SYSCALL:
		keep_tls_error(stream, strerror(saved));
		return saved == 0 || saved == EAGAIN ? -ECONNRESET : -saved;
	default:
		number = ERR_peek_error();
		keep_tls_error(stream, "TLS error");
		return ERR_GET_REASON(number) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? -ENODATA : -EPROTO;
	}
}

/* One record, or what is left of one. */
static ssize_t
tls_read_record(struct stream *stream, void *bytes, size_t len)
{
	size_t n = 0;
	int result;

	stream_begin_call();
	result = SSL_read_ex(stream->tls, bytes, len, &n);
	if (result == 1)
		return (ssize_t)n;
	if (SSL_get_error(stream->tls, result) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return tls_error(stream, result);
}

/*
 * Read as many records as are here, so that a file is not written in pieces of 16 KiB. The next call reports an end
 * of the stream after them.
 */
static ssize_t
stream_tls_read(struct stream *stream, char *bytes, size_t len)
{
	size_t taken = 0;

	if (stream->has_late_end) {
		stream->has_late_end = false;
		return stream->late_end;
	}
	while (taken < len) {
		ssize_t n = tls_read_record(stream, bytes + taken, len - taken);

		if (n > 0) {
			taken += (size_t)n;
			if (stream->kind == STREAM_CONTROL || !stream_has_pending(stream))
				break;
			continue;
		}
		if (taken == 0)
			return n;
		stream->has_late_end = n != -EAGAIN;
		stream->late_end = n;
		break;
	}
	return (ssize_t)taken;
}

/* A ticket that is due goes in front, and leaves with the bytes. */
static int
write_held(struct stream *stream, const char *bytes, size_t len, size_t *n)
{
	int result;

	stream_begin_call();
	if (stream->gather != NULL)
		stream->gather->is_held = true;
	result = SSL_write_ex(stream->tls, bytes, len, n);
	if (stream->gather != NULL)
		stream->gather->is_held = false;
	return result;
}

/* Records of 16 KiB until all is taken or the gathering buffer cannot be sent. */
static ssize_t
stream_tls_write(struct stream *stream, const char *bytes, size_t len)
{
	size_t taken = 0;
	int r;

	while (taken < len) {
		size_t n = 0;
		int result = write_held(stream, bytes + taken, len - taken, &n);

		if (result != 1) {
			r = tls_error(stream, result);
			if (r != -EAGAIN)
				(void)!stream_flush(stream);	/* the alert */
			return taken > 0 && r == -EAGAIN ? (ssize_t)taken : r;
		}
		taken += n;
	}
	r = stream->expects_end ? 0 : stream_flush(stream);
	return r < 0 && r != -EAGAIN ? r : (ssize_t)taken;
}

ssize_t
stream_read(struct stream *stream, void *bytes, size_t len)
{
	ssize_t n;

	if (stream->tls != NULL)
		return stream_tls_read(stream, bytes, len);
	do
		n = recv(stream->fd, bytes, len, 0);
	while (n < 0 && errno == EINTR);
	stream->wants = POLLIN;
	return n < 0 ? -errno : n;
}

bool
stream_has_pending(const struct stream *stream)
{
	return stream->tls != NULL && SSL_has_pending(stream->tls) == 1;
}

bool
stream_takes_sendfile(const struct stream *stream)
{
	return stream->tls == NULL || stream->gather == NULL;
}

ssize_t
stream_write(struct stream *stream, const void *bytes, size_t len)
{
	ssize_t n;

	if (stream->tls != NULL)
		return stream_tls_write(stream, bytes, len);
	do
		n = send(stream->fd, bytes, len, MSG_NOSIGNAL | (stream->expects_end ? MSG_MORE : 0));
	while (n < 0 && errno == EINTR);
	stream->wants = POLLOUT;
	return n < 0 ? -errno : n;
}

int
stream_flush(struct stream *stream)
{
	if (stream->gather == NULL)
		return 0;
	stream->wants = POLLOUT;
	return gather_send(stream->gather) > 0 ? 0 : -errno;
}

void
stream_expect_end(struct stream *stream)
{
	stream->expects_end = true;
	if (stream->gather != NULL)
		stream->gather->flags = MSG_MORE;
}

/*
 * libssl hands the sending keys to the kernel at the end of the handshake when it writes to the socket itself.
 * Reading still uses the gathering BIO, which takes no keys: received records are deciphered here.
 */
static void
offer_kernel(SSL *tls, int fd)
{
	BIO *socket = BIO_new_socket(fd, BIO_NOCLOSE);
	BIO *bio = kernel_method == NULL || socket == NULL ? NULL : BIO_new(kernel_method);

	if (bio == NULL) {
		BIO_free(socket);
		return;
	}
	kernel = (struct kernel){.fd = fd};
	BIO_set_data(bio, &kernel);
	SSL_set0_wbio(tls, BIO_push(bio, socket));
}

/* After the handshake: has the kernel taken the keys? If not, back to the gathering BIO. */
static void
settle_kernel(struct stream *stream)
{
	BIO *gathering = SSL_get_rbio(stream->tls);

	if (SSL_get_wbio(stream->tls) == gathering)
		return;
	if (BIO_get_ktls_send(SSL_get_wbio(stream->tls)) > 0) {
		stream->gather = NULL;
		return;
	}
	BIO_up_ref(gathering);
	SSL_set0_wbio(stream->tls, gathering);
}

int
stream_start_tls(struct stream *stream, SSL_CTX *context, SSL_CTX *shown, enum stream_kind kind)
{
	struct gather *gather = &gathers[kind];
	BIO *bio = gather_method == NULL ? NULL : BIO_new(gather_method);
	SSL *tls = bio == NULL ? NULL : SSL_new(context);

	if (tls == NULL) {
		BIO_free(bio);
		return -ENOMEM;
	}
	gather->fd = stream->fd;
	gather->flags = 0;
	gather->start = gather->end = 0;
	BIO_set_data(bio, gather);
	SSL_set_bio(tls, bio, bio);
	SSL_set_accept_state(tls);
	if (kind == STREAM_DATA && (SSL_get_options(tls) & SSL_OP_ENABLE_KTLS) != 0)
		offer_kernel(tls, stream->fd);
	if (kind == STREAM_CONTROL) {
		context_control_begin(tls);
		SSL_set_options(tls, SSL_OP_CLEANSE_PLAINTEXT); /* passwords */
	} else {
		/* A client that uploads need not read: closing with a ticket unread would reset the connection and
		 * lose the end of the file (SSL_CTX_set_num_tickets(3), NOTES). */
		SSL_set_num_tickets(tls, 0);
	}
	if (shown != context && SSL_set_SSL_CTX(tls, shown) == NULL) {
		SSL_free(tls);
		return -ENOMEM;
	}
	stream->tls = tls;
	stream->kind = kind;
	stream->gather = gather;
	return 0;
}

void
stream_acknowledge_soon(const struct stream *stream)
{
	int on = 1;

	(void)!setsockopt(stream->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

int
stream_handshake(struct stream *stream)
{
	int result, r;

	stream_begin_call();
	result = SSL_do_handshake(stream->tls);
	if (result == 1) {
		if (stream->kind == STREAM_CONTROL)
			context_control_done(stream->tls);
		settle_kernel(stream);
		return stream_flush(stream);
	}
	r = tls_error(stream, result);
	if (r != -EAGAIN)
		(void)!stream_flush(stream); /* the alert */
	return r;
}

const char *
stream_server_name(const struct stream *stream)
{
	const char *named = stream->tls == NULL ? NULL : SSL_get_servername(stream->tls, TLSEXT_NAMETYPE_host_name);

	return named == NULL ? "" : named;
}

bool
stream_agrees_with_host(const struct stream *stream, const char *host)
{
	const char *named = stream_server_name(stream);

	return named[0] == '\0' || host[0] == '\0' || strcasecmp(named, host) == 0;
}

bool
stream_is_resumed(const struct stream *stream)
{
	return context_resumes_control(stream->tls);
}

void
stream_renew_ticket(struct stream *stream)
{
	/* TLS 1.2 has none to renew: there a ticket may be used again (RFC 5077) */
	if (stream->tls != NULL)
		(void)!SSL_new_session_ticket(stream->tls);
}

int
stream_shutdown(struct stream *stream)
{
	int r = 0;

	/* an SSL that has failed must not be shut down (SSL_shutdown(3)) */
	if (stream->tls != NULL && !stream->has_said_end && stream->error[0] == '\0') {
		int result;

		stream_begin_call();
		result = SSL_shutdown(stream->tls);
		if (result < 0 && SSL_get_error(stream->tls, result) == SSL_ERROR_WANT_WRITE) {
			stream->wants = POLLOUT;
			return -EAGAIN;
		}
		stream->has_said_end = true;
		ERR_clear_error();
	}
	r = stream_flush(stream);
	if (r == 0 && shutdown(stream->fd, SHUT_WR) < 0)
		r = -errno;
	return r;
}

void
stream_close(struct stream *stream)
{
	if (stream->tls != NULL) {
		/* else SSL_free(3) takes the session for broken, and the next data connection could not resume it */
		SSL_set_shutdown(stream->tls, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(stream->tls);
		stream->tls = NULL;
		stream->gather = NULL;
	}
	close_fd(&stream->fd);
}
