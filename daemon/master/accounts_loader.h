/* SPDX-License-Identifier: ISC */
/* Keeps the snapshot of the users file fresh. Only a short-lived process reads the file. */
#ifndef DAEMON_MASTER_ACCOUNTS_LOADER_H
#define DAEMON_MASTER_ACCOUNTS_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "accounts/snapshot.h"
#include "common/file_stamp.h"
#include "daemon/master/errand.h"

struct server;

/* One run of the loader. */
struct accounts_load {
	struct errand errand;
	int fd; /* the snapshot that is made */
	struct file_stamp stamp; /* of the file */
};

struct accounts_loader {
	struct server *server;
	int fd; /* the snapshot in force, never mapped here */
	uint64_t account_count; /* in it */
	struct pam_services services; /* that its accounts name */
	uint32_t refusal_step_ms; /* see accounts/refusal_time.h; of these accounts */
	struct file_stamp tried; /* the file that was last loaded, or refused */
	uint64_t not_before_ms; /* no other try before */
	struct accounts_load load; /* because the file has changed */
	void (*ended)(void *arg); /* that load is over, and its snapshot in force if it was good */
	void *ended_arg;
};

/* Load the users file at start and wait for it; errors go to standard error. server is borrowed. 0 or -errno. */
int accounts_load_first(struct accounts_loader *loader, struct server *server);

/* Start a load of the file at path. gone: called with arg at its end; NULL: the caller waits. 0 or -errno. */
int accounts_load_start(struct accounts_loader *loader, struct accounts_load *load, const char *path,
    void (*gone)(void *arg, int status), void *arg);

/*
 * The loader was reaped with status; its lines go to tell.
 * Returns 0: accounts_use() or accounts_load_drop() comes next; or -errno of errand_end().
 */
int accounts_load_end(struct accounts_load *load, int status, void (*tell)(void *arg, const char *line), void *arg);

/* May a session have to ask PAM? */
bool accounts_ask_pam(const struct accounts_loader *loader);

/* Put what was loaded in force. */
void accounts_use(struct accounts_loader *loader, struct accounts_load *load);

/* Give up a load, running or done. */
void accounts_load_drop(struct accounts_loader *loader, struct accounts_load *load);

/*
 * Has the users file changed since it was last loaded or refused? Then start the loader.
 * True: the snapshot in force is the one to use; false: the loader is running, and loader->ended is called at its end.
 */
bool accounts_are_fresh(struct accounts_loader *loader);

#endif
