/* SPDX-License-Identifier: ISC */
/* The bytes of a data connection: handed on, or moved into a file by the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/engine/data.h"
#include "common/io.h"

#include "common/banned.h"

#define RECEIVE_SIZE (512 * 1024)
#define RECEIVE_TLS_SIZE (128 * 1024) /* what was decrypted is in the processor's cache still when it is written */
#define PIPE_SIZE (1024 * 1024) /* what users may have at most (/proc/sys/fs/pipe-max-size) */

static enum ftp_class
fail_taking(struct ftp *ftp, int r)
{
	if (r == -EFBIG)
		return ftp_fail(ftp, FTP_VERIFY, "fetch it again when nobody writes it",
		    "more bytes came than the server announced");
	if (r == -EBADMSG)
		return ftp_fail(ftp, FTP_VERIFY, "fetch it again", "what comes after the cut is not of the same file");
	return fail_local(ftp, r, "the local side");
}

enum ftp_class
data_receive(struct ftp *ftp, struct wire *wire, uint64_t wanted,
    int (*take)(void *context, const char *bytes, size_t len), void *context)
{
	size_t most = wire->tls == NULL ? RECEIVE_SIZE : RECEIVE_TLS_SIZE;
	char *bytes = malloc(most);
	/* a slow transfer hands its bytes on in time for the eye */
	size_t have = 0, piece = wire->pace == NULL ? most : pace_piece(wire->pace, most);
	ssize_t n = 1;
	int r = bytes == NULL ? -ENOMEM : 0;

	while (r == 0 && n > 0 && wanted > 0) {
		size_t room = piece - have < wanted - have ? piece - have : (size_t)(wanted - have);

		n = is_aborted(ftp) ? -ECANCELED : wire_read_now(wire, bytes + have, room);
		if (n > 0)
			have += (size_t)n;
		if (have > 0 && (n <= 0 || have == piece || have == wanted)) {
			r = take(context, bytes, have);
			wanted -= have;
			have = 0;
		}
		if (n == -EAGAIN) {
			int ready = wire_wait(wire->fd, POLLIN, wire->timeout_ms, wire->abort);

			n = ready < 0 ? ready : 1;
		}
	}
	free(bytes);
	if (r < 0)
		return fail_taking(ftp, r);
	return n < 0 ? fail_wire(ftp, wire, (int)n, "data connection") : FTP_OK;
}

/* A pipe that is large enough to be of use. 0 or -errno. */
static int
open_large_pipe(int ends[2])
{
	int r;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE) >= 0)
		return 0;
	r = -errno;
	close_fd(&ends[0]);
	close_fd(&ends[1]);
	return r;
}

enum ftp_class
data_splice(
    struct ftp *ftp, struct wire *wire, uint64_t wanted, struct sink *sink, void (*moved)(void *context), void *context)
{
	/* a slow transfer counts its bytes in time for the eye */
	size_t piece = wire->pace == NULL ? PIPE_SIZE : pace_piece(wire->pace, PIPE_SIZE);
	int ends[2], r = 0;
	ssize_t n = 1;

	if (open_large_pipe(ends) < 0)
		return FTP_OK;
	while (r == 0 && n > 0 && wanted > 0) {
		n = is_aborted(ftp) ? -ECANCELED : wire_splice(wire, ends[1], wanted < piece ? (size_t)wanted : piece);
		if (n > 0) {
			r = sink_write_pipe(sink, ftp, ends[0], (size_t)n);
			wanted -= (uint64_t)n;
			moved(context);
		} else if (n == -EAGAIN) {
			int ready = wire_wait(wire->fd, POLLIN, wire->timeout_ms, wire->abort);

			n = ready < 0 ? ready : 1;
		}
	}
	close_fd(&ends[0]);
	close_fd(&ends[1]);
	if (r < 0)
		return fail_taking(ftp, r);
	return n < 0 && n != -EINVAL ? fail_wire(ftp, wire, (int)n, "data connection") : FTP_OK;
}
