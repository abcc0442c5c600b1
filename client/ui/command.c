/* SPDX-License-Identifier: ISC */
#include "client/ui/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/ui/connections.h"
#include "client/ui/preferences.h"
#include "client/ui/prose.h"
#include "client/ui/report.h"
#include "client/ui/resume.h"
#include "client/ui/signals.h"

#include "common/banned.h"

#define BOTH (WHERE_ONE_SHOT | WHERE_SHELL)
#define TRANSFER (OPTION_BIT(OPTION_CONTINUE) | OPTION_BIT(OPTION_VERIFY) | OPTION_BIT(OPTION_ASCII))
#define GET (TRANSFER | OPTION_BIT(OPTION_SEGMENTS) | OPTION_BIT(OPTION_TO_END))
#define PUT (TRANSFER | OPTION_BIT(OPTION_APPEND) | OPTION_BIT(OPTION_IN_PLACE) | OPTION_BIT(OPTION_PARENTS))
#define MIRROR \
	(OPTION_BIT(OPTION_VERIFY) | OPTION_BIT(OPTION_PARALLEL) | OPTION_BIT(OPTION_SEGMENTS) | \
	    OPTION_BIT(OPTION_UPLOAD) | OPTION_BIT(OPTION_DELETE) | OPTION_BIT(OPTION_DELETE_BEFORE) | \
	    OPTION_BIT(OPTION_MAX_DELETE) | OPTION_BIT(OPTION_DRY_RUN) | OPTION_BIT(OPTION_CHECKSUM) | \
	    OPTION_BIT(OPTION_SIZE_ONLY) | OPTION_BIT(OPTION_IGNORE_TIMES) | OPTION_BIT(OPTION_IN_PLACE) | \
	    OPTIONS_MIRROR_FILTER)
#define ANY SIZE_MAX
#define COMMAND_WIDTH 31 /* columns of the names in the list */

