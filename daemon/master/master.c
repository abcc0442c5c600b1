/* SPDX-License-Identifier: ISC */
/* The story of the master: wait for an event, pass it on, until told to stop and the last session is gone. */
#include "daemon/master/master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/title.h"
#include "common/wipe.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/bans.h"
#include "daemon/master/certificates.h"
#include "daemon/master/hook_worker.h"
#include "daemon/master/listeners.h"
#include "daemon/master/log_switches.h"
#include "daemon/master/log_targets.h"
#include "daemon/master/metrics_server.h"
#include "daemon/master/notify.h"
#include "daemon/master/quota_top.h"
#include "daemon/master/refusals.h"
#include "daemon/master/resolver.h"
#include "daemon/master/sessions.h"
#include "daemon/master/work.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define EVENTS_AT_ONCE 64
#define SHUTDOWN_MS 3500	/* sessions' leave-taking at SIGINT, before they are killed */
/* SIGCHLDs become one; sessions are found at once all the same, the few other children this much later at most. */
#define REAP_ALL_AFTER_MS 200
#define KILLED_MS 2000		/* and until the killed ones must be reaped */
#define CHILDREN_MS 2000	/* for logger, hooks and metrics to end after the last session */

static void
log_listener(const struct listener *listener)
{
	char text[ADDRESS_TEXT_MAX];

	address_text(&listener->bound, text);
	log_set_context(NULL, NULL, text, NULL);
	log_begin(LEVEL_INFO, "listening");
	log_field_u64("port", address_port(&listener->bound));
	log_field_text("tls", listener->is_tls ? "implicit" : "no");
	log_end();
	log_set_context(NULL, NULL, "", NULL);
}

/* Once, at start: which walls this kernel gives, and whether a build for tests has wider ones. */
static void
log_walls(void)
{
	int abi = sandbox_landlock_abi();

	log_begin(abi == 0 ? LEVEL_WARNING : LEVEL_INFO, "walls");
	log_field_u64("landlock_abi", (uint64_t)abi);
	if (abi == 0)
		log_field_text(
		    "message", "the kernel has no Landlock: homes are confined by chroot, ids and seccomp alone");
	if (sandbox_is_widened())
		log_field_text("widened", "a build for sanitizers: its filters allow more; not for use");
#ifdef SALLYPORT_TAKEOVER
	log_field_text("takeover", "a build for tests: its processes can be taken over by anybody; not for use");
#endif
	log_end();
}

void
master_watch_listeners(struct master *master)
{
	for (size_t i = 0; i < master->listener_count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &master->listeners[i]};

		/* a socket that was taken over at a reload may stand at another place now */
		if (epoll_ctl(master->epoll_fd, EPOLL_CTL_ADD, master->listeners[i].fd, &event) < 0 && errno == EEXIST)
			epoll_ctl(master->epoll_fd, EPOLL_CTL_MOD, master->listeners[i].fd, &event);
		log_listener(&master->listeners[i]);
	}
}

void
master_leave_listener(struct master *master, const struct listener *listener)
{
	/* a copy that a child still has would keep it in the set */
	epoll_ctl(master->epoll_fd, EPOLL_CTL_DEL, listener->fd, NULL);
	if (listener->is_activated)
		return;	/* who waits there is served by the next server */
	listener_shut(listener);
	while (sessions_accept(master, listener))
		;
	shutdown(listener->fd, SHUT_RDWR);
}

static void
close_listeners(struct master *master)
{
	for (size_t i = 0; i < master->listener_count; i++)
		master_leave_listener(master, &master->listeners[i]);
	listeners_close_others(master->listeners, master->listener_count, NULL, 0);
	master->listener_count = 0;
}

void
master_forget_listeners(struct master *master)
{
	for (size_t i = 0; i < master->listener_count; i++)
		epoll_ctl(master->epoll_fd, EPOLL_CTL_DEL, master->listeners[i].fd, NULL);
	listeners_close_others(master->listeners, master->listener_count, NULL, 0);
	master->listener_count = 0;
}

/* Stop. */

void
master_stop(struct master *master, bool is_drain)
{
	uint64_t now = monotonic_ms();

	upgrade_stop_predecessor(master, is_drain);
	if (master->is_draining) {
		log_message(LEVEL_INFO, "stop", "at once");
		master->drain_deadline_ms = now;
		return;
	}
	reload_cancel(master);
	upgrade_cancel(master);
	notify_stopping();
	close_listeners(master);
	master->is_draining = true;
	master->board.head->is_draining = true;
	title_doing("stopping", "", 0);
	master->drain_deadline_ms = now + (is_drain ? 1000ULL * master->config->timeouts.drain_s : SHUTDOWN_MS);
	log_message(
	    LEVEL_INFO, "stop", "%s, %u sessions", is_drain ? "transfers may finish" : "now", master->live_count);
	sessions_tell_end(master, is_drain ? END_DRAIN : END_SHUTDOWN);
}

/* True when the master is done. */
static bool
is_stopped(struct master *master)
{
	uint64_t now = monotonic_ms();

	/* a former server is waited for, since this one is the only way to stop it */
	if (master->live_count == 0 && master->upgrade.predecessor < 0 &&
	    (master->is_draining || upgrade_lets_go(master)))
		return true;
	if (!master->is_draining)
		return false;
	if (now < master->drain_deadline_ms)
		return false;
	if (now < master->drain_deadline_ms + KILLED_MS) {
		sessions_kill(master);
		return false;
	}
	return true;
}

void
master_await_children(const struct master *master)
{
	uint64_t deadline = monotonic_ms() + CHILDREN_MS;
	struct signalfd_siginfo info;
	pid_t pid;

	do {
		/* before looking: a child that ends meanwhile tells of itself again */
		while (read(master->signal_fd, &info, sizeof(info)) == sizeof(info))
			;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
	} while (pid == 0 && io_wait(master->signal_fd, POLLIN, deadline) > 0);
}

