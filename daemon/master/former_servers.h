/* SPDX-License-Identifier: ISC */
/*
 * The servers before this one, which live for their sessions. Each has a channel of its own, over which it is asked
 * to stop and reports its sessions. When this server retires in its turn, the next one gets these channels as well.
 * So every server is reached, whichever in between has died. This one keeps its ends, for the case that the next one
 * dies.
 */
#ifndef DAEMON_MASTER_FORMER_SERVERS_H
#define DAEMON_MASTER_FORMER_SERVERS_H

#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/master/former_sessions.h"
#include "daemon/master/loop.h"

struct server;
struct sessions;

struct former_server {
	struct former_servers *all;
	int channel;
	struct loop_source source;
	bool is_starter; /* it has started this server, and speaks of the others */
	bool is_watched;
	bool is_lent; /* the next server has its channel */
	TAILQ_ENTRY(former_server) entry;
};

TAILQ_HEAD(former_server_list, former_server);

/* Whom it concerns here. */
struct former_listener {
	void (*gone)(void *arg, const char *id); /* a session of theirs has ended */
	void (*is_ours)(void *arg); /* the starter has handed all over, or has died */
	void (*ended)(void *arg); /* one of them has ended */
	void *arg;
};

struct former_servers {
	struct server *server;
	struct sessions *sessions;
	struct former_listener listener;
	struct former_server_list list;
	struct former_server *named; /* whose sessions the starter tells */
	struct former_sessions known;
};

/* There are none. server and sessions are borrowed. */
void former_servers_init(struct former_servers *formers, struct server *server, struct sessions *sessions,
    const struct former_listener *listener);

/* This server was started by another one, over channel, which is ours from here on. 0 or -errno. */
int former_servers_start(struct former_servers *formers, int channel);

/* Send it to the starter. False: there is none. */
bool former_servers_tell_starter(struct former_servers *formers, const char *text);

/* Send it to each to which no other server sends it. */
void former_servers_tell(struct former_servers *formers, const char *text);

/* This server waits for one before it ends, and is the only way to stop it. */
bool former_servers_need_this(const struct former_servers *formers);

/* Another server takes over: tell it of their sessions and, if it takes_channels, hand their channels on. */
void former_servers_hand_on(struct former_servers *formers, int successor, bool takes_channels);

/* That other has died. */
void former_servers_take_back(struct former_servers *formers);

/* One has a message, or has closed its channel. arg: the struct former_server. */
void former_server_ready(void *arg);

#endif