const struct command client_commands[] = {
    /* name, in the shell, on the command line, operands, flags, least, most, options, function */
    {"ls", "[PATH ...]", "URL ...", OPERANDS_REMOTE, BOTH | IS_DATA | MANY_REMOTES, 0, ANY,
	OPTION_BIT(OPTION_LONG) | OPTION_BIT(OPTION_ONE) | OPTION_BIT(OPTION_SHOW_ALL) | OPTION_BIT(OPTION_CLASSIFY) |
	    OPTION_BIT(OPTION_COLOR) | OPTION_BIT(OPTION_SORT) | OPTION_BIT(OPTION_REVERSE),
	command_ls, "list directories and files"},
    {"find", "[PATH ...]", "URL ...", OPERANDS_REMOTE, BOTH | IS_DATA | MANY_REMOTES, 0, ANY,
	OPTION_BIT(OPTION_NAME) | OPTION_BIT(OPTION_TYPE) | OPTION_BIT(OPTION_NULL) | OPTIONS_FIND_FILTER,
	command_find_names, "find names below directories: by name, type, size and age"},
    {"du", "[PATH ...]", "URL ...", OPERANDS_REMOTE, BOTH | IS_DATA | MANY_REMOTES, 0, ANY, OPTION_BIT(OPTION_SHOW_ALL),
	command_du, "print how much directories hold, with all below them"},
    {"edit", "FILE", "URL", OPERANDS_REMOTE, BOTH | CHANGES_SERVER, 1, 1, OPTION_BIT(OPTION_VERIFY), command_edit,
	"change a file in your editor, unless somebody else has changed it meanwhile"},
    {"cd", "[PATH]", NULL, OPERANDS_REMOTE, WHERE_SHELL, 0, 1, 0, command_cd,
	"change the directory on the server; back home without PATH, to the one before with -"},
    {"pwd", "", NULL, OPERANDS_NONE, WHERE_SHELL, 0, 0, 0, command_pwd, "print the directory on the server"},
    {"get", "FILE [LOCAL]", "URL ... [LOCAL]", OPERANDS_REMOTE_LOCAL, BOTH | MANY_REMOTES, 1, 2,
	GET | OPTION_BIT(OPTION_PARALLEL), command_get,
	"fetch files; LOCAL is a name, a directory, or - for standard output"},
    {"mget", "PATTERN ...", "URL ... [DIRECTORY]", OPERANDS_REMOTE_LOCAL, BOTH | MANY_REMOTES, 1, ANY,
	GET | OPTION_BIT(OPTION_PARALLEL), command_mget, "fetch the files that match"},
    {"reget", "FILE [LOCAL]", NULL, OPERANDS_REMOTE_LOCAL, WHERE_SHELL, 1, 2, GET, command_reget, "get --continue"},
    {"put", "LOCAL [FILE]", "LOCAL ... URL", OPERANDS_LOCAL_REMOTE, BOTH | CHANGES_SERVER | MANY_LOCALS, 1, 2,
	PUT | OPTION_BIT(OPTION_PARALLEL), command_put, "send files; LOCAL may be - for standard input"},
    {"mput", "PATTERN ...", "PATTERN ... URL", OPERANDS_LOCAL_REMOTE, BOTH | CHANGES_SERVER | MANY_LOCALS, 1, ANY,
	PUT | OPTION_BIT(OPTION_PARALLEL), command_mput, "send the files that match"},
    {"reput", "LOCAL [FILE]", NULL, OPERANDS_LOCAL_REMOTE, WHERE_SHELL | CHANGES_SERVER, 1, 2, PUT, command_reput,
	"put --continue"},
    {"mirror", "[SOURCE [TARGET]]", "SOURCE TARGET", OPERANDS_MIRROR, BOTH | CHANGES_SERVER, 0, 2, MIRROR,
	command_mirror, "make TARGET like SOURCE, directories with all that is in them; one of the two is local"},
    {"copy", "FILE TARGET", "URL URL", OPERANDS_COPY, BOTH | NO_CONNECTION | CHANGES_SERVER, 2, 2,
	OPTION_BIT(OPTION_RELAY) | OPTION_BIT(OPTION_VERIFY), command_copy,
	"copy a file from one server to another, directly between the two; in the shell each is a path, CONNECTION:PATH "
	"or a URL"},
    {"rm", "FILE ...", "URL ...", OPERANDS_REMOTE, BOTH | CHANGES_SERVER | MANY_REMOTES, 1, ANY,
	OPTION_BIT(OPTION_RECURSIVE), command_rm, "remove files"},
    {"rmdir", "DIRECTORY ...", "URL ...", OPERANDS_REMOTE, BOTH | CHANGES_SERVER | MANY_REMOTES, 1, ANY, 0,
	command_rmdir, "remove empty directories"},
    {"mkdir", "DIRECTORY ...", "URL ...", OPERANDS_REMOTE, BOTH | CHANGES_SERVER | MANY_REMOTES, 1, ANY,
	OPTION_BIT(OPTION_PARENTS), command_mkdir, "make directories"},
    {"mv", "FROM TO", "URL TO", OPERANDS_REMOTE, BOTH | CHANGES_SERVER, 2, 2, 0, command_mv,
	"rename; TO is a path on the same server, or a directory"},
    {"chmod", "MODE FILE ...", "MODE URL ...", OPERANDS_TEXT_REMOTE, BOTH | CHANGES_SERVER | MANY_REMOTES, 2, ANY, 0,
	command_chmod, "change rights; MODE is octal, as 644, or of letters, as u+x,g-w"},
    {"cat", "FILE ...", "URL ...", OPERANDS_REMOTE, BOTH | IS_DATA | MANY_REMOTES, 1, ANY, 0, command_cat,
	"print files"},
    {"head", "FILE ...", "URL ...", OPERANDS_REMOTE, BOTH | IS_DATA | MANY_REMOTES, 1, ANY, OPTION_BIT(OPTION_LINES),
	command_head, "print the first lines of files"},
    {"hash", "FILE ...", "URL ...", OPERANDS_REMOTE, BOTH | IS_DATA | MANY_REMOTES, 1, ANY,
	OPTION_BIT(OPTION_ALGORITHM), command_hash, "print the server's hashes of files"},
    {"verify", "FILE [LOCAL]", "URL [LOCAL]", OPERANDS_REMOTE_LOCAL, BOTH, 1, 2, OPTION_BIT(OPTION_ALGORITHM),
	command_verify, "compare a file on the server with a local one, by hash"},
    {"quota", "", "URL", OPERANDS_REMOTE, BOTH | IS_DATA, 0, 0, 0, command_quota,
	"print the limits of the account and how much it stores"},
    {"site", "TEXT ...", "URL TEXT ...", OPERANDS_REMOTE_TEXT, BOTH | CHANGES_SERVER | IS_DATA, 1, ANY, 0, command_site,
	"send a SITE command, print the answer"},
    {"status", "[PATH]", "URL", OPERANDS_REMOTE, BOTH | IS_DATA, 0, 1, 0, command_status,
	"print the state of the connection and of the server"},
    {"lcd", "[DIRECTORY]", NULL, OPERANDS_LOCAL, WHERE_SHELL | NO_CONNECTION, 0, 1, 0, command_lcd,
	"change the local directory"},
    {"lpwd", "", NULL, OPERANDS_NONE, WHERE_SHELL | NO_CONNECTION, 0, 0, 0, command_lpwd, "print the local directory"},
    {"lls", "[PATH ...]", NULL, OPERANDS_LOCAL, WHERE_SHELL | NO_CONNECTION | MANY_LOCALS, 0, ANY, 0, command_lls,
	"list local directories, by ls(1)"},
    {"quote", "TEXT ...", NULL, OPERANDS_TEXT, WHERE_SHELL | CHANGES_SERVER | IS_DATA, 1, ANY, 0, command_quote,
	"send TEXT as it is, and print the answer"},
    {"open", "PLACE", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION, 1, 1, OPTIONS_CONNECTION, command_open,
	"open one more connection, and use it"},
    {"close", "[CONNECTION]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION, 0, 1, 0, command_close,
	"close this connection, or the one of a number or host"},
    {"user", "NAME", NULL, OPERANDS_TEXT, WHERE_SHELL, 1, 1, 0, command_user, "log in on this server as another user"},
    {"connections", "[CONNECTION]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION | IS_DATA, 0, 1, 0,
	command_connections, "list the connections, or use the one of a number or host"},
    {"jobs", "", NULL, OPERANDS_NONE, WHERE_SHELL | NO_CONNECTION | IS_DATA, 0, 0, 0, command_jobs,
	"list what runs in the background; COMMAND & begins it there"},
    {"queue", "[COMMAND ...]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION | IS_DATA, 0, 0, 0, command_queue,
	"run COMMAND in the background, after those that were queued before"},
    {"fg", "[JOB]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION, 0, 1, 0, command_fg,
	"wait for a job, and show what it says; Ctrl-C stops it"},
    {"kill", "[JOB]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION, 0, 1, 0, command_kill,
	"stop a job; parts are kept"},
    {"wait", "[JOB]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION, 0, 1, 0, command_wait,
	"wait for a job, or for all"},
    {"alias", "[NAME [TEXT]]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION | IS_DATA, 0, 2, 0, command_alias,
	"list names for commands, or add one: alias ll 'ls -l'"},
    {"unalias", "NAME", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION, 1, 1, 0, command_unalias, "forget an alias"},
    {"set", "[NAME [VALUE]]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION, 0, 2, 0, command_set,
	"print or change settings"},
    {"bookmark", "[NAME [URL]]", "[NAME [URL]]", OPERANDS_TEXT, BOTH | NO_CONNECTION, 0, 2, OPTION_BIT(OPTION_DELETE),
	command_bookmark, "list short names of places; NAME URL adds one, --delete NAME removes it"},
    {"config", "[show [HOST]]", "[check | show [HOST]]", OPERANDS_TEXT, BOTH | NO_CONNECTION, 0, 2, 0, command_config,
	"check the configuration file, or print what holds, for a HOST or in general"},
    {"help", "[COMMAND]", NULL, OPERANDS_TEXT, WHERE_SHELL | NO_CONNECTION, 0, 1, 0, command_help_print,
	"show this list, or how to use COMMAND"},
    {"quit", "", NULL, OPERANDS_NONE, WHERE_SHELL | NO_CONNECTION, 0, 0, 0, NULL, "leave; Ctrl-D does so, too"},
    {NULL, NULL, NULL, OPERANDS_NONE, 0, 0, 0, 0, NULL, NULL},
};