/* Signals. */

/* One child, if it is gone; any of them with -1, for which the kernel looks at all. False: none is. */
static bool
reap(struct master *master, pid_t pid)
{
	siginfo_t gone = {.si_pid = 0};
	int status;

	/* not reaped yet, its number is nobody else's */
	if (waitid(pid > 0 ? P_PID : P_ALL, (id_t)pid, &gone, WEXITED | WNOHANG | WNOWAIT) < 0 || gone.si_pid == 0)
		return false;
	pid = gone.si_pid;
	sessions_kill_left(master, pid);
	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	/* what is none of these is an orphan of a monitor that was killed */
	if (!sessions_reaped(master, pid, status) && !reload_reaped(master, pid, status) &&
	    !accounts_reaped(master, pid, status) && !certificates_reaped(master, pid, status) &&
	    !resolver_reaped(master, pid, status) && !hook_worker_reaped(master, pid, status) &&
	    !metrics_server_reaped(master, pid, status) && !quota_top_reaped(master, pid, status) &&
	    !upgrade_reaped(master, pid, status))
		log_targets_reaped(master, pid, status);
	return true;
}

/* A SIGCHLD names one of those that are gone, and stands for all that went before it was read. */
static void
reap_named(struct master *master, pid_t pid)
{
	if (pid > 0)
		reap(master, pid);
	sessions_reap_leaving(master);
	if (master->reap_all_at_ms == 0)
		master->reap_all_at_ms = monotonic_ms() + REAP_ALL_AFTER_MS;
}

static int
reap_watch(struct master *master)
{
	uint64_t now;

	if (master->reap_all_at_ms == 0)
		return -1;
	now = monotonic_ms();
	if (now < master->reap_all_at_ms)
		return deadline_left_ms(master->reap_all_at_ms, now);
	master->reap_all_at_ms = 0;
	while (reap(master, -1))
		;
	return -1;
}

static void
handle_signals(struct master *master)
{
	struct signalfd_siginfo info;

	while (read(master->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch ((int)info.ssi_signo) {
		case SIGCHLD:
			reap_named(master, (pid_t)info.ssi_pid);
			break;
		case SIGHUP:
			if (!upgrade_reload_retired(master) && !master->is_draining)
				reload_start(master);
			break;
		case SIGUSR2:
			upgrade_start(master);
			break;
		case SIGTERM:
		case SIGINT:
			master_stop(master, (int)info.ssi_signo == SIGTERM);
			break;
		default:
			break;
		}
	}
}

static void
dispatch_event(struct master *master, void *ptr)
{
	struct listener *listener = ptr;

	if (ptr == &master->signal_fd)
		handle_signals(master);
	else if (ptr == &master->logger)
		log_targets_receive(master);
	else if (ptr == &master->hooks)
		hook_worker_receive(master);
	else if (ptr == &master->upgrade.successor)
		upgrade_receive_successor(master);
	else if (ptr == &master->upgrade.predecessor)
		upgrade_receive_predecessor(master);
	else if (ptr == &master->metrics)
		metrics_server_receive(master);
	else if (ptr == &master->control)
		control_socket_accept(master);
	else if (control_socket_event(master, ptr))
		return;
	else if (listener >= master->listeners && listener < master->listeners + LISTENERS_MAX)
		/* one that a reload has taken away since it was told to be ready is behind the last */
		(void)!(listener < master->listeners + master->listener_count && sessions_accept(master, listener));
	else
		sessions_receive(master, ptr);
}

/* A session that is forked finds nothing on the stack of what the events before were about. */
static void
dispatch(struct master *master, void *ptr)
{
	wipe_stack();
	dispatch_event(master, ptr);
}

static int
sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int
drain_timeout(const struct master *master)
{
	uint64_t now = monotonic_ms();

	if (!master->is_draining)
		return -1;
	return now < master->drain_deadline_ms ? deadline_left_ms(master->drain_deadline_ms, now) : 50;
}

void
master_run(struct master *master)
{
	struct epoll_event signals = {.events = EPOLLIN, .data.ptr = &master->signal_fd};
	struct epoll_event events[EVENTS_AT_ONCE];

	if (epoll_ctl(master->epoll_fd, EPOLL_CTL_ADD, master->signal_fd, &signals) < 0)
		return;
	master_watch_listeners(master);
	resolver_configure(master);
	log_walls();
	certificates_tell(master);
	log_message(LEVEL_INFO, "ready", "sallyportd %s", SALLYPORT_VERSION);
	if (!upgrade_tell_ready(master))
		notify_ready();
	while (!is_stopped(master)) {
		int timeout = sooner(sooner(sessions_grant(master), drain_timeout(master)),
		    sooner(sooner(sooner(certificates_watch(master), resolver_watch(master)), upgrade_watch(master)),
			sooner(log_targets_watch(master),
			    sooner(sooner(hook_worker_watch(master), sooner(metrics_server_watch(master), quota_top_watch(master))),
				sooner(sooner(control_socket_watch(master), bans_watch(master)),
				    sooner(sooner(refusals_watch(), judgements_watch(master)),
					sooner(reap_watch(master), sooner(work_watch(master), sessions_watch(master)))))))));
		int count = epoll_wait(master->epoll_fd, events, EVENTS_AT_ONCE, timeout);

		for (int i = 0; i < count; i++)
			dispatch(master, events[i].data.ptr);
	}
	metrics_server_stop(master);
	refusals_tell();
	log_message(LEVEL_INFO, "stopped", "sallyportd %s", SALLYPORT_VERSION);
}
