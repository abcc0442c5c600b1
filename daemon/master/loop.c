/* SPDX-License-Identifier: ISC */
#include "daemon/master/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/wipe.h"

#include "common/banned.h"

#define EVENTS_AT_ONCE 64
#define PID_BUCKETS 4096
/* Children that end at the same time may share one SIGCHLD. Look for all of them this long after it. */
#define REAP_ALL_AFTER_MS 200

LIST_HEAD(child_bucket, loop_child);
TAILQ_HEAD(children, loop_child);

struct loop {
	size_t size; /* of this, with its room */
	int epoll_fd, signal_fd;
	struct loop_source signals;
	void (*handler)(void *arg, int signo);
	void *handler_arg;
	struct epoll_event events[EVENTS_AT_ONCE];
	int event_count; /* those that were read with the last call */
	struct child_bucket by_pid[PID_BUCKETS];
	struct children leaving;
	struct loop_timer reap_all;
	struct deadlines timers;
	struct deadline *room[];
};

static void reap_all_due(void *arg);

int
loop_new(uint32_t timers_max, struct loop **loop_out)
{
	size_t size = sizeof(struct loop) + ((size_t)timers_max + 1) * sizeof(struct deadline *);
	struct loop *loop =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r;

	if (loop == MAP_FAILED)
		return -errno;
	loop->size = size;
	loop->signal_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0 || madvise(loop, size, MADV_DONTFORK) < 0) {
		r = -errno;
		loop_free(loop);
		return r;
	}
	TAILQ_INIT(&loop->leaving);
	loop->reap_all = (struct loop_timer){.due = reap_all_due, .arg = loop};
	deadlines_init(&loop->timers, loop->room, timers_max + 1);
	*loop_out = loop;
	return 0;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	close_fd(&loop->epoll_fd);
	close_fd(&loop->signal_fd);
	munmap(loop, loop->size);
}

/* Descriptors. */

int
loop_watch(struct loop *loop, struct loop_source *source, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

	loop_unwatch(loop, source);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	source->fd = fd;
	source->is_watched = true;
	return 0;
}

