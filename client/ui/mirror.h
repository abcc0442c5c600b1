/* SPDX-License-Identifier: ISC */
/* What the parts of the command mirror share. */
#ifndef CLIENT_UI_MIRROR_H
#define CLIENT_UI_MIRROR_H

#include <pthread.h>

#include "client/ui/mirror_plan.h"
#include "client/ui/mirror_queue.h"
#include "client/ui/transfers.h"

/* A deletion, done once all copies have succeeded, and what takes its place. */
struct deletion {
	struct mirror_node *directory;	/* one use of it */
	char *name;	/* owned */
	const char *why;
	bool is_tree;
	struct ftp_entry *replaced_by;	/* what takes its place, without texts; NULL: nothing; owned */
};

struct deletions {
	struct deletion *items;
	size_t count;
};

/* What the summary says. */
struct mirror_counts {
	size_t copied, directories, deleted, same, same_by_size, extra, skipped, unread, kept, failed;
	uint64_t bytes;
	size_t parts;	/* that Ctrl-C left */
	uint64_t part_bytes;
};

struct mirror {
	struct session *session;
	const struct options *options;
	bool is_upload;
	struct watch *watch;	/* of --watch; NULL: none */
	bool is_idle;	/* it waits for changes: a signal ends it well */
	char *backup_path;	/* of --backup-dir in the mirror; NULL: elsewhere; owned */
	int backup_fd;	/* of --backup-dir, for a download; -1: none */
	int root_fd;	/* the local directory; -1 in a dry run where it is missing */
	const char *remote_root, *local_root;
	struct mirror_queue queue;

	pthread_mutex_t lock;	/* of what follows */
	struct deletions deletions;
	enum exit_status status;
	struct mirror_counts counts;
	size_t names;	/* seen on the server */
	size_t listed, found;	/* directories, and files in them */
	bool has_failed;	/* something was not copied */
	bool has_begun;	/* files were moved: then stopped ones are reported already */
	bool is_told_attributes;	/* that the target does not take rights or times */
	struct mirror_node **finished;	/* directories that get rights and times at the end; each one use */
	size_t finished_count;
	struct mirror_node **twins;	/* directories with names that another system may take for one; each one use */
	size_t twin_count;

	pthread_mutex_t learning;	/* of what follows; held while the server is asked */
	struct mirror_wishes wishes;
	bool knows_times;	/* wishes.is_newer_same was found out */
};

/* Worse the status of the command; has_failed: something was not copied, so that nothing may be removed. */
void mirror_note(struct mirror *mirror, enum exit_status status);
void mirror_fail(struct mirror *mirror, enum exit_status status);

/* Add these counts to those of the mirror. */
void mirror_count(struct mirror *mirror, const struct mirror_counts *counts);

/* The wishes as they are known now. path: of the directory that they are for; borrowed. */
struct mirror_wishes mirror_wishes_for(struct mirror *mirror, const char *path);

/* Report one action: always in a dry run, and with --json. why may be NULL. */
void mirror_tell(const struct mirror *mirror, const char *what, const char *path, const char *why);

/* The line at the end, or its event. */
void mirror_summarize(struct mirror *mirror);

/*
 * List a directory on both sides, and pass on what there is to do: files to copy, directories below, deletions. Reports
 * errors.
 */
void mirror_visit(struct mirror *mirror, struct ftp *ftp, struct mirror_node *node);

/* Do what waits in the queue, with up to options->parallel connections. */
struct crew;
void mirror_work(struct mirror *mirror, struct crew *crew);

/* List and copy what waits, delete, and copy what takes the place of something. */
void mirror_pass(struct mirror *mirror, struct crew *crew);

/* Upload what changes, pass by pass, until a signal comes or trying again cannot help. */
void mirror_follow_changes(struct mirror *mirror, struct crew *crew);

/* Keep a deletion for later. Returns 0 or -ENOMEM. */
int deletions_add(struct mirror *mirror, struct mirror_node *node, const struct mirror_action *action);
void deletions_free(struct mirror *mirror);

/* Whether --max-delete allows all of them; reports when it does not. */
bool deletions_are_allowed(struct mirror *mirror);

/*
 * True when all copies in a directory have the names of their sources. Otherwise the other side folds case or
 * replaces characters, and a name that looks extra there may be the copy itself. Reports that, once.
 */
bool arrivals_are_there(struct mirror *mirror, struct mirror_node *node);

/*
 * Remember a directory whose source has names that differ only in case, or in how a letter is composed. Returns 0
 * or -ENOMEM.
 */
int twins_note(struct mirror *mirror, struct mirror_node *node, const struct ftp_list *source);

/* Check whether the other side has made one file of two such copies. Reports that. */
void twins_check(struct mirror *mirror);
void twins_free(struct mirror *mirror);

/* List a directory of the mirror on its local side, as seen by the mirror. Returns 0 or -errno. */
int mirror_list_local(const struct mirror *mirror, const char *path, struct ftp_list *list);

/* Remove it, or report it in a dry run. Returns whether it is gone. */
bool deletion_run(struct mirror *mirror, const struct deletion *deletion);

#endif
