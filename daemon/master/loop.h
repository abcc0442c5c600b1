/* SPDX-License-Identifier: ISC */
/*
 * The master's loop. A part of the master registers what it waits for: a descriptor, a moment, the end of a child. After
 * the start, nothing runs in the master but what the loop calls. Handlers are named alike in all parts:
 * NAME_ready (a descriptor), NAME_due (a moment), NAME_gone (a child).
 *
 * No process that the master forks has the loop: its memory is not inherited (MADV_DONTFORK).
 */
#ifndef DAEMON_MASTER_LOOP_H
#define DAEMON_MASTER_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "daemon/master/deadlines.h"

struct loop;

/* A descriptor. It belongs to the part; all zero but ready and arg, it is not watched. */
struct loop_source {
	void (*ready)(void *arg);
	void *arg;
	bool is_watched;
	int fd; /* while it is watched */
};

/* A moment. All zero but due and arg, it is not set. */
struct loop_timer {
	struct deadline deadline; /* first: see loop.c */
	void (*due)(void *arg);
	void *arg;
};

/* A child of the master. All zero but the handlers and arg, there is none. */
struct loop_child {
	pid_t pid; /* 0: none */
	void (*gone)(void *arg, int status); /* it was reaped; pid is 0 */
	void (*ended)(void *arg); /* it is not reaped yet, so that its number is nobody else's; may be NULL */
	void *arg;
	bool is_leaving;
	LIST_ENTRY(loop_child) same_pid; /* of the same bucket */
	TAILQ_ENTRY(loop_child) leaving;
};

/* Make one with room for timers_max timers at once. 0 or -errno. */
int loop_new(uint32_t timers_max, struct loop **loop_out);
void loop_free(struct loop *loop);

/*
 * From now on SIGCHLD reaps children, and SIGHUP, SIGTERM, SIGINT and SIGUSR2 come as calls of handler. They are
 * blocked in this process, and SIGPIPE is ignored. 0 or -errno.
 */
int loop_take_signals(struct loop *loop, void (*handler)(void *arg, int signo), void *arg);

/* Wait for what comes next, or for the next timer, and call the handlers of what is there, those of timers last. */
void loop_turn(struct loop *loop);

/*
 * Call source->ready whenever fd can be read, has an error, or its other end is gone. A source that is watched already
 * moves to this fd. fd stays the part's. 0 or -errno.
 */
int loop_watch(struct loop *loop, struct loop_source *source, int fd);

/* Wait for these events (epoll(7)) instead; errors always come. */
void loop_want(struct loop *loop, struct loop_source *source, uint32_t events);

/* Before its fd is closed. An event of it that was read already is dropped. */
void loop_unwatch(struct loop *loop, struct loop_source *source);

/* Unwatch it and close *fd, which becomes -1. */
void loop_close(struct loop *loop, struct loop_source *source, int *fd);

/* timer is due at at_ms (monotonic_ms()), once, wherever it stood before; 0: before the loop waits again. */
void timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ms);

/* The same, if it was not set or is due later. */
void timer_hasten(struct loop *loop, struct loop_timer *timer, uint64_t at_ms);

void timer_stop(struct loop *loop, struct loop_timer *timer);
bool timer_is_set(const struct loop_timer *timer);

/* Call child->gone when pid is gone. */
void child_add(struct loop *loop, struct loop_child *child, pid_t pid);

/* Nobody waits for its end any more; it is reaped all the same. */
void child_drop(struct loop *loop, struct loop_child *child);

/* It is about to end. The kernel may merge its SIGCHLD with that of another, so check it at each SIGCHLD. */
void child_leaves(struct loop *loop, struct loop_child *child);

/* Reap what ends until there is no child any more, or until deadline_ms. No handler is called. */
void loop_await_children(struct loop *loop, uint64_t deadline_ms);

/* Reap it now, if it is gone. True: it was, and its handlers were called. */
bool child_reap(struct loop *loop, struct loop_child *child);

#endif
