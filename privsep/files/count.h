/* SPDX-License-Identifier: ISC */
/*
 * Counting a home for its quota, while sessions change it: a walk without a lock, then the events of the ledger's journal
 * (accounts/ledger.h) for what has changed meanwhile. Runs behind the walls of files.
 */
#ifndef PRIVSEP_FILES_COUNT_H
#define PRIVSEP_FILES_COUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "privsep/files/count_table.h"

#define COUNT_DEPTH_MAX 128

struct count {
	int home_fd;	/* borrowed */
	dev_t device;	/* of the home's root */
	struct count_table table;
	bool is_first_walk;
	uint64_t met;	/* names, in all walks */
	void (*progress)(void *arg, uint64_t met);	/* called now and then; NULL: not */
	void *arg;
};

/* The key of an inode in events: the inode itself, made unique for what is mounted below the home. Never 0. */
uint64_t count_key(dev_t home_device, const struct stat *st);

/* Begin to count what is below home_fd. 0 or -errno. */
int count_init(struct count *count, int home_fd);

/*
 * Walk the home, or, after the first time, those directories that were not reached before: they have moved meanwhile. No
 * link is followed. Each name of a file counts, with its apparent size. A directory of the account without the right to read
 * gets that right meanwhile; one of somebody else is left out.
 *
 * Returns 0; -E2BIG for a tree deeper than COUNT_DEPTH_MAX; or another -errno.
 */
int count_walk(struct count *count);

void count_end(struct count *count);

#endif
