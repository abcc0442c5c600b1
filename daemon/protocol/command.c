/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/command.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/io.h"
#include "common/title.h"
#include "common/written.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

#define SENSELESS_MAX 50	/* unknown commands, or refused data connections, in a row: then the session ends */

#define TRANSFER (NEEDS_LOGIN | NEEDS_DATA)
#define SETS_UP (NEEDS_LOGIN | KEEPS_RESTART)
/* clang-format off */
const struct command commands[] = {
    /* verb  handler   argument      needs         feature        syntax                         source */
    {"USER", cmd_user, ARG_REQUIRED, 0,            NULL,          "USER name",                   "RFC 959, 4.1.1"},
    {"PASS", cmd_pass, ARG_OPTIONAL, 0,            NULL,          "PASS password",               "RFC 959, 4.1.1"},
    {"AUTH", cmd_auth, ARG_WORD,     IS_FOR_TLS,   "AUTH TLS",    "AUTH TLS",                    "RFC 4217, 4"},
    {"PBSZ", cmd_pbsz, ARG_WORD,     IS_FOR_TLS,   "PBSZ",        "PBSZ 0",                      "RFC 4217, 8"},
    {"PROT", cmd_prot, ARG_WORD,     IS_FOR_TLS,   "PROT",        "PROT C | P",                  "RFC 4217, 9"},
    {"CCC",  cmd_ccc,  ARG_NONE,     IS_FOR_TLS,   NULL,          "CCC",                         "RFC 4217, 7"},
    {"ACCT", cmd_acct, ARG_REQUIRED, 0,            NULL,          "ACCT account",                "RFC 959, 4.1.1"},
    {"REIN", cmd_rein, ARG_NONE,     0,            NULL,          "REIN",                        "RFC 959, 4.1.1"},
    {"SMNT", cmd_smnt, ARG_REQUIRED, NEEDS_LOGIN,  NULL,          "SMNT path",                   "RFC 959, 4.1.1"},
    {"HOST", cmd_host, ARG_WORD,     0,            "HOST",        "HOST name",                   "RFC 7151, 3"},
    {"LANG", cmd_lang, ARG_OPT_WORD, 0,            "LANG EN*",    "LANG [EN]",                   "RFC 2640, 4"},
    {"CLNT", cmd_clnt, ARG_WORD,     KEEPS_RESTART, "CLNT",       "CLNT name",                   "draft-peterson-streamlined-ftp-command-extensions"},
    {"CSID", cmd_csid, ARG_WORD,     KEEPS_RESTART, "CSID",       "CSID Name=...; Version=...;", "draft-peterson-streamlined-ftp-command-extensions"},
    {"QUIT", cmd_quit, ARG_NONE,     0,            NULL,          "QUIT",                        "RFC 959, 4.1.1"},
    {"NOOP", cmd_noop, ARG_OPT_WORD, KEEPS_RESTART | KEEPS_RENAME, NULL, "NOOP",                 "RFC 959, 4.1.3"},
    {"SYST", cmd_syst, ARG_NONE,     KEEPS_RESTART, NULL,         "SYST",                        "RFC 959, 4.1.3"},
    {"FEAT", cmd_feat, ARG_NONE,     KEEPS_RESTART, NULL,         "FEAT",                        "RFC 2389, 3"},
    {"OPTS", cmd_opts, ARG_WORD,     KEEPS_RESTART, "UTF8",       "OPTS UTF8 ON",                "RFC 2389, 4"},
    {"HELP", cmd_help, ARG_OPT_WORD, KEEPS_RESTART, NULL,         "HELP [verb]",                 "RFC 959, 4.1.3"},
    {"STAT", cmd_stat, ARG_OPTIONAL, KEEPS_RESTART, NULL,         "STAT [path]",                 "RFC 959, 4.1.3"},
    {"TYPE", cmd_type, ARG_WORD,     SETS_UP,      NULL,          "TYPE A | I | L 8",            "RFC 959, 4.1.2"},
    {"MODE", cmd_mode, ARG_WORD,     SETS_UP,      "MODE Z",      "MODE S | Z",                  "RFC 959, 4.1.2"},
    {"STRU", cmd_stru, ARG_WORD,     SETS_UP,      NULL,          "STRU F",                      "RFC 959, 4.1.2"},
    {"ALLO", cmd_allo, ARG_WORD,     SETS_UP,      NULL,          "ALLO bytes",                  "RFC 959, 4.1.3"},
    {"PASV", cmd_pasv, ARG_NONE,     SETS_UP,      NULL,          "PASV",                        "RFC 959, 4.1.2"},
    {"EPSV", cmd_epsv, ARG_OPT_WORD, SETS_UP,      "EPSV",        "EPSV [1 | 2 | ALL]",          "RFC 2428, 3"},
    {"PORT", cmd_port, ARG_WORD,     SETS_UP,      NULL,          "PORT h1,h2,h3,h4,p1,p2",      "RFC 959, 4.1.2"},
    {"EPRT", cmd_eprt, ARG_WORD,     SETS_UP,      "EPRT",        "EPRT |family|address|port|",  "RFC 2428, 2"},
    {"REST", cmd_rest, ARG_WORD,     SETS_UP,      "REST STREAM", "REST offset",                 "RFC 3659, 5"},
    {"RETR", cmd_retr, ARG_PATH,     TRANSFER,     NULL,          "RETR path",                   "RFC 959, 4.1.3"},
    {"STOR", cmd_stor, ARG_PATH,     TRANSFER,     NULL,          "STOR path",                   "RFC 959, 4.1.3"},
    {"STOU", cmd_stou, ARG_OPTIONAL, TRANSFER,     NULL,          "STOU [path]",                 "RFC 959, 4.1.3"},
    {"APPE", cmd_appe, ARG_PATH,     TRANSFER,     NULL,          "APPE path",                   "RFC 959, 4.1.3"},
    {"ABOR", cmd_abor, ARG_NONE,     NEEDS_LOGIN,  NULL,          "ABOR",                        "RFC 959, 4.1.3"},
    {"PWD",  cmd_pwd,  ARG_NONE,     SETS_UP,      NULL,          "PWD",                         "RFC 959, 4.1.3"},
    {"CWD",  cmd_cwd,  ARG_PATH,     NEEDS_LOGIN,  NULL,          "CWD path",                    "RFC 959, 4.1.1"},
    {"CDUP", cmd_cdup, ARG_NONE,     NEEDS_LOGIN,  NULL,          "CDUP",                        "RFC 959, 4.1.1"},
    {"MKD",  cmd_mkd,  ARG_PATH,     NEEDS_LOGIN,  NULL,          "MKD path",                    "RFC 959, 4.1.3"},
    {"RMD",  cmd_rmd,  ARG_PATH,     NEEDS_LOGIN,  NULL,          "RMD path",                    "RFC 959, 4.1.3"},
    {"DELE", cmd_dele, ARG_PATH,     NEEDS_LOGIN,  NULL,          "DELE path",                   "RFC 959, 4.1.3"},
    {"RNFR", cmd_rnfr, ARG_PATH,     NEEDS_LOGIN | KEEPS_RENAME, NULL, "RNFR path",              "RFC 959, 4.1.3"},
    {"RNTO", cmd_rnto, ARG_PATH,     NEEDS_LOGIN | KEEPS_RENAME, NULL, "RNTO path",              "RFC 959, 4.1.3"},
    {"SIZE", cmd_size, ARG_PATH,     SETS_UP,      "SIZE",        "SIZE path",                   "RFC 3659, 4"},
    {"MDTM", cmd_mdtm, ARG_PATH,     SETS_UP,      "MDTM",        "MDTM path",                   "RFC 3659, 3"},
    {"MFMT", cmd_mfmt, ARG_REQUIRED, NEEDS_LOGIN,  "MFMT",        "MFMT YYYYMMDDhhmmss path",    "draft-somers-ftp-mfxx-03, 3"},
    {"MFF",  cmd_mff,  ARG_REQUIRED, NEEDS_LOGIN,  "MFF Modify;UNIX.mode;", "MFF fact=value; path", "draft-somers-ftp-mfxx-03, 5"},
    {"AVBL", cmd_avbl, ARG_PATH_OPTIONAL, SETS_UP,      "AVBL",        "AVBL [path]",                 "draft-peterson-streamlined-ftp-command-extensions"},
    {"DSIZ", cmd_dsiz, ARG_PATH_OPTIONAL, SETS_UP,      "DSIZ",        "DSIZ [path]",                 "draft-peterson-streamlined-ftp-command-extensions"},
    {"RMDA", cmd_rmda, ARG_PATH,     NEEDS_LOGIN,  "RMDA",        "RMDA path",                   "draft-peterson-streamlined-ftp-command-extensions"},
    {"HASH", cmd_hash, ARG_PATH,     NEEDS_LOGIN,  "HASH",        "HASH path",                   "draft-bryan-ftpext-hash-02, 3"},
    {"RANG", cmd_rang, ARG_WORD,     SETS_UP,      "RANG STREAM", "RANG first last",             "draft-bryan-ftp-range-08, 3"},
    {"XCRC", cmd_xcrc, ARG_REQUIRED, NEEDS_LOGIN,  "XCRC",        "XCRC path [first [end]]",     "by custom"},
    {"XMD5", cmd_xmd5, ARG_REQUIRED, NEEDS_LOGIN,  "XMD5",        "XMD5 path [first [end]]",     "by custom"},
    {"XSHA1", cmd_xsha1, ARG_REQUIRED, NEEDS_LOGIN, "XSHA1",      "XSHA1 path [first [end]]",    "by custom"},
    {"XSHA", cmd_xsha1, ARG_REQUIRED, NEEDS_LOGIN, "XSHA",        "XSHA path [first [end]]",     "by custom"},
    {"XSHA256", cmd_xsha256, ARG_REQUIRED, NEEDS_LOGIN, "XSHA256", "XSHA256 path [first [end]]", "by custom"},
    {"XSHA512", cmd_xsha512, ARG_REQUIRED, NEEDS_LOGIN, "XSHA512", "XSHA512 path [first [end]]", "by custom"},
    {"SITE", cmd_site, ARG_REQUIRED, 0,            "SITE CHMOD\nSITE COPY\nSITE PARTIALS\nSITE RESTORE\nSITE UTIME\nSITE VERSIONS", "SITE command", "RFC 959, 4.1.3"},
    {"LIST", cmd_list, ARG_OPTIONAL, TRANSFER,     NULL,          "LIST [-adrtRSF] [path]",     "RFC 959, 4.1.3"},
    {"NLST", cmd_nlst, ARG_OPTIONAL, TRANSFER,     NULL,          "NLST [-adrtRSF] [path]",     "RFC 959, 4.1.3"},
    {"MLSD", cmd_mlsd, ARG_PATH_OPTIONAL, TRANSFER,     NULL,          "MLSD [path]",                 "RFC 3659, 7"},
    {"MLST", cmd_mlst, ARG_PATH_OPTIONAL, SETS_UP,      "MLST",        "MLST [path]",                 "RFC 3659, 7"},
    /* RFC 1123, 4.1.3.1: the experimental forms */
    {"XPWD", cmd_pwd,  ARG_NONE,     SETS_UP,      NULL,          "XPWD",                        "RFC 775"},
    {"XCWD", cmd_cwd,  ARG_PATH,     NEEDS_LOGIN,  NULL,          "XCWD path",                   "RFC 775"},
    {"XCUP", cmd_cdup, ARG_NONE,     NEEDS_LOGIN,  NULL,          "XCUP",                        "RFC 775"},
    {"XMKD", cmd_mkd,  ARG_PATH,     NEEDS_LOGIN,  NULL,          "XMKD path",                   "RFC 775"},
    {"XRMD", cmd_rmd,  ARG_PATH,     NEEDS_LOGIN,  NULL,          "XRMD path",                   "RFC 775"},
    /* a browser that another site leads here speaks HTTP: end its session */
    {"GET",  cmd_http, ARG_OPTIONAL, IS_HIDDEN,    NULL,          "",                            "RFC 9110"},
    {"HEAD", cmd_http, ARG_OPTIONAL, IS_HIDDEN,    NULL,          "",                            "RFC 9110"},
    {"POST", cmd_http, ARG_OPTIONAL, IS_HIDDEN,    NULL,          "",                            "RFC 9110"},
    {"PUT",  cmd_http, ARG_OPTIONAL, IS_HIDDEN,    NULL,          "",                            "RFC 9110"},
    {"OPTIONS", cmd_http, ARG_OPTIONAL, IS_HIDDEN, NULL,          "",                            "RFC 9110"},
    {"CONNECT", cmd_http, ARG_OPTIONAL, IS_HIDDEN, NULL,          "",                            "RFC 9110"},
    {"DELETE", cmd_http, ARG_OPTIONAL, IS_HIDDEN,  NULL,          "",                            "RFC 9110"},
    {NULL, NULL, ARG_NONE, 0, NULL, NULL, NULL},
};
/* clang-format on */

