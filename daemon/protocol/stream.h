/* SPDX-License-Identifier: ISC */
/* A connection as a stream of bytes, whatever protects it. Never blocks; never raises SIGPIPE. */
#ifndef DAEMON_PROTOCOL_STREAM_H
#define DAEMON_PROTOCOL_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum stream_kind { STREAM_CONTROL, STREAM_DATA, STREAM_KIND_COUNT };

struct stream {
	int fd;	/* non-blocking socket, or -1 */
	short wants;	/* after -EAGAIN: the poll(2) events to wait for */
	SSL *tls;	/* NULL: in clear */
	enum stream_kind kind;	/* of TLS */
	struct gather *gather;	/* of TLS: what waits to be sent; NULL when the kernel encrypts */
	bool has_late_end;	/* of TLS: what the next read returns (0 or -errno); bytes came before it */
	ssize_t late_end;
	bool expects_end;	/* stream_shutdown() follows soon */
	bool has_said_end;	/* close_notify is on its way, or cannot be sent */
	char error[120];	/* of TLS: why the last call failed; "" for none */
};

/* Prepare what all streams of this process share. */
void stream_setup(void);

void stream_init(struct stream *stream, int fd);

/* Read. Returns bytes (> 0), 0 at the peer's orderly end (TLS: close_notify), -EAGAIN, -ENODATA when TLS was cut off
 * without close_notify, -EPROTO for bytes that are not TLS, or another -errno. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t len);

/* True when bytes wait inside that poll(2) does not see. */
bool stream_has_pending(const struct stream *stream);

/* True when the kernel does the rest of the work on bytes, so that sendfile(2) on fd can send them. */
bool stream_takes_sendfile(const struct stream *stream);

/* Write. Returns bytes taken (> 0), -EAGAIN, or another -errno. TLS: taken bytes may wait for stream_flush(). */
ssize_t stream_write(struct stream *stream, const void *bytes, size_t len);

/* Send what was taken. 0, -EAGAIN, or another -errno. In clear nothing ever waits. */
int stream_flush(struct stream *stream);

/*
 * An upload begins: a client without TCP_NODELAY keeps its close_notify back until the last bytes are acknowledged.
 */
void stream_acknowledge_soon(const struct stream *stream);

/* The next bytes are the last: they wait for stream_shutdown(), so that all leaves in one packet. */
void stream_expect_end(struct stream *stream);

/*
 * Begin TLS as the server; then call stream_handshake() until it returns 0 (-EAGAIN: wait
 * for wants). There is at most one stream of a kind. Returns 0 or -ENOMEM.
 *
 * context  has what sessions are resumed with; the same for all streams.
 * shown    has the certificate; often the same.
 */
int stream_start_tls(struct stream *stream, SSL_CTX *context, SSL_CTX *shown, enum stream_kind kind);
int stream_handshake(struct stream *stream);

/* After the handshake of a data connection: does it resume the control connection's session? */
bool stream_is_resumed(const struct stream *stream);

/* The name of the server that the client has given in its handshake (RFC 6066, 3); "": none, or there is no TLS. */
const char *stream_server_name(const struct stream *stream);

/* False: the client has named another server than host in its ClientHello (RFC 6066, 3). host "" is any. */
bool stream_agrees_with_host(const struct stream *stream, const char *host);

/* Send one more ticket with the next write, for clients that use each ticket once (RFC 8446, C.4). */
void stream_renew_ticket(struct stream *stream);

/* Announce the end to the peer (TLS: close_notify first; then FIN). 0, -EAGAIN, or another -errno. */
int stream_shutdown(struct stream *stream);

/* Close without ceremony. */
void stream_close(struct stream *stream);

#endif
