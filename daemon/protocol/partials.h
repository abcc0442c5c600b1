/* SPDX-License-Identifier: ISC */
/* Replies about a client's partial uploads. */
#ifndef DAEMON_PROTOCOL_PARTIALS_H
#define DAEMON_PROTOCOL_PARTIALS_H

struct protocol;

/* SITE PARTIALS [DELETE path | DELETE ALL]; argument may be NULL. */
void site_partials(struct protocol *protocol, char *argument);

#endif
