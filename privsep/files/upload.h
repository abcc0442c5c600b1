/* SPDX-License-Identifier: ISC */
/*
 * One upload from its beginning to its end: the file that the protocol process writes, held
 * against other sessions, and put in its place when it is whole.
 */
#ifndef PRIVSEP_FILES_UPLOAD_H
#define PRIVSEP_FILES_UPLOAD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "privsep/files/handed.h"
#include "privsep/files/home.h"
#include "privsep/files/partial_name.h"
#include "privsep/ipc/messages.h"

struct upload {
	int fd;			/* write-only, at the offset to go on from; shared with the protocol process; -1: no upload */
	int finished_fd;	/* holds the finished file that a partial will replace, or -1 */
	int dir_fd;		/* O_PATH, of both names */
	struct handed handed;	/* fd, since protocol has it too; of a copy nobody has it */
	const struct home *home;	/* from the beginning to the end */
	const struct home_path *path;	/* as the client names it; as long as the upload */
	bool is_atomic;		/* through a partial, where there is no finished file to resume */
	bool is_copy;		/* cannot be resumed: its partial is never kept */
	bool is_partial;
	struct stat found;	/* the partial that was there, before anything of it was cut; zeros: none */
	bool found_none;	/* nothing bore the name at the beginning */
	bool found_plain;	/* a plain file did; on shared storage another look is worth its price */
	unsigned rights;	/* of the directory */
	bool never_replaces;	/* STOU, or no right to: not even a file that came in the meantime */
	bool adds_to_none;	/* APPE or REST that found no finished file: it replaces none that came in the meantime */
	bool is_fresh;		/* fd was made for this upload: it is empty */
	bool is_new;		/* made in place: its directory is synced too */
	uint64_t size_before;	/* of a file that is written in place */
	bool is_bracketed;	/* the quota's bracket is open */
	bool is_synced;		/* upload_sync() is done */
	bool is_lost;		/* not all written bytes have reached the disk, and nobody knows which have */
	char name[NAME_MAX + 1];
	char partial[PARTIAL_NAME_SIZE];
};

/* No upload. */
void upload_init(struct upload *upload);

/*
 * Begin an upload to a path; a link in the last component is followed, and stays.
 *
 * offset  of STORE_AT; see upload_decide().
 * start   the offset that upload->fd stands at.
 *
 * Returns 0 (upload_finish() must follow); -EKEYREVOKED where the account may not create, or overwrite, what is to be
 * written; -EBUSY when another session uploads to that name; -EDQUOT over the quota; -EACCES also for a finished file
 * that may not be written, although a rename could replace it, so that write protection means the same for both kinds
 * of uploads; -EINVAL for a name with control characters; -EISDIR, -ENOTSUP for anything but a plain file; -ERANGE,
 * -EEXIST of upload_decide(); or another -errno, without an upload then.
 */
int upload_begin(struct upload *upload, const struct home *home, const struct home_path *path, enum ipc_store_mode mode,
    uint64_t offset, uint64_t *start);

/*
 * Begin a whole new file by way of a partial, however uploads go: what a copy on the server
 * is written to. size is that of the copy. Broken off, it leaves no partial. Errors as upload_begin().
 */
int upload_begin_copy(struct upload *upload, const struct home *home, const struct home_path *path, uint64_t size);

/*
 * More bytes for the upload to path (quota_grow()). Partials that nobody writes to give way before it is refused.
 * 0; -EDQUOT; -EFBIG where there is no quota; or another -errno.
 */
int upload_grow(const struct upload *upload, const struct home_path *path);

/*
 * Bring the bytes that were written to the disk, with the mode of the result (upload-sync; without it, the mode
 * alone); nothing is renamed yet. 0 or -errno; the partial is then not kept: the kernel forgets what it could not
 * write, so that a resume would build on bytes that do not exist.
 */
int upload_sync(struct upload *upload, const struct config *config);

/*
 * End the upload. Whole: upload_sync() if it was not called, and rename over the target; broken off:
 * the partial is kept, unless it is empty or upload_sync() failed. There is no upload afterwards
 * in any case; after another error a partial is kept too. 0 or -errno; -EPROTO when the protocol process
 * keeps a copy of the descriptor, with which it could change the finished file: the session must end.
 */
int upload_finish(struct upload *upload, const struct config *config, bool is_whole);

#endif