/* Their names in other clients. */
static const struct {
	const char *alias, *name;
} aliases[] = {
    {"dir", "ls"},
    {"exit", "quit"},
    {"bye", "quit"},
    {"delete", "rm"},
    {"rename", "mv"},
    {"?", "help"},
};

static const struct command *
find_exact(const char *name, unsigned int where)
{
	for (const struct command *command = client_commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0 && (command->flags & where) != 0)
			return command;
	return NULL;
}

const struct command *
command_find(const char *name, unsigned int where)
{
	const struct command *command = find_exact(name, where);

	for (size_t i = 0; command == NULL && where == WHERE_SHELL && i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(aliases[i].alias, name) == 0)
			command = find_exact(aliases[i].name, where);
	return command;
}

/* Print usage and options of a command. */
static void
command_help(FILE *out, const struct command *command, unsigned int where)
{
	const char *usage = where == WHERE_SHELL ? command->shell_usage : command->usage;

	fprintf(out, "usage: %s%s%s%s%s\n\n", where == WHERE_SHELL ? "" : "sallyport ", command->name,
	    command->options != 0 || where == WHERE_ONE_SHOT ? " [options]" : "", *usage == '\0' ? "" : " ", usage);
	prose_print(out, command->help);
	if (command->options != 0) {
		prose_print(out, "\nOptions:\n");
		options_help(out, command->options);
	}
	if (where == WHERE_ONE_SHOT) {
		prose_print(out, "\nOptions of the connection and of the output:\n");
		options_help(out, OPTIONS_CONNECTION | OPTIONS_OUTPUT);
	}
}

