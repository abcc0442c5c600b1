/* SPDX-License-Identifier: ISC */
/*
 * The program of this server, started anew. It gets the listening sockets, a channel to this server, and both ends of the
 * channel of uploads. A process between the two is its parent until it is ready, and learns how it ended if it never is.
 */
#ifndef DAEMON_MASTER_PROGRAM_H
#define DAEMON_MASTER_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

struct listeners;
struct server;

/* What a new one is started with. All is borrowed. */
struct program_start {
	const struct server *server;
	const struct listeners *listeners;
	const char *path; /* of the program, from program_path() */
	int uploads_read; /* of the channel of uploads; server->offer has the other end */
	int channel; /* to this server */
	int errors_fd; /* its standard error until it is ready */
	const char *good_certificates; /* INHERITED_GOOD_CERTIFICATES; "": none */
};

/*
 * The path by which this program was called, links and all, so that a link that will point to another version is
 * followed; where it was found by PATH, the one that the kernel has. Before the environment is cleared.
 * NULL: no memory. Never freed.
 */
const char *program_path(const char *argv0);

/*
 * Fork the parent, and wait until it has forked the program. pid_out: the program's, or 0 when there is none, and the
 * parent ends; its descriptor (pidfd_open(2)) or -1 in fd_out. Returns the parent's pid, or -errno.
 */
pid_t program_start(const struct program_start *start, pid_t *pid_out, int *fd_out);

#endif
