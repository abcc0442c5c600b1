/* SPDX-License-Identifier: ISC */
/* Starts the hooks process where on-upload names a program, again when it dies, anew when its configuration changes. */
#ifndef DAEMON_MASTER_HOOK_WORKER_H
#define DAEMON_MASTER_HOOK_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct config;
struct master;

/*
 * Look whether on-upload can be run as the configuration says. error: where and what is wrong, CONFIG_PLACE_MAX and
 * 512 bytes. Returns 0 or -errno.
 */
int hook_worker_check(const struct config *config, char *error, size_t size);

/*
 * Make the channel of uploads, unless master->hooks has one of a former master already, and start the
 * process, if it is wanted. 0 or -errno.
 */
int hook_worker_start(struct master *master);

/* End the process for good: another master takes the queue over, and the channel with what waits in it. */
void hook_worker_stop(struct master *master);

/* The configuration has been replaced: what has the old one ends, and another is started. */
void hook_worker_reload(struct master *master, const struct config *old);

/* The hooks process has a message, an alarm, or is gone. */
void hook_worker_receive(struct master *master);

/* A child of the master is gone. True when it was the hooks process. */
bool hook_worker_reaped(struct master *master, pid_t pid, int status);

/* Start one that is due. Returns the ms until one is, -1: none is missing. */
int hook_worker_watch(struct master *master);

#endif
