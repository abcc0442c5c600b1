/* SPDX-License-Identifier: ISC */
/*
 * The accounts of which sessions of this node hold a share: how many sessions there are, whose turn it is to ask the
 * database, and who is called when other nodes need room.
 *
 * One question of an account at a time is at the database, so that a later one never overtakes it, and none waits there for
 * the lock of another. Accounts take turns, so that a busy one delays nobody else. What waits for longer than a second, or
 * while the database is down, is answered that it cannot be done now. When sessions end without a word, the database is told
 * how many are left.
 */
#ifndef PRIVSEP_BROKER_SHARES_H
#define PRIVSEP_BROKER_SHARES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "privsep/broker/connection.h"
#include "privsep/broker/share_call.h"

struct database;
struct share_account;

enum share_user_state { SHARE_IDLE, SHARE_WAITS, SHARE_ASKS };

/* One session's channel, as a part of what its owner has. */
struct share_user {
	struct share_account *account; /* NULL: it may not ask */
	bool is_counted; /* among the sessions of the account */
	bool has_left;
	enum share_user_state state;
	struct share_call call;
	struct question question;
	uint64_t due_ms; /* while it waits */
	TAILQ_ENTRY(share_user) member, turn, time;
};

struct shares_owner {
	/* The answer to shares_ask(); NULL: not now. Also for one that has left meanwhile: nothing refers to it any more. */
	void (*answered)(struct share_user *user, const struct share_answer *answer);
	/* Other nodes need room: it is to give back what it does not use. False: it cannot be told. */
	bool (*called)(struct share_user *user);
	/* A row was not believed. */
	void (*disbelieved)(uint64_t account, const char *problem);
};

/* No account yet. Both are borrowed. */
void shares_init(const struct shares_owner *owner, struct database *database);

/* The user's session is one of this account. 0 or -ENOMEM. */
int shares_join(struct share_user *user, uint64_t account);

/* Its session has ended. True: an answer is under way, so the user stays until owner->answered(). */
bool shares_leave(struct share_user *user, uint64_t now_ms);

/* Ask what user->call has. The answer may come at once. */
void shares_ask(struct share_user *user, uint64_t now_ms);

/* The database has answered a question of these kinds; row NULL: it cannot say. */
void shares_answered(struct question *question, const struct row *row, uint64_t now_ms);

/* The database is up, or down, or knows this node no more. */
void shares_go_on(uint64_t now_ms);

/* Now and then, while the database is up: tell it once more what it did not hear. */
void shares_tell_again(uint64_t now_ms);

/* Other nodes need room of this account: call one of its sessions, and the next one if that does not answer. */
void shares_recall(uint64_t account, uint64_t now_ms);

/* The shares are no longer this node's: call a session of each account, so that it asks, and hears that. */
void shares_disown(uint64_t now_ms);

/* Do what is due. Returns the moment (monotonic_ms()) of the next time; UINT64_MAX: there is none. */
uint64_t shares_expire(uint64_t now_ms);

/* How many shares are held, and how many sessions use them. */
uint32_t shares_count(void);
uint32_t shares_sessions(void);

#endif
