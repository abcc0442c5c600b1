/* SPDX-License-Identifier: ISC */
/*
 * An errand: a short-lived child of the master that reads what the master must not, or what may
 * take long. It hands back an exit status and lines about what is wrong.
 */
#ifndef DAEMON_MASTER_ERRAND_H
#define DAEMON_MASTER_ERRAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/master/loop.h"

struct board;

#define ERRAND_KEPT_MAX 66	/* the accounts of all servers */

struct errand {
	pid_t pid; /* 0: not under way */
	struct loop_child child; /* gone and arg are the part's */
	int lines_fd; /* where its lines come from; in the child, where they go */
	int kept[ERRAND_KEPT_MAX]; /* descriptors that the child needs of the master's; -1 is none */
	size_t kept_count;
};

/*
 * Fork. loop: it calls child.gone at the end; NULL: the caller waits. process: its name in the log. seconds: the kernel
 * ends it after that. The child leaves the board, and closes all descriptors but those that are kept, its lines and the
 * channels of records: a count may last for a day, longer than what the others belong to.
 * Returns its pid, 0 in the child, which ends with _exit(), or -errno.
 */
pid_t errand_start(
    struct errand *errand, struct loop *loop, struct board *board, const char *process, unsigned seconds);

/* End it, if it is under way: its result is no longer needed. */
void errand_drop(struct errand *errand, struct loop *loop);

/* In the child: say one line. Never waits; what is too much is lost. errand is a struct errand. */
void errand_say(void *errand, const char *line);

/*
 * In the child: end, with the result: 0 or -errno. A lack that may pass (memory, descriptors) has a status of its
 * own.
 */
void errand_exit(int r) __attribute__((noreturn));

/*
 * The child was reaped with status: report its lines, and how it ended if not by itself. Returns 0 when it ended with
 * 0; -EINVAL when not; -EINTR when somebody killed it (SIGKILL) or something was short, so that another try may end
 * otherwise.
 */
int errand_end(struct errand *errand, int status, void (*tell)(void *arg, const char *line), void *arg);

#endif
