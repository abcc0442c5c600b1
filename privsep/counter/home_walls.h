/* SPDX-License-Identifier: ISC */
/* A process that root forks for a work in an account's home: behind the walls of files, under the account's uid. */
#ifndef PRIVSEP_COUNTER_HOME_WALLS_H
#define PRIVSEP_COUNTER_HOME_WALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct home_walls {
	int home_fd;
	uid_t uid;
	gid_t gid;
	bool is_read_only;
	const int *kept;	/* descriptors that stay open, home_fd among them */
	size_t kept_count;
	pid_t parent;	/* the process ends with it */
};

/*
 * Enter them, at the lowest priority. Runs in the child, after sandbox_init() and partial_name_init() in the parent.
 * 0 or -errno.
 */
int home_walls_enter(const struct home_walls *walls);

#endif
