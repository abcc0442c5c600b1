/* SPDX-License-Identifier: ISC */
/* The user and the password of a login; the password is never an argument. */
#ifndef CLIENT_UI_CREDENTIALS_H
#define CLIENT_UI_CREDENTIALS_H

#include <stdbool.h>

#include "client/ui/exit_status.h"
#include "client/ui/options.h"

#define CREDENTIAL_MAX 1024

struct credentials {
	char user[CREDENTIAL_MAX], password[CREDENTIAL_MAX];
	char account[CREDENTIAL_MAX];	/* "": none */
	bool has_password;
	bool is_anonymous;	/* no secret */
};

/*
 * Look for a login without asking: --password-fd, $SALLYPORT_PASSWORD, ~/.netrc (or $NETRC). Without a user
 * anywhere: "anonymous". user may be NULL. Reports errors; credentials_free() in any case.
 */
enum exit_status credentials_find(
    struct credentials *credentials, const char *host, const char *user, const struct options *options);

/* Ask on the terminal for a password that was not found. Reports errors. */
enum exit_status credentials_ask(struct credentials *credentials, const char *host);

/*
 * The password of a user at a proxy: $SALLYPORT_PROXY_PASSWORD, ~/.netrc (or $NETRC), the terminal. Reports errors;
 * credentials_free() in any case.
 */
enum exit_status credentials_for_proxy(struct credentials *credentials, const char *host, const char *user);

/* Wipes. */
void credentials_free(struct credentials *credentials);

#endif
