/* SPDX-License-Identifier: ISC */
/*
 * The master process: root, one. Listens, accepts, counts, forks monitors, reaps, reloads.
 * It never reads a byte that a client sent.
 */
#ifndef DAEMON_MASTER_MASTER_H
#define DAEMON_MASTER_MASTER_H

#include "daemon/master/accounts_loader.h"
#include "daemon/master/admission.h"
#include "daemon/master/bans.h"
#include "daemon/master/broker_worker.h"
#include "daemon/master/certificates.h"
#include "daemon/master/control_answer.h"
#include "daemon/master/control_socket.h"
#include "daemon/master/fleet.h"
#include "daemon/master/home_mounts.h"
#include "daemon/master/keep_errand.h"
#include "daemon/master/hook_worker.h"
#include "daemon/master/listeners.h"
#include "daemon/master/log_targets.h"
#include "daemon/master/loop.h"
#include "daemon/master/metrics_server.h"
#include "daemon/master/proxied.h"
#include "daemon/master/quota_top.h"
#include "daemon/master/reload.h"
#include "daemon/master/resolver.h"
#include "daemon/master/server.h"
#include "daemon/master/sessions.h"
#include "daemon/master/upgrade.h"

/* The parts, each after those that it uses. They know what they share (server.h), and each other by pointers. */
struct master {
	struct server server;
	struct log_targets log;
	struct certificates certificates;
	struct accounts_loader accounts;
	struct resolver resolver;
	struct bans bans;
	struct hook_worker hooks;
	struct broker_worker broker;
	struct quota_top quota_top;
	struct home_mounts home_mounts;
	struct keep_errand keep_errand;
	struct metrics_server metrics;
	struct control_socket control;
	struct sessions sessions;
	struct fleet fleet;
	struct admission admission;
	struct proxied proxied;
	struct listeners listeners;
	struct upgrade upgrade;
	struct reload reload;
	struct control_answers answers;
	uint64_t drain_deadline_ms; /* when the sessions left are killed */
	struct loop_timer drain;
};

/* Tell the parts of each other; argv0: how this program was called. Before the environment is cleared. 0 or -errno. */
int master_init(struct master *master, const char *argv0);

/* Make the loop, and take the signals. 0 or -errno. */
int master_open(struct master *master);

/*
 * Serve until a signal or a request to stop. SIGTERM lets transfers finish, SIGINT breaks them off, and a second of
 * them kills at once. SIGHUP reloads, SIGUSR2 upgrades. main() has set master up. Returns when it stops, or another
 * server has taken over, and no session and no former server are left; a stop also ends when its time is over.
 */
void master_run(struct master *master);

/*
 * The last thing that a master does: end hooks and logger, and wait until all its processes are gone, at most two
 * seconds. A service manager kills what is left when the master is gone, and lines of the log would be lost.
 */
void master_close(struct master *master);

#endif
