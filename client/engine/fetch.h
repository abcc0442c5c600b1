/* SPDX-License-Identifier: ISC */
/* The common part of downloads in one and in several pieces. */
#ifndef CLIENT_ENGINE_FETCH_H
#define CLIENT_ENGINE_FETCH_H

#include "client/engine/part.h"
#include "client/engine/session.h"
#include "client/engine/sink.h"
#include "client/engine/verify.h"

/* One download. */
struct fetch {
	struct ftp *ftp;
	const struct ftp_transfer *transfer;
	struct ftp_result *result;
	struct meter meter;
	int64_t size, mtime;	/* as the server reports them; -1 unknown */
	int64_t announced;	/* the size that it announced at first */
	unsigned int rounds;	/* is_to_end: further transfers, of what the file had grown by at the end of one */
	char validator[RECORD_VALIDATOR_SIZE];
	struct sink sink;
	uint64_t counted;	/* up to here the bytes of the part are in the result: those that the kernel moves */
	struct part part;
	struct record begun;	/* the source's state when the existing bytes were begun */
	struct record_piece pieces[RECORD_PIECES_MAX];	/* of the part, where several connections left it with holes */
	unsigned int piece_count;	/* 0: it has none */
	bool is_begun;	/* this call has proven or written the existing bytes */
	bool is_continued;	/* the existing bytes came over several connections */

	/* of the connection that goes on at a cut */
	uint64_t overlap, seen;	/* bytes before the cut that come again, and how many have come */
	bool is_other;	/* they differ */
	bool is_wrong;	/* the existing bytes are no version of the file */
	bool is_longer;	/* more came than the announced size */
	bool has_grown;	/* and the server reports a larger one by now */

	struct stream_sum sum;	/* of a stream */
	struct follower *follower;	/* of a part: hashes it while it comes; NULL: not begun */
};

/* The offset of the next byte in the remote file. */
static inline uint64_t
fetch_position(const struct fetch *fetch)
{
	return fetch->sink.at + (fetch->sink.is_stream ? fetch->transfer->offset : 0);
}

static inline bool
fetch_is_limited(const struct fetch *fetch)
{
	return fetch->sink.is_stream && fetch->transfer->limit > 0;
}

/* get_look.c: size and time, as far as the server reports them. RETR will say whether the file exists. */
enum ftp_class fetch_look(struct fetch *fetch, bool is_again);

/* Ask whether the server reports a larger size now. Then the part announced at first is whole; report so. */
bool fetch_find_growth(struct fetch *fetch);

/* More came than announced: unless the file has grown, the part is known to be wrong. */
enum ftp_class fetch_look_at_longer(struct fetch *fetch);

/* The server has ended a transfer of the whole file: check that it is still the same one. */
enum ftp_class fetch_look_at_end(struct fetch *fetch);

/* get_part.c: the source's present state, for the record. */
void fetch_describe(struct fetch *fetch);

/* The existing part is not of this file: forget it, and report so. Bytes written to a stream stay written. */
enum ftp_class fetch_start_over(struct fetch *fetch, const char *why);

enum ftp_class fetch_open_part(struct fetch *fetch);

/* Forget the pieces that lie after a hole: one connection goes on at sink.at. 0 or -errno. */
int fetch_drop_pieces(struct fetch *fetch);

/* The existing part must be proven to be a beginning of the remote file; else it is fetched anew. */
enum ftp_class fetch_prove_part(struct fetch *fetch);

enum ftp_class fetch_put_in_place(struct fetch *fetch);

/* The download has failed: remove a useless part. */
void fetch_leave_part(struct fetch *fetch);

/*
 * The rest of a file whose size is known, from sink.at, by several connections into the part, each of which goes on
 * where one ended before. FTP_OK with is_other set when the pieces do not fit together.
 */
enum ftp_class fetch_segments(struct fetch *fetch, unsigned int count);

#endif
