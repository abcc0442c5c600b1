/* SPDX-License-Identifier: ISC */
/*
 * The hooks process: keeps the queue of finished uploads. For each it makes the launcher run the program of
 * on-upload, until that succeeds or was tried often enough.
 */
#ifndef PRIVSEP_HOOKS_HOOKS_H
#define PRIVSEP_HOOKS_HOOKS_H

#include <stdint.h>
#include <sys/types.h>

struct hooks {
	int uploads; /* the reading end of the channel of all uploads */
	int master_channel; /* its end is the end of the hooks process; alarms go out */
	int log_channel;
	int queue_fd; /* the directory of the queue, which belongs to uid */
	uid_t uid;
	gid_t gid;
	const char *program; /* an absolute path */
	uint32_t timeout_s; /* of one run */
	uint32_t queue_max; /* uploads that wait */
	uint32_t tries_max;
};

/*
 * Run in the hooks process, in this order: go behind the walls, then load the filter. If that fails, report the step
 * to the master, and end. launcher: the channel to it.
 */
void hooks_enter_walls(const struct hooks *hooks, int launcher);
void hooks_enter_filter(void);

/*
 * Runs in the hooks process, forked from the master, still root: fork the launcher, confine itself to the directory
 * of the queue, drop to uid, load the filter; then serve until the master has closed its channel. The rest of the
 * queue waits for the next start.
 */
void hooks_run(const struct hooks *hooks) __attribute__((noreturn));

#endif
