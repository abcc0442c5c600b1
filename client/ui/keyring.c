/* SPDX-License-Identifier: ISC */
#include "client/ui/keyring.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "client/ui/report.h"

#include "common/banned.h"

#define LIBRARY "libsecret-1.so.0"
#define MATCH_ATTRIBUTES_ALONE 2 /* SECRET_SCHEMA_DONT_MATCH_NAME */

/* What secret-schema.h of libsecret lays out; it is part of the library's stable interface. */
struct secret_schema {
	const char *name;
	int flags;
	struct {
		const char *name;
		int type; /* 0: a text */
	} attributes[32];
	int reserved;
	void *more[7];
};

/* Of GError, in glib's stable interface. */
struct glib_error {
	uint32_t domain;
	int code;
	char *message;
};

/* The functions that are used of the library. */
struct secret_library {
	void *handle;
	char *(*look_up)(const struct secret_schema *schema, void *cancellable, struct glib_error **error, ...);
	void (*wipe_and_free)(char *password);
	void (*free_error)(struct glib_error *error);
};

static int
load_library(struct secret_library *library, char *why, size_t why_size)
{
	library->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library->handle == NULL) {
		snprintf(why, why_size, "%s", report_quote(dlerror()));
		return -ENOSYS;
	}
	/* POSIX has dlsym() return functions as pointers to objects */
	*(void **)&library->look_up = dlsym(library->handle, "secret_password_lookup_sync");
	*(void **)&library->wipe_and_free = dlsym(library->handle, "secret_password_free");
	*(void **)&library->free_error = dlsym(library->handle, "g_error_free");
	if (library->look_up != NULL && library->wipe_and_free != NULL && library->free_error != NULL)
		return 0;
	snprintf(why, why_size, "%s has not the functions that it should have", LIBRARY);
	return -ENOSYS;
}

int
keyring_look_up(const char *host, const char *user, char *password, size_t size, char *why, size_t why_size)
{
	static const struct secret_schema schema = {.name = "org.gnome.keyring.NetworkPassword",
	    .flags = MATCH_ATTRIBUTES_ALONE,
	    .attributes = {{"server", 0}, {"user", 0}, {"protocol", 0}}};
	/* it stays: unloading what has started threads is not safe */
	static struct secret_library library;
	struct glib_error *error = NULL;
	char *found;
	int r = library.handle != NULL ? 0 : load_library(&library, why, why_size);

	if (r < 0)
		return r;
	found =
	    library.look_up(&schema, NULL, &error, "server", host, "user", user, "protocol", "ftp", (const char *)NULL);
	if (error != NULL) {
		snprintf(why, why_size, "%s", report_quote(error->message));
		library.free_error(error);
		return -EIO;
	}
	if (found == NULL)
		return -ENOENT;
	r = strlen(found) < size ? 0 : -ENOBUFS;
	if (r == 0)
		snprintf(password, size, "%s", found);
	else
		snprintf(why, why_size, "the password is longer than %zu bytes", size - 1);
	library.wipe_and_free(found);
	return r;
}
