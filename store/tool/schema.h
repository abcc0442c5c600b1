/* SPDX-License-Identifier: ISC */
/* What is run in a database to make the roles and the schema, and to bring a schema to the next version. */
#ifndef STORE_TOOL_SCHEMA_H
#define STORE_TOOL_SCHEMA_H

#define SCHEMA_VERSION 1	/* what this program makes and knows */

/* The roles and an empty schema; ends as sallyport_owner until the end of the transaction. */
extern const char schema_roles[];

/* From version i to i + 1; from 0: all that version 1 has. Each is run as sallyport_owner, in one transaction. */
extern const char *const schema_steps[SCHEMA_VERSION];

#endif
