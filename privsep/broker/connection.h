/* SPDX-License-Identifier: ISC */
/*
 * One connection to the database, by libpq, which never blocks here: dialling, questions in a pipeline, answers in their
 * order. What the server sends is hostile: one row an answer, and a bound for all that comes before it.
 */
#ifndef PRIVSEP_BROKER_CONNECTION_H
#define PRIVSEP_BROKER_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/bounds.h"
#include "common/budget.h"

#define ROW_FIELDS_MAX 8
#define QUESTION_PARAMS_MAX 16
#define NOTIFICATION_PAYLOAD_MAX 64 /* one with more is nobody's */
#define PROBLEM_TEXT_MAX 600 /* of the reason why a connection is none, escaped */

enum question_kind {
	QUESTION_VERSION, /* of the schema; also a sign of life */
	QUESTION_HELLO, /* this node is there */
	QUESTION_PREPARE, /* the statements of the others */
	QUESTION_PROBE, /* the look-up of a name that no account has: does it work at all? */
	QUESTION_ACCOUNT,
	QUESTION_BEAT, /* this node is still there */
	QUESTION_EXPIRE, /* shares of nodes that are gone */
	QUESTION_CREDIT, /* see share_call.h for these */
	QUESTION_SHARE_CLOSE,
	QUESTION_COUNTED,
	QUESTION_SESSIONS,
	QUESTION_NEWS, /* see news.h for these */
	QUESTION_TELL_BAN,
	QUESTION_TELL_KICK,
	QUESTION_LISTEN_RECALL, /* to notifications, from now on */
	QUESTION_LISTEN_NEWS,
};

/* The channels of notifications that a connection listens on, by their numbers. */
enum notification_channel {
	NOTIFICATION_RECALL, /* payload: the id of an account, of which others want room */
	NOTIFICATION_NEWS, /* a ban or a kick has come; no payload */
	NOTIFICATION_CHANNEL_COUNT
};

struct notification {
	enum notification_channel channel;
	char payload[NOTIFICATION_PAYLOAD_MAX + 1]; /* hostile, as all of it */
};

struct question {
	enum question_kind kind;
	char name[ACCOUNT_NAME_MAX + 1]; /* of the account */
	uint64_t asked_ms, due_ms;
	unsigned losses; /* connections that ended with it in hand; it was asked again */
	TAILQ_ENTRY(question) entry; /* of who has it in hand */
};

TAILQ_HEAD(question_list, question);

/* The one row of an answer; borrowed from the connection. NULL and 0: the field is NULL. */
struct row {
	unsigned count;
	const char *fields[ROW_FIELDS_MAX]; /* each with a NUL after its bytes */
	size_t lens[ROW_FIELDS_MAX];
};

enum connection_state {
	CONNECTION_NONE,
	CONNECTION_DIALLING,
	CONNECTION_GREETING, /* it takes questions, and nobody but its owner asks yet */
	CONNECTION_READY /* its owner says so */
};

struct connection {
	uint64_t tag; /* of its events */
	int epoll_fd;
	enum connection_state state;
	struct pg_conn *pg;
	int fd; /* of libpq; -1: not waited for */
	uint32_t events; /* that are waited for */
	struct question_list asked; /* in the order of their answers */
	unsigned asked_count;
	unsigned reads; /* since the last answer */
	uint64_t heard_ms; /* the last answer */
	struct pg_result *result; /* has the row of the answer that is in hand */
	struct row row;
	unsigned row_count;
	bool has_failed; /* the answer in hand is an error of the server */
	bool has_taken; /* result was given out: the next take drops it */
	struct budget notifications;
	bool is_flooded; /* some were left out since the last of connection_is_flooded() */
	bool is_refusal; /* the problem: the server answers, but not what is asked */
	char problem[PROBLEM_TEXT_MAX + 1];
	/* of the owner */
	uint64_t due_ms; /* to be ready, or the next sign of life */
	uint64_t redial_ms, ready_ms;
	unsigned failures;
	struct question own[6 + NOTIFICATION_CHANNEL_COUNT];
};

void connection_init(struct connection *connection, int epoll_fd, uint64_t tag);

/* Begin to dial. conninfo is libpq's, with addresses in place of names. 0, or -errno: see problem. */
int connection_dial(struct connection *connection, const char *conninfo);

/*
 * There are events of epoll(7), while it is dialled or later. Returns 0, or -errno when the connection is none any more:
 * problem says why, and connection_end() is due.
 */
int connection_advance(struct connection *connection, uint32_t events);

/*
 * Ask. The question stays the caller's, and must stay where it is until it is answered or the connection has ended. params:
 * as many as its kind has; they are copied. Errors as connection_advance().
 */
int connection_ask(struct connection *connection, struct question *question, const char *const *params);

/*
 * Take the next answer: 1, with its question, which is no longer in hand, and its row, which stays until the next call;
 * 0: there is none yet. Errors as connection_advance(). A question that may fail (QUESTION_ACCOUNT, whose name somebody may
 * have chosen for that, and those that are less than a login) and that the server answers with an error has the row NULL and
 * a problem, and the connection goes on.
 */
int connection_take(struct connection *connection, struct question **question, const struct row **row);

/* The question that listens on a channel. */
enum question_kind connection_listening(enum notification_channel channel);

/*
 * Take the next notification; false: there is none now. Those of other channels, or with a payload that is too long, are
 * dropped, and so are those beyond what a server may send at once: connection_is_flooded() says so, once.
 */
bool connection_take_notification(struct connection *connection, struct notification *notification, uint64_t now_ms);
bool connection_is_flooded(struct connection *connection);

/* Where it leads, or where it was tried last: an address or a directory, and a port; "" when unknown. Borrowed. */
const char *connection_place(const struct connection *connection);
const char *connection_port(const struct connection *connection);

/* Set the problem to one of our own words. */
void connection_blame(struct connection *connection, const char *problem, bool is_refusal);

/* Close it at once; questions in hand are moved to the end of unanswered. The problem stays. */
void connection_end(struct connection *connection, struct question_list *unanswered);

#endif
