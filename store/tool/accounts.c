/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/groups.h"
#include "store/tool/database.h"
#include "store/tool/modes.h"
#include "store/tool/schema.h"

#include "common/banned.h"

#define PAGE_LINES "2000" /* accounts of one statement; as many as a page of the answer has */
#define PAGE_LINES_MAX 2000
#define BATCH_LINES 1000
#define BATCH_BYTES ((size_t)1 << 20)

/* What the ledger has to know of a line; the database parses none of it. */
enum limit { LIMIT_SESSIONS, LIMIT_BYTES, LIMIT_FILES, LIMIT_COUNT };

#define LIMIT_TEXT_MAX 21

/* Lines that wait for their statement, and the limits in them: literals of arrays. */
struct accounts_session {
	struct database *database;
	struct buf batch;
	struct buf batch_limits[LIMIT_COUNT];
	size_t batch_lines;
	struct groups groups; /* of the users file beside the database */
	struct buf taken; /* names, each ended by '\n' */
	bool has_failed; /* an "add" did; the next "flush" says so */
};

/* --- asking --- */

/* "account" for each row, of which the first column is a line; how many, or -EIO. */
static int
answer_accounts(struct database *database, const PGresult *result)
{
	for (int row = 0; row < PQntuples(result); row++) {
		const char *line = database_text(database, result, row, 0, false);

		if (line == NULL)
			return -EIO;
		answer_line(DIALOG_ACCOUNT, line, strlen(line));
	}
	return PQntuples(result);
}

static int
answer_find(struct accounts_session *session, const char *name)
{
	PGresult *result = database_query(
	    session->database, PGRES_TUPLES_OK, "SELECT o_line FROM sallyport.account_find($1)", 1, &name);
	const char *line = result == NULL ? NULL : database_text(session->database, result, 0, 0, true);

	if (line != NULL && line[0] == '\0')
		answer_line(DIALOG_NONE, "", 0);
	else if (line != NULL)
		answer_line(DIALOG_ACCOUNT, line, strlen(line));
	PQclear(result);
	return line == NULL ? -EIO : 0;
}

/* The name of the last line, for the next page. It must come after the one before, or there would be no end. */
static int
step_on(struct database *database, const PGresult *result, int count, char after[ACCOUNT_NAME_MAX + 1])
{
	const char *line = PQgetvalue(result, count - 1, 0);
	size_t len = strcspn(line, ":");
	char name[ACCOUNT_NAME_MAX + 1] = "";

	if (len <= ACCOUNT_NAME_MAX) {
		memcpy(name, line, len);
		name[len] = '\0';
	}
	if (strcmp(name, after) <= 0)
		return database_fail(
		    database, "the database lists accounts out of order; nothing can be said about it");
	memcpy(after, name, len + 1);
	return 0;
}

static int
answer_pages(struct database *database)
{
	char after[ACCOUNT_NAME_MAX + 1] = "";
	int count;

	do {
		const char *values[] = {after};
		PGresult *result = database_query(
		    database, PGRES_TUPLES_OK, "SELECT * FROM sallyport.account_lines($1, " PAGE_LINES ")", 1, values);

		count = result == NULL ? -EIO : answer_accounts(database, result);
		if (count > 0 && step_on(database, result, count, after) < 0)
			count = -EIO;
		PQclear(result);
	} while (count == PAGE_LINES_MAX);
	return count < 0 ? count : 0;
}

