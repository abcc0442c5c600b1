/* SPDX-License-Identifier: ISC */
#include "client/engine/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/engine/local.h"
#include "client/engine/session.h"

#include "common/banned.h"

#define COPY_SIZE (64 * 1024)

void
sink_keep_tail(struct sink *sink)
{
	sink->tail = malloc(OVERLAP_BYTES);
}

void
sink_free(struct sink *sink)
{
	free(sink->tail);
	sink->tail = NULL;
}

static void
add_to_tail(struct sink *sink, const char *bytes, size_t len)
{
	size_t kept;

	if (sink->tail == NULL)
		return;
	if (len >= OVERLAP_BYTES) {
		memcpy(sink->tail, bytes + len - OVERLAP_BYTES, OVERLAP_BYTES);
		sink->tail_len = OVERLAP_BYTES;
		return;
	}
	kept = sink->tail_len + len > OVERLAP_BYTES ? OVERLAP_BYTES - len : sink->tail_len;
	memmove(sink->tail, sink->tail + sink->tail_len - kept, kept);
	memcpy(sink->tail + kept, bytes, len);
	sink->tail_len = kept + len;
}

int
sink_write(struct sink *sink, struct ftp *ftp, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n =
		    sink->is_stream ? write(sink->fd, bytes, len) : pwrite(sink->fd, bytes, len, (off_t)sink->at);

		if (n < 0 && errno == EAGAIN) {
			int r = wire_wait(sink->fd, POLLOUT, INT32_MAX, ftp->options->abort);

			if (r < 0)
				return r;
		} else if (n < 0 && (errno != EINTR || is_aborted(ftp))) {
			return errno == EINTR ? -ECANCELED : -errno;
		} else if (n > 0) {
			add_to_tail(sink, bytes, (size_t)n);
			sink->at += (uint64_t)n;
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The file system takes no bytes from a pipe. */
static int
copy_pipe(struct sink *sink, struct ftp *ftp, int pipe_fd, size_t len)
{
	char bytes[COPY_SIZE];
	int r = 0;

	while (len > 0 && r == 0) {
		ssize_t n = read(pipe_fd, bytes, len < sizeof(bytes) ? len : sizeof(bytes));

		if (n > 0) {
			r = sink_write(sink, ftp, bytes, (size_t)n);
			len -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			r = n == 0 ? -ENODATA : -errno;
		}
	}
	return r;
}

int
sink_write_pipe(struct sink *sink, struct ftp *ftp, int pipe_fd, size_t len)
{
	while (len > 0) {
		off_t at = (off_t)sink->at;
		ssize_t n = splice(pipe_fd, NULL, sink->fd, &at, len, SPLICE_F_MOVE);

		if (n < 0 && errno == EINVAL)
			return copy_pipe(sink, ftp, pipe_fd, len);
		if (n == 0)
			return -ENODATA;
		if (n < 0 && (errno != EINTR || is_aborted(ftp)))
			return errno == EINTR ? -ECANCELED : -errno;
		if (n > 0) {
			sink->at += (uint64_t)n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int
sink_compare(const struct sink *sink, uint64_t left, const char *bytes, size_t len)
{
	if (!sink->is_stream)
		return local_compare(sink->fd, sink->at - left, bytes, len);
	return left > sink->tail_len || memcmp(sink->tail + sink->tail_len - left, bytes, len) != 0 ? -EBADMSG : 0;
}

uint64_t
sink_kept(const struct sink *sink)
{
	return sink->is_stream ? sink->tail_len : sink->at;
}
