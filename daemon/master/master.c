/* SPDX-License-Identifier: ISC */
/* The story of the master: wait for an event, pass it on, until it must stop and the last session is gone. */
#include "daemon/master/master.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "common/io.h"
#include "common/title.h"
#include "common/wipe.h"
#include "daemon/master/judgements.h"
#include "daemon/master/notify.h"
#include "daemon/master/refusals.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define SHUTDOWN_MS 3500 /* sessions' leave-taking at SIGINT, before they are killed */
#define KILLED_MS 2000 /* and until the killed ones must be reaped */
#define KILL_EVERY_MS 50
#define CHILDREN_MS 2000 /* for logger, hooks, metrics and porter to end after the last session */
#define TIMERS_OF_PARTS 64 /* and of clients of the control socket */

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
	log_field_text("takeover", "a build for tests: anybody can take over its processes; not for use");
#endif
	log_end();
}

/* Stop. */

static void
master_stop(struct server *server, bool is_drain)
{
	struct master *master = (struct master *)(void *)((char *)server - offsetof(struct master, server));
	uint64_t now = monotonic_ms();

	upgrade_stop_formers(&master->upgrade, is_drain);
	if (master->server.is_draining) {
		log_message(LEVEL_INFO, "stop", "at once");
		master->drain_deadline_ms = now;
		timer_set(master->server.loop, &master->drain, now);
		return;
	}
	upgrade_cancel(&master->upgrade); /* first: the end of a reload starts one that was postponed */
	reload_cancel(&master->reload);
	notify_stopping();
	listeners_close_for_clients(&master->listeners);
	master->server.is_draining = true;
	master->server.board.head->is_draining = true;
	title_doing("stopping", "", 0);
	master->drain_deadline_ms = now + (is_drain ? 1000ULL * master->server.config->timeouts.drain_s : SHUTDOWN_MS);
	timer_set(master->server.loop, &master->drain, master->drain_deadline_ms);
	log_message(LEVEL_INFO, "stop", "%s, %u sessions", is_drain ? "transfers may finish" : "now",
	    master->sessions.live_count);
	sessions_tell_end(&master->sessions, is_drain ? END_DRAIN : END_SHUTDOWN);
}

/* Sessions are left at the end of the time to stop: kill them, and those again that cannot be reaped yet. */
static void
drain_due(void *arg)
{
	struct master *master = arg;

	sessions_kill(&master->sessions);
	timer_set(master->server.loop, &master->drain, monotonic_ms() + KILL_EVERY_MS);
}

/* True when the master is done. */
static bool
is_stopped(const struct master *master)
{
	/* a former server is waited for, since this one is the only way to stop it */
	if (master->sessions.live_count == 0 && !former_servers_need_this(&master->upgrade.formers) &&
	    (master->server.is_draining || upgrade_lets_go(&master->upgrade)))
		return true;
	return master->server.is_draining && monotonic_ms() >= master->drain_deadline_ms + KILLED_MS;
}

static void
handle_signal(void *arg, int signo)
{
	struct master *master = arg;

	switch (signo) {
	case SIGHUP:
		if (!upgrade_reload_retired(&master->upgrade) && !master->server.is_draining)
			reload_start(&master->reload);
		break;
	case SIGUSR2:
		upgrade_start(&master->upgrade);
		break;
	case SIGTERM:
	case SIGINT:
		master_stop(&master->server, signo == SIGTERM);
		break;
	default:
		break;
	}
}

static void
reload_after_upgrade(void *arg)
{
	reload_start(arg);
}

int
master_init(struct master *master, const char *argv0)
{
	struct server *server = &master->server;
	const struct upgrade_parts upgrade = {
	    .server = server,
	    .sessions = &master->sessions,
	    .listeners = &master->listeners,
	    .proxied = &master->proxied,
	    .log = &master->log,
	    .hooks = &master->hooks,
	    .broker = &master->broker,
	    .metrics = &master->metrics,
	    .control = &master->control,
	    .bans = &master->bans,
	    .reload = reload_after_upgrade,
	    .reload_arg = &master->reload,
	};

	server->stop = master_stop;
	master->drain = (struct loop_timer){.due = drain_due, .arg = master};
	master->reload.parts = (struct reload_parts){
	    .server = server,
	    .listeners = &master->listeners,
	    .proxied = &master->proxied,
	    .log = &master->log,
	    .accounts = &master->accounts,
	    .certificates = &master->certificates,
	    .resolver = &master->resolver,
	    .hooks = &master->hooks,
	    .broker = &master->broker,
	    .metrics = &master->metrics,
	    .quota_top = &master->quota_top,
	    .keep_errand = &master->keep_errand,
	    .sessions = &master->sessions,
	    .upgrade = &master->upgrade,
	    .control = &master->control,
	};
	master->answers = (struct control_answers){
	    .server = server,
	    .sessions = &master->sessions,
	    .bans = &master->bans,
	    .fleet = &master->fleet,
	    .certificates = &master->certificates,
	    .log = &master->log,
	    .reload = &master->reload,
	    .upgrade = &master->upgrade,
	};
	hook_worker_init(&master->hooks, server);
	broker_worker_init(&master->broker, server);
	resolver_init(&master->resolver, server);
	return upgrade_init(&master->upgrade, &upgrade, argv0);
}

int
master_open(struct master *master)
{
	int r = loop_new(SESSIONS_MAX + JUDGEMENTS_MAX + TIMERS_OF_PARTS, &master->server.loop);

	master->listeners.loop = master->server.loop;
	master->listeners.accept = admission_accept;
	master->listeners.arg = &master->admission;
	master->listeners.accept_proxied = proxied_accept;
	master->listeners.proxied_arg = &master->proxied;
	return r < 0 ? r : loop_take_signals(master->server.loop, handle_signal, master);
}

/* What to log once the log is open. */
static void
announce(struct master *master)
{
	proxied_configure(&master->proxied, listeners_have_proxied(&master->listeners));
	listeners_watch(&master->listeners);
	resolver_configure(&master->resolver);
	log_walls();
	home_mounts_tell(&master->home_mounts, &master->server);
	keep_errand_init(&master->keep_errand, &master->server, &master->accounts);
	certificates_tell(&master->certificates);
	certificates_look_soon(&master->certificates);
	give_memory_back();
	log_message(LEVEL_INFO, "ready", "sallyportd %s", SALLYPORT_VERSION);
	if (!upgrade_tell_ready(&master->upgrade))
		notify_ready();
}

void
master_run(struct master *master)
{
	announce(master);
	while (!is_stopped(master))
		loop_turn(master->server.loop);
	keep_errand_stop(&master->keep_errand);
	listeners_forget(&master->listeners);
	proxied_leave(&master->proxied);
	broker_worker_stop(&master->broker);
	metrics_server_stop(&master->metrics);
	refusals_tell();
	log_message(LEVEL_INFO, "stopped", "sallyportd %s", SALLYPORT_VERSION);
}

void
master_close(struct master *master)
{
	hook_worker_stop(&master->hooks);
	log_targets_stop(&master->log);
	loop_await_children(master->server.loop, monotonic_ms() + CHILDREN_MS);
}
