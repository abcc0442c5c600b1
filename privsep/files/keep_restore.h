/* SPDX-License-Identifier: ISC */
/* What is kept of one path: listed, and given its name again. */
#ifndef PRIVSEP_FILES_KEEP_RESTORE_H
#define PRIVSEP_FILES_KEEP_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/files/keep.h"

#define KEEP_VERSIONS_MAX 100	/* that one answer tells: the youngest */

struct keep_versions {
	uint64_t count;		/* all that there are */
	unsigned rows;
	struct keep_version {
		char id[KEEP_ID_SIZE];
		uint64_t size;
	} row[KEEP_VERSIONS_MAX];	/* the youngest first */
};

/* List what is kept of a path. 0, also for nothing; -ENOKEY where the account keeps nothing; or another -errno. */
int keep_versions(const struct home *home, const struct home_path *path, struct keep_versions *versions);

/* Is something kept of path under id, which has the form of one? 0, -ENOENT or another -errno. */
int keep_has_version(const struct home *home, const struct home_path *path, const char *id);

/*
 * Give what is kept under id the name path again, through a link as an upload; what bears that now is kept in turn. Needs
 * the rights of an upload there. 0; -EINVAL for what is no id; -ENOENT; -EKEYREVOKED; -EISDIR, -ENOTSUP where the name is no plain file's;
 * -EDQUOT, -ENOLINK and others as of an upload.
 */
int keep_restore(const struct home *home, const struct home_path *path, const char *id, size_t id_len);

/* The same under the name as, which may be no link's; may_replace false: -EEXIST where something bears that. */
int keep_restore_as(const struct home *home, const struct home_path *path, const char *id, size_t id_len,
    const struct home_path *as, bool may_replace);

#endif
