/* SPDX-License-Identifier: ISC */
#include "privsep/broker/database.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/io.h"
#include "privsep/broker/answer.h"
#include "privsep/broker/share_call.h"

#include "common/banned.h"

#define DIAL_MS 2000 /* to be ready; then the next place is tried */
#define LOOKUP_MS 3000 /* then the former addresses are taken */
#define LOOKUP_FRESH_MS 5000 /* of addresses */
#define WAITED_ANSWER_MS 1000 /* of a question that has waited for a connection */
#define BEAT_MS 10000 /* between signs of life, of each connection and of the node; its lease is three times that */
#define EXPIRE_AT_ONCE "100" /* shares of nodes that are gone */
#define LENDING_PLACES \
	2 /* questions about shares that a connection has at most: each may wait half a second for a lock */
#define REDIAL_FIRST_MS 100
#define REDIAL_LAST_MS 2000
#define REDIAL_LAST 6 /* failures, after which the delay does not grow */
#define COMPLAINT_MS 60000 /* between events about the same */
#define STEADY_MS 2000 /* a connection that held so long was a good one */

enum { OWN_VERSION, OWN_HELLO, OWN_PREPARE, OWN_PROBE, OWN_BEAT, OWN_EXPIRE, OWN_LISTEN };

static void place_question(struct database *database, struct question *question, uint64_t now_ms);

static const char silence[] = "the database has not answered within 2 s";
static const char flood[] = "the database sends more notifications than are read; some are dropped";

void
database_init(struct database *database, const struct database_owner *owner, const struct places *places,
    unsigned count, int epoll_fd, uint64_t first_tag)
{
	database->owner = owner;
	database->count = count;
	database->state = BROKER_DOWN;
	database->is_hopeful = count > 0;
	TAILQ_INIT(&database->waiting);
	for (unsigned i = 0; i < count; i++)
		connection_init(&database->all[i], epoll_fd, first_tag + i);
	if (count > 0) {
		database->places = *places;
		places_begin(&database->places);
	}
}

static unsigned
count_connections(const struct database *database, enum connection_state state)
{
	unsigned found = 0;

	for (unsigned i = 0; i < database->count; i++)
		found += database->all[i].state == state;
	return found;
}

static void
complain(struct database *database, const char *problem, uint64_t now_ms)
{
	if (now_ms < database->complaint_ms)
		return;
	database->complaint_ms = now_ms + COMPLAINT_MS;
	database->owner->complained(problem);
}

static void
tell_database(struct database *database, enum broker_state state, const char *problem, uint64_t now_ms)
{
	bool is_new = !database->has_told || database->state != state;
	bool has_new_reason = strcmp(database->problem, problem) != 0;

	if (has_new_reason)
		snprintf(database->problem, sizeof(database->problem), "%s", problem);
	if (!is_new && has_new_reason)
		complain(database, problem, now_ms);
	if (!is_new)
		return;
	database->has_told = true;
	database->state = state;
	database->complaint_ms = state == BROKER_UP ? now_ms : now_ms + COMPLAINT_MS;
	database->owner->changed(state, problem);
}

/* --- the end of a connection --- */

static bool
is_of_share(const struct question *question)
{
	switch (question->kind) {
	case QUESTION_CREDIT:
	case QUESTION_SHARE_CLOSE:
	case QUESTION_COUNTED:
	case QUESTION_SESSIONS:
		return true;
	default:
		return false;
	}
}

static bool
is_of_news(const struct question *question)
{
	switch (question->kind) {
	case QUESTION_NEWS:
	case QUESTION_TELL_BAN:
	case QUESTION_TELL_KICK:
		return true;
	default:
		return false;
	}
}

/* Those of the connection itself go without a word; a beat that was lost is due again. */
static void
answer_without_row(struct database *database, struct question *question)
{
	if (question->kind == QUESTION_ACCOUNT || is_of_share(question) || is_of_news(question))
		database->owner->answered(question, NULL);
	else if (question->kind == QUESTION_BEAT || question->kind == QUESTION_HELLO)
		database->beat_ms = 0;
}

