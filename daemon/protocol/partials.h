/* SPDX-License-Identifier: ISC */
/* What a client is told about its partial uploads. */
#ifndef DAEMON_PROTOCOL_PARTIALS_H
#define DAEMON_PROTOCOL_PARTIALS_H

struct protocol;

/* SITE PARTIALS [DELETE path | DELETE ALL]; argument may be NULL. */
void site_partials(struct protocol *protocol, char *argument);

#endif
