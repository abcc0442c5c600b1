/* SPDX-License-Identifier: ISC */
/*
 * Reports a finished upload to the monitor, for on-upload: its path, its size and its SHA-256. The hash is computed
 * here, because no other process may read the file, while no request waits.
 */
#ifndef PRIVSEP_FILES_STORED_H
#define PRIVSEP_FILES_STORED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/home_path.h"
#include "privsep/files/beside.h"
#include "privsep/files/digest.h"
#include "privsep/files/home.h"

/* The upload that was not yet reported to the monitor. */
struct stored {
	bool is_pending; /* false: the other members are not read */
	uint64_t size, hashed; /* bytes */
	int fd; /* -1: it cannot be read, and is reported without a hash */
	struct digest digest;
	struct home_path path;
};

/*
 * The file at path is finished: begin to hash it, or go on from what was hashed beside the upload. An earlier one that is still being hashed is reported without its
 * hash.
 */
void stored_begin(
    struct stored *stored, const struct home *home, const struct home_path *path, const struct beside *beside);

/*
 * Go on until the upload is reported, or a request waits at the session's channel. When protocol is gone, this is
 * stored_end(). beside gets what was hashed here.
 */
void stored_work(struct stored *stored, const struct files_session *session, struct beside *beside);

/* The session ends: report what was not yet reported. It is hashed for two seconds at most, then it has no hash. */
void stored_end(struct stored *stored, const struct files_session *session, struct beside *beside);

#endif
