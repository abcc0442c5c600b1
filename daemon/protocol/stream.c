#include "daemon/protocol/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/io.h"

#include "common/banned.h"

void
stream_init(struct stream *stream, int fd)
{
	*stream = (struct stream){.fd = fd};
}

ssize_t
stream_read(struct stream *stream, void *bytes, size_t len)
{
	ssize_t n;

	do
		n = recv(stream->fd, bytes, len, 0);
	while (n < 0 && errno == EINTR);
	stream->wants = POLLIN;
	return n < 0 ? -errno : n;
}

ssize_t
stream_write(struct stream *stream, const void *bytes, size_t len)
{
	ssize_t n;

	do
		n = send(stream->fd, bytes, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	stream->wants = POLLOUT;
	return n < 0 ? -errno : n;
}

void
stream_close(struct stream *stream)
{
	close_fd(&stream->fd);
}