static const struct command *
find_verb(const char *verb)
{
	for (const struct command *command = commands; command->verb != NULL; command++)
		if (strcmp(command->verb, verb) == 0)
			return command;
	return NULL;
}

static void
end_for_senselessness(struct protocol *protocol, const char *what, const char *detail)
{
	reply(protocol, 421, "Too many %s; closing", what);
	tell_monitor_noted(protocol, NOTED_BAD_COMMANDS, detail);
	protocol->is_over = true;
}

/* A line that is no command. A client that sends too many of them is not served. */
static void
reply_senseless(struct protocol *protocol, const char *text)
{
	reply(protocol, 500, "%s", text);
	protocol->senseless++;
	if (protocol->senseless >= SENSELESS_MAX)
		end_for_senselessness(protocol, "unknown commands", text);
}

static bool
needs_argument(const struct command *command)
{
	return command->argument == ARG_REQUIRED || command->argument == ARG_WORD || command->argument == ARG_PATH;
}

/* The path of a row that takes one; without an argument, the working directory. False: replied. */
static bool
resolve_request_path(struct protocol *protocol, struct request *request)
{
	static struct home_path path;
	const char *argument = request->argument;

	if (request->command->argument != ARG_PATH && request->command->argument != ARG_PATH_OPTIONAL)
		return true;
	if (request->command->argument == ARG_PATH_OPTIONAL && (argument == NULL || argument[0] == '\0'))
		argument = ".";
	request->path = &path;
	return session_resolve_path(protocol, argument, &path);
}

