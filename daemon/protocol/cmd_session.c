/* SPDX-License-Identifier: ISC */
/* Commands of the session: the login, and what the server can do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "accounts/account.h"
#include "accounts/password.h"
#include "common/text.h"
#include "common/title.h"
#include "config/servers.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/hash_names.h"
#include "daemon/protocol/host_parse.h"
#include "daemon/protocol/server_choice.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/variables.h"

#include "common/banned.h"

#define FEATURE_MAX 256

/*
 * Must this user not send a password now? The two names that clients without an account give may: their password is
 * none, and the monitor decides. That says nothing of accounts.
 */
static bool
must_not_be_clear(const struct protocol *protocol, const char *user)
{
	return protocol->must_protect && protocol->control.stream.tls == NULL && strcmp(user, ACCOUNT_ANONYMOUS) != 0 &&
	    strcmp(user, ACCOUNT_FTP) != 0;
}

void
cmd_user(struct protocol *protocol, const struct request *request)
{
	size_t len = request->len;

	if (protocol->state == IPC_STATE_READY) {
		reply(protocol, 530, "Already logged in as %s; QUIT first", protocol->user);
		return;
	}
	if (must_not_be_clear(protocol, request->argument)) {
		protocol->user[0] = '\0';
		reply(protocol, 530, "This server takes no password in clear: use AUTH TLS first (FTPS, explicit TLS)");
		return;
	}
	/* an impossible name gets the answer of every other, and fails at PASS */
	if (len >= sizeof(protocol->user))
		len = sizeof(protocol->user) - 1;
	memcpy(protocol->user, request->argument, len);
	protocol->user[len] = '\0';
	reply(protocol, 331, "Password required for %s", protocol->user);
}

void
cmd_pass(struct protocol *protocol, const struct request *request)
{
	char *argument = request->argument;
	int r;

	if (must_not_be_clear(protocol, protocol->user)) {
		reply(protocol, 530, "Not checked: this server takes no password in clear; use AUTH TLS first");
		return;
	}
	if (protocol->state == IPC_STATE_READY || protocol->user[0] == '\0') {
		reply(protocol, 503, protocol->user[0] == '\0' ? "USER first" : "Already logged in");
		return;
	}
	/* a password that no account can have costs a check like any other; a single control character is such a one */
	if (request->len > PASSWORD_MAX)
		r = ask_monitor_login(protocol, protocol->user, "\x01", 1);
	else
		r = ask_monitor_login(protocol, protocol->user, argument == NULL ? "" : argument, request->len);
	if (request->len > 0)
		explicit_bzero(argument, request->len);
	switch (r) {
	case 0:
		title_set("protocol", protocol->user, protocol->session->peer_text);
		reply_text_with_variables(protocol, 230, servers_login_message(protocol->config, protocol->server));
		reply(protocol, 230, "User %s logged in", protocol->user);
		return;
	case -EUSERS:
		reply(protocol, 530, "Too many sessions of this account");
		break;
	case -ECANCELED:
		break; /* the reply is the end that was announced before */
	case -ECONNABORTED:
		reply(protocol, 530, "Too many failed logins, closing");
		protocol->is_over = true;
		break;
	default:
		reply(protocol, 530, "Login incorrect");
		break;
	}
	protocol->user[0] = '\0';
}

void
cmd_quit(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply(protocol, 221, "Goodbye");
	tell_monitor_noted(protocol, NOTED_QUIT, "");
	protocol->is_over = true;
}

void
cmd_noop(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply(protocol, 200, "Ready");
}

void
cmd_syst(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply(protocol, 215, "UNIX Type: L8");
}

/* No account of this server needs more than name and password (RFC 959, 4.1.1). */
void
cmd_acct(struct protocol *protocol, const struct request *request)
{
	(void)request;
	if (protocol->state == IPC_STATE_READY)
		reply(protocol, 202, "No account information is needed");
	else
		reply(protocol, 503, "USER and PASS first; no account information is needed");
}

void
cmd_smnt(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply(protocol, 502, "Nothing can be mounted here");
}

/* Behind a login the way back is closed: the monitor has given root up for good. */
void
cmd_rein(struct protocol *protocol, const struct request *request)
{
	(void)request;
	if (protocol->state == IPC_STATE_READY) {
		reply(protocol, 502, "A session belongs to the user who logged in; QUIT and connect again");
		return;
	}
	session_reset(protocol);
	protocol->host[0] = '\0';
	server_choice_settle(protocol);
	reply(protocol, 220, "Ready for a new user");
}

/* Why the server of this name is not the one to log in to; NULL: it is. */
static const char *
host_refusal(const struct protocol *protocol, const char *name, const union address *literal)
{
	const union address *dialled = &protocol->session->dialled;

	if (literal->family != AF_UNSPEC ? !address_same_host(literal, dialled)
					 : servers_named(protocol->config, dialled, name) < 0)
		return "No server of that name is here";
	return stream_agrees_with_host(&protocol->control.stream, name) ? NULL
									: "TLS was begun with a server of another name";
}

