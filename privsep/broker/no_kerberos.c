/* SPDX-License-Identifier: ISC */
/*
 * libpq asks Kerberos for a ticket when a server wants one, whatever the connection string says (before version 16, which
 * has require_auth). That reads files, looks up names and loads libraries, all of which ends the broker: then any server
 * could end it. These functions are found before those of the library with the same names, and refuse.
 *
 * Types as of gssapi.h (RFC 2744), whose header a build does not need.
 */
#include "privsep/broker/no_kerberos.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#include "common/banned.h"

#define GSS_UNAVAILABLE (16U << 16) /* GSS_S_UNAVAILABLE */

struct gss_text {
	size_t length;
	void *value; /* freed with free(3) */
};

uint32_t gss_import_name(uint32_t *minor, const struct gss_text *text, void *type, void **name);
uint32_t gss_display_status(
    uint32_t *minor, uint32_t value, int value_type, void *mechanism, uint32_t *context, struct gss_text *text);

bool
kerberos_is_refused(void)
{
	const void *found = dlsym(RTLD_DEFAULT, "gss_import_name");
	uint32_t (*ours)(uint32_t *, const struct gss_text *, void *, void **) = gss_import_name;

	return found == NULL || memcmp(&found, &ours, sizeof(found)) == 0;
}

/* The first that libpq calls; it goes on only after success. */
uint32_t
gss_import_name(uint32_t *minor, const struct gss_text *text, void *type, void **name)
{
	(void)text;
	(void)type;
	*minor = 0;
	*name = NULL;
	return GSS_UNAVAILABLE;
}

uint32_t
gss_display_status(
    uint32_t *minor, uint32_t value, int value_type, void *mechanism, uint32_t *context, struct gss_text *text)
{
	static const char words[] = "the broker has no Kerberos";

	(void)value;
	(void)value_type;
	(void)mechanism;
	*minor = 0;
	*context = 0;
	text->value = strdup(words);
	text->length = text->value == NULL ? 0 : sizeof(words) - 1;
	return 0;
}
