/* What getting in one and in several pieces have in common. */
#ifndef CLIENT_ENGINE_FETCH_H
#define CLIENT_ENGINE_FETCH_H

#include <sys/stat.h>

#include "client/engine/hash.h"
#include "client/engine/local.h"

/* One download. */
struct fetch {
	struct ftp *ftp;
	const struct ftp_transfer *transfer;
	struct ftp_result *result;
	struct meter meter;
	int64_t size, mtime;	/* as the server tells them; -1 unknown */
	int fd;	/* the part, or the stream */
	char part[LOCAL_NAME_SIZE];
	uint64_t at;	/* bytes that are there (part), or were written (stream) */
	bool is_checked;	/* what is in the part was compared, or written by this call */
	struct sum sum;	/* of a stream, as it goes by */
	bool is_summed;
};

/*
 * Receive bytes of a data connection and hand them on in large pieces, until its end or until wanted bytes have come.
 * take() returns 0, -EFBIG (more than the size that was told), or another -errno of the local side.
 */
enum ftp_class fetch_receive(struct ftp *ftp, struct wire *wire, uint64_t wanted,
    int (*take)(void *context, const char *bytes, size_t len), void *context);

/* The rest of a file whose size is known, from fetch->at, by several connections into the part. */
enum ftp_class fetch_segments(struct fetch *fetch, unsigned int count);

#endif
