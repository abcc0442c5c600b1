/* SPDX-License-Identifier: ISC */
/* Counting a home for its quota. */
#ifndef PRIVSEP_FILES_COUNT_H
#define PRIVSEP_FILES_COUNT_H

#include <stddef.h>
#include <stdint.h>

#define COUNT_UPLOADS_MAX 1024
#define COUNT_DEPTH_MAX 128

/* Inodes of uploads, as the ledger reports them (accounts/ledger.h). */
struct count_uploads {
	size_t live_count, dead_count;
	uint64_t live[COUNT_UPLOADS_MAX];	/* their bytes are left out */
	uint64_t dead[COUNT_UPLOADS_MAX];	/* their session is gone: wait until nobody holds them */
};

struct count_figure {
	uint64_t bytes;	/* apparent sizes of regular files, each name of one counted */
	uint64_t files;	/* names: files, directories, links, and all else; without the home itself */
};

/*
 * Count what is below home_fd. No link is followed. A directory of the account without the right to read gets that
 * right meanwhile; one of somebody else is left out. Runs behind the walls of files.
 *
 * uploads  is sorted.
 *
 * Returns 0; -E2BIG for a tree deeper than COUNT_DEPTH_MAX; or another -errno.
 */
int count_home(int home_fd, struct count_uploads *uploads, struct count_figure *figure);

#endif
