/* SPDX-License-Identifier: ISC */
/* The partial files of a home: sums of all, and the oldest ones by name. */
#ifndef PRIVSEP_FILES_PARTIAL_LIST_H
#define PRIVSEP_FILES_PARTIAL_LIST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/home_path.h"
#include "privsep/files/home.h"
#include "privsep/files/stop.h"

#define PARTIAL_ROWS_MAX 64
#define PARTIAL_SUM_ENTRIES_MAX 10000	/* of the home, looked at for a line of another reply */
#define PARTIAL_ROOM_ENTRIES_MAX 100000	/* before an upload is refused */
#define PARTIAL_LIST_ENTRIES_MAX 1000000

struct partial_row {
	uint64_t size;
	uint64_t age_s;		/* since its last byte */
	int64_t mtime_s;
	ino_t inode;
	bool is_in_use;		/* an upload writes to it now */
	bool is_named;		/* path is the upload's target; otherwise the partial's own, whose target is not known */
	struct home_path path;
};

struct partial_list {
	uint64_t count, bytes;			/* of all that were found */
	uint64_t busy_count, busy_bytes;	/* of those in use */
	bool is_whole;		/* the whole home was looked at */
	unsigned rows;
	uint8_t order[PARTIAL_ROWS_MAX];	/* rows by age, the oldest first */
	struct partial_row row[PARTIAL_ROWS_MAX];
};

/*
 * Look through a home.
 *
 * rows_max     how many rows are kept, the oldest ones; at most PARTIAL_ROWS_MAX. 0: the sums alone.
 * only_idle    no rows of partials that are in use.
 * entries_max  of partial_walk(); stop as there.
 *
 * Returns 0 or -ECANCELED.
 */
int partial_list_make(const struct home *home, struct partial_list *list, unsigned rows_max, bool only_idle,
    uint64_t entries_max, struct stop *stop);

/* Take one row in, in its place by age, where it is among the oldest rows_max. Pure. NULL: it is not; else the row to fill. */
struct partial_row *partial_list_place(struct partial_list *list, unsigned rows_max, int64_t mtime_s);

/*
 * The account's quota is short: remove the oldest partial that no upload writes to, except the one that an upload to
 * path would resume. Not within a bracket. False: there is none (any more), or no quota.
 */
bool partials_give_way(const struct home *home, const struct home_path *path);

#endif
