/* SPDX-License-Identifier: ISC */
/*
 * The broker speaks with the database of the accounts, and answers monitors that ask for one. It is a program of its own,
 * which the master executes as a user of its own: libpq and all that it brings is in no other process.
 */
#ifndef PRIVSEP_BROKER_BROKER_H
#define PRIVSEP_BROKER_BROKER_H

#include <limits.h>
#include <sys/types.h>

#define BROKER_CHANNEL 3 /* descriptor: to the master */
#define BROKER_LOG_CHANNEL 4 /* descriptor: to the logger */

struct store_conf;
struct places;

struct broker_process {
	const char *directory; /* of store.conf: all that libpq reads lies below it */
	const struct places *places; /* NULL: the configuration is bad */
	const struct store_conf *conf; /* as places */
	const char *boot; /* of this node: a UUID, which the master keeps beside the ledgers; "": that of the machine */
	int epoll_fd; /* made before the walls */
	pid_t master_pid;
};

/*
 * Runs in the broker, before it speaks with anybody: get behind the walls. Where they cannot be built, the master is told
 * which step failed, and the process ends.
 */
void broker_enter_walls(const struct broker_process *process);

/*
 * Runs in the broker, executed by the master, as broker-user: walls, connections, then questions until the master is
 * gone or has closed its channel. It makes epoll_fd.
 */
void broker_run(struct broker_process *process) __attribute__((noreturn));

#endif