static void
answer_nothing(struct database *database, struct question_list *questions)
{
	struct question *question;

	while ((question = TAILQ_FIRST(questions)) != NULL) {
		TAILQ_REMOVE(questions, question, entry);
		answer_without_row(database, question);
	}
}

static uint64_t
redial_delay(unsigned failures)
{
	if (failures == 0)
		return 0;
	return failures >= REDIAL_LAST ? REDIAL_LAST_MS : (uint64_t)REDIAL_FIRST_MS << (failures - 1);
}

/* The last connection is gone. One that was good and ended is dialled again before the database counts as down. */
static void
lose_database(struct database *database, const struct connection *last, bool has_hope, uint64_t now_ms)
{
	database->is_hopeful = has_hope;
	if (has_hope)
		return;
	tell_database(database, last->is_refusal ? BROKER_STRANGE : BROKER_DOWN, last->problem, now_ms);
	answer_nothing(database, &database->waiting);
}

/*
 * A look-up that was lost with a connection is asked again, in time and once for each: another one may have the answer. What
 * changes a ledger is not: the database may have done it.
 */
static void
ask_again(struct database *database, struct question_list *questions, uint64_t now_ms)
{
	struct question *question;

	while ((question = TAILQ_FIRST(questions)) != NULL) {
		TAILQ_REMOVE(questions, question, entry);
		if (question->kind == QUESTION_ACCOUNT && question->due_ms > now_ms &&
		    question->losses++ < database->count)
			place_question(database, question, now_ms);
		else
			answer_without_row(database, question);
	}
}

static void
end_connection(struct database *database, struct connection *connection, bool is_silent, uint64_t now_ms)
{
	struct question_list unanswered = TAILQ_HEAD_INITIALIZER(unanswered);
	bool was_steady = connection->state == CONNECTION_READY && connection->ready_ms + STEADY_MS <= now_ms;

	if (is_silent)
		places_blame(&database->places, connection_place(connection), connection_port(connection));
	connection_end(connection, &unanswered);
	if (database->listener == connection)
		database->listener = NULL;
	if (connection->is_refusal)
		database->failures = REDIAL_LAST;
	else if (!was_steady)
		database->failures++;
	database->redial_ms = now_ms + redial_delay(database->failures);
	if (count_connections(database, CONNECTION_READY) == 0)
		lose_database(database, connection, was_steady && !is_silent && !connection->is_refusal, now_ms);
	else if (connection->is_refusal || is_silent)
		complain(database, connection->problem, now_ms);
	if (is_silent || connection->is_refusal)
		answer_nothing(database, &unanswered);
	else
		ask_again(database, &unanswered, now_ms);
}

/* --- dialling --- */

/* Are the addresses of this round there? If not, the master is asked, for one name after the other. */
static bool
has_addresses(struct database *database, uint64_t now_ms)
{
	const char *name = places_name(&database->places);

	if (now_ms < database->fresh_until_ms)
		return true;
	if (name != NULL && !database->is_looking_up && database->owner->look_up(name)) {
		database->is_looking_up = true;
		database->lookup_due_ms = now_ms + LOOKUP_MS;
	}
	if (database->is_looking_up && now_ms < database->lookup_due_ms)
		return false;
	database->fresh_until_ms = now_ms + LOOKUP_FRESH_MS;
	if (!database->is_looking_up)
		places_begin(&database->places); /* for the round after this one */
	return true;
}

static void
dial_connection(struct database *database, struct connection *connection, uint64_t now_ms)
{
	struct buf conninfo, why;
	int r;

	buf_init(&conninfo, CONNINFO_TEXT_MAX);
	buf_init(&why, CONNINFO_TEXT_MAX);
	r = places_compose(&database->places, &conninfo);
	connection->due_ms = now_ms + DIAL_MS;
	if (r == 0 && (r = conninfo_check_files(&database->places.info, CONNINFO_READER_SELF, &why)) < 0)
		connection_blame(connection, why.data == NULL ? strerror(-r) : why.data, false);
	else if (r == 0)
		r = connection_dial(connection, conninfo.data);
	else
		connection_blame(
		    connection, r == -ENOENT ? "none of the hosts of 'connect' has an address" : strerror(-r), false);
	buf_free(&conninfo); /* wipes it: it has the password */
	buf_free(&why);
	if (r < 0)
		end_connection(database, connection, false, now_ms);
}

