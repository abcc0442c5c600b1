/* SPDX-License-Identifier: ISC */
/* Keeps the snapshot of the users file fresh, by a short-lived process that alone reads the file. */
#ifndef DAEMON_MASTER_ACCOUNTS_LOADER_H
#define DAEMON_MASTER_ACCOUNTS_LOADER_H

#include <stdbool.h>
#include <sys/types.h>

#include "accounts/snapshot.h"
#include "daemon/master/errand.h"

struct master;

/* One run of the loader. */
struct accounts_load {
	struct errand errand;
	int fd;				/* the snapshot that is made */
	struct accounts_stamp stamp;	/* of the file */
};

/* Load the users file at start and wait for it; errors go to standard error. 0 or -errno. */
int accounts_load_first(struct master *master);

/* Start a loader for the file at path. gone: called with the master at its end; NULL: the caller waits. 0 or -errno. */
int accounts_load_start(
    struct master *master, struct accounts_load *load, const char *path, void (*gone)(void *arg, int status));

/*
 * The loader was reaped with status; its lines go to tell.
 * Returns 0: accounts_use() or accounts_load_drop() comes next; or -errno of errand_end().
 */
int accounts_load_end(
    struct accounts_load *load, int status, void (*tell)(void *arg, const char *line), void *arg);

/* Put what was loaded in force. */
void accounts_use(struct master *master, struct accounts_load *load);

/* Give up a load, running or done. */
void accounts_load_drop(struct master *master, struct accounts_load *load);

/*
 * Has the users file changed since it was last loaded or refused? Then start the loader.
 * True: the snapshot in force is the one to use; false: the loader is running, and sessions_grant_soon() is called at its end.
 */
bool accounts_are_fresh(struct master *master);

#endif
