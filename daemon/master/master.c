/* SPDX-License-Identifier: ISC */
/* The story of the master: wait for an event, pass it on, until told to stop and the last session is gone. */
#include "daemon/master/master.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/title.h"
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

#define SHUTDOWN_MS 3500	/* sessions' leave-taking at SIGINT, before they are killed */
#define KILLED_MS 2000		/* and until the killed ones must be reaped */
#define KILL_EVERY_MS 50
#define CHILDREN_MS 2000	/* for logger, hooks and metrics to end after the last session */
#define TIMERS_OF_PARTS 64	/* and of clients of the control socket */

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

static void
listener_ready(void *arg)
{
	const struct listener *listener = arg;

	(void)!sessions_accept(listener->master, listener);
}

void
master_watch_listeners(struct master *master)
{
	for (size_t i = 0; i < master->listener_count; i++) {
		struct listener *listener = &master->listeners[i];
		int r;

		listener->master = master;
		listener->source = (struct loop_source){.ready = listener_ready, .arg = listener};
		r = loop_watch(master->loop, &listener->source, listener->fd);
		if (r < 0)
			log_message(LEVEL_ERROR, "listening", "a listener cannot be watched: %s", strerror(-r));
		log_listener(listener);
	}
}

void
master_unwatch_listeners(struct master *master)
{
	for (size_t i = 0; i < master->listener_count; i++)
		loop_unwatch(master->loop, &master->listeners[i].source);
}

void
master_leave_listener(struct master *master, const struct listener *listener)
{
	if (listener->is_activated)
		return;	/* who waits there is served by the next server */
	listener_shut(listener);
	while (sessions_accept(master, listener))
		;
	shutdown(listener->fd, SHUT_RDWR);
}

void
master_forget_listeners(struct master *master)
{
	master_unwatch_listeners(master);
	listeners_close_others(master->listeners, master->listener_count, NULL, 0);
	master->listener_count = 0;
}

static void
close_listeners(struct master *master)
{
	master_unwatch_listeners(master);
	for (size_t i = 0; i < master->listener_count; i++)
		master_leave_listener(master, &master->listeners[i]);
	master_forget_listeners(master);
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
		timer_set(master->loop, &master->drain, now);
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
	timer_set(master->loop, &master->drain, master->drain_deadline_ms);
	log_message(
	    LEVEL_INFO, "stop", "%s, %u sessions", is_drain ? "transfers may finish" : "now", master->live_count);
	sessions_tell_end(master, is_drain ? END_DRAIN : END_SHUTDOWN);
}

/* Sessions are left at the end of the time to stop: kill them, and those again that cannot be reaped yet. */
static void
drain_due(void *arg)
{
	struct master *master = arg;

	sessions_kill(master);
	timer_set(master->loop, &master->drain, monotonic_ms() + KILL_EVERY_MS);
}

/* True when the master is done. */
static bool
is_stopped(const struct master *master)
{
	/* a former server is waited for, since this one is the only way to stop it */
	if (master->live_count == 0 && master->upgrade.predecessor < 0 &&
	    (master->is_draining || upgrade_lets_go(master)))
		return true;
	return master->is_draining && monotonic_ms() >= master->drain_deadline_ms + KILLED_MS;
}

static void
handle_signal(void *arg, int signo)
{
	struct master *master = arg;

	switch (signo) {
	case SIGHUP:
		if (!upgrade_reload_retired(master) && !master->is_draining)
			reload_start(master);
		break;
	case SIGUSR2:
		upgrade_start(master);
		break;
	case SIGTERM:
	case SIGINT:
		master_stop(master, signo == SIGTERM);
		break;
	default:
		break;
	}
}

void
master_await_children(const struct master *master)
{
	loop_await_children(master->loop, monotonic_ms() + CHILDREN_MS);
}

int
master_init(struct master *master)
{
	int r = loop_new(SESSIONS_MAX + JUDGEMENTS_MAX + TIMERS_OF_PARTS, &master->loop);

	master->drain = (struct loop_timer){.due = drain_due, .arg = master};
	return r < 0 ? r : loop_take_signals(master->loop, handle_signal, master);
}

/* What there is to tell once the log is there. */
static void
announce(struct master *master)
{
	master_watch_listeners(master);
	resolver_configure(master);
	log_walls();
	certificates_tell(master);
	certificates_look_soon(master);
	log_message(LEVEL_INFO, "ready", "sallyportd %s", SALLYPORT_VERSION);
	if (!upgrade_tell_ready(master))
		notify_ready();
}

void
master_run(struct master *master)
{
	announce(master);
	while (!is_stopped(master))
		loop_turn(master->loop);
	metrics_server_stop(master);
	refusals_tell();
	log_message(LEVEL_INFO, "stopped", "sallyportd %s", SALLYPORT_VERSION);
}
