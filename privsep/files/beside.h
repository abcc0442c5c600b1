/* SPDX-License-Identifier: ISC */
/*
 * Hashes a file while protocol moves its bytes, so that the answer to HASH is there when the transfer ends. It runs
 * while no request waits, and only for a session that has asked for a hash, or has said that it will (expect_hash).
 *
 * It reads from a descriptor of its own as far as the transfer has come. An upload is written front to back: protocol's
 * filter has neither lseek nor pwrite nor ftruncate, so what has passed stays as it was read. A digest is thrown away
 * unless the file is provably the one that was read, unchanged.
 */
#ifndef PRIVSEP_FILES_BESIDE_H
#define PRIVSEP_FILES_BESIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "privsep/files/digest.h"
#include "privsep/files/stop.h"
#include "privsep/files/upload.h"

/* What is hashed between requests. */
enum beside_source {
	BESIDE_NOTHING,	/* only a request goes on */
	BESIDE_DOWNLOAD,	/* as far as protocol has read */
	BESIDE_UPLOAD,	/* as far as protocol has written */
	BESIDE_FILE	/* to its end: the upload has ended */
};

/* The digest of the first bytes of one file. */
struct beside {
	struct stop stop;	/* what the hashing has spent */
	bool is_wanted;		/* transfers are hashed */
	enum ipc_hash algorithm;	/* by it */
	unsigned unasked;	/* digests in a row that nobody asked for */

	bool is_begun;		/* the members below count */
	bool was_asked;
	int fd;			/* of the file, for reading; -1: none is needed now */
	enum beside_source source;
	const struct upload *upload;	/* of BESIDE_UPLOAD; else NULL */
	uint64_t hashed;	/* bytes */
	struct stat st;		/* of the file, when the reading began, or when the upload ended */
	struct digest digest;
};

/* No digest; requests and turns come as for stop. sharers: sessions of the account, with this one. */
void beside_init(struct beside *beside, const struct stop *stop, uint32_t sharers);

/* The session ends: no digest is left, and no descriptor. */
void beside_end(struct beside *beside);

/* The client will ask for hashes by this algorithm. */
void beside_expect(struct beside *beside, enum ipc_hash algorithm);

/* A download begins: fd is handed to protocol, st its state. */
void beside_begin_read(struct beside *beside, int fd, const struct stat *st);

/* An upload begins; it is borrowed until beside_end_write(). */
void beside_begin_write(struct beside *beside, const struct upload *upload);

/*
 * Before upload_finish(), and after it: is_whole says that the file has its name now. Between the two no other change
 * of the file may look like none, so that the first waits for the next tick of the file system's clock: some ms.
 */
void beside_settle(struct beside *beside);
void beside_end_write(struct beside *beside, bool is_whole);

/* Go on until nothing is left to do, or a request waits. 0, or the -errno of a channel. */
int beside_work(struct beside *beside);

/*
 * The digest of the first `to` bytes of the file that fd leads to, and whose state is st; what is not hashed yet is read
 * now, as work beside the transfer. -ESTALE: nothing is known of this file; -ECANCELED as of stop_check(); or another
 * -errno.
 */
int beside_hash(struct beside *beside, int fd, const struct stat *st, enum ipc_hash algorithm, uint64_t to,
    struct stop *stop, char text[DIGEST_TEXT_SIZE]);

/*
 * The first bytes of a file are to be hashed, which a transfer may go on from: begin a digest of it that beside_hash()
 * continues. False: it is not worth it, or the file may have been changed a moment ago.
 */
bool beside_begin_part(struct beside *beside, const struct stat *st, enum ipc_hash algorithm, bool is_partial);

/* A copy of the digest of the upload that has just ended as fd, for its hook; *hashed bytes are in it. False: none. */
bool beside_copy(const struct beside *beside, int fd, enum ipc_hash algorithm, struct digest *digest, uint64_t *hashed);

/* The other way: what the hook's digest has read of that file need not be read again. */
void beside_advance(struct beside *beside, int fd, const struct digest *digest, uint64_t hashed);

#endif
