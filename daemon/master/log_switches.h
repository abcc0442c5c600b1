/* SPDX-License-Identifier: ISC */
/*
 * The switches that decide at run time which records are sent: the level in force, and whether somebody watches. They
 * are one page, which the master writes and every process of the server reads.
 */
#ifndef DAEMON_MASTER_LOG_SWITCHES_H
#define DAEMON_MASTER_LOG_SWITCHES_H

#include <stdint.h>

#include "privsep/ipc/log.h"
#include "privsep/logger/watchers.h"

/* Make the page, before anything is forked, with this level. 0 or -errno. */
int log_switches_new(enum log_level level, struct log_switches **switches_out);

/* Log from level on, in all processes, until this is called again. */
void log_switches_set_level(struct log_switches *switches, enum log_level level);

/*
 * Have the logger, which listens at logger_channel, send events to fd as lines of JSON (a copy goes there; fd stays the
 * caller's).
 * Returns 0, -EBUSY when WATCHERS_MAX watch already, or -errno.
 */
int log_switches_add_watcher(struct log_switches *switches, int logger_channel, int fd);

/* The logger reports that a watcher has left; when the logger is gone, all have. */
void log_switches_watcher_left(struct log_switches *switches);
void log_switches_logger_died(struct log_switches *switches);

#endif
