/* SPDX-License-Identifier: ISC */
#include "store/tool/database.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "accounts/store_dialog.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define CONNECT_MS 60000
#define SQLSTATE_LEN 5
#define INIT_COMMAND "sallyportctl store init"

/* --- errors --- */

int
database_fail(struct database *database, const char *format, ...)
{
	va_list args;

	buf_clear(&database->problem);
	va_start(args, format);
	buf_addv(&database->problem, format, args);
	va_end(args);
	return -EIO;
}

/*
 * What an administrator does about an error of PostgreSQL (its appendix "Error Codes"); the first row that fits counts.
 * %s: see say_cure().
 */
static const struct {
	const char *sqlstate;
	const char *words; /* of the problem; NULL: any */
	const char *cure;
} cures[] = {
    {"28P01", NULL, "write the password of the role into %s, or give it a new one with '\\password' of psql"},
    {"28000", "no encryption", "leave sslmode out of %s; the connection is to be encrypted"},
    {"28000", "Peer authentication",
	"'store init' and 'store upgrade' take '--as USER', the system user of that role; other commands need a role with a password in %s"},
    {"28000", "pg_hba.conf",
	"let the role in by a line of pg_hba.conf, such as 'hostssl DATABASE ROLE ADDRESS scram-sha-256', and reload the database"},
    {"28000", NULL,
	"make the roles with '" INIT_COMMAND
	"', and let them in by lines of pg_hba.conf, such as 'hostssl DATABASE ROLE ADDRESS scram-sha-256', and reload the database"},
    {"3D000", NULL, "make it: 'sudo -u postgres createdb -E UTF8 -T template0 DATABASE', or name another one in %s"},
    {"3F000", NULL, "run '" INIT_COMMAND "' once, as a superuser of the database"},
    {"42883", NULL,
	"run '" INIT_COMMAND "' once, or 'sallyportctl store upgrade' after an update, as a superuser of the database"},
    {"42P01", NULL, "run '" INIT_COMMAND "' once, as a superuser of the database"},
    {"42501", NULL,
	"%s must name a role that may do this: sallyport_node for servers, sallyport_admin for accounts, a superuser for 'store init' and 'store upgrade'"},
    {"53300", NULL, "wait, or raise max_connections of the database"},
    {"57P03", NULL, "try again when the database has started"},
    {"55P03", NULL, "another program is changing accounts; try again"},
    {"55006", NULL,
	"take the login from its role (ALTER ROLE ... NOLOGIN), end its connections with pg_terminate_backend(), and try again"},
    {"25006", NULL,
	"the database is a standby; name all servers as host=A,B in %s, and target_session_attrs=read-write"},
    {"53100", NULL, "make room on the disk of the database; nothing was changed"},
    {"23514", NULL, "nothing was changed; sallyport-users(5) says what an account may be"},
};

static void
say_cure(struct database *database, const char *sqlstate)
{
	for (size_t i = 0; sqlstate != NULL && i < sizeof(cures) / sizeof(cures[0]); i++) {
		const char *place = strstr(cures[i].cure, "%s");

		if (strncmp(sqlstate, cures[i].sqlstate, SQLSTATE_LEN) != 0 ||
		    (cures[i].words != NULL && strstr(database->problem.data, cures[i].words) == NULL))
			continue;
		buf_add_text(&database->problem, "; ");
		if (place == NULL) {
			buf_add_text(&database->problem, cures[i].cure);
			return;
		}
		buf_add(&database->problem, cures[i].cure, (size_t)(place - cures[i].cure));
		buf_add_text(&database->problem, database->conf);
		buf_add_text(&database->problem, place + 2);
		return;
	}
}

/* The text of the database on one line. */
static void
add_flat(struct buf *out, const char *text, size_t len)
{
	while (len > 0 && text[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++)
		buf_add(out, text[i] == '\n' || text[i] == '\t' ? " " : &text[i], 1);
}

static void
say_result_error(struct database *database, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	if (text == NULL)
		text = PQerrorMessage(database->connection);
	database_fail(database, "the database says: ");
	add_flat(&database->problem, text, strnlen(text, DATABASE_PROBLEM_MAX / 2));
	if (detail != NULL) {
		buf_add_text(&database->problem, " (");
		add_flat(&database->problem, detail, strnlen(detail, 64));
		buf_add_text(&database->problem, ")");
	}
	say_cure(database, sqlstate);
}

/*
 * Before there is a result, the SQLSTATE of an error is in its text alone: "FATAL:  28P01: password ..." (verbose), in
 * any language of the server.
 */
static const char *
state_in(const char *line, size_t len)
{
	const char *colon = memmem(line, len, ":  ", 3);
	const char *state = colon == NULL ? NULL : colon + 3;

	if (state == NULL || len - (size_t)(state - line) <= SQLSTATE_LEN || state[SQLSTATE_LEN] != ':')
		return NULL;
	for (size_t i = 0; i < SQLSTATE_LEN; i++)
		if (!((state[i] >= '0' && state[i] <= '9') || (state[i] >= 'A' && state[i] <= 'Z')))
			return NULL;
	return state;
}

/* A place in the server's source, or advice of libpq: ours comes instead, and never is to verify less. */
static bool
is_idle_line(const char *line)
{
	return strncmp(line, "LOCATION:", 9) == 0 || line[0] == '\t' ||
	    strncmp(line, "Either provide the file", 23) == 0;
}

static void
say_unreachable(struct database *database, const char *text)
{
	const char *state = NULL;
	const char *between = "";

	database_fail(database, "cannot connect to the database: ");
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0 && !is_idle_line(text)) {
			buf_add_text(&database->problem, between);
			add_flat(&database->problem, text, len);
			between = " ";
		}
		if (state_in(text, len) != NULL)
			state = state_in(text, len);
		text += len + (text[len] == '\n');
	}
	if (state != NULL)
		say_cure(database, state);
	else if (PQconnectionNeedsPassword(database->connection))
		buf_addf(&database->problem, "; write password='...' of the role into %s", database->conf);
	else if (strstr(PQerrorMessage(database->connection), "certificate") != NULL)
		buf_addf(&database->problem,
		    "; write sslrootcert=FILE into %s, with the CA that signed the certificate of the server, and its name as host",
		    database->conf);
	else
		buf_addf(&database->problem, "; check host and port in %s, and that the database runs", database->conf);
}

