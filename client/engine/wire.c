/* SPDX-License-Identifier: ISC */
#include "client/engine/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "common/io.h"

#include "common/banned.h"

/*
 * A signal may come just before poll(2), which it would not end, or in another thread. So no wait that the user can
 * abort sleeps longer than this.
 */
#define NAP_MS 100
#define LATE_MS 1000 /* that a nap may last too long on a busy machine */

/* The bytes that TLS takes from one call of wire_write() at a time: several records leave in one send(2). */
#define PIECE_SIZE (160 * 1024)

#define TEXT_PIECE 8192 /* bytes that are turned into text for the way at a time */

/* The time for a server to close after TLS's end has acknowledged the last byte of an upload. */
#define LINGER_MS 5000

void
wire_init(struct wire *wire, const volatile sig_atomic_t *abort, unsigned int timeout_ms)
{
	*wire = (struct wire){.fd = -1, .abort = abort, .timeout_ms = timeout_ms};
}

int
wire_wait(int fd, short events, unsigned int timeout_ms, const volatile sig_atomic_t *abort)
{
	uint64_t now = monotonic_ms(), deadline = now + timeout_ms;

	for (;;) {
		uint64_t until = abort != NULL && now + NAP_MS < deadline ? now + NAP_MS : deadline;
		int r;

		if (abort != NULL && *abort)
			return -ECANCELED;
		r = io_wait(fd, events, until);
		if (r != 0)
			return r;
		now = monotonic_ms();
		/* after Ctrl-Z, or a closed lid, the silence is this machine's */
		if (now > until + LATE_MS)
			deadline += now - until;
		if (now >= deadline)
			return -ETIMEDOUT;
	}
}

static int
wait_for(struct wire *wire, short events)
{
	int r = wire_wait(wire->fd, events, wire->timeout_ms, wire->abort);

	return r < 0 ? r : 0;
}

/* --- TLS --- */

static void
take_why(struct wire *wire)
{
	unsigned long number = ERR_get_error();
	const char *reason = number == 0 ? NULL : ERR_reason_error_string(number);

	snprintf(wire->why, sizeof(wire->why), "%s", reason == NULL ? "TLS error" : reason);
	ERR_clear_error();
}

/*
 * libssl writes into memory, and this sends it: the records of a large write, or a handshake's flight, leave
 * together.
 */
static int
send_records(struct wire *wire)
{
	BIO *out = SSL_get_wbio(wire->tls);
	char *bytes = NULL;
	size_t len = (size_t)BIO_get_mem_data(out, &bytes);
	int r = 0;

	while (len > 0 && r == 0) {
		ssize_t n = send(wire->fd, bytes, len, MSG_NOSIGNAL);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			r = wait_for(wire, POLLOUT);
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	(void)BIO_reset(out);
	return r;
}

/* Translate the result of a call of libssl: -EAGAIN needs more bytes to read, 0 is the proper end, else an error. */
static int
tls_result(struct wire *wire, int result)
{
	int saved = errno;

	switch (SSL_get_error(wire->tls, result)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return saved == 0 || saved == EAGAIN ? -ECONNRESET : -saved;
	default:
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			ERR_clear_error();
			return -ENODATA;
		}
		take_why(wire);
		return -EPROTO;
	}
}

static void
wire_begin_call(void)
{
	ERR_clear_error();
	errno = 0;
}

static int
handshake(struct wire *wire)
{
	for (;;) {
		int result, r, sent;

		wire_begin_call();
		result = SSL_do_handshake(wire->tls);
		r = result == 1 ? 0 : tls_result(wire, result);
		sent = send_records(wire);
		if (result == 1)
			return sent;
		if (r == -EAGAIN)
			r = sent < 0 ? sent : wait_for(wire, POLLIN);
		else if (r == -ENODATA || r == 0)
			r = -ECONNRESET;
		if (r < 0)
			return r;
	}
}

int
wire_offer_tls(struct wire *wire, SSL_CTX *context, const char *name, SSL_SESSION *session)
{
	BIO *in = BIO_new_socket(wire->fd, BIO_NOCLOSE), *out = BIO_new(BIO_s_mem());

	wire->tls = SSL_new(context);
	if (wire->tls == NULL || in == NULL || out == NULL) {
		BIO_free(in);
		BIO_free(out);
		return -ENOMEM;
	}
	SSL_set_bio(wire->tls, in, out);
	SSL_set_connect_state(wire->tls);
	if ((name != NULL && SSL_set_tlsext_host_name(wire->tls, name) != 1) ||
	    (session != NULL && SSL_set_session(wire->tls, session) != 1)) {
		take_why(wire);
		return -EPROTO;
	}
	wire_begin_call();
	if (SSL_do_handshake(wire->tls) != 1)
		ERR_clear_error();
	/* what failed shows again when the handshake goes on */
	(void)send_records(wire);
	return 0;
}

