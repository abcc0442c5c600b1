/* SPDX-License-Identifier: ISC */
/* Where an upload goes: into a partial file or into the finished one, and from which offset on. Pure. */
#ifndef PRIVSEP_FILES_UPLOAD_PLACE_H
#define PRIVSEP_FILES_UPLOAD_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "privsep/ipc/messages.h"

/* What exists when the upload begins. An empty partial counts as none. */
struct upload_found {
	bool is_atomic;		/* the configured way of uploads */
	bool has_finished, has_partial;
	uint64_t finished_size, partial_size;
};

struct upload_place {
	bool is_partial;	/* write the partial, rename it at the end; otherwise write in place */
	bool cuts;		/* bytes after start are cut off first */
	uint64_t start;
};

/*
 * Decide. Sizes and offsets are in bytes.
 *
 * Where a finished file and a partial lie side by side, the partial is the beginning of another version. SIZE reports
 * the finished file's size. So REST and APPE of a client that means to resume the partial would write the tail of one
 * version after the head of the other. Only one offset distinguishes the two: exactly the partial's size, where that
 * is not the finished file's. All others are refused; STOR from the start replaces the partial, DELE removes the
 * finished file.
 *
 * Returns 0; -ERANGE when the offset lies beyond what there is, or is ambiguous; -EEXIST for
 * STORE_APPEND where the two lie side by side.
 */
int upload_decide(
    enum ipc_store_mode mode, uint64_t offset, const struct upload_found *found, struct upload_place *place);

#endif
