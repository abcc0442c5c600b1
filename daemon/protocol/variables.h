/* SPDX-License-Identifier: ISC */
/* Texts of the administrator that have variables in them: %{user}, %{date} and others. */
#ifndef DAEMON_PROTOCOL_VARIABLES_H
#define DAEMON_PROTOCOL_VARIABLES_H

struct protocol;

/*
 * Begin a reply with the lines of a text, as reply_text(), after the login. %{user}, %{address}, %{date}, %{time} (UTC),
 * %{quota-left} and %{files-left} become what they are about; any other %{...} stays as it is. The quota is asked for
 * only if the text says so.
 */
void reply_text_with_variables(struct protocol *protocol, int code, const char *text);

#endif
