/* SPDX-License-Identifier: ISC */
/*
 * A libsecret for tests. It knows the password of one user on one host, from FAKE_SECRET="HOST USER PASSWORD"; with
 * FAKE_SECRET="error" it fails as the library does where there is no keyring.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_error {
	uint32_t domain;
	int code;
	char *message;
};

char *secret_password_lookup_sync(const void *schema, void *cancellable, struct fake_error **error, ...);
void secret_password_free(char *password);
void g_error_free(struct fake_error *error);

char *
secret_password_lookup_sync(const void *schema, void *cancellable, struct fake_error **error, ...)
{
	const char *known = getenv("FAKE_SECRET"), *name, *value, *host = "", *user = "", *protocol = "";
	char wanted[512];
	va_list args;

	(void)schema;
	(void)cancellable;
	va_start(args, error);
	while ((name = va_arg(args, const char *)) != NULL) {
		value = va_arg(args, const char *);
		if (strcmp(name, "server") == 0)
			host = value;
		else if (strcmp(name, "user") == 0)
			user = value;
		else if (strcmp(name, "protocol") == 0)
			protocol = value;
	}
	va_end(args);
	if (known != NULL && strcmp(known, "error") == 0) {
		*error = calloc(1, sizeof(**error));
		if (*error != NULL)
			(*error)->message = strdup("Cannot autolaunch D-Bus\033[31m without X11");
		return NULL;
	}
	snprintf(wanted, sizeof(wanted), "%s %s ", host, user);
	if (known == NULL || strcmp(protocol, "ftp") != 0 || strncmp(known, wanted, strlen(wanted)) != 0)
		return NULL;
	return strdup(known + strlen(wanted));
}

void
secret_password_free(char *password)
{
	free(password);
}

void
g_error_free(struct fake_error *error)
{
	free(error->message);
	free(error);
}
