/* SPDX-License-Identifier: ISC */
/* Replies with texts of the administrator, whose variables (common/text_variables.h) become what they are about. */
#ifndef DAEMON_PROTOCOL_VARIABLES_H
#define DAEMON_PROTOCOL_VARIABLES_H

struct protocol;

/* Begin a reply with the lines of a text, as reply_text(), after the login. The quota is asked for only if the text has it. */
void reply_text_with_variables(struct protocol *protocol, int code, const char *text);

/* The reply 220 with the banner of the server, which may stand before the login: it has only variables with a value there. */
void reply_with_banner(struct protocol *protocol);

#endif
