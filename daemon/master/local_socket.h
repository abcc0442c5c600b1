/* SPDX-License-Identifier: ISC */
/* A listening Unix socket and its name, which may be another server's later. */
#ifndef DAEMON_MASTER_LOCAL_SOCKET_H
#define DAEMON_MASTER_LOCAL_SOCKET_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct local_socket {
	int fd; /* -1: none */
	int dir_fd; /* where its name is; -1: it has none */
	char name[NAME_MAX + 1];
	dev_t device; /* of its name when that was made */
	ino_t inode;
};

#define LOCAL_SOCKET_NONE \
	{ \
		.fd = -1, .dir_fd = -1 \
	}

/*
 * runs as root: listen at path. The directories on the way must be such that root alone can change them. The socket
 * is bound beside its name with the mode that it keeps, and renamed: the name leads to a socket that listens at any
 * time, whoever had it before. Anything else than a socket of that name stays.
 *
 * Returns 0, or -errno with error filled (what is wrong, without the path).
 */
int local_socket_open(struct local_socket *local, const char *path, mode_t mode, int backlog, char *error, size_t size);

/* Close it; its name is removed unless keep_name, or another server has it now. */
void local_socket_close(struct local_socket *local, bool keep_name);

/* The live process that listens at path; 0: none. */
pid_t local_socket_server(const char *path);

#endif