/* While no connection is there, one at a time tries; then the others follow it. */
static void
dial_due(struct database *database, uint64_t now_ms)
{
	bool is_up = count_connections(database, CONNECTION_READY) > 0;

	for (unsigned i = 0; i < database->count && database->redial_ms <= now_ms; i++) {
		struct connection *connection = &database->all[i];
		bool is_taken = !is_up &&
		    count_connections(database, CONNECTION_DIALLING) +
			    count_connections(database, CONNECTION_GREETING) >
			0;

		if (connection->state != CONNECTION_NONE || is_taken)
			continue;
		if (!has_addresses(database, now_ms))
			return;
		dial_connection(database, connection, now_ms);
	}
}

void
database_found(struct database *database, const struct conninfo_found *found, uint64_t now_ms)
{
	places_found(&database->places, found);
	database->is_looking_up = false;
	dial_due(database, now_ms);
}

/* --- questions --- */

static void
ask_connection(struct database *database, struct connection *connection, struct question *question,
    const char *const *params, uint64_t now_ms)
{
	question->asked_ms = now_ms;
	if (connection_ask(connection, question, params) < 0)
		end_connection(database, connection, false, now_ms);
}

static void
ask_own(
    struct database *database, struct connection *connection, unsigned which, enum question_kind kind, uint64_t now_ms)
{
	char node_id[SHARE_NUMBER_SIZE];
	const char *const of_hello[] = {database->node, database->boot}, *const of_beat[] = {node_id, database->boot};
	static const char *const of_probe[] = {""}; /* no account has that name */
	static const char *const of_expire[] = {EXPIRE_AT_ONCE};
	const char *const *params = kind == QUESTION_HELLO ? of_hello
	    : kind == QUESTION_BEAT                        ? of_beat
	    : kind == QUESTION_EXPIRE                      ? of_expire
							   : of_probe;
	struct question *question = &connection->own[which];

	snprintf(node_id, sizeof(node_id), "%u", database->node_id);
	*question = (struct question){.kind = kind, .due_ms = now_ms + DATABASE_ANSWER_MS};
	ask_connection(database, connection, question, params, now_ms);
}

/* One connection listens to notifications. When it has ended, another one does. */
static void
listen_somewhere(struct database *database, uint64_t now_ms)
{
	for (unsigned i = 0; i < database->count && database->listener == NULL; i++)
		if (database->all[i].state == CONNECTION_READY)
			database->listener = &database->all[i];
	for (unsigned i = 0; i < NOTIFICATION_CHANNEL_COUNT && database->listener != NULL; i++)
		ask_own(database, database->listener, OWN_LISTEN + i,
		    connection_listening((enum notification_channel)i), now_ms);
}

/* The last LISTEN is answered: what came before it is in tables. Without it they are looked at all the same. */
static void
take_listening(struct database *database, const struct connection *connection, const struct question *question,
    const struct row *row, uint64_t now_ms)
{
	if (row == NULL)
		complain(database, connection->problem, now_ms);
	if (question->kind == connection_listening(NOTIFICATION_CHANNEL_COUNT - 1))
		database->owner->listening();
}

static void
hear_notifications(struct database *database, struct connection *connection, uint64_t now_ms)
{
	struct notification notification;

	while (connection_take_notification(connection, &notification, now_ms))
		if (connection == database->listener)
			database->owner->notified(notification.channel, notification.payload);
	if (connection_is_flooded(connection))
		complain(database, flood, now_ms);
}

static struct connection *
least_busy(struct database *database)
{
	struct connection *found = NULL;

	for (unsigned i = 0; i < database->count; i++) {
		struct connection *connection = &database->all[i];

		if (connection->state == CONNECTION_READY &&
		    (found == NULL || connection->asked_count < found->asked_count))
			found = connection;
	}
	return found;
}

