/* SPDX-License-Identifier: ISC */
/* What a client is told about its partial uploads. */
#ifndef DAEMON_PROTOCOL_PARTIALS_H
#define DAEMON_PROTOCOL_PARTIALS_H

#include <stdbool.h>
#include <stddef.h>

#define PARTIALS_SIZE 200	/* of the text about them */

struct protocol;

/* "2 partial uploads hold 300 bytes; ..." of the account. False: there are none, or that cannot be told. */
bool partials_text(struct protocol *protocol, char *text, size_t size);

/* A line in front of a refusal for want of room: what could be removed. Nothing where there are no partials. */
void reply_partials_note(struct protocol *protocol, int code);

/* SITE PARTIALS [DELETE path | DELETE ALL]; argument may be NULL. */
void site_partials(struct protocol *protocol, char *argument);

#endif
