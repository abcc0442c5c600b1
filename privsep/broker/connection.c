/* SPDX-License-Identifier: ISC */
#include "privsep/broker/connection.h"

#include <errno.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/buf.h"
#include "privsep/broker/problem.h"

#include "common/banned.h"

#define READS_MAX 512 /* of the socket, before an answer is there */
#define LOOK_UP "account_find" /* the prepared statement */

static const struct {
	const char *sql;
	const char *statement; /* prepared under this name by QUESTION_PREPARE; NULL: not prepared, or by another row */
	int param_count;
	unsigned field_count; /* of the row; 0: there is none */
	bool may_fail; /* an error of the server is an answer; else it ends the connection */
} kinds[] = {
    [QUESTION_VERSION] = {"SELECT sallyport.schema_version()", NULL, 0, 1, false},
    [QUESTION_HELLO] = {"SELECT sallyport.node_hello($1, $2)", NULL, 2, 1, false},
    [QUESTION_PREPARE] = {NULL, NULL, 0, 0, false},
    [QUESTION_PROBE] = {NULL, LOOK_UP, 1, 3, false},
    [QUESTION_ACCOUNT] = {"SELECT o_id, o_line, o_decoy FROM sallyport.account_find($1)", LOOK_UP, 1, 3, true},
    [QUESTION_BEAT] = {"SELECT sallyport.node_beat($1, $2)", "node_beat", 2, 1, true},
    [QUESTION_EXPIRE] = {"SELECT sallyport.expire($1)", "expire", 1, 1, true},
    [QUESTION_CREDIT] =
	{"SELECT o_outcome, o_share, o_allow_bytes, o_allow_files, o_used_bytes, o_used_files, o_count, "
	 "o_nodes FROM sallyport.credit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
	    "credit", 16, 8, true},
    [QUESTION_SHARE_CLOSE] = {"SELECT sallyport.share_close($1, $2, $3, $4, $5, $6, $7)", "share_close", 7, 1, true},
    [QUESTION_COUNTED] = {"SELECT sallyport.counted($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", "counted", 10, 1, true},
    [QUESTION_SESSIONS] = {"SELECT sallyport.share_sessions($1, $2, $3, $4, $5, $6, $7, $8)", "share_sessions", 8, 1,
	true},
    [QUESTION_NEWS] = {"SELECT o_last, o_lines FROM sallyport.news_after($1)", NULL, 1, 2, true},
    [QUESTION_TELL_BAN] = {"SELECT sallyport.ban_tell($1, $2, $3, $4, $5)", NULL, 5, 1, true},
    [QUESTION_TELL_KICK] = {"SELECT sallyport.kick_tell($1, $2, $3, $4)", NULL, 4, 1, true},
    [QUESTION_LISTEN_RECALL] = {"LISTEN sallyport_recall", NULL, 0, 0, true},
    [QUESTION_LISTEN_NEWS] = {"LISTEN sallyport_news", NULL, 0, 0, true},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static const struct {
	const char *name;
	enum question_kind listen;
} channels[NOTIFICATION_CHANNEL_COUNT] = {
    [NOTIFICATION_RECALL] = {"sallyport_recall", QUESTION_LISTEN_RECALL},
    [NOTIFICATION_NEWS] = {"sallyport_news", QUESTION_LISTEN_NEWS},
};

/* A busy ledger recalls some hundred times a second. What is left out is found in tables, or asked for again. */
static const struct budget_size notifications_size = {.burst = 2000, .per_s = 500};

void
connection_init(struct connection *connection, int epoll_fd, uint64_t tag)
{
	*connection = (struct connection){.tag = tag, .epoll_fd = epoll_fd, .fd = -1};
	TAILQ_INIT(&connection->asked);
}

/* --- problems --- */

void
connection_blame(struct connection *connection, const char *problem, bool is_refusal)
{
	problem_clean(problem, NULL, connection->problem, sizeof(connection->problem));
	connection->is_refusal = is_refusal;
}

/* What libpq and the server say; a server knows the password, and must not get it into our log. */
static int
blame_libpq(struct connection *connection, const char *text, int r)
{
	const char *password = connection->pg == NULL ? NULL : PQpass(connection->pg);

	problem_clean(text, password, connection->problem, sizeof(connection->problem));
	connection->is_refusal = false;
	return r;
}

/* Nobody could be reached, or nobody is let in: the tool asks over the same connection string, and knows the cures. */
static int
blame_dialling(struct connection *connection)
{
	size_t len;

	blame_libpq(connection, PQerrorMessage(connection->pg), 0);
	len = strlen(connection->problem);
	snprintf(connection->problem + len, sizeof(connection->problem) - len,
	    "; 'sallyportctl store check' says what to do");
	return -ECONNREFUSED;
}

static int
blame_server(struct connection *connection, const char *problem)
{
	connection_blame(connection, problem, true);
	return -EPROTO;
}

static int
blame_result(struct connection *connection, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	size_t len;

	if (PQresultStatus(result) != PGRES_FATAL_ERROR)
		return blame_server(connection, "the database answers with something that is no row");
	blame_libpq(connection, primary == NULL ? PQresultErrorMessage(result) : primary, 0);
	connection->is_refusal = problem_is_refusal(state);
	len = strlen(connection->problem);
	snprintf(connection->problem + len, sizeof(connection->problem) - len, "%s", problem_cure(state));
	return -EREMOTEIO;
}

/* Notices are nobody's: a server may send as many as it likes. */
static void
ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* --- events --- */

/* libpq changes its socket while it dials, and may get the same number for another one. */
static int
watch_socket(struct connection *connection, uint32_t events)
{
	int fd = PQsocket(connection->pg);
	struct epoll_event event = {.events = events, .data.u64 = connection->tag};

	if (fd < 0)
		return blame_libpq(connection, PQerrorMessage(connection->pg), -EPIPE);
	if (connection->state != CONNECTION_DIALLING && fd == connection->fd && events == connection->events)
		return 0;
	if (epoll_ctl(connection->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 &&
	    epoll_ctl(connection->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		int r = -errno;

		connection_blame(connection, strerror(-r), false);
		return r;
	}
	connection->fd = fd;
	connection->events = events;
	return 0;
}

/* --- dialling --- */

int
connection_dial(struct connection *connection, const char *conninfo)
{
	static const char *const keys[] = {"sslmode", "keepalives_idle", "keepalives_interval", "keepalives_count",
	    "tcp_user_timeout", "dbname", "gssencmode", "client_encoding", "fallback_application_name", NULL};
	const char *const values[] = {
	    "verify-full", "10", "3", "3", "5000", conninfo, "disable", "UTF8", "sallyport-broker", NULL};

	connection->problem[0] = '\0';
	connection->reads = 0;
	connection->notifications = (struct budget){.left_milli = 0};
	connection->is_flooded = false;
	connection->pg = PQconnectStartParams(keys, values, 1);
	if (connection->pg == NULL) {
		connection_blame(connection, strerror(ENOMEM), false);
		return -ENOMEM;
	}
	connection->state = CONNECTION_DIALLING;
	if (PQstatus(connection->pg) == CONNECTION_BAD)
		return blame_dialling(connection);
	PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
	return watch_socket(connection, EPOLLOUT);
}

static int
greet(struct connection *connection)
{
	if (PQsetnonblocking(connection->pg, 1) < 0 || PQenterPipelineMode(connection->pg) != 1)
		return blame_libpq(connection, PQerrorMessage(connection->pg), -EPIPE);
	connection->state = CONNECTION_GREETING;
	connection->fd = -1;
	return watch_socket(connection, EPOLLIN);
}

static int
advance_dialling(struct connection *connection)
{
	if (connection->reads++ >= READS_MAX)
		return blame_server(connection, "the server sends too much before it lets anybody in");
	switch (PQconnectPoll(connection->pg)) {
	case PGRES_POLLING_READING:
		return watch_socket(connection, EPOLLIN);
	case PGRES_POLLING_WRITING:
		return watch_socket(connection, EPOLLOUT);
	case PGRES_POLLING_OK:
		return greet(connection);
	default:
		return blame_dialling(connection);
	}
}

/* --- questions and answers --- */

/* EPOLLOUT as long as there is more to send than the kernel takes. */
static int
flush_questions(struct connection *connection)
{
	int r = PQflush(connection->pg);

	if (r < 0)
		return blame_libpq(connection, PQerrorMessage(connection->pg), -EPIPE);
	return watch_socket(connection, r > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* OpenSSL may hold bytes of which epoll knows nothing. */
static bool
has_hidden_bytes(const struct connection *connection)
{
	SSL *ssl = PQsslInUse(connection->pg) ? PQsslStruct(connection->pg, "OpenSSL") : NULL;

	return ssl != NULL && SSL_pending(ssl) > 0;
}

static int
read_answers(struct connection *connection)
{
	do {
		if (connection->reads++ >= READS_MAX)
			return blame_server(connection, "the database sends too much for an answer");
		if (PQconsumeInput(connection->pg) == 0)
			return blame_libpq(connection, PQerrorMessage(connection->pg), -EPIPE);
	} while (has_hidden_bytes(connection));
	return 0;
}

int
connection_advance(struct connection *connection, uint32_t events)
{
	int r;

	if (connection->state == CONNECTION_DIALLING)
		return advance_dialling(connection);
	r = (events & ~(uint32_t)EPOLLOUT) != 0 ? read_answers(connection) : 0;
	return r < 0 ? r : flush_questions(connection);
}

/* All in one go: one answer for them. */
static int
send_prepares(struct connection *connection)
{
	int sent = 1;

	for (size_t i = 0; sent == 1 && i < KIND_COUNT; i++)
		if (kinds[i].sql != NULL && kinds[i].statement != NULL)
			sent = PQsendPrepare(connection->pg, kinds[i].statement, kinds[i].sql, 0, NULL);
	return sent;
}

int
connection_ask(struct connection *connection, struct question *question, const char *const *params)
{
	const char *statement = kinds[question->kind].statement;
	int count = kinds[question->kind].param_count, sent;

	if (question->kind == QUESTION_PREPARE)
		sent = send_prepares(connection);
	else if (statement != NULL)
		sent = PQsendQueryPrepared(connection->pg, statement, count, params, NULL, NULL, 0);
	else
		sent = PQsendQueryParams(connection->pg, kinds[question->kind].sql, count, NULL, params, NULL, NULL, 0);
	/* each question ends with a sync of its own, so that the failure of one is not that of the next */
	if (sent != 1 || PQpipelineSync(connection->pg) != 1)
		return blame_libpq(connection, PQerrorMessage(connection->pg), -EPIPE);
	TAILQ_INSERT_TAIL(&connection->asked, question, entry);
	connection->asked_count++;
	(void)PQsetSingleRowMode(connection->pg); /* if it is the first; else when its turn comes */
	return flush_questions(connection);
}

/* The first result with a row is kept; a second row is one too many. */
static int
take_rows(struct connection *connection, PGresult *result)
{
	int count = PQntuples(result);

	if (count == 0) {
		PQclear(result);
		return 0;
	}
	connection->row_count += (unsigned)count;
	if (connection->row_count > 1) {
		PQclear(result);
		return blame_server(connection, "the database answers with more than one row");
	}
	connection->result = result;
	return 0;
}

static int
read_row(struct connection *connection, enum question_kind kind)
{
	struct row *row = &connection->row;
	int count = connection->result == NULL ? 0 : PQnfields(connection->result);

	*row = (struct row){.count = kinds[kind].field_count};
	if ((unsigned)count != row->count)
		return blame_server(connection, "the database answers with a row of another form");
	for (int i = 0; i < count; i++) {
		bool is_null = PQgetisnull(connection->result, 0, i) != 0;

		if (!is_null && PQfformat(connection->result, i) != 0)
			return blame_server(connection, "the database answers with a row of another form");
		row->fields[i] = is_null ? NULL : PQgetvalue(connection->result, 0, i);
		row->lens[i] = is_null ? 0 : (size_t)PQgetlength(connection->result, 0, i);
	}
	return 0;
}

/* The answer of the last take has a hash: libpq does not wipe what it frees. */
static void
drop_result(struct connection *connection)
{
	for (unsigned i = 0; connection->has_taken && connection->result != NULL && i < connection->row.count; i++)
		if (connection->row.fields[i] != NULL)
			explicit_bzero((char *)(uintptr_t)connection->row.fields[i], connection->row.lens[i]);
	PQclear(connection->result);
	connection->result = NULL;
	connection->row_count = 0;
	connection->has_failed = false;
	connection->has_taken = false;
}

static bool
may_fail(const struct connection *connection)
{
	const struct question *first = TAILQ_FIRST(&connection->asked);

	return first != NULL && kinds[first->kind].may_fail;
}

/* One result of libpq: 1 when the answer in hand is whole. */
static int
take_result(struct connection *connection, PGresult *result)
{
	int r;

	switch (PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
	case PGRES_TUPLES_OK:
		return take_rows(connection, result);
	case PGRES_COMMAND_OK:
		PQclear(result);
		return 0;
	case PGRES_PIPELINE_SYNC:
		PQclear(result);
		(void)PQsetSingleRowMode(connection->pg);
		return 1;
	default:
		r = blame_result(connection, result);
		PQclear(result);
		connection->has_failed = r == -EREMOTEIO && may_fail(connection);
		return connection->has_failed ? 0 : r;
	}
}

/* Results until the answer in hand is whole: 1; 0 when there are no more bytes. */
static int
gather_answer(struct connection *connection)
{
	unsigned nothings = 0; /* in a row; one of them ends the results of a question */
	int r = 0;

	while (r == 0 && PQisBusy(connection->pg) == 0 && nothings < 2) {
		PGresult *result = PQgetResult(connection->pg);

		nothings = result == NULL ? nothings + 1 : 0;
		if (result == NULL)
			(void)PQsetSingleRowMode(connection->pg);
		else
			r = take_result(connection, result);
	}
	if (r == 0 && PQstatus(connection->pg) == CONNECTION_BAD)
		return blame_libpq(connection, PQerrorMessage(connection->pg), -EPIPE);
	return r;
}

int
connection_take(struct connection *connection, struct question **question, const struct row **row)
{
	struct question *first = TAILQ_FIRST(&connection->asked);
	int r;

	if (connection->has_taken)
		drop_result(connection);
	r = gather_answer(connection);
	if (r <= 0)
		return r;
	if (first == NULL)
		return blame_server(connection, "the database answers what nobody has asked");
	r = connection->has_failed ? 0 : read_row(connection, first->kind);
	if (r < 0)
		return r;
	TAILQ_REMOVE(&connection->asked, first, entry);
	connection->asked_count--;
	connection->reads = 0;
	connection->has_taken = true;
	*question = first;
	*row = connection->has_failed ? NULL : &connection->row;
	return 1;
}

/* --- notifications --- */

enum question_kind
connection_listening(enum notification_channel channel)
{
	return channels[channel].listen;
}

/* False: nobody listens for it, and a server may send it all the same. */
static bool
read_notification(const PGnotify *one, struct notification *notification)
{
	size_t len = strnlen(one->extra, NOTIFICATION_PAYLOAD_MAX + 1);

	if (len > NOTIFICATION_PAYLOAD_MAX)
		return false;
	for (unsigned i = 0; i < NOTIFICATION_CHANNEL_COUNT; i++) {
		if (strcmp(one->relname, channels[i].name) != 0)
			continue;
		notification->channel = (enum notification_channel)i;
		memcpy(notification->payload, one->extra, len + 1);
		return true;
	}
	return false;
}

bool
connection_take_notification(struct connection *connection, struct notification *notification, uint64_t now_ms)
{
	bool is_good = false;
	PGnotify *one;

	while (!is_good && (one = PQnotifies(connection->pg)) != NULL) {
		if (!budget_take(&connection->notifications, &notifications_size, now_ms))
			connection->is_flooded = true;
		else if ((is_good = read_notification(one, notification)) && TAILQ_EMPTY(&connection->asked))
			connection->reads = 0; /* one that is welcome; others use up what may come before an answer */
		PQfreemem(one);
	}
	return is_good;
}

bool
connection_is_flooded(struct connection *connection)
{
	bool is_flooded = connection->is_flooded;

	connection->is_flooded = false;
	return is_flooded;
}

/* --- the end --- */

static const char *
text_or_none(const char *text)
{
	return text == NULL ? "" : text;
}

const char *
connection_place(const struct connection *connection)
{
	const char *address = connection->pg == NULL ? NULL : PQhostaddr(connection->pg);

	if (address != NULL && address[0] != '\0')
		return address;
	return connection->pg == NULL ? "" : text_or_none(PQhost(connection->pg));
}

const char *
connection_port(const struct connection *connection)
{
	return connection->pg == NULL ? "" : text_or_none(PQport(connection->pg));
}

void
connection_end(struct connection *connection, struct question_list *unanswered)
{
	drop_result(connection);
	/* says goodbye without waiting: the socket does not block */
	PQfinish(connection->pg);
	connection->pg = NULL;
	connection->fd = -1;
	connection->state = CONNECTION_NONE;
	TAILQ_CONCAT(unanswered, &connection->asked, entry);
	connection->asked_count = 0;
}
