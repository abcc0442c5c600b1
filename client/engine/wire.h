/* SPDX-License-Identifier: ISC */
/* One connection, in clear or with TLS: reads, writes and waits that end in time and at the user's wish. */
#ifndef CLIENT_ENGINE_WIRE_H
#define CLIENT_ENGINE_WIRE_H

#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/engine/pace.h"
#include "client/engine/text_wire.h"

struct wire {
	int fd;	/* non-blocking; -1 none; owned */
	SSL *tls;	/* NULL in clear; owned */
	const volatile sig_atomic_t *abort;	/* NULL none */
	unsigned int timeout_ms;	/* of silence */
	struct text_wire text;	/* what goes and comes is text of the type ASCII */
	struct pace *pace;	/* the limit that reads and writes keep; NULL none; borrowed */
	bool was_reset;	/* as soon as it stood: what came until then can be read, and then it is broken */
	bool is_ended;	/* the other side has ended it */
	bool is_cut;	/* and that without TLS's close_notify: the received bytes may not be all */
	char why[160];	/* of -EPROTO, in OpenSSL's words */
};

/* An empty wire. */
void wire_init(struct wire *wire, const volatile sig_atomic_t *abort, unsigned int timeout_ms);

/*
 * Wait until fd is ready. Returns revents (> 0), -ETIMEDOUT, -ECANCELED when *abort (may be NULL) was set, -errno.
 */
int wire_wait(int fd, short events, unsigned int timeout_ms, const volatile sig_atomic_t *abort);

/*
 * Send the first message of a TLS handshake, and wait for nothing; wire_start_tls() goes on with it. Parameters and
 * results as there.
 */
int wire_offer_tls(struct wire *wire, SSL_CTX *context, const char *name, SSL_SESSION *session);

/*
 * Begin TLS on a connected wire as the client: name is for SNI (NULL for an address), session is resumed (NULL: none).
 * Certificates are the caller's to judge afterwards. Returns 0, -ETIMEDOUT, -ECANCELED, -EPROTO with why, -errno.
 */
int wire_start_tls(struct wire *wire, SSL_CTX *context, const char *name, SSL_SESSION *session);

/* Read. Returns the number of bytes (> 0), 0 at the end, -ETIMEDOUT, -ECANCELED, -EPROTO, -errno. */
ssize_t wire_read(struct wire *wire, void *bytes, size_t len);

/* The same without waiting for the other side: -EAGAIN when nothing is there. Waits for wire->pace. */
ssize_t wire_read_now(struct wire *wire, void *bytes, size_t len);

/* Write all of it. Returns 0 or an error as above. */
int wire_write(struct wire *wire, const void *bytes, size_t len);

/* Send len bytes of a file from *offset, which moves along; in clear only, and no text. Returns bytes sent (0: the file ended) or an error. */
ssize_t wire_sendfile(struct wire *wire, int fd, off_t *offset, size_t len);

/*
 * Move up to len bytes of the network to a pipe with room for them, in the kernel: without TLS and text only. Returns their
 * number, 0 at the end of the data (is_ended), -EAGAIN, -EINVAL: this connection cannot; or another -errno.
 */
ssize_t wire_splice(struct wire *wire, int pipe_fd, size_t len);

/*
 * End an upload: close_notify, the end of the connection, then wait until the other side has ended it too, so that
 * nothing unread resets what was sent. Returns 0 or an error.
 */
int wire_finish(struct wire *wire);

/*
 * Close the connection; is_reset does it so that the other side cannot take it for a proper end. An empty wire is
 * fine.
 */
void wire_close(struct wire *wire, bool is_reset);

#endif
