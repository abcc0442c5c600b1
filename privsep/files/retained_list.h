/* SPDX-License-Identifier: ISC */
/* What of a home stays until its date (retain.h), and of what is kept in it, whoever wants it gone: sums, and the first by name. */
#ifndef PRIVSEP_FILES_RETAINED_LIST_H
#define PRIVSEP_FILES_RETAINED_LIST_H

#include <stdint.h>

#include "common/home_path.h"
#include "privsep/files/home.h"

#define RETAINED_ROWS_MAX 20

struct retained_list {
	uint64_t count;
	unsigned rows;
	struct {
		uint64_t until_s;	/* on the host's calendar (retain_date_on_host()) */
		struct home_path path;	/* of what is kept, its place */
	} row[RETAINED_ROWS_MAX];
};

/*
 * Look through the whole home. No link is followed. 0, or -errno: something could not be looked at, so that nobody knows
 * what is in it.
 */
int retained_list_make(const struct home *home, struct retained_list *list);

#endif
