/* SPDX-License-Identifier: ISC */
/*
 * The database as the rest of the broker sees it: up or not, and a question goes in. It keeps the connections, gives a
 * question to the least busy one, dials again, and decides when the database counts as down.
 */
#ifndef PRIVSEP_BROKER_DATABASE_H
#define PRIVSEP_BROKER_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/broker/connection.h"
#include "privsep/broker/places.h"
#include "privsep/ipc/messages.h"

struct share_call;

#define DATABASE_CONNECTIONS_MAX 16
#define DATABASE_ANSWER_MS 2000 /* after that a connection counts as dead */
#define DATABASE_NODE_MAX 253
#define DATABASE_BOOT_LEN 36 /* of a UUID as text */

/* What the database lends to this node at this moment. */
enum database_lending {
	LENDING_DOWN, /* nothing: it does not answer */
	LENDING_SOON, /* the next try to reach it is under way */
	LENDING_NOW,
	LENDING_REFUSED /* nothing: another server has the name of this node, or it was declared dead */
};

/* What the rest of the broker does for it. */
struct database_owner {
	/* row NULL: the database cannot say. */
	void (*answered)(struct question *question, const struct row *row);
	/* Ask the master for the addresses of a name; database_found() has them. False: the master cannot be asked. */
	bool (*look_up)(const char *name);
	/* The state has changed; problem: why it is not up. */
	void (*changed)(enum broker_state state, const char *problem);
	/*
	 * Another problem, in the same state: a new reason why it is not up, or one of several connections has ended because of
	 * what it said, or because it said nothing. At most once a minute.
	 */
	void (*complained)(const char *problem);
	/* The database knows this node, or not (any more), as it just said. */
	void (*node_heard)(enum node_standing standing);
	/* A notification has come; what it says is as hostile as its payload. */
	void (*notified)(enum notification_channel channel, const char *payload);
	/* Notifications come from now on. Those before this may be lost: what they were about is in tables. */
	void (*listening)(void);
};

struct database {
	const struct database_owner *owner;
	struct places places;
	struct connection all[DATABASE_CONNECTIONS_MAX];
	struct connection *listener; /* the one that listens to notifications; NULL: none does */
	unsigned count; /* 0: the configuration is bad, and there is no database */
	char node[DATABASE_NODE_MAX + 1], boot[DATABASE_BOOT_LEN + 1]; /* what it is told of this node */
	uint32_t broker; /* its number among the brokers of this node */
	bool is_alone; /* this node has no other broker */
	enum node_standing standing;
	uint32_t node_id; /* while NODE_KNOWN */
	uint64_t beat_ms; /* the next one */
	enum broker_state state;
	bool has_told; /* the state, once */
	bool is_hopeful; /* no connection, but the next try is under way: questions wait for it */
	struct question_list waiting;
	unsigned failures; /* in a row */
	uint64_t redial_ms; /* not before */
	bool is_looking_up; /* the master has not answered yet */
	uint64_t lookup_due_ms, fresh_until_ms; /* of addresses */
	uint64_t complaint_ms; /* no complaint before */
	char problem[PROBLEM_TEXT_MAX + 1]; /* told last */
};

/*
 * No connection yet; count of them are dialled by database_expire(). The events of number n have the tag first_tag + n.
 * owner is borrowed; places become its own (NULL with a
 * count of 0).
 */
void database_init(struct database *database, const struct database_owner *owner, const struct places *places,
    unsigned count, int epoll_fd, uint64_t first_tag);

/* Ask for an account. The question stays where it is until owner->answered(), which may be called at once. */
void database_ask(struct database *database, struct question *question, uint64_t now_ms);

/* Can shares be asked for? */
enum database_lending database_lending(const struct database *database);

/* How many questions about shares may be under way. Few, as look-ups of logins wait behind them. */
unsigned database_lending_places(const struct database *database);

/* Ask about a share, once: where its connection ends, owner->answered() has no row. It may be called at once. */
void database_ask_share(struct database *database, struct question *question, const struct share_call *call,
    uint64_t account, uint64_t now_ms);

/*
 * Ask once: a question that is lost with its connection is answered without a row, and so is one that the database cannot
 * answer. That may happen at once. params are copied.
 */
void database_ask_once(struct database *database, struct question *question, enum question_kind kind,
    const char *const *params, uint64_t now_ms);

/* Events of the connection with this number. */
void database_ready(struct database *database, unsigned number, uint32_t events, uint64_t now_ms);

/* The master's answer to the name that it was asked for last. */
void database_found(struct database *database, const struct conninfo_found *found, uint64_t now_ms);

/* Do what is due: dial, give up, look for a sign of life. Returns the ms until the next time, -1 for none. */
int database_expire(struct database *database, uint64_t now_ms);

#endif
