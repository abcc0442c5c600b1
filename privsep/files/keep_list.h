/* SPDX-License-Identifier: ISC */
/* All that is kept in a home, for its administrator. */
#ifndef PRIVSEP_FILES_KEEP_LIST_H
#define PRIVSEP_FILES_KEEP_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "privsep/files/keep_hold.h"

struct keep_item {
	uint64_t size;
	char id[KEEP_ID_SIZE];
	char hash[KEEP_HASH_SIZE];
	uint16_t path_len;	/* 0: the record of the path is lost or damaged */
	char path[HOME_PATH_MAX + 1];
};

/* The bytes of an item that has a path of so many. */
#define KEEP_ITEM_SIZE(path_len) (offsetof(struct keep_item, path) + (path_len) + 1)

struct keep_listed {
	uint64_t files, bytes;
	uint64_t strange;	/* names that no keep has given, or that cannot be read */
};

/*
 * Call each for all that is kept, the youngest day first, or for what is kept of one path; it returns 0, or -errno to end.
 * Takes no lock: what comes or goes meanwhile may be missing. Returns 0, also without a keep; -ENOLINK: something else is
 * in its place; or another -errno.
 */
int keep_list(const struct home *home, const struct home_path *only,
    int (*each)(void *arg, const struct keep_item *item), void *arg, struct keep_listed *listed);

#endif
