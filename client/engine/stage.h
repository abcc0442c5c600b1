/* SPDX-License-Identifier: ISC */
/*
 * The name of an upload: its own, or a temporary one of ours, which a record describes. The records are in
 * $XDG_STATE_HOME/sallyport/uploads, one for each target.
 */
#ifndef CLIENT_ENGINE_STAGE_H
#define CLIENT_ENGINE_STAGE_H

#include <sys/stat.h>

#include "client/engine/record.h"
#include "client/engine/session.h"

#define STAGE_RECORD_SIZE 65

struct stage {
	char path[RECORD_TEXT_SIZE];	/* what is written on the server */
	bool is_temporary;	/* it is not the target itself */
	bool has_record;	/* path is from a record of an earlier run: something may be there */
	bool is_known;	/* a record of an earlier run says that path is of the same local file */
	int dir_fd, lock_fd;	/* of the records; -1 none */
	char record_name[STAGE_RECORD_SIZE];
	struct record record;
};

/* Under the name itself. Returns 0, -ENAMETOOLONG. */
int stage_in_place(struct stage *stage, const char *remote);

/*
 * Use a temporary name: that of the record, if one names an upload to this target that no process works on now; a
 * new one otherwise. Where no record can be kept, a later run starts over. source_fd is the local file. Returns 0,
 * -ENAMETOOLONG, -errno.
 */
int stage_temporary(struct stage *stage, const struct ftp *ftp, const char *remote, int source_fd);

/* Keep the record, before the first byte is sent. Returns 0 or -errno. */
int stage_keep(struct stage *stage);

/* The temporary file no longer exists. */
void stage_forget(struct stage *stage);

void stage_close(struct stage *stage);

/* True when this path is the temporary file of an upload that a run can continue. For code that lists a directory. */
bool stage_is_own(const struct ftp *ftp, const char *path);

#endif
