/* SPDX-License-Identifier: ISC */
/* What the parts of the command mirror share. */
#ifndef CLIENT_UI_MIRROR_H
#define CLIENT_UI_MIRROR_H

#include "client/ui/mirror_plan.h"
#include "client/ui/transfers.h"
#include "client/ui/trail.h"

/* A deletion, done once all copies have succeeded, and what takes its place. */
struct deletion {
	char *directory, *name, *path;	/* of the mirror; owned */
	const char *why;
	bool is_tree;
	bool is_replaced;	/* source is what takes its place */
	struct ftp_entry source;	/* without texts */
};

struct deletions {
	struct deletion *items;
	size_t count;
};

struct mirror {
	struct session *session;
	const struct options *options;
	bool is_upload;
	int root_fd;	/* the local directory; -1 in a dry run where it is missing */
	const char *remote_root, *local_root;
	struct mirror_wishes wishes;
	struct jobs jobs;
	struct deletions deletions;
	enum exit_status status;
	size_t directories, deleted, same, same_by_size, extra, skipped, unread, kept;
	size_t names;	/* seen on the server */
	bool is_doubtful;	/* below here nothing is removed */
	bool has_failed;	/* something was not copied */
	bool has_begun;	/* files were moved: then stopped ones are reported already */
	char **twins;	/* directories with names that another system may take for one; owned */
	size_t twin_count;
	bool knows_times;	/* wishes.is_newer_same was found out */
	const struct trail *trail;
};

void mirror_note(struct mirror *mirror, enum exit_status status);

/* Report one action: always in a dry run, and with --json. why may be NULL. */
void mirror_tell(const struct mirror *mirror, const char *what, const char *path, const char *why);

/* Keep a deletion for later. source is what takes its place, or NULL. Returns 0 or -ENOMEM. */
int deletions_add(
    struct mirror *mirror, const char *directory, const struct mirror_action *action, const struct ftp_entry *source);
void deletions_free(struct deletions *deletions);

/* Whether --max-delete allows all of them; reports when it does not. */
bool deletions_are_allowed(struct mirror *mirror);

/*
 * The copies of this run, by directory, to be looked up by arrivals_are_there(). arrivals_init() returns 0 or -ENOMEM; what it
 * made is borrowed from the jobs.
 */
struct arrivals {
	const struct job **jobs;
	size_t count;
	char *directory;	/* that was asked for last; owned */
	bool is_sound;
};

int arrivals_init(struct arrivals *arrivals, const struct jobs *jobs);
void arrivals_free(struct arrivals *arrivals);

/*
 * True when all copies in a directory have the names of their sources. Otherwise the other side folds case or
 * replaces characters, and a name that looks extra there may be the copy itself. Reports that.
 */
bool arrivals_are_there(struct arrivals *arrivals, struct mirror *mirror, const char *directory);

/*
 * Remember a directory whose source has names that differ only in case, or in how a letter is composed. Returns 0
 * or -ENOMEM.
 */
int twins_note(struct mirror *mirror, const char *directory, const struct ftp_list *source);

/* True when the other side has made one file of two such copies. Reports that. */
void twins_check(struct mirror *mirror);
void twins_free(struct mirror *mirror);

/* List a directory of the mirror on its local side, as seen by the mirror. Returns 0 or -errno. */
int mirror_list_local(const struct mirror *mirror, const char *path, struct ftp_list *list);

/* Remove it, or report it in a dry run. Returns whether it is gone. */
bool deletion_run(struct mirror *mirror, const struct deletion *deletion);

#endif