int
wire_start_tls(struct wire *wire, SSL_CTX *context, const char *name, SSL_SESSION *session)
{
	int r = wire->tls != NULL ? 0 : wire_offer_tls(wire, context, name, session);

	return r < 0 ? r : handshake(wire);
}

/* Wait until pace allows some of wanted bytes. Returns how many (> 0), or -ECANCELED. */
static ssize_t
wait_for_pace(struct wire *wire, size_t wanted)
{
	for (;;) {
		unsigned int wait_ms;
		size_t granted = pace_grant(wire->pace, wanted, &wait_ms);

		if (granted > 0)
			return (ssize_t)granted;
		/* -1 is never ready: this only waits, until the user stops it */
		if (wire_wait(-1, 0, wait_ms, wire->abort) == -ECANCELED)
			return -ECANCELED;
	}
}

static ssize_t
wire_tls_read(struct wire *wire, void *bytes, size_t len)
{
	size_t n = 0;
	int r;

	wire_begin_call();
	r = SSL_read_ex(wire->tls, bytes, len, &n);
	if (r == 1)
		return (ssize_t)n;
	r = tls_result(wire, r);
	if (r == -ENODATA) {
		wire->is_cut = true;
		return 0;
	}
	/* reading may have to answer, such as an update of keys */
	if (r == -EAGAIN && BIO_pending(SSL_get_wbio(wire->tls)) > 0) {
		int sent = send_records(wire);

		return sent < 0 ? sent : r;
	}
	return r;
}

static int
wire_tls_write(struct wire *wire, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t granted = wait_for_pace(wire, len < PIECE_SIZE ? len : PIECE_SIZE);
		size_t piece = granted < 0 ? 0 : (size_t)granted, done = 0;
		int r = 0;

		if (granted < 0)
			return (int)granted;
		while (done < piece && r == 0) {
			size_t n = 0;

			wire_begin_call();
			r = SSL_write_ex(wire->tls, bytes + done, piece - done, &n);
			done += n;
			r = r == 1 ? 0 : tls_result(wire, r) < 0 ? -EPROTO : -EPIPE;
		}
		if (r == 0)
			r = send_records(wire);
		if (r < 0)
			return r;
		bytes += piece;
		len -= piece;
	}
	return 0;
}

/* --- both --- */

/* Nothing more comes: the proper end, or a reset whose error connect_end() has taken from the socket. */
static ssize_t
end_reading(struct wire *wire)
{
	if (wire->was_reset)
		return -ECONNRESET;
	wire->is_ended = true;
	return 0;
}

static ssize_t
read_bytes(struct wire *wire, void *bytes, size_t len)
{
	ssize_t n, granted = len == 0 ? 0 : wait_for_pace(wire, len);

	if (granted < 0)
		return granted;
	if (wire->tls != NULL) {
		n = wire_tls_read(wire, bytes, (size_t)granted);
	} else {
		do
			n = recv(wire->fd, bytes, (size_t)granted, 0);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			n = -errno;
	}
	pace_return(wire->pace, (size_t)(granted - (n > 0 ? n : 0)));
	return n == 0 ? end_reading(wire) : n;
}

/* A CR that was held back may come with a byte for which there is no room: that comes next time. */
static ssize_t
read_text(struct wire *wire, char *bytes, size_t len)
{
	struct text_wire *text = &wire->text;
	char few[2], *into = len < sizeof(few) ? few : bytes;
	size_t had = 0;

	if (text->has_next) {
		text->has_next = false;
		bytes[0] = text->next;
		return 1;
	}
	while (had == 0) {
		ssize_t n = read_bytes(wire, into, into == few ? 1 : len - 1);

		if (n == 0 && text->has_held) {
			text->has_held = false;
			bytes[0] = '\r';
			return 1;
		}
		if (n <= 0)
			return n;
		had = text_wire_receive(text, into, (size_t)n);
	}
	if (into == few) {
		bytes[0] = few[0];
		text->has_next = had > 1;
		text->next = few[1];
		had = 1;
	}
	return (ssize_t)had;
}

ssize_t
wire_read_now(struct wire *wire, void *bytes, size_t len)
{
	return wire->text.is_on && len > 0 ? read_text(wire, bytes, len) : read_bytes(wire, bytes, len);
}