/* All of one moment, unless a transaction has begun already. */
static int
list_accounts(struct accounts_session *session, const char *argument)
{
	struct database *database = session->database;
	bool is_within = PQtransactionStatus(database->connection) == PQTRANS_INTRANS;
	int r = is_within ? 0 : database_run(database, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");

	(void)argument;
	if (r == 0)
		r = answer_pages(database);
	if (r == 0 && !is_within)
		r = database_run(database, "COMMIT");
	if (r == 0)
		answer_line(DIALOG_DONE, "", 0);
	return r;
}

/* "done" with the only field of the only row, or "none" for a NULL. */
static int
answer_field(struct accounts_session *session, const char *statement, int count, const char *const *values)
{
	PGresult *result = database_query(session->database, PGRES_TUPLES_OK, statement, count, values);
	const char *text = result == NULL ? NULL : database_text(session->database, result, 0, 0, true);

	if (text != NULL)
		answer_line(text[0] == '\0' ? DIALOG_NONE : DIALOG_DONE, text, strlen(text));
	PQclear(result);
	return text == NULL ? -EIO : 0;
}

static int
answer_count(struct accounts_session *session, const char *argument)
{
	(void)argument;
	return answer_field(session, "SELECT sallyport.account_count()", 0, NULL);
}

static int
answer_free_uid(struct accounts_session *session, const char *range)
{
	char low[16], high[16], count[16];
	const char *values[] = {low, high, count};

	if (sscanf(range, "%15[0-9] %15[0-9] %15[0-9]", low, high, count) != 3)
		return database_fail(session->database, "'free-uid' without LOW HIGH COUNT");
	return answer_field(session, "SELECT sallyport.account_free_uid($1, $2, $3)", 3, values);
}

static int
answer_sharing(struct accounts_session *session, const char *line)
{
	struct account account;
	const char *problem;
	char uid[16];
	const char *values[] = {account.name, uid, account.home};
	PGresult *result;
	int r;

	if (account_parse(line, strlen(line), &account, &problem) < 0)
		return database_fail(session->database, "'sharing': %s", problem);
	snprintf(uid, sizeof(uid), "%u", account.uid);
	explicit_bzero(account.hash, sizeof(account.hash));
	result = database_query(
	    session->database, PGRES_TUPLES_OK, "SELECT * FROM sallyport.account_sharing($1, $2, $3, 20)", 3, values);
	r = result == NULL ? -EIO : answer_accounts(session->database, result);
	PQclear(result);
	if (r >= 0)
		answer_line(DIALOG_DONE, "", 0);
	return r < 0 ? r : 0;
}

/* --- quotas and nodes --- */

/* An answer for each row, whose only field the database has laid out; NULLs are left out. How many rows, or -EIO. */
static int
answer_laid_out(struct accounts_session *session, enum dialog_answer answer, const char *statement, int count,
    const char *const *values)
{
	PGresult *result = database_query(session->database, PGRES_TUPLES_OK, statement, count, values);
	int rows = result == NULL ? -EIO : PQntuples(result);

	for (int row = 0; row < rows; row++) {
		const char *text = database_text(session->database, result, row, 0, true);

		if (text == NULL)
			rows = -EIO;
		else if (text[0] != '\0')
			answer_line(answer, text, strlen(text));
	}
	PQclear(result);
	return rows;
}

static int
answer_quota(struct accounts_session *session, const char *name)
{
	int rows = answer_laid_out(session, DIALOG_USAGE,
	    "SELECT concat_ws(' ', o_is_counted, o_base_bytes, o_base_files, o_slack_bytes, o_slack_files) "
	    "FROM sallyport.quota_show($1) LIMIT 1",
	    1, &name);

	if (rows <= 0) {
		if (rows == 0)
			answer_line(DIALOG_NONE, "", 0);
		return rows;
	}
	if (answer_laid_out(session, DIALOG_HAUNTED,
		"SELECT unnest(o_haunted) FROM (SELECT o_haunted FROM sallyport.quota_show($1) LIMIT 1) h", 1,
		&name) < 0 ||
	    answer_laid_out(session, DIALOG_SHARE,
		"SELECT concat_ws(' ', o_is_gone, o_sessions, o_net_bytes, o_net_files, o_allow_bytes, o_allow_files, o_node) "
		"FROM sallyport.quota_show($1) WHERE o_node IS NOT NULL",
		1, &name) < 0)
		return -EIO;
	answer_line(DIALOG_DONE, "", 0);
	return 0;
}

static int
answer_nodes(struct accounts_session *session, const char *argument)
{
	int rows = answer_laid_out(session, DIALOG_NODE,
	    "SELECT concat_ws(' ', coalesce(o_seen_s::text, '-'), o_is_alive, o_shares, o_sessions, o_name) "
	    "FROM sallyport.node_list()",
	    0, NULL);

	(void)argument;
	if (rows >= 0)
		answer_line(DIALOG_DONE, "", 0);
	return rows < 0 ? rows : 0;
}

static int
answer_recount(struct accounts_session *session, const char *name)
{
	return answer_field(session, "SELECT sallyport.quota_recount($1)", 1, &name);
}

static int
answer_forget(struct accounts_session *session, const char *name)
{
	return answer_field(session, "SELECT sallyport.node_forget($1)", 1, &name);
}

/* --- changing --- */

static int
begin_changes(struct accounts_session *session, const char *argument)
{
	PGresult *result;
	int r;

	(void)argument;
	r = database_run(session->database, "BEGIN; SET LOCAL lock_timeout = '10s'");
	if (r < 0)
		return r;
	result = database_query(session->database, PGRES_TUPLES_OK, "SELECT sallyport.accounts_lock()", 0, NULL);
	if (result != NULL)
		answer_line(DIALOG_DONE, "", 0);
	PQclear(result);
	return result == NULL ? -EIO : 0;
}

/* A string of a literal of an array; PostgreSQL's "Array Value Input". */
static void
add_element(struct buf *out, const char *text)
{
	buf_add_text(out, out->len == 0 ? "{\"" : ",\"");
	for (; *text != '\0'; text++) {
		size_t plain = strcspn(text, "\"\\");

		buf_add(out, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		buf_add(out, "\\", 1);
		buf_add(out, text, 1);
	}
	buf_add(out, "\"", 1);
}

/* The value of a parameter, in text; NULL: no such limit. */
static const char *
limit_text(const struct account *account, enum limit limit, char text[LIMIT_TEXT_MAX])
{
	const uint64_t limits[] = {
	    [LIMIT_SESSIONS] = account->max_sessions == 0 ? ACCOUNT_NO_QUOTA : account->max_sessions,
	    [LIMIT_BYTES] = account->quota_bytes,
	    [LIMIT_FILES] = account->quota_files,
	};

	if (limits[limit] == ACCOUNT_NO_QUOTA)
		return NULL;
	snprintf(text, LIMIT_TEXT_MAX, "%" PRIu64, limits[limit]);
	return text;
}

static void
add_limits(struct accounts_session *session, const struct account *account)
{
	for (int i = 0; i < LIMIT_COUNT; i++) {
		struct buf *out = &session->batch_limits[i];
		char text[LIMIT_TEXT_MAX];
		const char *value = limit_text(account, (enum limit)i, text);

		buf_addf(out, "%s%s", out->len == 0 ? "{" : ",", value == NULL ? "NULL" : value);
	}
}

/* false: there is no memory for it. */
static bool
end_batch(struct accounts_session *session, const char *values[1 + LIMIT_COUNT])
{
	bool is_whole = buf_add(&session->batch, "}", 1) == 0;

	values[0] = session->batch.data;
	for (int i = 0; i < LIMIT_COUNT; i++) {
		is_whole = buf_add(&session->batch_limits[i], "}", 1) == 0 && is_whole;
		values[1 + i] = session->batch_limits[i].data;
	}
	return is_whole;
}

static void
clear_batch(struct accounts_session *session)
{
	explicit_bzero(session->batch.data, session->batch.len);
	buf_clear(&session->batch);
	for (int i = 0; i < LIMIT_COUNT; i++)
		buf_clear(&session->batch_limits[i]);
	session->batch_lines = 0;
}

static int
send_batch(struct accounts_session *session)
{
	struct database *database = session->database;
	const char *values[1 + LIMIT_COUNT];
	PGresult *result;
	int r = 0;

	if (session->batch_lines == 0)
		return 0;
	if (!end_batch(session, values))
		return database_fail(database, "no memory for accounts");
	result = database_query(
	    database, PGRES_TUPLES_OK, "SELECT * FROM sallyport.account_add($1, $2, $3, $4)", 1 + LIMIT_COUNT, values);
	for (int row = 0; row < PQntuples(result) && r == 0; row++) {
		const char *name = database_text(database, result, row, 0, false);

		if (name == NULL)
			r = -EIO;
		else
			buf_addf(&session->taken, "%s\n", name);
	}
	if (result == NULL || session->taken.error < 0)
		r = -EIO;
	PQclear(result);
	clear_batch(session);
	return r;
}

/* Not answered; what is wrong is told when an account wants it. */
static int
take_group(struct accounts_session *session, const char *line)
{
	return groups_add(&session->groups, line, strlen(line)) < 0
	    ? database_fail(session->database, "no memory for groups")
	    : 0;
}

/* An account of the line, with what its group limits. */
static int
account_of_line(const struct accounts_session *session, const char *line, struct account *account, const char **problem)
{
	int r = account_parse(line, strlen(line), account, problem);

	explicit_bzero(account->hash, sizeof(account->hash));
	if (r < 0)
		return r;
	groups_join(&session->groups, account);
	*problem = "the group of the account is not defined";
	return account->lacks_group ? -EINVAL : 0;
}

/* Not answered, so that many can come one after the other; the first that fails is kept for "flush". */
static int
take_add(struct accounts_session *session, const char *line)
{
	struct account account;
	const char *problem;

	if (session->has_failed)
		return 0;
	if (account_of_line(session, line, &account, &problem) < 0) {
		database_fail(session->database, "'add': %s", problem);
		session->has_failed = true;
	}
	add_element(&session->batch, line);
	add_limits(session, &account);
	session->batch_lines++;
	if (!session->has_failed && (session->batch_lines == BATCH_LINES || session->batch.len >= BATCH_BYTES / 2))
		session->has_failed = send_batch(session) < 0;
	return 0;
}

static int
answer_flush(struct accounts_session *session, const char *argument)
{
	(void)argument;
	if (session->has_failed || send_batch(session) < 0)
		return -EIO;
	for (const char *name = session->taken.data; name != NULL && *name != '\0'; name += strcspn(name, "\n") + 1)
		answer_line(DIALOG_TAKEN, name, strcspn(name, "\n"));
	buf_clear(&session->taken);
	answer_line(DIALOG_DONE, "", 0);
	return 0;
}

/* "done" for true, "none" for false. */
static int
answer_changed(struct accounts_session *session, const char *statement, int count, const char *const *values)
{
	PGresult *result = database_query(session->database, PGRES_TUPLES_OK, statement, count, values);
	const char *text = result == NULL ? NULL : database_text(session->database, result, 0, 0, false);

	if (text != NULL)
		answer_line(strcmp(text, "t") == 0 ? DIALOG_DONE : DIALOG_NONE, "", 0);
	PQclear(result);
	return text == NULL ? -EIO : 0;
}

static int
answer_set(struct accounts_session *session, const char *line)
{
	struct account account;
	const char *problem;
	char texts[LIMIT_COUNT][LIMIT_TEXT_MAX];
	const char *values[1 + LIMIT_COUNT] = {line};
	int r = account_of_line(session, line, &account, &problem);

	if (r < 0)
		return database_fail(session->database, "'set': %s", problem);
	for (int i = 0; i < LIMIT_COUNT; i++)
		values[1 + i] = limit_text(&account, (enum limit)i, texts[i]);
	return answer_changed(session, "SELECT sallyport.account_set($1, $2, $3, $4)", 1 + LIMIT_COUNT, values);
}

static int
answer_remove(struct accounts_session *session, const char *name)
{
	return answer_changed(session, "SELECT sallyport.account_remove($1)", 1, &name);
}

static int
answer_commit(struct accounts_session *session, const char *argument)
{
	struct database *database = session->database;

	(void)argument;
	if (database_run(database, "COMMIT") < 0) {
		if (PQstatus(database->connection) == CONNECTION_BAD)
			buf_add_text(&database->problem,
			    "; whether it was changed is not known: look, and repeat the command if not");
		return -EIO;
	}
	answer_line(DIALOG_DONE, "", 0);
	return 0;
}

/* --- the dialog --- */

static int (*const handlers[DIALOG_REQUEST_COUNT])(struct accounts_session *session, const char *argument) = {
    /* clang-format off */
    [DIALOG_FIND]     = answer_find,
    [DIALOG_LIST]     = list_accounts,
    [DIALOG_COUNT]    = answer_count,
    [DIALOG_SHARING]  = answer_sharing,
    [DIALOG_FREE_UID] = answer_free_uid,
    [DIALOG_GROUP]    = take_group,
    [DIALOG_BEGIN]    = begin_changes,
    [DIALOG_ADD]      = take_add,
    [DIALOG_FLUSH]    = answer_flush,
    [DIALOG_SET]      = answer_set,
    [DIALOG_REMOVE]   = answer_remove,
    [DIALOG_COMMIT]   = answer_commit,
    [DIALOG_QUOTA]    = answer_quota,
    [DIALOG_NODES]    = answer_nodes,
    [DIALOG_RECOUNT]  = answer_recount,
    [DIALOG_FORGET]   = answer_forget,
    /* clang-format on */
};

/* line is ended by a newline, which becomes a NUL. */
static int
handle_line(struct accounts_session *session, char *line, size_t len)
{
	const char *argument;
	size_t argument_len;
	int request;

	if (len > 0 && line[len - 1] == '\n')
		line[--len] = '\0';
	request = dialog_parse_request(line, len, &argument, &argument_len);
	if (request < 0)
		return database_fail(session->database, "a request that is none; sallyportctl asks otherwise");
	return handlers[request](session, argument);
}

static int
check_schema_version(struct database *database)
{
	int version;
	int r = schema_version_usable(database, &version);

	if (r < 0)
		return r;
	if (version < SCHEMA_VERSION)
		return database_fail(database,
		    "the schema has version %d, and %d is wanted; run 'sallyportctl store upgrade'", version,
		    SCHEMA_VERSION);
	return 0;
}

int
accounts_mode(struct database *database)
{
	struct accounts_session session = {.database = database};
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r = check_schema_version(database);

	buf_init(&session.batch, 2 * BATCH_BYTES);
	for (int i = 0; i < LIMIT_COUNT; i++)
		buf_init(&session.batch_limits[i], BATCH_BYTES);
	buf_init(&session.taken, BATCH_BYTES);
	if (r == 0)
		answer_line(DIALOG_READY, "", 0);
	while (r == 0 && fflush(stdout) == 0 && (len = getline(&line, &size, stdin)) > 0) {
		r = handle_line(&session, line, (size_t)len);
		explicit_bzero(line, (size_t)len);
	}
	free(line);
	buf_free(&session.batch);
	for (int i = 0; i < LIMIT_COUNT; i++)
		buf_free(&session.batch_limits[i]);
	buf_free(&session.taken);
	groups_free(&session.groups);
	return r;
}
