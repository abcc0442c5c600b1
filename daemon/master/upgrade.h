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
 * The two talk over a channel of short texts, of which each ignores what it does not know, for
 * they may be of different versions:
 *   new to old  ready            it serves
 *               passed           another has taken over from it
 *               reopen           open the log files again
 *               within SECONDS   the time of the next drain
 *               drain, now       stop as SIGTERM, SIGINT say
 *   old to new  yours            the service manager knows the new one
 *               session ID KEY USER, gone ID    for the new one's limits; USER "" before the login
 */
#ifndef DAEMON_MASTER_UPGRADE_H
#define DAEMON_MASTER_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "common/buf.h"
#include "accounts/account.h"
#include "common/address.h"
#include "daemon/master/loop.h"
#include "privsep/monitor/monitor.h"

#define UPGRADE_REPORT_MAX 4096

struct master;
struct slot;
struct inherited;

/* A session of a former server. */
struct foreign {
	char id[SESSION_ID_SIZE];
	struct address_key address;
	char user[ACCOUNT_NAME_MAX + 1];
	TAILQ_ENTRY(foreign) entry;
};

TAILQ_HEAD(foreign_list, foreign);

struct upgrade {
	char *program;			/* where this program was started from */
	/* the server that comes */
	char supervisor[160];		/* why none may come; "": it may */
	struct loop_child child;		/* its parent until it is ready; pid 0: none starts */
	pid_t program_pid;		/* itself, */
	int program_fd;			/* and its pidfd; -1: none */
	int successor;			/* the channel to it; -1: none */
	struct loop_source successor_source;
	int errors_fd;			/* its standard error until it is ready */
	struct loop_timer overdue;		/* it must be ready by then */
	struct loop_timer rescue;		/* when one starts in place of one that died */
	bool is_postponed;		/* it starts when the reload under way has ended */
	bool is_retired;		/* another has taken over; this one lives for its sessions */
	bool has_successor;		/* that other lives */
	struct buf gone;		/* lines about sessions that have ended, which its channel has no room for yet */
	bool is_passed;			/* and yet another has taken over from it */
	/* the last start that ended */
	uint64_t ended;			/* how many have */
	bool is_good;
	char report[UPGRADE_REPORT_MAX];	/* lines */
	/* the server that goes */
	int predecessor;		/* the channel to it; -1: none */
	struct loop_source predecessor_source;
	bool is_known;			/* the service manager was told */
	struct foreign_list foreign;	/* its sessions, for the limits */
	struct foreign_list unused;	/* room for others */
	struct foreign *room;	/* SESSIONS_MAX of them, that no session inherits; NULL: there was no former server */
	uint32_t foreign_count, foreign_used;
};

/* At start, before the environment is cleared: remember how this program was started. 0 or -ENOMEM. */
int upgrade_init(struct master *master, const char *argv0);

/* Take what the former server hands over, but its listeners and its standard error. */
void upgrade_take(struct master *master, const struct inherited *inherited);

/* This server is ready: tell the former one, if there is one. True: readiness is told to the manager later. */
bool upgrade_tell_ready(struct master *master);

/*
 * SIGUSR2. While a reload is under way, it waits for its end, which calls upgrade_start_postponed().
 * Returns NULL, or why it is refused; nothing changes then. Its end counts up upgrade.ended.
 */
const char *upgrade_start(struct master *master);
void upgrade_start_postponed(struct master *master);

/* SIGHUP to a server that has retired: its log files are opened again. False: it has not. */
bool upgrade_reload_retired(struct master *master);

/* The server that goes has a message, or has closed its channel. arg: the master. */
void upgrade_predecessor_ready(void *arg);

/* Another server has taken over, and none has to be started in its place: this one may leave with its last session. */
bool upgrade_lets_go(const struct master *master);

/* Tell the server that goes, if there is one, to stop as master_stop() does. */
void upgrade_stop_predecessor(struct master *master, bool is_drain);

/* Tell the server that goes, if there is one: "reopen". */
void upgrade_tell_predecessor(struct master *master, const char *text);

/* The server stops: no new one comes up. */
void upgrade_cancel(struct master *master);

/* A session of this server has ended. */
void upgrade_session_gone(struct master *master, const struct slot *slot);

#endif
