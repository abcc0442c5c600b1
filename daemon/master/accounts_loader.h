/* Keeps the snapshot of the users file fresh, by a short-lived process that alone reads the file. */
#ifndef DAEMON_MASTER_ACCOUNTS_LOADER_H
#define DAEMON_MASTER_ACCOUNTS_LOADER_H

#include <stdbool.h>
#include <sys/types.h>

struct master;

/* Load the users file at start and wait for it; errors go to standard error. 0 or -errno. */
int accounts_load_first(struct master *master);

/*
 * Has the users file changed since it was last loaded or refused? Then start the loader.
 * True: the snapshot in force is the one to use; false: wait, the loader is running.
 */
bool accounts_are_fresh(struct master *master);

/* Load again even if the file looks unchanged (SIGHUP). */
void accounts_reload(struct master *master);

/* A child of the master is gone. True when it was the loader. */
bool accounts_reaped(struct master *master, pid_t pid, int status);

#endif
