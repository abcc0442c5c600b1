/* SPDX-License-Identifier: ISC */
/* Which of the servers in the configuration the session is with; the monitor decides again at the login. */
#ifndef DAEMON_PROTOCOL_SERVER_CHOICE_H
#define DAEMON_PROTOCOL_SERVER_CHOICE_H

struct protocol;

/* The name of the server that the client has given: with HOST, or else with TLS; "": none. */
const char *server_choice_name(const struct protocol *protocol);

/* A name may be given now that was not given before, or no more: which server is it? Sets server and must_protect. */
void server_choice_settle(struct protocol *protocol);

#endif
