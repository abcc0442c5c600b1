/* SPDX-License-Identifier: ISC */
/* The table of sessions: limits, messages of monitors, turns for passwords, reaping. */
#ifndef DAEMON_MASTER_SESSIONS_H
#define DAEMON_MASTER_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/master/home_counts.h"
#include "daemon/master/ports.h"
#include "daemon/master/slot.h"
#include "daemon/master/work.h"
#include "privsep/ipc/messages.h"

struct accounts_loader;
struct bans;
struct broker_worker;
struct control_request;
struct judgements;
struct server;
struct tally;

struct sessions {
	struct server *server;
	struct bans *bans;
	struct accounts_loader *accounts;
	struct broker_worker *broker; /* NULL: none is ever asked */
	struct slot *slots; /* SESSIONS_MAX of them; touched from the front */
	size_t used; /* slots ever touched */
	struct slots live, arriving, free, lent;
	struct loop_timer lent_due; /* to look whether those that have lent_fd need it still */
	uint32_t live_count;
	uint32_t counted; /* for the limits: with those of a former server */
	struct tally *by_address, *by_user; /* of them */
	struct turns *turns[TURN_KIND_COUNT];
	struct judgements *judgements;
	struct loop_timer grant; /* of turns to waiting sessions */
	struct work_turns work;
	struct home_counts counts; /* of their homes */
	struct ports ports;
	/* Of upgrade.c; NULL: no other server is ever asked. */
	void (*gone)(void *arg, const char *id); /* one has ended */
	bool (*ask_admission)(void *arg, const char *id, uint32_t max_sessions, const char *user);
	void *upgrade;
};

/*
 * Make the empty table and the scoreboard, server->board. All but sessions is borrowed, and accounts->ended is set. The
 * broker and the functions of upgrade.c are the caller's to set after this. 0 or -errno.
 */
int sessions_init(
    struct sessions *sessions, struct server *server, struct bans *bans, struct accounts_loader *accounts);

/* A session of address, and of user unless that is "", counts for the limits from now on, or no more. */
void sessions_count(struct sessions *sessions, const struct address_key *address, const char *user);
void sessions_uncount(struct sessions *sessions, const struct address_key *address, const char *user);

/* May one more session of user begin, whose account has max_sessions (0: no limit of its own)? Counts nothing. */
enum ipc_admit_outcome sessions_admit(const struct sessions *sessions, const char *user, uint32_t max_sessions);

/* The server that was asked has decided about the login of this session. */
void sessions_take_admission(struct sessions *sessions, const char *id, enum ipc_admit_outcome outcome);

/* That server has died: this one decides. Another one has its place: it is asked. */
void sessions_admit_waiting(struct sessions *sessions);
void sessions_ask_again(struct sessions *sessions);

/* A slot for a session to come, in no list yet. */
struct slot *sessions_take_slot(struct sessions *sessions);

/* There was no session to come after all. */
void sessions_return_slot(struct sessions *sessions, struct slot *slot);

/* Is there a session without a login that may be ended to make room? */
bool sessions_have_room_to_make(const struct sessions *sessions);

/* End the oldest session without a login to make room. False: there is none. */
bool sessions_make_room(struct sessions *sessions);

/*
 * Add a forked session to the table. pid: its monitor, which leads a group of its own; channel: to it, the slot's
 * from here on.
 */
void sessions_enter(struct sessions *sessions, struct slot *slot, pid_t pid, int channel, const struct session *session,
    const struct address_key *address);

/* Put the descriptors of a session into its channel, before its monitor is forked. 0 or -errno. */
int sessions_send_belongings(int channel, const struct session *session);

/*
 * monitor_fd is the slot's from here on, the end of the channel that its monitor was forked with: see
 * sandbox_fork_apart(). It is closed when the monitor has taken its belongings or is gone.
 */
void sessions_lend(struct sessions *sessions, struct slot *slot, int monitor_fd);
void sessions_close_lent(struct sessions *sessions);

/* Its monitor has a message, or has closed the channel. arg: the slot. */
void slot_ready(void *arg);

/* Its monitor was reaped. arg: the slot, which is free then. */
void slot_gone(void *arg, int status);

/*
 * Give waiting sessions their turns to compute a hash, as far as limits.concurrent-hashes, the delays of their
 * addresses and a loader of accounts allow; again when the next one may be due. arg: the struct sessions.
 */
void sessions_grant_due(void *arg);

/* The same before the loop waits again: a turn is free, the accounts or the limits have changed. */
void sessions_grant_soon(struct sessions *sessions);

/* End the sessions that a request names, or send their clients a notice. Returns how many. */
size_t sessions_kick(struct sessions *sessions, const struct control_request *request);
size_t sessions_notify(struct sessions *sessions, const struct control_request *request);

/* Sessions that began, or logged in, before a moment. */
struct session_kick {
	enum news_target target;
	const char *value; /* the account's name */
	union address address; /* or this */
	uint64_t before_ms;
};

/* An administrator of another node ends them. Returns how many. */
size_t sessions_kick_told(struct sessions *sessions, const struct session_kick *kick);

/* End the sessions of address without a login: it was banned. */
void sessions_end_unwelcome(struct sessions *sessions, const struct address_key *address);

/* Tell every session to end. */
void sessions_tell_end(struct sessions *sessions, enum ipc_end_reason reason);

/* SIGKILL to all processes of every session. */
void sessions_kill(struct sessions *sessions);

#endif
