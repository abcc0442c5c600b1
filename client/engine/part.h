/* SPDX-License-Identifier: ISC */
/* The part of a download: a file beside the target, which is ours by the record beside it. */
#ifndef CLIENT_ENGINE_PART_H
#define CLIENT_ENGINE_PART_H

#include "client/engine/local.h"
#include "client/engine/record.h"

#define PART_SUFFIX ".part"

struct part {
	int dir_fd;	/* borrowed */
	int fd;	/* locked; -1 none; owned */
	char name[LOCAL_NAME_SIZE], record_name[LOCAL_NAME_SIZE];
	uint64_t length;	/* bytes that an earlier download left, and count */
	bool has_record;	/* record is what was found, or written, beside it */
	bool is_beside_other;	/* NAME.part is somebody else's, and stays as it is */
	struct record record;
};

/*
 * Open the part of a target, made when it is not there. A NAME.part without a record of ours is the user's, and so
 * is a NAME.part.sallyport that is no record: they stay untouched, and the part gets another name. Sets fd, the
 * names, length and record. Returns 0, -EBUSY (another transfer writes it), -EINVAL or -ELOOP where the other name
 * is no regular file, -errno.
 */
int part_open(struct part *part, int dir_fd, const char *target);

/*
 * Write the record: which file the part belongs to from now on. A part without a record is of no use later. Returns
 * 0 or -errno.
 */
int part_record(struct part *part, const struct record *record);

/* Turn the part into the target, in one step. Returns 0, -ESTALE when its name is another file's, -errno. */
int part_rename(struct part *part, const char *target);

/* Remove the part and its record. */
void part_remove(struct part *part);

void part_close(struct part *part);

/* True when this name is that of a part of ours, or of a record. For code that lists a directory. */
bool part_is_own(int dir_fd, const char *name);

#endif
