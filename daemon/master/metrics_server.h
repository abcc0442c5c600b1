/* SPDX-License-Identifier: ISC */
/* Makes the sockets of the metrics process and starts it, again when it dies or its address changes. */
#ifndef DAEMON_MASTER_METRICS_SERVER_H
#define DAEMON_MASTER_METRICS_SERVER_H

#include <stdbool.h>

#include "daemon/master/local_socket.h"
#include "daemon/master/worker.h"

struct config;
struct quota_top;
struct server;

struct metrics_server {
	struct server *server;
	struct quota_top *quota_top;
	struct worker worker;
	struct local_socket own; /* for sallyportctl */
	struct local_socket wanted; /* of metrics-listen */
	struct loop_timer open; /* not set: all sockets are there */
	int told_error; /* of the last try to open one */
	bool was_told; /* that the process cannot be started */
};

/*
 * Start it: on runtime-directory/metrics.sock, for root alone, and on metrics-listen. An address that is not
 * available is logged, and tried again every second; the server serves files all the same. server and quota_top are
 * borrowed.
 */
void metrics_server_start(struct metrics_server *metrics_server, struct server *server, struct quota_top *quota_top);

/* The configuration has been replaced. */
void metrics_server_reload(struct metrics_server *metrics_server, const struct config *old);

/* End the process for good, and the list of quotas with it, and remove the sockets that are ours still. */
void metrics_server_stop(struct metrics_server *metrics_server);

#endif