/* Check what the columns of the row require; fills in the path. False: replied. */
static bool
is_allowed_command(struct protocol *protocol, struct request *request)
{
	const struct command *command = request->command;

	if ((command->needs & IS_FOR_TLS) != 0 && protocol->session->tls == NULL) {
		reply(protocol, 502, "TLS is not set up on this server");
		return false;
	}
	if ((command->needs & NEEDS_LOGIN) != 0 && protocol->state != IPC_STATE_READY) {
		reply(protocol, 530, "Log in with USER and PASS first");
		return false;
	}
	if (command->argument == ARG_NONE && request->argument != NULL) {
		reply(protocol, 501, "%s takes no argument", command->verb);
		return false;
	}
	if (request->argument == NULL && needs_argument(command)) {
		reply(protocol, 501, "Usage: %s", command->syntax);
		return false;
	}
	if (!resolve_request_path(protocol, request))
		return false;
	if ((command->needs & NEEDS_DATA) != 0 && protocol->data_mode == DATA_NONE) {
		reply(protocol, 425, "Use EPSV, PASV, EPRT or PORT first");
		return false;
	}
	if ((command->needs & NEEDS_DATA) != 0 && protocol->must_protect && !protocol->is_data_private) {
		reply(protocol, 521, "Data connections must be protected; send PBSZ 0 and PROT P first");
		return false;
	}
	return true;
}