static void
place_question(struct database *database, struct question *question, uint64_t now_ms)
{
	struct connection *connection = least_busy(database);
	const char *const params[] = {question->name};

	if (connection != NULL)
		ask_connection(database, connection, question, params, now_ms);
	else if (database->is_hopeful)
		TAILQ_INSERT_TAIL(&database->waiting, question, entry);
	else
		database->owner->answered(question, NULL);
}

void
database_ask(struct database *database, struct question *question, uint64_t now_ms)
{
	question->kind = QUESTION_ACCOUNT;
	question->losses = 0;
	question->due_ms = now_ms + DATABASE_ANSWER_MS;
	place_question(database, question, now_ms);
}

enum database_lending
database_lending(const struct database *database)
{
	if (count_connections(database, CONNECTION_READY) == 0)
		return database->is_hopeful ? LENDING_SOON : LENDING_DOWN;
	if (database->standing == NODE_REFUSED)
		return LENDING_REFUSED;
	return database->standing == NODE_KNOWN ? LENDING_NOW : LENDING_DOWN;
}

unsigned
database_lending_places(const struct database *database)
{
	return LENDING_PLACES * count_connections(database, CONNECTION_READY);
}

void
database_ask_share(struct database *database, struct question *question, const struct share_call *call,
    uint64_t account, uint64_t now_ms)
{
	struct connection *connection = least_busy(database);
	const struct share_sender sender = {database->node_id, database->boot, database->broker, database->is_alone};
	struct share_params params;

	if (connection == NULL) {
		database->owner->answered(question, NULL);
		return;
	}
	share_call_params(call, account, &sender, &params);
	question->due_ms = now_ms + DATABASE_ANSWER_MS;
	ask_connection(database, connection, question, params.values, now_ms);
}

void
database_ask_once(struct database *database, struct question *question, enum question_kind kind,
    const char *const *params, uint64_t now_ms)
{
	struct connection *connection = least_busy(database);

	*question = (struct question){.kind = kind, .due_ms = now_ms + DATABASE_ANSWER_MS};
	if (connection == NULL)
		database->owner->answered(question, NULL);
	else
		ask_connection(database, connection, question, params, now_ms);
}

/* The server gets time for the last of them, too: it is not dead because others were. */

static void
ask_waiting(struct database *database, uint64_t now_ms)
{
	struct question_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
	struct question *question;

	TAILQ_CONCAT(&waiting, &database->waiting, entry);
	while ((question = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, question, entry);
		if (question->due_ms < now_ms + WAITED_ANSWER_MS)
			question->due_ms = now_ms + WAITED_ANSWER_MS;
		place_question(database, question, now_ms);
	}
}

/* --- answers --- */

static void
take_version(struct database *database, struct connection *connection, const struct row *row, uint64_t now_ms)
{
	char problem[PROBLEM_TEXT_MAX];

	if (!answer_version_known(row, problem, sizeof(problem))) {
		connection_blame(connection, problem, true);
		end_connection(database, connection, false, now_ms);
		return;
	}
	if (connection->state != CONNECTION_GREETING)
		return;
	ask_own(database, connection, OWN_HELLO, QUESTION_HELLO, now_ms);
	if (connection->state == CONNECTION_GREETING)
		ask_own(database, connection, OWN_PREPARE, QUESTION_PREPARE, now_ms);
	if (connection->state == CONNECTION_GREETING)
		ask_own(database, connection, OWN_PROBE, QUESTION_PROBE, now_ms);
}

static void
take_ready(struct database *database, struct connection *connection, uint64_t now_ms)
{
	if (connection->state == CONNECTION_READY)
		return;
	connection->state = CONNECTION_READY;
	connection->ready_ms = now_ms;
	connection->due_ms = now_ms + BEAT_MS;
	database->is_hopeful = false;
	tell_database(database, BROKER_UP, "", now_ms);
	ask_waiting(database, now_ms);
}

/* --- this node --- */

static void
take_standing(struct database *database, enum node_standing standing, uint64_t now_ms)
{
	database->standing = standing;
	database->beat_ms = now_ms + BEAT_MS;
	database->owner->node_heard(standing);
}