/*
 * RFC 7151, 3.2: a server that is at the dialled address, by its name; a literal address must be the one that was
 * dialled. Where TLS has named a server, it must be the same (3.2.2). A refused HOST leaves none in force (3.2.2, the
 * second one counts). A further server greets with its banner.
 */
void
cmd_host(struct protocol *protocol, const struct request *request)
{
	const char *argument = request->argument, *refusal;
	union address literal;

	if (protocol->state == IPC_STATE_READY || protocol->user[0] != '\0') {
		reply(protocol, 503, "HOST comes before USER");
		return;
	}
	protocol->host[0] = '\0';
	server_choice_settle(protocol);
	if (host_parse(argument, &literal) < 0) {
		reply(protocol, 501, "Usage: HOST name, or an address without a port");
		return;
	}
	refusal = host_refusal(protocol, argument, &literal);
	if (refusal != NULL) {
		reply(protocol, 504, "%s", refusal);
		return;
	}
	snprintf(protocol->host, sizeof(protocol->host), "%s", argument);
	server_choice_settle(protocol);
	if (protocol->server == 0)
		reply(protocol, 220, "Host accepted");
	else
		reply_with_banner(protocol);
}

/* RFC 2640, 4: replies are in English. */
void
cmd_lang(struct protocol *protocol, const struct request *request)
{
	const char *argument = request->argument;

	if (argument == NULL || strcasecmp(argument, "EN") == 0 || strncasecmp(argument, "EN-", 3) == 0)
		reply(protocol, 200, "Replies are in English");
	else
		reply(protocol, 504, "Replies are in English only");
}

void
cmd_clnt(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply(protocol, 200, "Noted");
}

void
cmd_csid(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply(protocol, 200, "Name=sallyport; Version=" SALLYPORT_VERSION ";");
}

/* Features that depend on the session. */

static const struct {
	const char *name;
	uint8_t fact;
} facts[] = {
    {"type", FACT_TYPE},
    {"size", FACT_SIZE},
    {"modify", FACT_MODIFY},
    {"perm", FACT_PERM},
    {"unique", FACT_UNIQUE},
    {"UNIX.mode", FACT_UNIX_MODE},
    {"UNIX.owner", FACT_UNIX_OWNER},
    {"UNIX.group", FACT_UNIX_GROUP},
};

#define FACT_COUNT (sizeof(facts) / sizeof(facts[0]))

/* "MLST type*;size;..." (RFC 3659, 7.8): the chosen ones have a star. */
static void
mlst_feature(const struct protocol *protocol, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "MLST ");

	for (size_t i = 0; i < FACT_COUNT && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s;", facts[i].name,
		    (protocol->facts & facts[i].fact) != 0 ? "*" : "");
}

static void
hash_feature(const struct protocol *protocol, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "HASH ");

	for (int i = 0; i < HASH_COUNT && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s;", hash_name((enum ipc_hash)i),
		    protocol->hash == (enum ipc_hash)i ? "*" : "");
}

/* Does this server, as configured, know command and show it in HELP? */
static bool
command_is_told(const struct protocol *protocol, const struct command *command)
{
	if ((command->needs & IS_FOR_TLS) != 0 && protocol->session->tls == NULL)
		return false;
	return (command->needs & IS_HIDDEN) == 0;
}

/* The text of a command's line in FEAT, where it depends on the session (MLST, HASH, MODE Z); NULL: none. */
static const char *
command_feature(const struct protocol *protocol, const struct command *command, char *text, size_t size)
{
	if (command->feature == NULL || !command_is_told(protocol, command))
		return NULL;
	if (strcmp(command->verb, "MLST") == 0)
		mlst_feature(protocol, text, size);
	else if (strcmp(command->verb, "HASH") == 0)
		hash_feature(protocol, text, size);
	else if (strcmp(command->verb, "MODE") == 0 && !protocol->config->mode_z)
		return NULL;
	else
		return command->feature;
	return text;
}

/* "Each extension supported must be listed on a separate line" (RFC 2389, 3.2); SITE has several. */
static void
reply_features(struct protocol *protocol, const char *features)
{
	for (;;) {
		size_t len = strcspn(features, "\n");

		reply_line_bytes(protocol, features, len);
		if (features[len] == '\0')
			return;
		features += len + 1;
	}
}

void
cmd_feat(struct protocol *protocol, const struct request *request)
{
	reply_begin(protocol, 211, "Features:");
	for (const struct command *command = request->table; command->verb != NULL; command++) {
		char text[FEATURE_MAX];
		const char *feature = command_feature(protocol, command, text, sizeof(text));

		if (feature != NULL)
			reply_features(protocol, feature);
	}
	reply_line(protocol, "TVFS"); /* RFC 3659, 6: no verb of its own */
	reply(protocol, 211, "End");
}

