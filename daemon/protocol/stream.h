/* A connection as a stream of bytes, whatever protects it. Never blocks; never raises SIGPIPE. */
#ifndef DAEMON_PROTOCOL_STREAM_H
#define DAEMON_PROTOCOL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stream {
	int fd;		/* non-blocking socket, or -1 */
	short wants;	/* after -EAGAIN: the poll(2) events to wait for */
};

void stream_init(struct stream *stream, int fd);

/* Read. Returns bytes (> 0), 0 at the peer's orderly end, -EAGAIN, or another -errno. */
ssize_t stream_read(struct stream *stream, void *bytes, size_t len);

/* Write. Returns bytes (> 0), -EAGAIN, or another -errno. */
ssize_t stream_write(struct stream *stream, const void *bytes, size_t len);

/* Close without ceremony. */
void stream_close(struct stream *stream);

#endif