void
command_list(FILE *out, unsigned int where)
{
	for (const struct command *command = client_commands; command->name != NULL; command++) {
		const char *usage = where == WHERE_SHELL ? command->shell_usage : command->usage;
		char left[64];

		if ((command->flags & where) == 0)
			continue;
		snprintf(left, sizeof(left), "%s%s%s", command->name, *usage == '\0' ? "" : " ", usage);
		prose_row(out, left, COMMAND_WIDTH, command->help);
	}
}

enum exit_status
command_help_print(struct session *session, struct options *options, const struct args *args)
{
	const struct command *command;

	(void)session;
	(void)options;
	if (args->text_count == 0) {
		command_list(stdout, WHERE_SHELL);
		prose_row(stdout, "!COMMAND", 31, "run a local COMMAND in sh(1)");
		prose_row(stdout, "COMMAND | LOCAL", 31, "send what COMMAND prints into a local command");
		prose_row(stdout, "COMMAND > FILE", 31, "write it to a local FILE; >> appends");
		prose_row(stdout, "COMMAND &", 31, "run COMMAND in the background");
		prose_print(stdout,
		    "\nQuotes and backslashes keep blanks and wildcards; Ctrl-C stops a transfer, the part is kept for "
		    "reget.\n");
		return EXIT_DONE;
	}
	command = command_find(args->texts[0]->text, WHERE_SHELL);
	if (command == NULL)
		return report_usage(
		    "unknown command '%s'; help lists the commands", report_quote(args->texts[0]->text));
	command_help(stdout, command, WHERE_SHELL);
	return EXIT_DONE;
}

/* --- sorting operands --- */

static int
args_init(struct args *args, size_t count)
{
	*args = (struct args){0};
	args->remotes = calloc(3 * count + 1, sizeof(const struct word *));
	if (args->remotes == NULL)
		return -ENOMEM;
	args->locals = args->remotes + count;
	args->texts = args->locals + count;
	return 0;
}

static void
args_free(struct args *args)
{
	free(args->remotes);
}

/* Sort the operands of a command of the shell. */
static void
sort_shell(const struct command *command, const struct options *options, const struct word **operands, size_t count,
    struct args *args)
{
	enum operand_kind kind = command->kind;
	bool is_many = (command->flags & (MANY_LOCALS | MANY_REMOTES)) != 0 && command->max == ANY;

