/* SPDX-License-Identifier: ISC */
/* Makes the sockets of the metrics process and starts it, again when it dies or its address changes. */
#ifndef DAEMON_MASTER_METRICS_SERVER_H
#define DAEMON_MASTER_METRICS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct config;
struct master;

/*
 * Start it: on runtime-directory/metrics.sock, for root alone, and on metrics-listen. An address that
 * cannot be had is logged, and tried again every second: files are served all the same.
 */
void metrics_server_start(struct master *master);

/* The configuration has been replaced. */
void metrics_server_reload(struct master *master, const struct config *old);

/* End the process for good and remove the sockets that are ours still. */
void metrics_server_stop(struct master *master);

/* The metrics process has an alarm, or is gone. */
void metrics_server_receive(struct master *master);

/* A child of the master is gone. True when it was the metrics process. */
bool metrics_server_reaped(struct master *master, pid_t pid, int status);

/* Do what is due. Returns the ms until something is, -1: nothing. */
int metrics_server_watch(struct master *master);

#endif