static void
dispatch_command(struct protocol *protocol, struct request *request)
{
	const struct command *command = request->command;

	if (is_allowed_command(protocol, request)) {
		const char *text = request->path != NULL ? request->path->text : "";
		size_t len = request->path != NULL ? request->path->len : 0;

		claim_command(protocol->session->claims, command->verb, text, len);
		title_doing(command->verb, text, len);
		command->handler(protocol, request);
		title_doing(protocol->state == IPC_STATE_READY ? "idle" : "login", "", 0);
	}
	if (protocol->transfer.owes_abort_reply) {
		protocol->transfer.owes_abort_reply = false;
		reply(protocol, 226, "ABOR done");
	}
	if ((command->needs & KEEPS_RESTART) == 0) {
		protocol->restart_offset = 0;
		protocol->range_end = UINT64_MAX;
	}
	if ((command->needs & NEEDS_DATA) != 0)
		protocol->announced = UINT64_MAX;
	if ((command->needs & KEEPS_RENAME) == 0)
		protocol->has_rename_from = false;
}

/* Blanks that are part of a path, a name or a password stay. */
static bool
is_without_blanks(const struct command *command)
{
	return command->argument == ARG_NONE || command->argument == ARG_WORD || command->argument == ARG_OPT_WORD;
}

/* Old clients pad their lines. Returns the bytes that are left. */
static size_t
drop_blanks(char *argument, size_t *len)
{
	while (*len > 0 && argument[*len - 1] == ' ')
		argument[--*len] = '\0';
	return *len;
}

