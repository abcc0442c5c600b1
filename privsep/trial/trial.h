/* SPDX-License-Identifier: ISC */
/*
 * One throw-away set of walls, before any client comes. A process of each kind is forked and goes behind its walls,
 * by the same functions and with the same settings as later, and reports what is missing.
 */
#ifndef PRIVSEP_TRIAL_TRIAL_H
#define PRIVSEP_TRIAL_TRIAL_H

#include <sys/types.h>

#include "config/config.h"

struct trial {
	const struct config *config;
	int empty_directory_fd;	/* the root of sessions; "/" can stand for it */
	uid_t service_uid;
	gid_t service_gid;
	uid_t hook_uid;		/* with on-upload alone */
	gid_t hook_gid;
	uid_t broker_uid;	/* with a database of accounts alone */
	gid_t broker_gid;
};

/*
 * Run it, as root, after sandbox_init(). It takes a moment, and a few seconds at most.
 *
 * tell  called with one line for each thing that is missing: capabilities by their names; else the processes, the
 *       call that failed, and what would be right.
 *
 * Returns 0, or -EPERM when something was reported.
 */
int trial_run(const struct trial *trial, void (*tell)(void *arg, const char *line), void *arg);

#endif
