/* SPDX-License-Identifier: ISC */
/* An error: its class, which decides the exit status, and words for a person. */
#ifndef CLIENT_ENGINE_ERROR_H
#define CLIENT_ENGINE_ERROR_H

#include <stdbool.h>

/* FTP_OK is 0, so that "if (r)" reads as "if it failed". */
enum ftp_class {
	FTP_OK,
	FTP_NETWORK,	/* no address, no connection, lost, timed out, or the server talks no sense: try again */
	FTP_TEMPORARY,	/* a 4yz reply: try again */
	FTP_LOGIN,	/* name or password refused, or it would have gone in clear */
	FTP_REFUSED,	/* a 5yz reply, or the server lacks what is needed */
	FTP_CERTIFICATE,	/* not trusted, changed, or TLS could not be agreed on */
	FTP_VERIFY,	/* what arrived is not what was sent */
	FTP_LOCAL,	/* a local file, directory or disk */
	FTP_USAGE,	/* an argument that cannot be meant */
	FTP_ABORTED,	/* the user stopped it */
	FTP_CLASS_COUNT
};

/* All text is escaped already: it can be printed to a terminal. */
struct ftp_error {
	enum ftp_class class;
	int reply_code;	/* of the server's reply that said so; 0 when there was none */
	int error;	/* errno; 0 when there was none */
	char what[512];	/* the action that failed: cannot fetch 'a' */
	char why[1024];	/* cause: the server answers "550 No such file." */
	char hint[512];	/* what to try; may be empty */
};

/* Whether trying again later may help. */
bool ftp_class_is_retryable(enum ftp_class reason);

/* One word for --json and scripts: "network", "temporary", "login", ... "ok". */
const char *ftp_class_name(enum ftp_class reason);

/*
 * Fill error and return reason. what, why and hint are plain text; control characters become '?'.
 */
enum ftp_class ftp_error_set(
    struct ftp_error *error, enum ftp_class reason, const char *what, const char *why, const char *hint);

/* Replace the cause, or what to try. */
void ftp_error_why(struct ftp_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ftp_error_hint(struct ftp_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
