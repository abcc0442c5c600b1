/* SPDX-License-Identifier: ISC */
/* Starts the hooks process where on-upload names a program, again when it dies, anew when its configuration changes. */
#ifndef DAEMON_MASTER_HOOK_WORKER_H
#define DAEMON_MASTER_HOOK_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/master/worker.h"

struct config;
struct server;

struct hook_worker {
	struct server *server;
	struct worker worker;
	int uploads_read; /* the end of the process; server->offer.hook_channel is that of sessions */
	int queue_fd; /* while a process is forked; -1 */
	uid_t uid; /* whom the program runs as */
	gid_t gid;
	bool is_stopped; /* for good */
};

/* No channel yet. server is borrowed. */
void hook_worker_init(struct hook_worker *hooks, struct server *server);

/* A former master has made the channel of uploads, both ends of it. Before hook_worker_start(). */
void hook_worker_take_channel(struct hook_worker *hooks, int uploads, int uploads_read);

/* Make the channel of uploads, unless there is one, and start the process, if it is wanted. 0 or -errno. */
int hook_worker_start(struct hook_worker *hooks);

/* End the process for good: another master takes the queue over, and the channel with what waits in it. */
void hook_worker_stop(struct hook_worker *hooks);

/* The configuration has been replaced: what has the old one ends, and another is started. */
void hook_worker_reload(struct hook_worker *hooks, const struct config *old);

#endif
