/* SPDX-License-Identifier: ISC */
/* One upload, as put.c, put_send.c and put_proof.c know it. */
#ifndef CLIENT_ENGINE_DELIVERY_H
#define CLIENT_ENGINE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "client/engine/attempt.h"
#include "client/engine/data.h"
#include "client/engine/stage.h"
#include "client/engine/verify.h"

struct delivery {
	struct ftp *ftp;
	const struct ftp_transfer *transfer;
	struct ftp_result *result;
	struct meter meter;
	int fd;
	bool is_file; /* regular: has a size, can be read again */
	struct stat status; /* as it was when it was opened */
	struct stage stage; /* the name that is written */
	bool is_placed; /* stage is decided */
	bool is_begun; /* this call has sent something */
	bool is_renaming; /* RNTO was sent: the temporary name may be gone */
	bool is_whole; /* the server has all of it, proven: nothing is left to send */
	uint64_t at; /* sent up to here, resumed bytes included */
	struct stream_sum sum; /* of a stream */
	struct follower *follower; /* of a file: hashes it while it is sent; NULL: not begun */
};

/* put_send.c */

/* Forget what was sent and proven, and begin again at byte 0. why is for the user. */
void delivery_start_over(struct delivery *delivery, const char *why);

/* Give the temporary name up, as unwanted or not allowed: from now on write to the name itself. */
enum ftp_class delivery_leave_temporary(struct delivery *delivery);

/* Send from delivery->at to the end of the source. */
enum ftp_class delivery_send_rest(struct delivery *delivery);

/* put_proof.c */

/* Ask for the size that the server has under this name; -1: none, or unknown. */
enum ftp_class delivery_ask_size(struct delivery *delivery, const char *path, int64_t *size);

/* Record that all of it was compared, and how: by a hash, or by "content". */
void delivery_note_verified(struct delivery *delivery, const char *how);

/*
 * Read what the server has from offset up to end, and compare it with the local file; with is_end the file is to end there.
 * FTP_REFUSED: it cannot be read.
 */
enum ftp_class delivery_read_again(
    struct delivery *delivery, uint64_t offset, uint64_t end, bool is_end, bool *is_same);

/* Compare all bytes, where the server has as many as the local file: reading them costs no more than sending them. */
enum ftp_class delivery_prove_by_content(struct delivery *delivery, int64_t size);

/* Find where to continue: what the server has must be proven to be the beginning of the local file. */
enum ftp_class delivery_find_offset(struct delivery *delivery);

#endif