static void
take_hello(struct database *database, const struct row *row, uint64_t now_ms)
{
	uint64_t number;
	const char *problem = share_number_of_row(row, INT32_MAX, &number);

	if (problem != NULL)
		complain(database, "the database does not say which number this node has", now_ms);
	database->node_id = (uint32_t)number;
	take_standing(database, problem != NULL ? NODE_UNKNOWN : number == 0 ? NODE_REFUSED : NODE_KNOWN, now_ms);
}

/* NULL: it is another node's name now, or nobody's, since the database is an older one. The next hello tells. */
static void
take_beat(struct database *database, struct connection *connection, const struct row *row, uint64_t now_ms)
{
	if (row == NULL)
		complain(database, connection->problem, now_ms);
	else if (row->fields[0] != NULL && strcmp(row->fields[0], "t") == 0)
		take_standing(database, NODE_KNOWN, now_ms);
	else
		ask_own(database, connection, OWN_HELLO, QUESTION_HELLO, now_ms);
}

static void
beat_when_due(struct database *database, uint64_t now_ms)
{
	struct connection *connection = now_ms < database->beat_ms ? NULL : least_busy(database);

	if (connection == NULL)
		return;
	database->beat_ms = now_ms + BEAT_MS;
	if (database->standing != NODE_KNOWN) {
		ask_own(database, connection, OWN_HELLO, QUESTION_HELLO, now_ms);
		return;
	}
	ask_own(database, connection, OWN_BEAT, QUESTION_BEAT, now_ms);
	if (connection->state == CONNECTION_READY)
		ask_own(database, connection, OWN_EXPIRE, QUESTION_EXPIRE, now_ms);
}

static void
take_database_answer(struct database *database, struct connection *connection, struct question *question,
    const struct row *row, uint64_t now_ms)
{
	connection->heard_ms = now_ms;
	if (connection->state == CONNECTION_READY && connection->ready_ms + STEADY_MS <= now_ms)
		database->failures = 0;
	switch (question->kind) {
	case QUESTION_VERSION:
		take_version(database, connection, row, now_ms);
		break;
	case QUESTION_HELLO:
		take_hello(database, row, now_ms);
		break;
	case QUESTION_PREPARE:
		break;
	case QUESTION_NEWS:
	case QUESTION_TELL_BAN:
	case QUESTION_TELL_KICK:
		if (row == NULL)
			complain(database, connection->problem, now_ms);
		database->owner->answered(question, row);
		break;
	case QUESTION_PROBE:
		take_ready(database, connection, now_ms);
		break;
	case QUESTION_ACCOUNT:
		if (row == NULL)
			complain(database, connection->problem, now_ms);
		database->owner->answered(question, row);
		break;
	case QUESTION_BEAT:
		take_beat(database, connection, row, now_ms);
		break;
	case QUESTION_EXPIRE:
		if (row == NULL)
			complain(database, connection->problem, now_ms);
		break;
	case QUESTION_CREDIT:
	case QUESTION_SHARE_CLOSE:
	case QUESTION_COUNTED:
	case QUESTION_SESSIONS:
		if (row == NULL)
			complain(database, connection->problem, now_ms);
		database->owner->answered(question, row);
		break;
	case QUESTION_LISTEN_RECALL:
	case QUESTION_LISTEN_NEWS:
		take_listening(database, connection, question, row, now_ms);
		break;
	}
}

void
database_ready(struct database *database, unsigned number, uint32_t events, uint64_t now_ms)
{
	struct connection *connection = &database->all[number];
	bool was_dialling = connection->state == CONNECTION_DIALLING;
	struct question *question;
	const struct row *row;
	int r;

	if (connection->state == CONNECTION_NONE) /* ended by an event before this one */
		return;
	r = connection_advance(connection, events);
	if (r == 0 && was_dialling && connection->state == CONNECTION_GREETING)
		ask_own(database, connection, OWN_VERSION, QUESTION_VERSION, now_ms);
	while (r == 0 && connection->state >= CONNECTION_GREETING &&
	    (r = connection_take(connection, &question, &row)) == 1) {
		take_database_answer(database, connection, question, row, now_ms);
		r = 0;
		if (connection->state == CONNECTION_NONE)
			return;
	}
	if (r == 0 && connection->state >= CONNECTION_GREETING)
		hear_notifications(database, connection, now_ms);
	if (r < 0)
		end_connection(database, connection, false, now_ms);
}