static void
run_command_line(struct protocol *protocol, char *line)
{
	struct request request = {.table = commands};
	char verb[16];

	if (line_split(line, verb, &request.argument, &request.len) < 0) {
		reply_senseless(protocol, "Not a command");
		return;
	}
	request.command = find_verb(verb);
	if (request.command == NULL) {
		reply_senseless(protocol, "Unknown command; HELP lists the known ones");
		return;
	}
	protocol->senseless = 0;
	if (request.argument != NULL && is_without_blanks(request.command) &&
	    drop_blanks(request.argument, &request.len) == 0)
		request.argument = NULL;
	dispatch_command(protocol, &request);
	if (protocol->refused_data >= SENSELESS_MAX && !protocol->is_over)
		end_for_senselessness(protocol, "refused data connections", "refused data connections");
}

void
command_run(struct protocol *protocol)
{
	/* its own copy: the reader takes the next line in while a transfer of this one runs */
	static char line[COMMAND_LINE_MAX + 1] BEGINS_A_PAGE;
	enum line_event event = protocol->control.line_event;
	size_t len = protocol->control.reader.len;

	claim(protocol->session->claims, CLAIM_IDLE, monotonic_ms());
	memcpy(line, protocol->control.reader.text, len + 1);
	control_done_line(protocol);
	switch (event) {
	case LINE_WHOLE:
		run_command_line(protocol, line);
		break;
	case LINE_TOO_LONG:
		reply_senseless(protocol, "Line too long");
		break;
	case LINE_WITH_NUL:
		reply_senseless(protocol, "NUL in a command");
		break;
	case LINE_MORE:
		break;
	}
	explicit_bzero(line, len);
}