	if (kind == OPERANDS_MIRROR)
		kind = options->is_upload ? OPERANDS_LOCAL_REMOTE : OPERANDS_REMOTE_LOCAL;
	args->is_upload = options->is_upload;
	for (size_t i = 0; i < count; i++) {
		bool is_first = i == 0 || is_many;

		switch (kind) {
		case OPERANDS_NONE:
			break;
		case OPERANDS_REMOTE:
			args->remotes[args->remote_count++] = operands[i];
			break;
		case OPERANDS_LOCAL:
			args->locals[args->local_count++] = operands[i];
			break;
		case OPERANDS_REMOTE_LOCAL:
			if (is_first)
				args->remotes[args->remote_count++] = operands[i];
			else
				args->locals[args->local_count++] = operands[i];
			break;
		case OPERANDS_LOCAL_REMOTE:
			if (is_first)
				args->locals[args->local_count++] = operands[i];
			else
				args->remotes[args->remote_count++] = operands[i];
			break;
		case OPERANDS_TEXT_REMOTE:
			if (i == 0)
				args->texts[args->text_count++] = operands[i];
			else
				args->remotes[args->remote_count++] = operands[i];
			break;
		case OPERANDS_REMOTE_TEXT:
		case OPERANDS_COPY:
		case OPERANDS_TEXT:
		case OPERANDS_MIRROR:
			args->texts[args->text_count++] = operands[i];
			break;
		}
	}
}

static enum exit_status
check_shell(const struct command *command, size_t count)
{
	if (count < command->min)
		return report_usage(
		    "%s: missing operand; usage: %s %s", command->name, command->name, command->shell_usage);
	if (count > command->max)
		return report_usage(
		    "%s: too many operands; usage: %s %s", command->name, command->name, command->shell_usage);
	return EXIT_DONE;
}

static void
set_report(const struct command *command, const struct options *options)
{
	report_set(options, (command->flags & IS_DATA) != 0 && !options->is_json);
}

/* Only files that are copied one by one can be text: whatever compares sizes, or shows files, has them as bytes. */
static void
forget_text(const struct command *command, struct options *options)
{
	if ((command->options & OPTION_BIT(OPTION_ASCII)) == 0)
		options->is_ascii = false;
}

enum exit_status
command_run_line(
    struct session *session, struct options *defaults, const struct word *words, size_t count, bool *is_end)
{
	const struct command *command = command_find(words[0].text, WHERE_SHELL);
	const struct word **operands;
	struct options options;
	enum exit_status status;
	struct args args;
	size_t operand_count;
	char why[1024];
	int r;

	if (command == NULL)
		return report_usage("unknown command '%s'; help lists the commands", report_quote(words[0].text));
	operands = calloc(count, sizeof(const struct word *));
	if (operands == NULL || args_init(&args, count) < 0) {
		free(operands);
		return report_no_memory();
	}
	if (options_copy(&options, defaults) < 0) {
		args_free(&args);
		free(operands);
		return report_no_memory();
	}
	r = options_parse(&options, words + 1, count - 1, command->options | OPTIONS_OUTPUT | OPTION_BIT(OPTION_HELP),
	    operands, &operand_count, why, sizeof(why));
	if (r == -ENOMEM)
		status = report_no_memory();
	else if (r < 0)
		status = report_usage("%s: %s", command->name, why);
	else if (options.wants_help) {
		command_help(stdout, command, WHERE_SHELL);
		status = EXIT_DONE;
	} else {
		resume_set(command, words + 1, count - 1, true);
		status = check_shell(command, operand_count);
		if (status == EXIT_DONE && session == NULL && (command->flags & NO_CONNECTION) == 0)
			status = report_usage("%s: no connection is open; open PLACE opens one", command->name);
		if (status == EXIT_DONE && command->run == NULL)
			*is_end = true;
		if (status == EXIT_DONE && command->run != NULL) {
			sort_shell(command, &options, operands, operand_count, &args);
			args.words = words + 1;
			args.word_count = count - 1;
			set_report(command, &options);
			forget_text(command, &options);
			if (session != NULL)
				session_apply(session, &options);
			status = command->run(session, command->run == command_set ? defaults : &options, &args);
			report_set(defaults, false);
			if (session != NULL)
				session_apply(session, defaults);
			if ((command->flags & CHANGES_SERVER) != 0)
				connections_forget_listings();
		}
	}
	options_free(&options);
	args_free(&args);
	free(operands);
	return status;
}

