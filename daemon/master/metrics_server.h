/* SPDX-License-Identifier: ISC */
/* Makes the sockets of the metrics process and starts it, again when it dies or its address changes. */
#ifndef DAEMON_MASTER_METRICS_SERVER_H
#define DAEMON_MASTER_METRICS_SERVER_H

#include <stddef.h>

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

#endif
