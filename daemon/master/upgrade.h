/* SPDX-License-Identifier: ISC */
/*
 * Upgrade: SIGUSR2 starts the program of this server's path anew, with the listening sockets. When it is
 * ready, this server retires: the new one accepts, the old one's sessions go on until they end,
 * and then it leaves. A new one that does not come up changes nothing. One that dies after it took over,
 * while the old one lives, is started again.
 *
 * The new server is forked twice, and becomes the child of whatever this server is a child of. The process
 * between the two waits until it is ready, and passes on how it ended if it never is.
 *
 * The two talk over a channel of short texts (server_text.h). A server that retires hands the channels to the servers before
 * it on, so that the one in charge has a channel to each (former_servers.h):
 *   new to old  formers          it takes such channels, and decides about logins
 *               ready            it serves
 *               reopen           open the log files again
 *               within SECONDS   the time of the next drain
 *               drain, now       stop as SIGTERM, SIGINT say
 *               sessions         tell all of them again
 *               admitted ID OUTCOME    the answer to admit
 *   old to new  yours            the service manager knows the new one
 *               former           with the channel to a server before; its sessions follow
 *               session ID KEY USER, gone ID    for the new one's limits; USER "" before the login
 *               anew             all sessions follow
 *               admit ID MAX USER    may this session log in? MAX of its account, or 0
 */
#ifndef DAEMON_MASTER_UPGRADE_H
#define DAEMON_MASTER_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "daemon/master/former_servers.h"
#include "daemon/master/loop.h"

#define UPGRADE_REPORT_MAX 4096

struct bans;
struct broker_worker;
struct control_socket;
struct hook_worker;
struct inherited;
struct listeners;
struct log_targets;
struct metrics_server;
struct proxied;
struct server;
struct sessions;

/* What is handed over, or ends, when another server takes over. All borrowed. */
struct upgrade_parts {
	struct server *server;
	struct sessions *sessions;
	struct listeners *listeners;
	struct proxied *proxied;
	struct log_targets *log;
	struct hook_worker *hooks;
	struct broker_worker *broker;
	struct metrics_server *metrics;
	struct control_socket *control;
	struct bans *bans;
	void (*reload)(void *arg); /* one that had to wait for a server that did not come up */
	void *reload_arg;
};

struct upgrade {
	struct upgrade_parts parts;
	const char *program; /* where this program was started from */
	/* the server that comes */
	char supervisor[160]; /* why no upgrade is possible; "": it is */
	struct loop_child child; /* its parent until it is ready; pid 0: none starts */
	pid_t program_pid; /* itself, */
	int program_fd; /* and its pidfd; -1: none */
	int successor; /* the channel to it; -1: none */
	struct loop_source successor_source;
	int errors_fd; /* its standard error until it is ready */
	struct loop_timer overdue; /* it must be ready by then */
	struct loop_timer rescue; /* when one starts in place of one that died */
	bool is_held; /* a reload is under way */
	bool is_postponed; /* it starts when that has ended */
	bool wants_reload; /* a reload was asked for while it starts */
	bool is_retired; /* another has taken over; this one lives for its sessions */
	bool has_successor; /* that other lives */
	struct buf gone; /* lines about sessions that have ended, which its channel has no room for yet */
	bool takes_formers; /* it knows that word */
	/* the last start that ended */
	uint64_t ended; /* how many have */
	bool is_good;
	char report[UPGRADE_REPORT_MAX]; /* lines */
	/* the servers that go */
	struct former_servers formers;
	bool is_known; /* the service manager knows this one */
};

/* At start, before the environment is cleared: remember how this program was started. parts is copied. 0 or -ENOMEM. */
int upgrade_init(struct upgrade *upgrade, const struct upgrade_parts *parts, const char *argv0);

/* The sessions can be counted from now on. Take what the former server hands over, but its listeners and its standard error. */
void upgrade_take(struct upgrade *upgrade, const struct inherited *inherited);

/* This server is ready: report it to the former one, if there is one. True: the manager learns of it later. */
bool upgrade_tell_ready(struct upgrade *upgrade);

/*
 * SIGUSR2. While a reload is under way, it waits for its end.
 * Returns NULL, or why it is refused; nothing changes then. Its end counts up upgrade->ended.
 */
const char *upgrade_start(struct upgrade *upgrade);

/* A reload is under way; it has ended, and what waited for that starts. */
void upgrade_hold(struct upgrade *upgrade);
void upgrade_release(struct upgrade *upgrade);

/* A reload is asked for. True: a new server is about to start, and the reload is left to it, or follows if it fails. */
bool upgrade_takes_reload(struct upgrade *upgrade);

/* SIGHUP to a server that has retired: its log files are opened again. False: it has not. */
bool upgrade_reload_retired(struct upgrade *upgrade);

/* Another server has taken over, and none has to be started in its place: this one may leave with its last session. */
bool upgrade_lets_go(const struct upgrade *upgrade);

/* Tell the servers that go to stop as server->stop() does. */
void upgrade_stop_formers(struct upgrade *upgrade, bool is_drain);

/* The server stops: no new one comes up. */
void upgrade_cancel(struct upgrade *upgrade);

#endif
