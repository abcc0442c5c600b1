/* SPDX-License-Identifier: ISC */
/*
 * What decides, while the server runs, which records are sent: the level in force, and whether
 * somebody watches. One page that the master writes and every process of the server reads.
 */
#ifndef DAEMON_MASTER_LOG_SWITCHES_H
#define DAEMON_MASTER_LOG_SWITCHES_H

#include <stdint.h>

#include "privsep/ipc/log.h"
#include "privsep/logger/watchers.h"

struct master;

/* Make the page, before anything is forked. 0 or -errno. */
int log_switches_init(struct master *master);

/* Log from level on, in all processes, until this is called again. */
void log_switches_set_level(struct master *master, enum log_level level);

/*
 * Have the logger send events to fd as lines of JSON (a copy goes there; fd stays the caller's).
 * Returns 0, -EBUSY when WATCHERS_MAX watch already, or -errno.
 */
int log_switches_add_watcher(struct master *master, int fd);

/* The logger says that a watcher has left; all have when the logger is gone. */
void log_switches_watcher_left(struct master *master);
void log_switches_logger_died(struct master *master);

#endif