void
loop_want(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	(void)!epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void
loop_unwatch(struct loop *loop, struct loop_source *source)
{
	if (!source->is_watched)
		return;
	/* asked for, though it is about to be closed: a copy that a child still has would keep it in the set */
	(void)!epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->is_watched = false;
	for (int i = 0; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL;
}

void
loop_close(struct loop *loop, struct loop_source *source, int *fd)
{
	loop_unwatch(loop, source);
	close_fd(fd);
}

/* Timers. */

void
timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ms)
{
	deadlines_set(&loop->timers, &timer->deadline, at_ms);
}

void
timer_hasten(struct loop *loop, struct loop_timer *timer, uint64_t at_ms)
{
	if (!timer_is_set(timer) || timer->deadline.at_ms > at_ms)
		timer_set(loop, timer, at_ms);
}

void
timer_stop(struct loop *loop, struct loop_timer *timer)
{
	deadlines_drop(&loop->timers, &timer->deadline);
}

bool
timer_is_set(const struct loop_timer *timer)
{
	return timer->deadline.place != 0;
}

/* Those that are due, each once: one that sets itself again is due in the next turn. */
static void
run_timers(struct loop *loop)
{
	for (uint32_t left = loop->timers.count; left > 0; left--) {
		struct deadline *first = deadlines_first(&loop->timers);
		struct loop_timer *timer = (struct loop_timer *)(void *)first;

		if (first == NULL || (first->at_ms > 0 && first->at_ms > monotonic_ms()))
			return;
		deadlines_drop(&loop->timers, first);
		timer->due(timer->arg);
	}
}

/* The ms until the next timer; -1: there is none. */
static int
time_to_wait(const struct loop *loop)
{
	const struct deadline *first = deadlines_first(&loop->timers);

	if (first == NULL)
		return -1;
	return first->at_ms == 0 ? 0 : deadline_left_ms(first->at_ms, monotonic_ms());
}

_Static_assert(offsetof(struct loop_timer, deadline) == 0, "a timer is found by its deadline");

/* Children. */

static struct child_bucket *
bucket_of_pid(struct loop *loop, pid_t pid)
{
	return &loop->by_pid[(size_t)pid % PID_BUCKETS];
}

static struct loop_child *
find_child(struct loop *loop, pid_t pid)
{
	struct loop_child *child;

	LIST_FOREACH(child, bucket_of_pid(loop, pid), same_pid)
		if (child->pid == pid)
			break;
	return child;
}

void
child_add(struct loop *loop, struct loop_child *child, pid_t pid)
{
	child->pid = pid;
	child->is_leaving = false;
	LIST_INSERT_HEAD(bucket_of_pid(loop, pid), child, same_pid);
}

void
child_drop(struct loop *loop, struct loop_child *child)
{
	if (child->pid == 0)
		return;
	LIST_REMOVE(child, same_pid);
	if (child->is_leaving)
		TAILQ_REMOVE(&loop->leaving, child, leaving);
	child->is_leaving = false;
	child->pid = 0;
}

void
child_leaves(struct loop *loop, struct loop_child *child)
{
	if (child->pid == 0 || child->is_leaving)
		return;
	TAILQ_INSERT_TAIL(&loop->leaving, child, leaving);
	child->is_leaving = true;
}

/* Reap pid, or with -1 any child, for which the kernel looks at all of them. False: none is gone. */
static bool
reap_pid(struct loop *loop, pid_t pid)
{
	siginfo_t info = {.si_pid = 0};
	struct loop_child *child;
	int status;

	if (waitid(pid > 0 ? P_PID : P_ALL, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
		return false;
	child = find_child(loop, info.si_pid);
	if (child != NULL && child->ended != NULL)
		child->ended(child->arg);
	if (waitpid(info.si_pid, &status, WNOHANG) != info.si_pid)
		return false;
	if (child == NULL)
		return true; /* an orphan, of a monitor that was killed */
	child_drop(loop, child);
	child->gone(child->arg, status);
	return true;
}

bool
child_reap(struct loop *loop, struct loop_child *child)
{
	return child->pid > 0 && reap_pid(loop, child->pid);
}

static void
reap_leaving(struct loop *loop)
{
	struct loop_child *child = TAILQ_FIRST(&loop->leaving);

	while (child != NULL) {
		struct loop_child *following = TAILQ_NEXT(child, leaving);

		child_reap(loop, child);
		child = following;
	}
}

static void
reap_all_due(void *arg)
{
	while (reap_pid(arg, -1))
		;
}

/* A SIGCHLD names one of those that are gone, and stands for all that went before it was read. */
static void
reap_named(struct loop *loop, pid_t pid)
{
	if (pid > 0)
		reap_pid(loop, pid);
	reap_leaving(loop);
	if (!timer_is_set(&loop->reap_all))
		timer_set(loop, &loop->reap_all, monotonic_ms() + REAP_ALL_AFTER_MS);
}

/* Signals. */

static void
signals_ready(void *arg)
{
	struct loop *loop = arg;
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap_named(loop, (pid_t)info.ssi_pid);
		else
			loop->handler(loop->handler_arg, (int)info.ssi_signo);
	}
}

int
loop_take_signals(struct loop *loop, void (*handler)(void *arg, int signo), void *arg)
{
	static const int taken[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR2, SIGCHLD};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		sigaddset(&set, taken[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	loop->handler = handler;
	loop->handler_arg = arg;
	loop->signals = (struct loop_source){.ready = signals_ready, .arg = loop};
	loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return loop->signal_fd < 0 ? -errno : loop_watch(loop, &loop->signals, loop->signal_fd);
}

void
loop_await_children(struct loop *loop, uint64_t deadline_ms)
{
	struct signalfd_siginfo info;
	pid_t pid;

	do {
		/* before looking: a child that ends meanwhile sends a signal again */
		while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info))
			;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
	} while (pid == 0 && io_wait(loop->signal_fd, POLLIN, deadline_ms) > 0);
}

void
loop_turn(struct loop *loop)
{
	int count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_AT_ONCE, time_to_wait(loop));

	loop->event_count = count < 0 ? 0 : count;
	for (int i = 0; i < loop->event_count; i++) {
		struct loop_source *source = loop->events[i].data.ptr;

		/* a session that is forked finds nothing of earlier events on the stack */
		wipe_stack();
		if (source != NULL)
			source->ready(source->arg);
	}
	loop->event_count = 0;
	run_timers(loop);
}