/* --- one command of the program's arguments --- */

/* A place of the command line: the URL, and its path as a word. */
struct place {
	struct ftp_url url;
	struct word word;
};

static void
place_free(struct place *place)
{
	ftp_url_free(&place->url);
	free(place->word.pattern);
	*place = (struct place){0};
}

static bool
is_same_server(const struct ftp_url *a, const struct ftp_url *b)
{
	if (a->tls != b->tls || a->port != b->port || strcasecmp(a->host, b->host) != 0)
		return false;
	if (a->user == NULL || b->user == NULL)
		return a->user == b->user;
	return strcmp(a->user, b->user) == 0;
}

static enum exit_status
parse_operand_place(const char *text, struct place *place)
{
	enum exit_status status = session_parse_place(text, &place->url, &place->word.pattern);

	if (status == EXIT_DONE)
		place->word.text = place->url.path;
	return status;
}

static enum exit_status
usage_once(const struct command *command)
{
	return report_usage("usage: sallyport %s [options] %s", command->name, command->usage);
}

/*
 * Decide which operand is a place on the server: by the kind of the command, and, where both are possible, by what
 * the operand looks like.
 */
static bool
is_remote(const struct command *command, const struct word **operands, size_t count, size_t i)
{
	switch (command->kind) {
	case OPERANDS_REMOTE:
		return true;
	case OPERANDS_REMOTE_LOCAL:
		return i == 0 || session_is_place(operands[i]->text);
	case OPERANDS_LOCAL_REMOTE:
		return i + 1 == count;
	case OPERANDS_MIRROR:
		return session_is_place(operands[i]->text);
	case OPERANDS_TEXT_REMOTE:
		return i > 0;
	case OPERANDS_REMOTE_TEXT:
		return i == 0;
	case OPERANDS_NONE:
	case OPERANDS_LOCAL:
	case OPERANDS_COPY:
	case OPERANDS_TEXT:
		return false;
	}
	return false;
}

/* How many of each kind the command wants. */
static bool
is_count_right(const struct command *command, const struct args *args)
{
	size_t remotes = args->remote_count, locals = args->local_count, texts = args->text_count;

	switch (command->kind) {
	case OPERANDS_REMOTE:
		return texts == 0 && locals == 0 && remotes >= 1 &&
		    (remotes == 1 || (command->flags & MANY_REMOTES) != 0);
	case OPERANDS_REMOTE_LOCAL:
		return remotes >= 1 && locals <= 1 && (remotes == 1 || (command->flags & MANY_REMOTES) != 0);
	case OPERANDS_LOCAL_REMOTE:
		return remotes == 1 && locals >= 1;
	case OPERANDS_MIRROR:
		return remotes == 1 && locals == 1;
	case OPERANDS_TEXT_REMOTE:
		return texts == 1 && remotes >= 1;
	case OPERANDS_REMOTE_TEXT:
		return remotes == 1 && texts >= 1;
	case OPERANDS_COPY:
	case OPERANDS_TEXT:
		return remotes == 0 && locals == 0 && texts <= 2;
	case OPERANDS_NONE:
	case OPERANDS_LOCAL:
		return false;
	}
	return false;
}

/* mv: after the URL comes a path there, or a URL of the same server. */
static enum exit_status
sort_mv(const struct word **operands, size_t count, struct place *places, struct args *args)
{
	enum exit_status status;

	if (count != 2)
		return usage_once(command_find("mv", WHERE_ONE_SHOT));
	status = parse_operand_place(operands[0]->text, &places[0]);
	if (status != EXIT_DONE)
		return status;
	args->remotes[args->remote_count++] = &places[0].word;
	if (!ftp_is_url(operands[1]->text)) {
		args->remotes[args->remote_count++] = operands[1];
		return EXIT_DONE;
	}
	status = parse_operand_place(operands[1]->text, &places[1]);
	if (status != EXIT_DONE)
		return status;
	if (!is_same_server(&places[0].url, &places[1].url))
		return report_usage("mv renames on one server; the two URLs are of different ones");
	args->remotes[args->remote_count++] = &places[1].word;
	return EXIT_DONE;
}

