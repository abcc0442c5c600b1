/* SPDX-License-Identifier: ISC */
/* What holds of a connection to the database: encryption, the version, and that the role may do its work and no more. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "store/tool/database.h"
#include "store/tool/modes.h"
#include "store/tool/schema.h"

#include "common/banned.h"

static void
check_encryption(struct database *database)
{
	const char *host = PQhost(database->connection);

	if (PQsslInUse(database->connection)) {
		const char *mode = conninfo_value(&database->info, "sslmode");
		const char *protocol = PQsslAttribute(database->connection, "protocol");

		if (mode == NULL || strcmp(mode, "verify-full") == 0)
			answer_text(DIALOG_HOLDS, "the connection is encrypted, and the server is who it says: %s",
			    protocol == NULL ? "TLS" : protocol);
		else
			answer_text(DIALOG_WRONG,
			    "the connection is encrypted, but with sslmode=%s anybody can be the server; leave sslmode out",
			    mode);
	} else if (host == NULL || host[0] == '/' || host[0] == '@' || host[0] == '\0') {
		answer_text(DIALOG_HOLDS, "the connection is a socket of this machine");
	} else {
		answer_text(DIALOG_WRONG,
		    "the connection is not encrypted; leave sslmode out, and let the role in with 'hostssl'");
	}
}

/* 't', 'f', or 0 with the problem filled. */
static char
ask_truth(struct database *database, const char *statement, const char *value)
{
	PGresult *result = database_query(database, PGRES_TUPLES_OK, statement, value == NULL ? 0 : 1, &value);
	const char *text = result == NULL ? NULL : database_text(database, result, 0, 0, true);
	char truth = text == NULL ? '\0' : text[0] == 't' ? 't' : 'f';

	PQclear(result);
	return truth;
}

static const char *const node_functions[] = {
    "sallyport.schema_version()",
    "sallyport.account_find(text)",
    "sallyport.node_hello(text, uuid)",
    "sallyport.node_beat(integer, uuid)",
    "sallyport.credit(bigint, integer, uuid, bigint, bigint, integer, "
    "bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, boolean)",
    "sallyport.share_sessions(bigint, integer, uuid, bigint, bigint, integer, bigint, boolean)",
    "sallyport.share_close(bigint, integer, uuid, bigint, bigint, bigint, bigint)",
    "sallyport.counted(bigint, integer, uuid, bigint, bigint, bigint, bigint, bigint, bigint, bigint)",
    "sallyport.expire(integer)",
    "sallyport.ban_tell(integer, uuid, text, text, bigint)",
    "sallyport.kick_tell(integer, uuid, text, text)",
    "sallyport.news_after(bigint)",
    NULL,
};

static const char *const admin_functions[] = {
    "sallyport.schema_version()",
    "sallyport.account_find(text)",
    "sallyport.accounts_lock()",
    "sallyport.account_add(text[], integer[], bigint[], bigint[])",
    "sallyport.account_set(text, integer, bigint, bigint)",
    "sallyport.account_remove(text)",
    "sallyport.account_lines(text, integer)",
    "sallyport.account_sharing(text, bigint, text, integer)",
    "sallyport.account_free_uid(bigint, bigint, bigint)",
    "sallyport.account_count()",
    "sallyport.quota_show(text)",
    "sallyport.quota_recount(text)",
    "sallyport.node_list()",
    "sallyport.node_forget(text)",
    NULL,
};

static int
check_functions(struct database *database, const char *what, const char *const *functions)
{
	bool has_all = true;

	for (; *functions != NULL; functions++) {
		char truth = ask_truth(database,
		    "SELECT pg_catalog.has_function_privilege(pg_catalog.to_regprocedure($1)::oid, 'EXECUTE')",
		    *functions);

		if (truth == '\0')
			return -EIO;
		if (truth == 't')
			continue;
		has_all = false;
		answer_text(DIALOG_WRONG,
		    "%s: the role may not call %s; run 'sallyportctl store init', or name another role", what,
		    *functions);
	}
	if (has_all)
		answer_text(DIALOG_HOLDS, "%s", what);
	return 0;
}

/* What a role of a server must not have: with it, a server that is taken over takes all hashes. */
static int
check_bounds(struct database *database)
{
	static const struct {
		const char *statement, *holds, *wrong;
	} rows[] = {
	    {"SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user",
		"the role is no superuser",
		"the role is a superuser, or may make roles; name sallyport_node or sallyport_admin"},
	    {"SELECT coalesce(bool_or(pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')), false) "
	     "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
	     "WHERE n.nspname = 'sallyport' AND c.relkind IN ('r', 'v', 'p')",
		"the role reaches no table", "the role can read or change tables; revoke that"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char truth = ask_truth(database, rows[i].statement, NULL);

		if (truth == '\0')
			return -EIO;
		answer_text(
		    truth == 'f' ? DIALOG_HOLDS : DIALOG_WRONG, "%s", truth == 'f' ? rows[i].holds : rows[i].wrong);
	}
	return 0;
}

static int
check_schema(struct database *database)
{
	int version;
	int r = schema_version_found(database, &version);

	if (r < 0)
		return r;
	if (version == 0)
		return database_fail(
		    database, "the database has no schema of sallyport; run 'sallyportctl store init' once");
	if (version == SCHEMA_VERSION)
		answer_text(DIALOG_HOLDS, "the schema has version %d", version);
	else
		answer_text(DIALOG_WRONG, "the schema has version %d, and this program wants %d; %s", version,
		    SCHEMA_VERSION,
		    version < SCHEMA_VERSION ? "run 'sallyportctl store upgrade'" : "install the newer packages");
	return 0;
}

int
check_mode(struct database *database)
{
	bool is_of_server = database->readers != CONNINFO_READER_SELF;
	char lists = '\0';
	int r;

	answer_text(DIALOG_NOTE, "%s of '%s' as '%s', PostgreSQL %s", PQdb(database->connection),
	    PQhost(database->connection) == NULL ? "" : PQhost(database->connection), PQuser(database->connection),
	    PQparameterStatus(database->connection, "server_version"));
	check_encryption(database);
	r = check_schema(database);
	if (r == 0)
		r = check_bounds(database);
	if (r == 0) {
		lists = ask_truth(database,
		    "SELECT pg_catalog.has_function_privilege(pg_catalog.to_regprocedure($1)::oid, 'EXECUTE')",
		    "sallyport.account_lines(text, integer)");
		r = lists == '\0' ? -EIO : 0;
	}
	if (r == 0 && lists == 't' && is_of_server)
		answer_text(
		    DIALOG_WRONG, "the role can list the accounts, and the file is a server's; name sallyport_node");
	if (r == 0 && lists == 't' && !is_of_server)
		r = check_functions(database, "the role can manage accounts", admin_functions);
	else if (r == 0 && lists == 't')
		r = check_functions(database, "the role can look up an account", node_functions);
	else if (r == 0)
		r = check_functions(database, "the role can look up an account, and list none", node_functions);
	if (r == 0)
		answer_line(DIALOG_DONE, "", 0);
	return r;
}
