/* SPDX-License-Identifier: ISC */
/*
 * Upgrade: SIGUSR2 starts the program of this server's path anew, with the listening sockets. When it is
 * ready, this server retires: the new one accepts, the old one's sessions go on until they end,
 * and then it leaves. A new one that does not come up changes nothing.
 *
 * The two talk over a channel of short texts, of which each ignores what it does not know, for
 * they may be of different versions:
 *   new to old  ready            it serves
 *               reopen           open the log files again
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

#include "accounts/account.h"
#include "common/address.h"
#include "privsep/monitor/monitor.h"

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

struct upgrade {
	char *program;			/* where this program was started from */
	/* the server that comes */
	pid_t child;			/* 0: none */
	int successor;			/* the channel to it; -1: none */
	int errors_fd;			/* its standard error until it is ready */
	uint64_t deadline_ms;		/* when it must be ready */
	bool is_postponed;		/* it starts when the reload under way has ended */
	bool is_retired;		/* it serves; this one lives for its sessions */
	/* the server that goes */
	int predecessor;		/* the channel to it; -1: none */
	bool is_known;			/* the service manager was told */
	TAILQ_HEAD(, foreign) foreign;	/* its sessions, for the limits */
	TAILQ_HEAD(, foreign) unused;	/* room for others */
	struct foreign *room;	/* SESSIONS_MAX of them, that no session inherits; NULL: there was no former server */
	uint32_t foreign_count, foreign_used;
};

/* At start, before the environment is cleared: remember how this program was started. 0 or -ENOMEM. */
int upgrade_init(struct master *master, const char *argv0);

/* Take what the former server hands over, but its listeners and its standard error. */
void upgrade_take(struct master *master, const struct inherited *inherited);

/* This server is ready: tell the former one, if there is one. True: readiness is told to the manager later. */
bool upgrade_tell_ready(struct master *master);

/* SIGUSR2. While a reload is under way, it waits for its end, which calls upgrade_start_postponed(). */
void upgrade_start(struct master *master);
void upgrade_start_postponed(struct master *master);

/* SIGHUP to a server that has retired: its log files are opened again. False: it has not. */
bool upgrade_reload_retired(struct master *master);

/* The channel to the server that comes, or to the one that goes, has a message or is closed. */
void upgrade_receive_successor(struct master *master);
void upgrade_receive_predecessor(struct master *master);

/* A child of the master is gone. True when it was the server that comes. */
bool upgrade_reaped(struct master *master, pid_t pid, int status);

/* End a start that takes too long. Returns the ms until then, -1: none is under way. */
int upgrade_watch(struct master *master);

/* Tell the server that goes, if there is one: "reopen", "drain", "now". */
void upgrade_tell_predecessor(struct master *master, const char *text);

/* The server stops: no new one comes up. */
void upgrade_cancel(struct master *master);

/* A session of this server has ended. */
void upgrade_session_gone(struct master *master, const struct slot *slot);

#endif
