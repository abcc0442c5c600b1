/* SPDX-License-Identifier: ISC */
/* The table of sessions: admission by limits, fork, messages of monitors, reaping. */
#ifndef DAEMON_MASTER_SESSIONS_H
#define DAEMON_MASTER_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "privsep/ipc/messages.h"

struct master;
struct slot;
struct session;
struct listener;
struct control_request;
struct address_key;

/* Make the empty table and the scoreboard. 0 or -errno. */
int sessions_init(struct master *master);

/* A session of address, and of user unless that is "", counts for the limits from now on, or no more. */
void sessions_count(struct master *master, const struct address_key *address, const char *user);
void sessions_uncount(struct master *master, const struct address_key *address, const char *user);

/* A slot for a session to come, in no list yet. */
struct slot *sessions_take_slot(struct master *master);

/*
 * A session that was forked is one of the table from now on. pid: its monitor, which leads a group of its own;
 * channel: to it, the slot's from here on.
 */
void sessions_enter(struct master *master, struct slot *slot, pid_t pid, int channel, const struct session *session,
    const struct address_key *address);

/*
 * Accept what waits at listener, within limits, and fork a session for each. True: more may wait,
 * but other events want their turn.
 */
bool sessions_accept(struct master *master, const struct listener *listener);

/* Its monitor has a message, or has closed the channel. arg: the slot. */
void slot_ready(void *arg);

/* Its monitor was reaped. arg: the slot, which is free then. */
void slot_gone(void *arg, int status);

/*
 * Let sessions that wait compute their password hash, as far as limits.concurrent-hashes, the delays of their addresses
 * and a loader of accounts allow; again when the next one may be due. arg: the master.
 */
void sessions_grant_due(void *arg);

/* The same before the loop waits again: a turn is free, the accounts or the limits have changed. */
void sessions_grant_soon(struct master *master);

/* End the sessions that a request names, or tell their clients a notice. Returns how many. */
size_t sessions_kick(struct master *master, const struct control_request *request);
size_t sessions_notify(struct master *master, const struct control_request *request);

/* End the sessions of address without a login: it was banned. */
void sessions_end_unwelcome(struct master *master, const struct address_key *address);

/* Tell every session to end. */
void sessions_tell_end(struct master *master, enum ipc_end_reason reason);

/* SIGKILL to all processes of every session. */
void sessions_kill(struct master *master);

#endif