/* --- time --- */

static uint64_t
sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A connection that has said nothing since a question that has waited too long is as dead as the one that was asked. */
static void
end_silent(struct database *database, uint64_t asked_ms, uint64_t now_ms)
{
	for (unsigned i = 0; i < database->count; i++) {
		struct connection *connection = &database->all[i];

		if (connection->state < CONNECTION_GREETING || connection->heard_ms >= asked_ms)
			continue;
		connection_blame(connection, silence, false);
		end_connection(database, connection, true, now_ms);
	}
}

static void
ask_for_life(struct database *database, struct connection *connection, uint64_t now_ms)
{
	ask_own(database, connection, OWN_VERSION, QUESTION_VERSION, now_ms);
	if (connection->state == CONNECTION_READY)
		ask_own(database, connection, OWN_PROBE, QUESTION_PROBE, now_ms);
}

static void
expire_connection(struct database *database, struct connection *connection, uint64_t now_ms)
{
	const struct question *first = TAILQ_FIRST(&connection->asked);

	if (first != NULL && first->due_ms <= now_ms) {
		connection->heard_ms = 0;
		end_silent(database, first->asked_ms, now_ms);
	} else if ((connection->state == CONNECTION_DIALLING || connection->state == CONNECTION_GREETING) &&
	    connection->due_ms <= now_ms) {
		connection_blame(connection, "no connection within 2 s", false);
		end_connection(database, connection, true, now_ms);
	} else if (connection->state == CONNECTION_READY && connection->due_ms <= now_ms) {
		connection->due_ms = now_ms + BEAT_MS;
		if (first == NULL)
			ask_for_life(database, connection, now_ms);
	}
}

static void
expire_waiting(struct database *database, uint64_t now_ms)
{
	struct question *first;

	while ((first = TAILQ_FIRST(&database->waiting)) != NULL && first->due_ms <= now_ms) {
		TAILQ_REMOVE(&database->waiting, first, entry);
		database->owner->answered(first, NULL);
	}
}

static uint64_t
next_dial(const struct database *database)
{
	unsigned none = count_connections(database, CONNECTION_NONE);
	bool is_wanted = none == database->count || (none > 0 && count_connections(database, CONNECTION_READY) > 0);

	if (!is_wanted)
		return UINT64_MAX;
	/* the later of both */
	return database->is_looking_up && database->lookup_due_ms > database->redial_ms ? database->lookup_due_ms
											: database->redial_ms;
}

static uint64_t
next_due(const struct database *database)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < database->count; i++) {
		const struct connection *connection = &database->all[i];

		if (!TAILQ_EMPTY(&connection->asked))
			due = sooner(due, TAILQ_FIRST(&connection->asked)->due_ms);
		if (connection->state != CONNECTION_NONE)
			due = sooner(due, connection->due_ms);
	}
	if (!TAILQ_EMPTY(&database->waiting))
		due = sooner(due, TAILQ_FIRST(&database->waiting)->due_ms);
	if (count_connections(database, CONNECTION_READY) > 0)
		due = sooner(due, database->beat_ms);
	return sooner(due, next_dial(database));
}

int
database_expire(struct database *database, uint64_t now_ms)
{
	uint64_t due;

	if (database->count == 0)
		return -1;
	for (unsigned i = 0; i < database->count; i++)
		expire_connection(database, &database->all[i], now_ms);
	expire_waiting(database, now_ms);
	if (database->listener == NULL)
		listen_somewhere(database, now_ms);
	beat_when_due(database, now_ms);
	dial_due(database, now_ms);
	due = next_due(database);
	return due == UINT64_MAX ? -1 : deadline_left_ms(due, now_ms);
}
