/* SPDX-License-Identifier: ISC */
/* One login on one server, as the commands use it. */
#ifndef CLIENT_UI_SESSION_H
#define CLIENT_UI_SESSION_H

#include <stdbool.h>

#include "client/engine/ftp.h"
#include "client/ui/exit_status.h"
#include "client/ui/network.h"
#include "client/ui/options.h"

struct listing_cache;

struct session {
	struct ftp *ftp;
	struct ftp_url url;	/* of the server; its password is never set */
	struct ftp_options ftp_options;
	struct ftp_events events;
	struct network network;
	char *account;	/* of the login, for ACCT; owned; NULL none */
	char *key_password;	/* of --key, once it was asked for; owned, wiped when freed */
	const char *user;	/* who is logged in */
	char *user_owned;	/* of netrc */
	char *home;	/* the directory after the login; NULL where the server does not tell */
	char *before;	/* the directory before the last "cd"; NULL: there is none; owned */
	struct listing_cache *listings;	/* of the shell; NULL: none; borrowed */
	bool is_shell;	/* commands come from a person or a batch, not from the program's arguments */
};

/*
 * Connect to url and log in. User and password come from the URL or --user; --password-fd, $SALLYPORT_PASSWORD,
 * ~/.netrc, the terminal; without any user "anonymous". Takes url over, also on errors. The session is zeroed
 * memory; options are borrowed. Returns EXIT_DONE, or the status of the error that was reported; session_close() in
 * both cases.
 */
enum exit_status session_open(struct session *session, struct ftp_url *url, const struct options *options);

/* Take settings of the options that may change while it is open (timeouts, --active, --verbose). */
void session_apply(struct session *session, const struct options *options);

void session_close(struct session *session);

/* Report the error of the last call. */
enum exit_status session_error(const struct session *session);

/*
 * A place that the user named (URL or bookmark) as a URL; a password in it is refused. Reports errors.
 * pattern: where the path has wildcards outside of %XX, what glob_match() takes for the path, owned; else NULL.
 */
enum exit_status session_parse_place(const char *place, struct ftp_url *url, char **pattern);

/* Whether a place is on a server: a URL, or the name of a bookmark. */
bool session_is_place(const char *place);

/* The progress of the thread's transfer goes to this slot; NULL: nowhere. */
struct report_slot;
void session_show_in(struct report_slot *slot);

#endif
