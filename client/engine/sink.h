/* SPDX-License-Identifier: ISC */
/*
 * Where the bytes of a download go: a part, which can be read again and written anew, or a stream, of which the last
 * bytes are kept in memory for the joint after a cut.
 */
#ifndef CLIENT_ENGINE_SINK_H
#define CLIENT_ENGINE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERLAP_BYTES 65536 /* read again before a cut */

struct ftp;

struct sink {
	bool is_stream;
	int fd;	/* the part's, or the stream; -1: none yet; borrowed */
	uint64_t at;	/* bytes that are there (part), or were written (stream) */
	char *tail;	/* the last OVERLAP_BYTES of a stream; NULL: they are not kept */
	size_t tail_len;
};

/* A stream keeps its last bytes from now on, as far as there is memory. */
void sink_keep_tail(struct sink *sink);

/* Write all of it, and count it. A stream may be a pipe whose reader is slow. 0, -ECANCELED, -errno. */
int sink_write(struct sink *sink, struct ftp *ftp, const char *bytes, size_t len);

/* Write len bytes that a pipe has into the part, and count them; in the kernel where it can. Returns as sink_write(). */
int sink_write_pipe(struct sink *sink, struct ftp *ftp, int pipe_fd, size_t len);

/* Compare with the bytes that begin left bytes before the end. 0, -EBADMSG: they differ, -errno. */
int sink_compare(const struct sink *sink, uint64_t left, const char *bytes, size_t len);

/* How many of the last bytes can be compared. */
uint64_t sink_kept(const struct sink *sink);

void sink_free(struct sink *sink);

#endif