/* UTF-8 is always on (RFC 2640). */
static void
opts_utf8(struct protocol *protocol, const char *value)
{
	if (value[0] == '\0' || strcasecmp(value, "ON") == 0)
		reply(protocol, 200, "UTF-8 is on");
	else
		reply(protocol, 501, "UTF-8 is always on"); /* RFC 2389, 4 has no other reply for it */
}

/* RFC 3659, 7.9: unknown facts are ignored; the reply has those in force. */
static void
opts_mlst(struct protocol *protocol, const char *value)
{
	char text[FEATURE_MAX] = "";
	size_t used = 0;

	if (strchr(value, ' ') != NULL) {
		reply(protocol, 501, "Usage: OPTS MLST fact;fact;");
		return;
	}
	protocol->facts = 0;
	while (*value != '\0') {
		size_t len = strcspn(value, ";");

		for (size_t i = 0; i < FACT_COUNT; i++)
			if (strlen(facts[i].name) == len && strncasecmp(facts[i].name, value, len) == 0)
				protocol->facts |= facts[i].fact;
		value += len + (value[len] == ';');
	}
	for (size_t i = 0; i < FACT_COUNT; i++)
		if ((protocol->facts & facts[i].fact) != 0)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s;", facts[i].name);
	reply(protocol, 200, "MLST OPTS%s%s", used > 0 ? " " : "", text);
}

/* draft-bryan-ftpext-hash-02, 3.2 */
static void
opts_hash(struct protocol *protocol, const char *value)
{
	if (value[0] != '\0' && hash_find(value, &protocol->hash) < 0) {
		reply(protocol, 501, "Unknown algorithm, current selection not changed");
		return;
	}
	if (value[0] != '\0' && protocol->state == IPC_STATE_READY)
		tell_files_expect_hash(protocol, protocol->hash);
	reply(protocol, 200, "%s", hash_name(protocol->hash));
}

/* "Z LEVEL 1" to "Z LEVEL 9" (draft-preston-ftpext-deflate-04) */
static void
opts_mode(struct protocol *protocol, const char *value)
{
	static const char prefix[] = "Z LEVEL ";
	uint64_t level = 0;

	if (!protocol->config->mode_z || strncasecmp(value, prefix, sizeof(prefix) - 1) != 0 ||
	    parse_u64(value + sizeof(prefix) - 1, 9, &level) < 0 || level == 0) {
		reply(protocol, 501,
		    protocol->config->mode_z ? "Usage: OPTS MODE Z LEVEL 1 to 9" : "MODE has no options");
		return;
	}
	protocol->deflate_level = (int)level;
	reply(protocol, 200, "MODE Z LEVEL set to %d", protocol->deflate_level);
}

void
cmd_opts(struct protocol *protocol, const struct request *request)
{
	static const struct {
		const char *name;
		void (*handler)(struct protocol *protocol, const char *value);
	} options[] = {
	    {"UTF8", opts_utf8},
	    {"UTF-8", opts_utf8},
	    {"MLST", opts_mlst},
	    {"HASH", opts_hash},
	    {"MODE", opts_mode},
	};
	char *argument = request->argument;
	char *blank = strchr(argument, ' ');

	if (blank != NULL)
		*blank = '\0';
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcasecmp(options[i].name, argument) == 0) {
			options[i].handler(protocol, blank == NULL ? "" : blank + 1);
			return;
		}
	}
	reply(protocol, 501, "No options for %s; HASH, MLST and UTF8 have some", argument);
}

static void
help_all(struct protocol *protocol, const struct command *table)
{
	char line[80] = "";
	size_t used = 0;

	reply_begin(protocol, 214, "Known commands:");
	for (const struct command *command = table; command->verb != NULL; command++) {
		if (!command_is_told(protocol, command))
			continue;
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%-7s ", command->verb);
		if (used < 63)
			continue;
		reply_line(protocol, "%s", line);
		used = 0;
	}
	if (used > 0)
		reply_line(protocol, "%s", line);
	reply(protocol, 214, "HELP verb shows its syntax");
}

void
cmd_help(struct protocol *protocol, const struct request *request)
{
	const char *argument = request->argument;

	if (argument == NULL) {
		help_all(protocol, request->table);
		return;
	}
	for (const struct command *command = request->table; command->verb != NULL; command++) {
		if (command_is_told(protocol, command) && strcasecmp(command->verb, argument) == 0) {
			reply(protocol, 214, "Syntax: %s (%s)", command->syntax, command->source);
			return;
		}
	}
	reply(protocol, 502, "Unknown command %s", argument);
}

void
cmd_http(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply(protocol, 421, "This is an FTP server, not an HTTP server; closing");
	tell_monitor_noted(protocol, NOTED_BAD_COMMANDS, "HTTP");
	protocol->is_over = true;
}
