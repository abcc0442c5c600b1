/* SPDX-License-Identifier: ISC */
/* Starts the hooks process where on-upload names a program, again when it dies, anew when its configuration changes. */
#ifndef DAEMON_MASTER_HOOK_WORKER_H
#define DAEMON_MASTER_HOOK_WORKER_H

#include <stddef.h>

struct config;
struct master;

/*
 * Make the channel of uploads, unless master->hooks has one of a former master already, and start the
 * process, if it is wanted. 0 or -errno.
 */
int hook_worker_start(struct master *master);

/* End the process for good: another master takes the queue over, and the channel with what waits in it. */
void hook_worker_stop(struct master *master);

/* The configuration has been replaced: what has the old one ends, and another is started. */
void hook_worker_reload(struct master *master, const struct config *old);

#endif