ssize_t
wire_read(struct wire *wire, void *bytes, size_t len)
{
	for (;;) {
		ssize_t n;
		int r;

		/* the user can abort a connection that never pauses, too */
		if (wire->abort != NULL && *wire->abort)
			return -ECANCELED;
		n = wire_read_now(wire, bytes, len);
		if (n != -EAGAIN)
			return n;
		r = wait_for(wire, POLLIN);
		if (r < 0)
			return r;
	}
}

static int
write_bytes(struct wire *wire, const void *bytes, size_t len)
{
	const char *next = bytes;

	if (wire->abort != NULL && *wire->abort)
		return -ECANCELED;
	if (wire->tls != NULL)
		return wire_tls_write(wire, bytes, len);
	while (len > 0) {
		ssize_t granted = wait_for_pace(wire, len);
		ssize_t n = granted < 0 ? granted : send(wire->fd, next, (size_t)granted, MSG_NOSIGNAL);
		int r = 0, error;

		if (granted < 0)
			return (int)granted;
		error = errno;
		pace_return(wire->pace, (size_t)(granted - (n > 0 ? n : 0)));
		if (n >= 0) {
			next += n;
			len -= (size_t)n;
		} else if (error == EAGAIN) {
			r = wait_for(wire, POLLOUT);
		} else if (error != EINTR) {
			r = -error;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int
wire_write(struct wire *wire, const void *bytes, size_t len)
{
	const char *next = bytes;
	char out[2 * TEXT_PIECE];
	int r = 0;

	if (!wire->text.is_on)
		return write_bytes(wire, bytes, len);
	while (len > 0 && r == 0) {
		size_t piece = len < TEXT_PIECE ? len : TEXT_PIECE;

		r = write_bytes(wire, out, text_wire_send(&wire->text, next, piece, out));
		next += piece;
		len -= piece;
	}
	return r;
}

ssize_t
wire_sendfile(struct wire *wire, int fd, off_t *offset, size_t len)
{
	for (;;) {
		ssize_t n, granted;
		int r, error;

		if (wire->abort != NULL && *wire->abort)
			return -ECANCELED;
		granted = wait_for_pace(wire, len);
		if (granted < 0)
			return granted;
		n = sendfile(wire->fd, fd, offset, (size_t)granted);
		error = errno;
		pace_return(wire->pace, (size_t)(granted - (n > 0 ? n : 0)));
		if (n >= 0)
			return n;
		if (error == EAGAIN) {
			r = wait_for(wire, POLLOUT);
			if (r < 0)
				return r;
		} else if (error != EINTR) {
			return -error;
		}
	}
}

ssize_t
wire_splice(struct wire *wire, int pipe_fd, size_t len)
{
	ssize_t n, granted = wait_for_pace(wire, len);

	if (granted < 0)
		return granted;
	do
		n = splice(wire->fd, NULL, pipe_fd, NULL, (size_t)granted, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR && (wire->abort == NULL || !*wire->abort));
	if (n < 0)
		n = errno == EINTR ? -ECANCELED : -errno;
	pace_return(wire->pace, (size_t)(granted - (n > 0 ? n : 0)));
	return n == 0 ? end_reading(wire) : n;
}

int
wire_finish(struct wire *wire)
{
	unsigned int timeout_ms = wire->timeout_ms;
	char rest[4096];
	ssize_t n;
	int r = 0;

	if (wire->tls != NULL) {
		wire_begin_call();
		SSL_shutdown(wire->tls);
		ERR_clear_error();
		r = send_records(wire);
	}
	if (r < 0)
		return r;
	if (shutdown(wire->fd, SHUT_WR) < 0)
		return -errno;
	wire->timeout_ms = timeout_ms < LINGER_MS ? timeout_ms : LINGER_MS;
	do
		n = wire_read(wire, rest, sizeof(rest));
	while (n > 0);
	wire->timeout_ms = timeout_ms;
	return n == -ECANCELED ? -ECANCELED : 0;
}

void
wire_close(struct wire *wire, bool is_reset)
{
	if (wire->fd >= 0 && is_reset) {
		struct linger linger = {.l_onoff = 1, .l_linger = 0};

		setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	} else if (wire->tls != NULL && SSL_is_init_finished(wire->tls)) {
		wire_begin_call();
		if (SSL_shutdown(wire->tls) >= 0) {
			char *bytes = NULL;
			long len = BIO_get_mem_data(SSL_get_wbio(wire->tls), &bytes);

			/* best effort: do not wait for close_notify */
			(void)!send(wire->fd, bytes, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		ERR_clear_error();
	}
	SSL_free(wire->tls);
	wire->tls = NULL;
	close_fd(&wire->fd);
}
