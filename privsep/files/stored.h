/* SPDX-License-Identifier: ISC */
/*
 * Tells the monitor of a finished upload, for on-upload: its path, its size, and its SHA-256,
 * which is computed here, since no other process may read the file, while no request waits.
 */
#ifndef PRIVSEP_FILES_STORED_H
#define PRIVSEP_FILES_STORED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/home_path.h"
#include "privsep/files/digest.h"
#include "privsep/files/home.h"

/* The upload that the monitor has not been told of. */
struct stored {
	bool is_pending;
	struct home_path path;
	uint64_t size, hashed; /* bytes */
	int fd; /* -1: it cannot be read, and no hash is told */
	struct digest digest;
};

/*
 * The file at path is finished: begin to hash it. One that still was being hashed is told
 * without its hash.
 */
void stored_begin(struct stored *stored, const struct home *home, const struct home_path *path);

/*
 * Go on until the monitor has been told, or a request waits at the session's channel. When
 * protocol is gone, this takes two seconds more at most.
 */
void stored_work(struct stored *stored, const struct files_session *session);

#endif
