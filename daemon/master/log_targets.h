/* SPDX-License-Identifier: ISC */
/* Starts the logger process and opens what it writes to: files, syslog, standard error. */
#ifndef DAEMON_MASTER_LOG_TARGETS_H
#define DAEMON_MASTER_LOG_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/master/worker.h"
#include "privsep/logger/logger.h"

struct log_switches;
struct server;

struct log_targets {
	struct server *server;
	struct worker worker;
	int records_read, reserved_read; /* the logger's ends of the channels of server->offer */
	uint64_t *dropped;
	uint64_t death_told_ms; /* on standard error, the last one */
	struct log_switches *switches; /* written here, read everywhere */
	bool was_told; /* that it cannot be started */
};

/* Make the channels of records, fork the logger, hand its targets over. server is borrowed. error: what is wrong. 0 or -errno. */
int log_targets_start(struct log_targets *targets, struct server *server, char *error, size_t size);

/* Targets on their way to the logger; -1: not in use. */
struct log_files {
	int fds[LOG_TARGET_COUNT];
};

/* Open what config writes to. error: what is wrong, and with which key. 0, or -errno with nothing left open. */
int log_targets_open(
    const struct log_targets *targets, const struct config *config, struct log_files *files, char *error, size_t size);

/* Hand them to the logger, to be used as the configuration in force says, and close them here. 0 or -errno. */
int log_targets_use(struct log_targets *targets, struct log_files *files);

void log_targets_close(struct log_files *files);

/* Open the targets of the configuration in force again and hand them over. error as above. 0 or -errno. */
int log_targets_reopen(struct log_targets *targets, char *error, size_t size);

/* No record follows: the logger ends when it has written what there is. */
void log_targets_stop(struct log_targets *targets);

#endif
