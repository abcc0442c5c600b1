/* SPDX-License-Identifier: ISC */
/* The connections of the shell: several may be open, and one of them is current. The program has one shell. */
#ifndef CLIENT_UI_CONNECTIONS_H
#define CLIENT_UI_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "client/ui/exit_status.h"
#include "client/ui/listing_cache.h"
#include "client/ui/options.h"
#include "client/ui/session.h"

struct connection {
	unsigned int number;
	struct session session;	/* the engine has pointers to it: it does not move */
	struct options options;	/* its settings */
	struct words words;	/* which its options borrow from */
	struct listing_cache listings;
	char *path;	/* the directory on the server, as it was last reported */
	bool is_closing;
	struct connection *next;
};

/* NULL: none is open. */
struct connection *connections_current(void);

/* Settings of commands while none is open. */
struct options *connections_defaults(void);

/*
 * Open a place, and make it the current connection. words have the options of the command "open"; they are copied. Reports
 * errors; an earlier connection then stays current.
 */
enum exit_status connections_open(const char *place, const struct word *words, size_t count);

/* Log in as another user on the server of the current connection, whose place the new one takes. Reports errors. */
enum exit_status connections_log_in_as(const char *user);

/* By number, or the name of the host, or user@host: NULL where there is none, or more than one (*is_ambiguous). */
struct connection *connections_find(const char *name, bool *is_ambiguous);

/* The n-th connection, for lists; NULL after the last. */
struct connection *connections_nth(size_t n);

void connections_switch(struct connection *connection);

/* Close those that a command has marked as closing. Another one becomes current where that one was. */
void connections_sweep(void);
void connections_close_all(void);

/* A command may have changed something on a server: listings that were kept are no longer believed. */
void connections_forget_listings(void);

/* Say to whom it leads. */
void connection_greet(const struct connection *connection);

/* The path that the prompt shows; asks the server only while it is connected. Never NULL. */
const char *connections_path(struct connection *connection);

#endif
