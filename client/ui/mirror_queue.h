/* SPDX-License-Identifier: ISC */
/* The directories of a mirror on their way: some wait for their listing, others have files to copy. Locks. */
#ifndef CLIENT_UI_MIRROR_QUEUE_H
#define CLIENT_UI_MIRROR_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/ui/trail.h"

/* A file that waits to be copied. */
struct mirror_copy {
	char *name;	/* owned */
	int64_t size, mtime;	/* of the source; -1 unknown */
	int32_t mode;	/* of the source; -1 unknown */
	bool mtime_is_exact;
	bool has_target;	/* it replaces a file */
	bool is_compare;	/* only where the hashes differ */
};

/* A directory of the mirror, shared by all that waits for it. */
struct mirror_node {
	struct mirror_node *above;	/* NULL at the top; counted as a user of it */
	char *path;	/* of the mirror, "" its top; owned */
	char *unique;	/* of the server's side, from its parent's listing; owned */
	struct trail trail;
	int32_t mode;	/* of the source; -1 unknown */
	int64_t mtime;	/* of the source; -1 unknown, or not to the second */
	bool is_new;	/* the target has to be made first, and is empty */
	bool is_made;	/* it exists already although it is new: the top, made by the command */
	bool is_flat;	/* directories in it that exist on both sides are not entered */
	bool is_doubtful;	/* nothing is removed here or below */
	bool keeps_arrivals;
	bool is_checked, is_sound;	/* of arrivals_are_there() */
	size_t users;
	struct mirror_copy *copies;	/* in the order of names */
	size_t copy_count, copy_next;
	size_t queued;	/* copies that the queue knows of */
	char **arrivals;	/* names that were copied, in any order; only with keeps_arrivals */
	size_t arrival_count;
	struct mirror_node *next;	/* in one of the lists of the queue */
};

/* One piece of work. name NULL: list the directory; else copy a file of it. */
struct mirror_task {
	struct mirror_node *node;	/* the caller's, until mirror_node_drop() */
	struct mirror_copy copy;	/* the caller's: free its name */
};

struct mirror_queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct mirror_node *unlisted;	/* a stack: depth first */
	struct mirror_node *first, *last;	/* with copies, oldest first */
	size_t copies;	/* that wait */
	size_t listing;	/* members that list now */
	size_t members;
	bool is_holding;	/* list everything; copies wait for mirror_queue_release() */
	bool is_stopped;
};

/* members: how many work on it at once. */
void mirror_queue_init(struct mirror_queue *queue, size_t members);
void mirror_queue_free(struct mirror_queue *queue);

/* A directory below another one (NULL: the top). name "" with above NULL. NULL: no memory. The caller uses it. */
struct mirror_node *mirror_node_new(
    struct mirror_queue *queue, struct mirror_node *above, const char *name, const char *unique);
void mirror_node_use(struct mirror_queue *queue, struct mirror_node *node);
void mirror_node_drop(struct mirror_queue *queue, struct mirror_node *node);

/* Add a file to copy, before mirror_queue_push_copies(). Takes a copy of the name. Returns 0 or -ENOMEM. */
int mirror_node_add_copy(struct mirror_node *node, const char *name, const struct mirror_copy *copy);

/* Remember that a copy has arrived, where the node keeps that. Returns 0 or -ENOMEM. */
int mirror_node_add_arrival(struct mirror_queue *queue, struct mirror_node *node, const char *name);

/* Let a directory wait for its listing, before those that wait already; takes the caller's use over. */
void mirror_queue_push_listing(struct mirror_queue *queue, struct mirror_node *node);

/* Let the files of a directory wait; those that were added since the last call. */
void mirror_queue_push_copies(struct mirror_queue *queue, struct mirror_node *node);

/*
 * Wait for work. Files come before directories, which bounds what waits; but where several members work, one lists
 * ahead. Returns false when all work is done or stopped.
 */
bool mirror_queue_take(struct mirror_queue *queue, struct mirror_task *task);

/* Wait like mirror_queue_take(), without taking anything: true when there is work. */
bool mirror_queue_wait(struct mirror_queue *queue);

/* The member that took a listing is done with it. */
void mirror_queue_listed(struct mirror_queue *queue);

/* Copies need not wait any longer. */
void mirror_queue_release(struct mirror_queue *queue);

/* Forget that it was stopped. */
void mirror_queue_resume(struct mirror_queue *queue);

/* Begin no other work. */
void mirror_queue_stop(struct mirror_queue *queue);

/* Whether something still waits; *copies: files that are known to. */
bool mirror_queue_is_left(struct mirror_queue *queue, size_t *copies);

#endif
