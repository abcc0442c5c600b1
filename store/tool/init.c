/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "store/tool/database.h"
#include "store/tool/modes.h"
#include "store/tool/schema.h"

#include "common/banned.h"

#define SERVER_LEAST 130000 /* sha256() and gen_random_uuid() without an extension */
#define PASSWORD_BYTES 24
#define PASSWORD_SIZE (PASSWORD_BYTES / 3 * 4 + 1)

/* Who logs in; sallyport_owner does not. */
static const char *const login_roles[] = {"sallyport_node", "sallyport_admin"};
#define LOGIN_ROLES (sizeof(login_roles) / sizeof(login_roles[0]))

/* A whole number of the only field of the only row. */
static int
query_number(struct database *database, const char *statement, int count, const char *const *values, int *number)
{
	PGresult *result = database_query(database, PGRES_TUPLES_OK, statement, count, values);
	const char *text = result == NULL ? NULL : database_text(database, result, 0, 0, false);
	uint64_t value;
	int r = -EIO;

	if (text != NULL && parse_u64(text, 1000000000, &value) == 0) {
		*number = (int)value;
		r = 0;
	} else if (text != NULL) {
		database_fail(database, "the database gave an answer that is no number");
	}
	PQclear(result);
	return r;
}

int
schema_version_found(struct database *database, int *version)
{
	int is_there;
	int r = query_number(database,
	    "SELECT count(*) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
	    "WHERE n.nspname = 'sallyport' AND p.proname = 'schema_version'",
	    0, NULL, &is_there);

	*version = 0;
	if (r < 0 || is_there == 0)
		return r;
	return query_number(database, "SELECT sallyport.schema_version()", 0, NULL, version);
}

int
schema_version_usable(struct database *database, int *version)
{
	int r = schema_version_found(database, version);

	if (r < 0)
		return r;
	if (*version == 0)
		return database_fail(
		    database, "the database has no schema of sallyport; run 'sallyportctl store init' once");
	if (*version > SCHEMA_VERSION)
		return database_fail(database,
		    "the schema has version %d, and this program knows %d; install the newer sallyport-server-postgresql",
		    *version, SCHEMA_VERSION);
	return 0;
}

static int
check_server(struct database *database)
{
	const char *encoding = PQparameterStatus(database->connection, "server_encoding");

	if (PQserverVersion(database->connection) < SERVER_LEAST)
		return database_fail(database, "the database is PostgreSQL %d; 13 or later is needed",
		    PQserverVersion(database->connection) / 10000);
	if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
		return database_fail(database,
		    "the database has encoding %s, and names of accounts are UTF-8; make one with 'createdb -E UTF8 -T template0'",
		    encoding == NULL ? "?" : encoding);
	return 0;
}

/* --- passwords of new roles --- */

