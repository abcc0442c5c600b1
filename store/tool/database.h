/* SPDX-License-Identifier: ISC */
/* One connection to the database of the accounts, and what is wrong with it in words. */
#ifndef STORE_TOOL_DATABASE_H
#define STORE_TOOL_DATABASE_H

#include <libpq-fe.h>
#include <stddef.h>

#include "common/buf.h"
#include "store/conninfo.h"

#define DATABASE_PROBLEM_MAX 4096

struct database {
	PGconn *connection;
	struct conninfo info;
	struct conninfo_found found[CONNINFO_PLACES_MAX];	/* addresses of its names */
	gid_t readers;		/* who reads the files of the string: CONNINFO_READER_SELF, or a server's group */
	const char *conf;	/* where the connection string comes from, for messages */
	struct buf problem;	/* the last error: what is wrong; what would be right; one line */
};

/*
 * Parse a connection string, and look up its names. The caller closes the database also after an error. Returns 0, or
 * -errno with problem filled.
 */
int database_prepare(struct database *database, const char *conf, const char *connect);

/*
 * Connect, within a minute. Only statements of this program are ever sent, and values only as parameters. Returns 0, or
 * -errno with problem filled.
 */
int database_open(struct database *database);

void database_close(struct database *database);

/*
 * Run one statement. status: what it must come to (PGRES_TUPLES_OK, PGRES_COMMAND_OK). Returns the result, which the caller
 * clears, or NULL with problem filled.
 */
PGresult *database_query(
    struct database *database, ExecStatusType status, const char *statement, int count, const char *const *values);

/* The same for a statement, or several, without a result. 0 or -EIO with problem filled. */
int database_run(struct database *database, const char *statements);

/*
 * The text of row, which is a line of an account or a name: dialog_may_carry() it. NULL, with problem filled, for any other
 * answer, or for a NULL where may_lack is false; "" for a NULL otherwise.
 */
const char *database_text(struct database *database, const PGresult *result, int row, int column, bool may_lack);

/* Set the problem. Returns -EIO. */
int database_fail(struct database *database, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
