/* SPDX-License-Identifier: ISC */
/* Starts the logger process and opens what it writes to: files, syslog, standard error. */
#ifndef DAEMON_MASTER_LOG_TARGETS_H
#define DAEMON_MASTER_LOG_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "config/config.h"
#include "privsep/logger/logger.h"

struct master;

/* Make the channel of records, fork the logger, hand its targets over. error: what is wrong. 0 or -errno. */
int log_targets_start(struct master *master, char *error, size_t size);

/* Targets on their way to the logger; -1: not in use. */
struct log_files {
	int fds[LOG_TARGET_COUNT];
};

/* Open what config writes to. error: what is wrong, and with which key. 0, or -errno with nothing left open. */
int log_targets_open(
    const struct master *master, const struct config *config, struct log_files *files, char *error, size_t size);

/* Hand them to the logger, to be used as the configuration in force says, and close them here. 0 or -errno. */
int log_targets_use(struct master *master, struct log_files *files);

void log_targets_close(struct log_files *files);

/* Open the targets of the configuration in force again and hand them over. error as above. 0 or -errno. */
int log_targets_reopen(struct master *master, char *error, size_t size);

/* No record follows: the logger ends when it has written what there is. */
void log_targets_stop(struct master *master);

#endif