static int
draw_password(char password[PASSWORD_SIZE])
{
	unsigned char bytes[PASSWORD_BYTES];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -EIO;
	EVP_EncodeBlock((unsigned char *)password, bytes, sizeof(bytes));
	for (char *p = password; *p != '\0'; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p; /* nothing that a connection string quotes */
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

/*
 * The server gets what it verifies with, not the password: its log has no use for that. ALTER ROLE takes no parameters, so
 * the text goes through a setting of the transaction, and format() of the server quotes it.
 */
static int
give_password(struct database *database, const char *role, const char *password)
{
	char *verifier = PQencryptPasswordConn(database->connection, password, role, "scram-sha-256");
	const char *values[] = {role, verifier};
	PGresult *result;
	int r;

	if (verifier == NULL)
		return database_fail(
		    database, "cannot make the password of a role: %s", PQerrorMessage(database->connection));
	result = database_query(database, PGRES_TUPLES_OK,
	    "SELECT pg_catalog.set_config('sallyport.role', $1, true), pg_catalog.set_config('sallyport.verifier', $2, true)",
	    2, values);
	r = result == NULL ? -EIO : 0;
	PQclear(result);
	PQfreemem(verifier);
	if (r == 0)
		r = database_run(database,
		    "DO $$ BEGIN EXECUTE pg_catalog.format('ALTER ROLE %I PASSWORD %L', "
		    "pg_catalog.current_setting('sallyport.role'), pg_catalog.current_setting('sallyport.verifier')); END $$");
	return r;
}

/* --- init --- */

struct new_roles {
	bool is_new[LOGIN_ROLES];
	char passwords[LOGIN_ROLES][PASSWORD_SIZE];
};

static int
look_for_roles(struct database *database, struct new_roles *roles)
{
	int r = 0;

	for (size_t i = 0; i < LOGIN_ROLES && r == 0; i++) {
		int count;

		r = query_number(database, "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = $1", 1,
		    &login_roles[i], &count);
		roles->is_new[i] = r == 0 && count == 0;
	}
	return r;
}

static int
make_roles(struct database *database, struct new_roles *roles)
{
	int r = database_run(database, schema_roles);

	for (size_t i = 0; i < LOGIN_ROLES && r == 0; i++) {
		if (!roles->is_new[i])
			continue;
		r = draw_password(roles->passwords[i]);
		if (r < 0)
			return database_fail(database, "no random bytes for a password");
		r = give_password(database, login_roles[i], roles->passwords[i]);
	}
	return r;
}

/* From version on to ours, in the transaction that has begun. */
static int
take_steps(struct database *database, int version)
{
	char number[16];
	const char *values[] = {number};
	PGresult *result;
	int r = 0;

	for (int step = version; step < SCHEMA_VERSION && r == 0; step++)
		r = database_run(database, schema_steps[step]);
	if (r < 0)
		return r;
	snprintf(number, sizeof(number), "%d", SCHEMA_VERSION);
	result = database_query(database, PGRES_COMMAND_OK, "UPDATE sallyport.meta SET version = $1", 1, values);
	r = result == NULL ? -EIO : 0;
	PQclear(result);
	return r;
}

/* What is newer stays; what is older is for an upgrade, that somebody wants. */
static int
make_schema(struct database *database)
{
	int version;
	int r = schema_version_found(database, &version);

	if (r < 0)
		return r;
	if (version == 0) {
		r = database_run(database, "SET LOCAL ROLE sallyport_owner");
		return r < 0 ? r : take_steps(database, 0);
	}
	if (version > SCHEMA_VERSION)
		return database_fail(database,
		    "the schema has version %d already, and this program knows %d; install the newer sallyport-server-postgresql",
		    version, SCHEMA_VERSION);
	if (version < SCHEMA_VERSION)
		return database_fail(
		    database, "the schema is there, of version %d; run 'sallyportctl store upgrade'", version);
	return 0;
}

/* What a connection string has without quotes; else "-". */
static const char *
plain_or_dash(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return text == NULL || text[0] == '\0' || text[strspn(text, plain)] != '\0' ? "-" : text;
}

int
init_mode(struct database *database)
{
	struct new_roles roles = {.is_new = {false}};
	int r = check_server(database);

	if (r == 0)
		r = database_run(database, "BEGIN; SET LOCAL lock_timeout = '10s'");
	if (r == 0)
		r = look_for_roles(database, &roles);
	if (r == 0)
		r = make_roles(database, &roles);
	if (r == 0)
		r = make_schema(database);
	if (r == 0)
		r = database_run(database, "COMMIT");
	for (size_t i = 0; i < LOGIN_ROLES && r == 0; i++)
		answer_text(DIALOG_ROLE, "%s%s%s", login_roles[i], roles.is_new[i] ? " " : "", roles.passwords[i]);
	explicit_bzero(&roles, sizeof(roles));
	if (r == 0)
		answer_text(DIALOG_DONE, "%d %s %s", SCHEMA_VERSION, plain_or_dash(PQdb(database->connection)),
		    plain_or_dash(PQhost(database->connection)));
	return r;
}

/* --- upgrade --- */

int
upgrade_mode(struct database *database)
{
	int version = 0;
	int r = check_server(database);

	if (r == 0)
		r = database_run(database, "BEGIN; SET LOCAL lock_timeout = '10s'");
	if (r == 0)
		r = schema_version_usable(database, &version);
	if (r < 0)
		return r;
	/* of two upgrades at once, the second waits here, and finds the version of the first */
	r = database_run(database, "SET LOCAL ROLE sallyport_owner; SELECT version FROM sallyport.meta FOR UPDATE");
	if (r == 0)
		r = schema_version_found(database, &version);
	if (r == 0)
		r = take_steps(database, version);
	if (r == 0)
		r = database_run(database, "COMMIT");
	if (r == 0)
		answer_text(DIALOG_DONE, "%d %d", version, SCHEMA_VERSION);
	return r;
}
