/* SPDX-License-Identifier: ISC */
/*
 * sallyport-store, run by sallyportctl: the program that speaks with the database (accounts/store_dialog.h). What it
 * says comes from a database, and is believed no more than that.
 */
#ifndef ADMIN_STORE_TOOL_H
#define ADMIN_STORE_TOOL_H

#include <stddef.h>
#include <sys/types.h>

#include "accounts/store_dialog.h"

struct ctl;
struct store_tool;

#define STORE_TOOL_PROGRAM "sallyport-store"
#define ADMIN_CONF_NAME "admin.conf"
#define ADMIN_CONF_DEFAULT SYSCONFDIR "/sallyport/store/" ADMIN_CONF_NAME

/* How it reaches the database. */
struct store_way {
	const char *conf;	/* a file (sallyport-store.conf(5)); NULL: connect */
	gid_t readers;		/* who else may read that file; 0: nobody */
	const char *connect;	/* a connection string */
	const char *as_user;	/* the system user that it becomes; NULL: the caller's own */
};

/* The way that --store-conf names; else admin.conf, beside the file of the database that accounts names. */
struct store_way store_way_of(const struct ctl *ctl);

/*
 * Start it. Each function that fails has said on stderr what is wrong, once. Returns NULL then.
 */
struct store_tool *store_tool_start(const struct ctl *ctl, const char *mode, const struct store_way *way);

/* Send a request. It leaves with the next call of store_tool_answer(), or earlier. 0 or -EIO. */
int store_tool_ask(struct store_tool *tool, enum dialog_request request, const char *argument, size_t len);

/*
 * Read the next line of an answer. argument is NUL-terminated, and valid until the next call.
 *
 * Returns the enum dialog_answer; -EIO for "failed", for a line that is none, for an end, and for silence.
 */
int store_tool_answer(struct store_tool *tool, const char **argument, size_t *len);

/* The same, for an answer of one line which must be this one, or "none" (-ENOENT). 0, -ENOENT or -EIO. */
int store_tool_expect(struct store_tool *tool, enum dialog_answer answer, const char **argument, size_t *len);

/* Say that an answer breaks the dialog. Returns -EIO. */
int store_tool_refuse(struct store_tool *tool, const char *what);

/* End it, whatever it does, and free. What was not committed is undone. NULL is fine. */
void store_tool_end(struct store_tool *tool);

#endif
