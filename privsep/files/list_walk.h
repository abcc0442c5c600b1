/* SPDX-License-Identifier: ISC */
/* One listing: finds what it is about, walks directories, writes lines into a pipe. */
#ifndef PRIVSEP_FILES_LIST_WALK_H
#define PRIVSEP_FILES_LIST_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "privsep/files/directory.h"
#include "privsep/files/home.h"
#include "privsep/files/list_format.h"
#include "privsep/files/list_names.h"
#include "privsep/ipc/messages.h"

#define LIST_CHUNK 32768	/* bytes of one write into the pipe, and some */
#define LIST_FIRST 8192		/* of the first: while it is sent, more lines are written */

/* What is asked for; see the list message. */
struct list_request {
	enum ipc_list_form form;
	unsigned flags;		/* enum ipc_list_flag; not looked at for LIST_FACTS */
	unsigned facts;		/* enum ipc_fact; for LIST_FACTS */
	size_t shown_from;	/* names are shown from this byte of their home path on */
	struct home_path path;
};

/* Members are list_walk.c's own; large: one of them, static. */
struct listing {
	struct list_request request;
	const struct home *home;
	struct list_viewer viewer;
	struct list_names names;
	struct directory directory;	/* read to its end before another is opened */
	struct home_path path;		/* the directory being listed */
	struct stat parent;		/* its fstat */
	char prefix[PATH_MAX + 1];	/* shown before its names */
	size_t prefix_len;
	int64_t now;
	bool is_name_enough;	/* lines are written without examining the entries */
	bool is_expanded;	/* the targets are matches of a pattern */
	bool is_dotted;		/* the target of -R is the working directory: "." and "./sub" */
	bool is_of_home;	/* entries are written of a directory of the home, and folders are among them */
	bool is_begun;		/* something was written already */
	bool is_flowing;	/* and is in the pipe */
	uint64_t entries;
	int error;		/* the listing stopped: -errno */
	int incomplete;		/* it goes on, but something was left out: -errno */
	int out_fd;
	size_t out_len;
	char out[LIST_CHUNK + LIST_LINE_MAX];
};

/* Is shown_from a byte of what names below path are printed from? If not, the request is malformed. */
bool listing_shown_from_fits(const struct list_request *request);

/*
 * Find what is to be listed, so that errors come before the first line: -ENOENT (also when a pattern matches
 * nothing), -ENOTDIR for LIST_FACTS of a file, -EACCES, -E2BIG, or another -errno. After 0, call listing_write() or
 * listing_drop().
 */
int listing_open(struct listing *listing, const struct home *home, const struct list_request *request);

/*
 * Write all lines to fd, waiting for its reader, close it, and forget the listing.
 *
 * entries  how many things were listed, also after an error.
 *
 * Returns 0; -EPIPE when the reader gave up; -E2BIG when a bound cut the listing short or a
 * part was left out; or another -errno.
 *
 * A pattern names files. LIST lists a single match that is a directory as if it had been named, and several as
 * blocks. NLST answers with the matches themselves, so that each line is a name for RETR. MLSD has no wildcards.
 * "cdir" and "pdir" entries are optional (RFC 3659, 7.5.1) and left out: clients that mirror trees have followed
 * them.
 */
int listing_write(struct listing *listing, int *fd, uint64_t *entries);

/* Forget a listing that is not written. */
void listing_drop(struct listing *listing);

#endif
