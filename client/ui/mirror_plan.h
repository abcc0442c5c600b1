/* SPDX-License-Identifier: ISC */
/* What a mirror does in one directory: two listings in, actions out. Pure. */
#ifndef CLIENT_UI_MIRROR_PLAN_H
#define CLIENT_UI_MIRROR_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/engine/entry.h"
#include "client/ui/filter.h"

enum mirror_do {
	MIRROR_COPY,	/* a file that is missing or differs */
	MIRROR_COMPARE,	/* same size: compare hashes, copy where they differ */
	MIRROR_LINK,	/* a symbolic link that is missing or leads elsewhere */
	MIRROR_SAME,	/* nothing to do */
	MIRROR_MKDIR,	/* a directory that is missing; then descend */
	MIRROR_DESCEND,	/* a directory on both sides */
	MIRROR_DELETE_FILE,	/* of the target */
	MIRROR_DELETE_TREE,	/* of the target, with all that is in it */
	MIRROR_EXTRA,	/* of the target, and stays, since is_delete is not set */
	MIRROR_FILTERED,	/* left alone on both sides, as the user asked; why says by what */
	MIRROR_SKIP	/* not taken; why says why */
};

struct mirror_action {
	enum mirror_do what;
	const char *name;	/* borrowed from the listings */
	const struct ftp_entry *source, *target;	/* NULL where it is not there */
	/* of a deletion: what takes the name, another kind of thing; NULL: nothing */
	const struct ftp_entry *replaced_by;
	bool is_replacement;	/* it takes the place of something else, whose deletion is an action of its own */
	const char *why;	/* static text: "is new", "has another size", ... */
};

struct mirror_wishes {
	bool is_delete;	/* remove from the target what the source has not */
	bool keeps_hidden;	/* but no name with a dot in front: the source may have them unseen */
	bool is_checksum;	/* compare contents, not times */
	bool is_size_only;	/* files of the same size are the same */
	bool is_ignoring_times;	/* files of the same size are copied as well */
	bool is_newer_same;	/* the target's times cannot be set: a target that is not older is the same */
	bool is_only_missing;	/* copy only what the target has not */
	bool copies_links;	/* make links as the source has them; otherwise they are skipped */
	bool follows_links;	/* the links that the source still has lead nowhere, or back */
	bool is_existing;	/* copy only what the target has */
	const struct filter *filter;	/* NULL: none */
	const char *backup_path;	/* of --backup-dir in the mirror: it stays, and so do its parents; NULL: elsewhere */
	/* whether the file of the source with this path is being written, and must wait; NULL: none is */
	bool (*is_busy)(const void *context, const char *path);
	const void *context;
	const char *path;	/* of this directory in the mirror, "" for its top; for the filter */
};

struct mirror_plan {
	struct mirror_action *actions;
	size_t count;
};

/* True when both sides report the time of the file. Otherwise its size alone decides. */
bool mirror_knows_times(const struct ftp_entry *source, const struct ftp_entry *target);

/*
 * May this name from a server or a disk become a name on the other side? Refused: "", ".", "..", anything with a slash,
 * control characters, more than 255 bytes. Returns NULL, or static text that says why not.
 */
const char *mirror_name_refused(const char *name);

/*
 * Whether a link in a directory of the mirror (path, "" the top) leads to a place in the mirror, whatever other such
 * links are on its way: relative, with ".." only in front, and no further up than the top.
 */
bool mirror_link_stays(const char *path, const char *target);

/* Whether a link in a directory of the mirror leads to that directory, or to one above it, as far as its text tells. */
bool mirror_link_leads_back(const char *path, const char *target);

/*
 * Plan one directory. Deletions come first, then files, then directories, each in the order of names (bytes); when they are
 * done is the caller's to decide.
 * A name that the source has twice is taken once. What the filter leaves out is left alone on both sides: of a name on
 * both sides the source's entry counts, and of one on the target alone the target's.
 * What is a file on one side and a directory on the other is replaced with is_delete, and skipped without.
 *
 * Returns 0 or -ENOMEM. The caller calls mirror_plan_free().
 */
int mirror_plan(const struct ftp_list *source, const struct ftp_list *target, const struct mirror_wishes *wishes,
    struct mirror_plan *plan);
void mirror_plan_free(struct mirror_plan *plan);

/* Whether the filter leaves this entry out: NULL, or why. */
const char *mirror_filtered(const struct mirror_wishes *wishes, const struct ftp_entry *entry);

#endif
