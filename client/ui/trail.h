/* SPDX-License-Identifier: ISC */
/* The way down a tree on a server, where a link may lead back up: devices and inodes are not known there. */
#ifndef CLIENT_UI_TRAIL_H
#define CLIENT_UI_TRAIL_H

#include <stddef.h>
#include <stdint.h>

#include "client/engine/entry.h"

#define TRAIL_DEPTH_MAX 128
#define TRAIL_NAMES_MAX 4000000	/* of one walk */

/* One directory of the way; the one above is the caller's. Zeroed but for above, unique and depth before trail_check(). */
struct trail {
	const struct trail *above;	/* NULL at the top */
	const char *unique;	/* of this directory, from its parent's listing; "" unknown; borrowed */
	int depth;	/* 0 at the top */
	uint64_t print;	/* of the listing: equal for equal listings */
	size_t count;
};

/*
 * Look at the listing of the directory that trail ends with. The same "unique" fact shows a link that leads back;
 * without that fact, listings with several names do that repeat themselves all along the way.
 *
 * names   how many were seen in this walk, counted on.
 *
 * Returns NULL, or static text that says why the walk must not go deeper: "... leads back to ...".
 */
const char *trail_check(struct trail *trail, const struct ftp_list *list, size_t *names);

#endif