/* --- connecting --- */

static int
connect_within(struct database *database, uint64_t deadline_ms)
{
	PostgresPollingStatusType want = PGRES_POLLING_WRITING;

	while (want == PGRES_POLLING_READING || want == PGRES_POLLING_WRITING) {
		int r = io_wait(
		    PQsocket(database->connection), want == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms);

		if (r == 0)
			return database_fail(database,
			    "the database does not answer for a minute; check host and port in %s", database->conf);
		if (r < 0)
			return database_fail(database, "cannot wait for the database: %s", strerror(-r));
		want = PQconnectPoll(database->connection);
	}
	if (want == PGRES_POLLING_OK)
		return 0;
	say_unreachable(database, PQerrorMessage(database->connection));
	return -EIO;
}

static void
drop_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

/* A name that is not found is left out; libpq tries the others. */
static void
look_up(const char *name, struct conninfo_found *found)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;

	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return;
	for (const struct addrinfo *entry = list; entry != NULL && found->count < CONNINFO_ADDRESSES_MAX;
	     entry = entry->ai_next)
		if (entry->ai_addrlen <= sizeof(union address))
			memcpy(&found->addresses[found->count++], entry->ai_addr, entry->ai_addrlen);
	freeaddrinfo(list);
}

int
database_prepare(struct database *database, const char *conf, const char *connect)
{
	struct buf why;
	int r;

	*database = (struct database){.conf = conf};
	buf_init(&database->problem, DATABASE_PROBLEM_MAX);
	buf_init(&why, DATABASE_PROBLEM_MAX);
	r = conninfo_parse(connect, &database->info, &why);
	if (r < 0)
		database_fail(database, "%s: connect: %s", conf, why.data == NULL ? "no memory" : why.data);
	buf_free(&why);
	for (size_t i = 0; r == 0 && i < database->info.place_count; i++)
		if (database->info.places[i].kind == CONNINFO_NAME)
			look_up(database->info.places[i].host, &database->found[i]);
	return r;
}

int
database_open(struct database *database)
{
	struct buf text, why;
	int r;

	buf_init(&text, CONNINFO_TEXT_MAX);
	buf_init(&why, DATABASE_PROBLEM_MAX);
	r = conninfo_check_files(&database->info, database->readers, &why);
	if (r < 0) {
		database_fail(database, "%s: %s", database->conf, why.data == NULL ? "no memory" : why.data);
		goto out;
	}
	r = conninfo_compose(&database->info, database->found, &text);
	if (r == -ENOENT) {
		database_fail(database,
		    "%s: connect: no address of '%s' is known; check the name, and the resolver of this machine",
		    database->conf, database->info.places[0].host);
		goto out;
	}
	database->connection = r < 0 ? NULL : PQconnectStart(text.data);
	if (database->connection == NULL) {
		r = database_fail(database, "no memory for a connection");
		goto out;
	}
	PQsetErrorVerbosity(database->connection, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(database->connection, drop_notice, NULL);
	if (PQstatus(database->connection) == CONNECTION_BAD) {
		say_unreachable(database, PQerrorMessage(database->connection));
		r = -EIO;
		goto out;
	}
	r = connect_within(database, monotonic_ms() + CONNECT_MS);
out:
	buf_free(&text);
	buf_free(&why);
	return r;
}

void
database_close(struct database *database)
{
	PQfinish(database->connection);
	if (database->info.options != NULL)
		conninfo_free(&database->info);
	buf_free(&database->problem);
	database->connection = NULL;
}

/* --- statements --- */

PGresult *
database_query(
    struct database *database, ExecStatusType status, const char *statement, int count, const char *const *values)
{
	PGresult *result = PQexecParams(database->connection, statement, count, NULL, values, NULL, NULL, 0);

	if (PQresultStatus(result) == status)
		return result;
	if (PQresultStatus(result) == PGRES_FATAL_ERROR || result == NULL)
		say_result_error(database, result);
	else
		database_fail(database, "the database gave another kind of answer than was asked for");
	PQclear(result);
	return NULL;
}

int
database_run(struct database *database, const char *statements)
{
	PGresult *result = PQexec(database->connection, statements);
	ExecStatusType status = PQresultStatus(result);
	int r = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : -EIO;

	if (r < 0)
		say_result_error(database, result);
	PQclear(result);
	return r;
}

const char *
database_text(struct database *database, const PGresult *result, int row, int column, bool may_lack)
{
	if (row < PQntuples(result) && column < PQnfields(result) && (may_lack || !PQgetisnull(result, row, column))) {
		const char *text = PQgetvalue(result, row, column);

		if (dialog_may_carry(text, (size_t)PQgetlength(result, row, column)))
			return text;
	}
	database_fail(
	    database, "the database gave an answer that is none; is schema \"sallyport\" the one of 'store init'?");
	return NULL;
}
