/* SPDX-License-Identifier: ISC */
/*
 * The metrics process: serves the state of the server over HTTP, on loopback and Unix sockets that the master made,
 * to every client. It sees the board read-only, and nothing else.
 */
#ifndef PRIVSEP_METRICS_METRICS_H
#define PRIVSEP_METRICS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct board;
struct quota_board;

#define METRICS_LISTENERS_MAX 2

struct metrics_listener {
	int fd; /* listening, non-blocking */
	bool is_unix; /* reached by its path: no browser can be led to it by a name */
};

struct metrics {
	int master_channel; /* its end is the end of the process; alarms go out */
	struct metrics_listener listeners[METRICS_LISTENERS_MAX];
	size_t listener_count;
	int empty_directory_fd;
	uid_t uid; /* the service user */
	gid_t gid;
	pid_t master_pid;
	struct quota_board *quotas;
	struct board *board; /* as the master has it; mapped anew, read-only */
};

/*
 * Runs in the metrics process, before it serves: go behind the walls. If they cannot be built, report the failed step
 * to the master, and end.
 */
void metrics_enter_walls(const struct metrics *metrics);

/*
 * Runs in the metrics process, forked from the master, still root: map the board read-only, drop
 * to the service user, empty chroot, filter; then serve until the master is gone or has closed its channel.
 */
void metrics_run(const struct metrics *metrics) __attribute__((noreturn));

#endif
