/* Commands of the session: who is it, what can you do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "accounts/password.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

void
cmd_user(struct protocol *protocol, char *argument, size_t len)
{
	if (protocol->state == IPC_STATE_READY) {
		reply(protocol, 530, "Already logged in as %s; QUIT first", protocol->user);
		return;
	}
	if (protocol->must_protect && protocol->control.stream.tls == NULL) {
		reply(protocol, 530, "This server takes no password in clear: use AUTH TLS first (FTPS, explicit TLS)");
		return;
	}
	/* an impossible name gets the answer of every other, and fails at PASS */
	if (len >= sizeof(protocol->user))
		len = sizeof(protocol->user) - 1;
	memcpy(protocol->user, argument, len);
	protocol->user[len] = '\0';
	reply(protocol, 331, "Password required for %s", protocol->user);
}

void
cmd_pass(struct protocol *protocol, char *argument, size_t len)
{
	int r;

	if (protocol->must_protect && protocol->control.stream.tls == NULL) {
		reply(protocol, 530, "Not checked: this server takes no password in clear; use AUTH TLS first");
		return;
	}
	if (protocol->state == IPC_STATE_READY || protocol->user[0] == '\0') {
		reply(protocol, 503, protocol->user[0] == '\0' ? "USER first" : "Already logged in");
		return;
	}
	/* a password that no account can have costs a check as every other; one of a control character is none */
	if (len > PASSWORD_MAX)
		r = ask_monitor_login(protocol, protocol->user, "\x01", 1);
	else
		r = ask_monitor_login(protocol, protocol->user, argument == NULL ? "" : argument, len);
	if (len > 0)
		explicit_bzero(argument, len);
	switch (r) {
	case 0:
		reply(protocol, 230, "User %s logged in", protocol->user);
		return;
	case -EUSERS:
		reply(protocol, 530, "Too many sessions of this account");
		break;
	case -ECONNABORTED:
		reply(protocol, 530, "Login incorrect; too many failures, closing");
		protocol->is_over = true;
		break;
	default:
		reply(protocol, 530, "Login incorrect");
		break;
	}
	protocol->user[0] = '\0';
}

void
cmd_quit(struct protocol *protocol, char *argument, size_t len)
{
	(void)argument;
	(void)len;
	reply(protocol, 221, "Goodbye");
	tell_monitor_noted(protocol, NOTED_QUIT, "");
	protocol->is_over = true;
}

void
cmd_noop(struct protocol *protocol, char *argument, size_t len)
{
	(void)argument;
	(void)len;
	reply(protocol, 200, "Ready");
}

void
cmd_syst(struct protocol *protocol, char *argument, size_t len)
{
	(void)argument;
	(void)len;
	reply(protocol, 215, "UNIX Type: L8");
}

void
cmd_feat(struct protocol *protocol, char *argument, size_t len)
{
	(void)argument;
	(void)len;
	reply_begin(protocol, 211, "Features:");
	for (const struct command *command = commands; command->verb != NULL; command++)
		if (command->feature != NULL && command_is_told(protocol, command))
			reply_line(protocol, "%s", command->feature);
	reply(protocol, 211, "End");
}

/* UTF-8 is always on (RFC 2640); MLST's facts are all always sent (RFC 3659, 7.9 allows to ignore the wish). */
void
cmd_opts(struct protocol *protocol, char *argument, size_t len)
{
	(void)len;
	if (strcasecmp(argument, "UTF8") == 0 || strcasecmp(argument, "UTF8 ON") == 0 ||
	    strcasecmp(argument, "UTF-8") == 0 || strcasecmp(argument, "UTF-8 ON") == 0)
		reply(protocol, 200, "UTF-8 is on");
	else if (strncasecmp(argument, "UTF8 ", 5) == 0 || strncasecmp(argument, "UTF-8 ", 6) == 0)
		reply(protocol, 504, "UTF-8 is always on");
	else
		reply(protocol, 501, "No such option; OPTS UTF8 ON is known");
}

static void
help_all(struct protocol *protocol)
{
	char line[80] = "";
	size_t used = 0;

	reply_begin(protocol, 214, "Known commands:");
	for (const struct command *command = commands; command->verb != NULL; command++) {
		if (!command_is_told(protocol, command))
			continue;
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%-7s", command->verb);
		if (used < 63)
			continue;
		reply_line(protocol, "%s", line);
		used = 0;
	}
	if (used > 0)
		reply_line(protocol, "%s", line);
	reply(protocol, 214, "HELP verb tells its syntax");
}

void
cmd_help(struct protocol *protocol, char *argument, size_t len)
{
	(void)len;
	if (argument == NULL) {
		help_all(protocol);
		return;
	}
	for (const struct command *command = commands; command->verb != NULL; command++) {
		if (command_is_told(protocol, command) && strcasecmp(command->verb, argument) == 0) {
			reply(protocol, 214, "Syntax: %s (%s)", command->syntax, command->source);
			return;
		}
	}
	reply(protocol, 502, "Unknown command %s", argument);
}

void
cmd_http(struct protocol *protocol, char *argument, size_t len)
{
	(void)argument;
	(void)len;
	reply(protocol, 421, "This is an FTP server, not an HTTP server; closing");
	tell_monitor_noted(protocol, NOTED_BAD_COMMANDS, "HTTP");
	protocol->is_over = true;
}