static enum exit_status
sort_once(
    const struct command *command, const struct word **operands, size_t count, struct place *places, struct args *args)
{
	size_t place = 0;

	if (command->run == command_mv)
		return sort_mv(operands, count, places, args);
	for (size_t i = 0; i < count; i++) {
		if (is_remote(command, operands, count, i)) {
			enum exit_status status = parse_operand_place(operands[i]->text, &places[place]);

			if (status != EXIT_DONE)
				return status;
			if (command->kind == OPERANDS_MIRROR)
				args->is_upload = i > 0;
			args->remotes[args->remote_count++] = &places[place++].word;
		} else if (command->kind == OPERANDS_TEXT_REMOTE || command->kind == OPERANDS_REMOTE_TEXT ||
		    command->kind == OPERANDS_TEXT || command->kind == OPERANDS_COPY) {
			args->texts[args->text_count++] = operands[i];
		} else {
			args->locals[args->local_count++] = operands[i];
		}
	}
	return is_count_right(command, args) ? EXIT_DONE : usage_once(command);
}

/* Run the command for consecutive places of one server, then for the next ones. */
static enum exit_status
run_places(const struct command *command, struct place *places, struct args *args)
{
	enum exit_status status = EXIT_DONE;
	size_t all = args->remote_count, first = 0;
	const struct word **remotes = args->remotes;

	/* mv does not connect to its second place */
	while (first < all && !signals_have_aborted()) {
		struct session session = {0};
		struct options options;
		enum exit_status one;
		size_t end = first + 1;

		if (command->run == command_mv)
			end = all;
		while (end < all && is_same_server(&places[first].url, &places[end].url))
			end++;
		args->remotes = remotes + first;
		args->remote_count = end - first;
		one = preferences_begin(&options, places[first].url.host);
		forget_text(command, &options);
		set_report(command, &options);
		/* session_open() takes the URL, but the word is its path */
		if (one == EXIT_DONE) {
			struct ftp_url url = places[first].url;

			places[first].url = (struct ftp_url){0};
			one = session_open(&session, &url, &options);
		}
		if (one == EXIT_DONE)
			one = command->run(&session, &options, args);
		session_close(&session);
		options_free(&options);
		status = exit_status_worse(status, one);
		first = end;
	}
	args->remotes = remotes;
	args->remote_count = all;
	return status;
}

enum exit_status
command_run_once(const struct command *command, struct options *options, const struct word *words, size_t count)
{
	option_set allowed = command->options | OPTIONS_CONNECTION | OPTIONS_OUTPUT | OPTION_BIT(OPTION_HELP);
	const struct word **operands = calloc(count + 1, sizeof(const struct word *));
	struct place *places = calloc(count + 1, sizeof(*places));
	enum exit_status status;
	struct args args = {0};
	size_t operand_count;
	char why[1024];
	int r;

	if (operands == NULL || places == NULL || args_init(&args, count) < 0) {
		status = report_no_memory();
		goto out;
	}
	r = options_parse(options, words, count, allowed, operands, &operand_count, why, sizeof(why));
	set_report(command, options);
	if (r < 0) {
		status = r == -ENOMEM ? report_no_memory() : report_usage("%s: %s", command->name, why);
		goto out;
	}
	if (options->wants_help) {
		command_help(stdout, command, WHERE_ONE_SHOT);
		status = EXIT_DONE;
		goto out;
	}
	resume_set(command, words, count, false);
	options_free(options);
	preferences_keep_arguments(words, count, allowed);
	status = preferences_begin(options, NULL);
	set_report(command, options);
	if (status == EXIT_DONE)
		status = sort_once(command, operands, operand_count, places, &args);
	if (status != EXIT_DONE)
		goto out;
	if ((command->flags & NO_CONNECTION) != 0)
		status = command->run(NULL, options, &args);
	else
		status = run_places(command, places, &args);
out:
	for (size_t i = 0; places != NULL && i < count; i++)
		place_free(&places[i]);
	free(places);
	args_free(&args);
	free(operands);
	return status;
}
