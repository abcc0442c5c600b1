/* SPDX-License-Identifier: ISC */
/* What limits.sessions needs of the system: descriptors and processes; and what to do where there are too few. */
#ifndef DAEMON_MASTER_CAPACITY_H
#define DAEMON_MASTER_CAPACITY_H

#include <stdint.h>

#define CAPACITY_CGROUP_MAX 4096

/*
 * Raise the limit of open files to what this many sessions need, as far as it goes. Each limit of the system that is
 * too low for them is reported with its cure. This refuses nothing, because fewer sessions than the limit may come.
 */
void capacity_check(uint32_t sessions, void (*tell)(void *arg, const char *line), void *arg);

/* What is short according to an error of fork() or accept(), with the cure: never NULL. */
const char *capacity_shortage(int error);

/*
 * The cgroup that bounds the number of processes, of a text as /proc/self/cgroup has: the hierarchy with
 * the controller "pids", or else the unified one. Its path begins with "/". 0, -ENOENT, or -ENAMETOOLONG.
 */
int capacity_parse_cgroup(const char *text, int *is_unified, char path[CAPACITY_CGROUP_MAX]);

#endif
