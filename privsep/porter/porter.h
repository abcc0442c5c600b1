/* SPDX-License-Identifier: ISC */
/*
 * The porter reads the header of the PROXY protocol, and reports the client of a connection before there is a process
 * for it. It leaves the bytes of a client after the header in the socket. It answers the proxy's health checks itself.
 */
#ifndef PRIVSEP_PORTER_PORTER_H
#define PRIVSEP_PORTER_PORTER_H

#include <sys/types.h>

#define PORTER_CONNECTIONS_MAX 1024 /* at once; the oldest gives way to another one */

struct porter_process {
	int master_channel; /* connections come in, verdicts go out; its end is the end of the process */
	int epoll_fd; /* made before the walls */
	int empty_directory_fd;
	uid_t uid; /* the service user */
	gid_t gid;
	pid_t master_pid;
};

/*
 * Runs in the porter, before it reads: get behind the walls. Where they cannot be built, the master is told which step
 * failed, and the process ends.
 */
void porter_enter_walls(const struct porter_process *process);

/*
 * Runs in the porter, forked from the master, still root: drop to the service user, empty chroot, filter. Then it reads
 * headers until the master is gone or has closed its channel. It makes epoll_fd.
 */
void porter_run(struct porter_process *process) __attribute__((noreturn));

#endif
