/* SPDX-License-Identifier: ISC */
/*
 * The launcher: runs the program of on-upload, one at a time, kills it when it takes too long, and reports how it
 * ended. It has neither the queue nor a client's connection.
 */
#ifndef PRIVSEP_HOOKS_LAUNCHER_H
#define PRIVSEP_HOOKS_LAUNCHER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "privsep/hooks/event.h"

#define LAUNCHER_OUTPUT_MAX 256 /* last bytes of a program's output that are reported */

struct launcher {
	int channel; /* run_hook and its replies; the end of it is the end of the launcher */
	uid_t uid;
	gid_t gid;
	const char *program;
	uint32_t timeout_s;
};

/* How a program ended: the u8 of the reply to run_hook; the u32 is its exit status, signal or errno. */
enum launcher_outcome {
	LAUNCHER_EXITED,
	LAUNCHER_SIGNALLED,
	LAUNCHER_TIMED_OUT,
	LAUNCHER_NOT_STARTED,
	LAUNCHER_OUTCOME_COUNT
};

#define LAUNCHER_VARIABLES_MAX 16

/* The environment of a program: texts in a buffer of its own, and the array for execve. */
struct launcher_environment {
	char text[4 * PATH_MAX];
	size_t used;
	char *variables[LAUNCHER_VARIABLES_MAX + 1];
	size_t count;
};

/* Fill environment with what sallyport.conf(5) promises; attempt counts from 1. 0 or -E2BIG. */
int launcher_environment_make(
    struct launcher_environment *environment, const struct hook_event *event, uint32_t attempt);

/* Runs in the launcher, first: go behind the walls, or report the failed step to hooks, and end. */
void launcher_enter_walls(const struct launcher *launcher);

/*
 * Runs in the launcher process, forked from the hooks process, still root: drop to uid and gid, load the filter that
 * refuses what no program of a hook should do, then run what comes over the channel.
 */
void launcher_run(const struct launcher *launcher) __attribute__((noreturn));

#endif
