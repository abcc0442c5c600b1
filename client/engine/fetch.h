/* SPDX-License-Identifier: ISC */
/* What getting in one and in several pieces have in common. */
#ifndef CLIENT_ENGINE_FETCH_H
#define CLIENT_ENGINE_FETCH_H

#include "client/engine/hash.h"
#include "client/engine/part.h"

#define OVERLAP_BYTES 65536 /* read again before a cut */

/* One download. */
struct fetch {
	struct ftp *ftp;
	const struct ftp_transfer *transfer;
	struct ftp_result *result;
	struct meter meter;
	int64_t size, mtime;	/* as the server tells them; -1 unknown */
	int64_t announced;	/* the size that it told at first */
	unsigned int rounds;	/* is_to_end: further transfers, of what the file had grown by at the end of one */
	char validator[RECORD_VALIDATOR_SIZE];
	int fd;	/* the part's, or the stream */
	struct part part;
	struct record begun;	/* how the source was told when what is there was begun */
	uint64_t at;	/* bytes that are there (part), or were written (stream) */
	bool is_begun;	/* this call has proven or written what is there */
	bool is_continued;	/* what is there came over several connections */

	/* of the connection that goes on at a cut */
	uint64_t overlap, seen;	/* bytes before the cut that come again; how many have come */
	bool is_other;	/* they differ */
	bool is_wrong;	/* what is there is no version of the file */
	bool is_longer;	/* more came than the size that was told */
	bool has_grown;	/* and the server tells a larger one by now */

	char *tail;	/* the last OVERLAP_BYTES of a stream */
	size_t tail_len;
	struct sum sum;	/* of a stream, as it goes by */
	bool is_summed;
	char summed[FTP_HASH_HEX_MAX];
};

/*
 * The rest of a file whose size is known, from fetch->at, by several connections into the part. FTP_OK with is_other
 * set when the pieces do not fit together.
 */
enum ftp_class fetch_segments(struct fetch *fetch, unsigned int count);

#endif
