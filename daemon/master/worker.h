/* SPDX-License-Identifier: ISC */
/*
 * A process that the master keeps running: the logger, hooks, metrics. A worker has a channel to the master. When it
 * dies, another one is started, at most one a second; each death but an orderly one is an alarm.
 */
#ifndef DAEMON_MASTER_WORKER_H
#define DAEMON_MASTER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/master/loop.h"

#define WORKER_TEXT_MAX 640 /* of the report of a death */

struct board;
struct ipc_message;

/* The differences between the parts. All functions except run may be NULL. */
struct worker_kind {
	const char *name; /* in titles and in alarms */
	bool sees_board; /* run has the board of all sessions */

	/* In the master, before a fork: what the process is to have. channel is its way to it. Error: what is missing. 0 or -errno. */
	int (*prepare)(void *arg, int channel, char *error, size_t size);

	/* In the process, root still. Never returns. channel: to the master. */
	void (*run)(void *arg, int channel);

	/* In the master, after the fork, or when there was none: what prepare has opened is closed. */
	void (*release)(void *arg);

	/* A message that is no alarm. False: no worker of this kind sends it, and it is killed. */
	bool (*receive)(void *arg, struct ipc_message *message);

	/* Is another message likely now? Then it is taken in the same turn. NULL: one a turn. */
	bool (*expects_more)(void *arg);

	/* It is gone. */
	void (*down)(void *arg);

	/* It is gone, and not in good order: the text of its alarm. */
	void (*died)(void *arg, const char *line);

	/* One could not be started; retry_ms: when it is tried again. error: why. */
	void (*failed)(void *arg, const char *error);
	uint64_t retry_ms;
};

struct worker {
	const struct worker_kind *kind;
	void *arg;
	struct loop *loop;
	struct board *board;
	bool is_wanted;
	int channel; /* to the process; -1: it was closed, or there is none */
	struct loop_source source;
	struct loop_child child;
	struct loop_timer restart; /* set: another one is to be started */
	uint64_t started_ms;
	char last_words[WORKER_TEXT_MAX]; /* of one that could say why it ends */
};

/* There is none, and none is wanted. loop, board and arg are borrowed. */
void worker_init(
    struct worker *worker, const struct worker_kind *kind, struct loop *loop, struct board *board, void *arg);

/* Start one and keep it running. Returns 0, or -errno with the reason in error: then it is tried again later. */
int worker_start(struct worker *worker, char *error, size_t size);

/* Have one with what is in force now: the present one ends in good order, and its end starts another. */
void worker_restart(struct worker *worker);

/* Take a message of it now, if there is one, and those that are expected; at most 256. */
void worker_receive(struct worker *worker);

/* It ends in good order, and no other one is started. */
void worker_stop(struct worker *worker);

#endif
