/* SPDX-License-Identifier: ISC */
#include "admin/ctl.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config.h"

#include "common/banned.h"

#define OPERANDS_MAX 3	/* noun, verb, operand */

#define USER_OPTIONS                                                                                       \
	(CTL_BIT(OPTION_HOME) | CTL_BIT(OPTION_UID) | CTL_BIT(OPTION_GID) | CTL_BIT(OPTION_MAX_SESSIONS) | \
	    CTL_BIT(OPTION_READ_ONLY) | CTL_BIT(OPTION_ALLOW) | CTL_BIT(OPTION_DENY) |                         \
	    CTL_BIT(OPTION_ALLOW_FROM) | CTL_BIT(OPTION_EXPIRES) | CTL_BIT(OPTION_QUOTA) |                    \
	    CTL_BIT(OPTION_QUOTA_FILES) | CTL_BIT(OPTION_RATE_DOWN) | CTL_BIT(OPTION_RATE_UP))

static const struct {
	const char *name;
	const char *value;	/* what to call the value, or NULL: takes none */
	const char *help;
} ctl_options[OPTION_COUNT] = {
    [OPTION_HOME] = {"home", "DIR", "the home; " CTL_HOME_PARENT "/NAME unless given"},
    [OPTION_PASSWORD_STDIN] = {"password-stdin", NULL, "read the password from standard input, one line"},
    [OPTION_UID] = {"uid", "N", "the user id; a free one of uid-range unless given"},
    [OPTION_GID] = {"gid", "N", "the group id"},
    [OPTION_MAX_SESSIONS] = {"max-sessions", "N", "sessions at once; 0: no limit of its own"},
    [OPTION_READ_ONLY] = {"read-only", NULL, "nothing can be written"},
    [OPTION_NO_READ_ONLY] = {"no-read-only", NULL, "take read-only away"},
    [OPTION_ALLOW] = {"allow", "LIST",
	"do this and no more: list,read,create,overwrite,delete,rename,mkdir,rmdir,chmod; 'all'"},
    [OPTION_DENY] = {"deny", "LIST", "do this no longer; words as for --allow"},
    [OPTION_ALLOW_FROM] = {"allow-from", "CIDR", "log in from there only; may be repeated; 'any': from everywhere"},
    [OPTION_QUOTA] = {"quota", "SIZE", "bytes that the home may hold, such as 10G; 'none'"},
    [OPTION_QUOTA_FILES] = {"quota-files", "N", "files, directories and links that the home may hold; 'none'"},
    [OPTION_RATE_DOWN] = {"rate-down", "SIZE", "bytes a second of all downloads together, such as 2M; 'none'"},
    [OPTION_RATE_UP] = {"rate-up", "SIZE", "bytes a second of all uploads together; 'none'"},
    [OPTION_EXPIRES] = {"expires", "DATE", "refused from the start of this day (YYYY-MM-DD, UTC); 'never'"},
    [OPTION_PURGE_HOME] = {"purge-home", NULL, "remove the home with all that is in it"},
    [OPTION_NAME] = {"name", "HOST", "a host name or address of the server; may be repeated; this host's name unless given"},
    [OPTION_DAYS] = {"days", "N", "how long the certificate is valid, 1 to 3650; 825 unless given"},
    [OPTION_FORCE] = {"force", NULL, "replace the certificate and the key that are there"},
    [OPTION_USER] = {"user", "NAME", "the sessions of this account"},
    [OPTION_ADDRESS] = {"address", "ADDRESS", "the sessions from this address"},
    [OPTION_SESSION] = {"session", "ID", "this session alone"},
    [OPTION_FOR] = {"for", "TIME", "how long, such as 90s, 30m, 12h, 7d; limits.ban-time unless given"},
    [OPTION_READY] = {"ready", NULL, "tell by the exit status alone whether it takes new clients"},
    [OPTION_WATCH] = {"watch", NULL, "again every second, as a screen, until Ctrl-C"},
};

static const struct ctl_command ctl_commands[] = {
    {"user", "add", "NAME", USER_OPTIONS | CTL_BIT(OPTION_PASSWORD_STDIN), true, user_add,
     "make an account and its home"},
    {"user", "set", "NAME", USER_OPTIONS | CTL_BIT(OPTION_NO_READ_ONLY), true, user_set, "change an account"},
    {"user", "passwd", "NAME", CTL_BIT(OPTION_PASSWORD_STDIN), true, user_passwd, "give a new password"},
    {"user", "lock", "NAME", 0, true, user_lock, "refuse logins; the password is kept"},
    {"user", "unlock", "NAME", 0, true, user_unlock, "allow logins again"},
    {"user", "del", "NAME", CTL_BIT(OPTION_PURGE_HOME), true, user_del, "remove an account; the home stays"},
    {"user", "list", NULL, 0, true, user_list, "list the accounts"},
    {"user", "show", "NAME", 0, true, user_show, "show one account"},
    {"user", "partials", "NAME", 0, true, user_partials, "show what interrupted uploads hold"},
    {"quota", "show", "[NAME]", 0, true, quota_show, "show what is used of which quota, of one account or of all"},
    {"quota", "recount", "[NAME]", 0, true, quota_recount,
     "remove expired partial files, and count the home anew, of one account or of all"},
    {"cert", "self-signed", NULL, CTL_BIT(OPTION_NAME) | CTL_BIT(OPTION_DAYS) | CTL_BIT(OPTION_FORCE), true,
     cert_self_signed, "make a key and a certificate that it signs itself"},
    {"cert", "show", NULL, 0, true, cert_show, "show the certificate and whether it can be used"},
    {"session", "list", NULL, CTL_BIT(OPTION_WATCH), false, session_list, "who is on, and what moves"},
    {"session", "watch", NULL, 0, false, session_watch, "tell events as they happen, until Ctrl-C"},
    {"session", "kick", "[ID]", CTL_BIT(OPTION_USER) | CTL_BIT(OPTION_ADDRESS), false, session_kick,
     "end one session, or all of a user or an address"},
    {"session", "notify", "TEXT", CTL_BIT(OPTION_SESSION) | CTL_BIT(OPTION_USER), false, session_notify,
     "tell all clients, or some, a line with their next reply"},
    {"ban", "list", NULL, 0, false, ban_list, "the addresses that are banned now"},
    {"ban", "add", "ADDRESS", CTL_BIT(OPTION_FOR), false, ban_add, "refuse an address (IPv6: its /64)"},
    {"ban", "del", "ADDRESS", 0, false, ban_del, "take a ban away"},
    {"status", NULL, NULL, CTL_BIT(OPTION_READY), false, server_status, "the state of the server, its totals, the configuration in force"},
    {"reload", NULL, NULL, 0, false, server_reload, "take the configuration, the accounts and the certificate anew; says how it went"},
    {"upgrade", NULL, NULL, 0, false, server_upgrade,
     "start the program anew; it takes over, running sessions end with the old one; says how it went"},
    {"drain", NULL, NULL, 0, false, server_drain, "let running transfers end, then stop the server"},
    {"stop", NULL, NULL, 0, false, server_stop, "stop the server at once"},
    {"log-level", NULL, "LEVEL", 0, false, server_log_level, "log from this level on, until the next reload"},
    {"metrics", NULL, NULL, 0, false, metrics_print, "what Prometheus would be told"},
    {"config", "check", NULL, 0, false, config_check, "tell what is wrong with the configuration and the accounts"},
    {"setup", NULL, NULL, CTL_BIT(OPTION_NAME) | CTL_BIT(OPTION_DAYS) | CTL_TAKES_PROGRAM, true, server_setup,
     "make what the configuration names and is missing: directories, users file, certificate; then become the program"},
};

#define COMMAND_COUNT (sizeof(ctl_commands) / sizeof(ctl_commands[0]))

/* --- usage, all from the tables --- */

static bool
may_repeat(size_t option)
{
	return option == OPTION_ALLOW_FROM || option == OPTION_NAME;
}

static void
print_command(FILE *out, const struct ctl_command *command)
{
	fprintf(out, "  %s%s%s%s%s", command->noun, command->verb == NULL ? "" : " ",
	    command->verb == NULL ? "" : command->verb, command->operand == NULL ? "" : " ",
	    command->operand == NULL ? "" : command->operand);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if ((command->options & CTL_BIT(i)) != 0)
			fprintf(out, " [--%s%s%s]%s", ctl_options[i].name, ctl_options[i].value == NULL ? "" : " ",
			    ctl_options[i].value == NULL ? "" : ctl_options[i].value,
			    may_repeat(i) ? "..." : "");
	fprintf(out, "%s\n        %s\n", (command->options & CTL_TAKES_PROGRAM) != 0 ? " [-- PROGRAM [ARGUMENT]...]" : "", command->help);
}

static void
print_options(FILE *out, unsigned options)
{
	char name[64];

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if ((options & CTL_BIT(i)) == 0)
			continue;
		snprintf(name, sizeof(name), "--%s %s", ctl_options[i].name,
		    ctl_options[i].value == NULL ? "" : ctl_options[i].value);
		fprintf(out, "  %-20s %s\n", name, ctl_options[i].help);
	}
}

static bool
is_about(const struct ctl_command *command, const struct ctl *ctl)
{
	return (ctl->noun == NULL || strcmp(ctl->noun, command->noun) == 0) &&
	    (ctl->verb == NULL || command->verb == NULL || strcmp(ctl->verb, command->verb) == 0);
}

/* The usage of the commands that the words so far name. */
static void
print_usage(FILE *out, const struct ctl *ctl)
{
	unsigned options = 0;

	fprintf(out, "usage: sallyportctl [-c FILE] [--json] NOUN VERB ...\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (is_about(&ctl_commands[i], ctl)) {
			print_command(out, &ctl_commands[i]);
			options |= ctl_commands[i].options;
		}
	}
	fprintf(out, "\n");
	print_options(out, options);
	fprintf(out, "  %-20s %s\n  %-20s %s\n  %-20s %s\n", "-c FILE", "the configuration; " CONFIG_FILE_DEFAULT " unless given",
	    "--json", "write the result as JSON", "--version, --help", "the version; this text");
}

/* --- the command line --- */

struct arguments {
	char **next;	/* NULL-terminated */
	const char *operands[OPERANDS_MAX];
	size_t operand_count;
	bool wants_help, wants_version;
};

static int
take_option(struct ctl *ctl, struct arguments *arguments, const char *name, const char *value)
{
	size_t len = value == NULL ? strlen(name) : (size_t)(value - name) - 1;
	size_t i = 0;

	while (i < OPTION_COUNT && (strlen(ctl_options[i].name) != len || memcmp(ctl_options[i].name, name, len) != 0))
		i++;
	if (i == OPTION_COUNT) {
		ctl_error("unknown option '--%s'; 'sallyportctl --help' lists the options", ctl_quote(name));
		return -1;
	}
	if (ctl_options[i].value == NULL && value != NULL) {
		ctl_error("option '--%s' takes no value", ctl_options[i].name);
		return -1;
	}
	if (ctl_options[i].value != NULL && value == NULL && (value = *arguments->next++) == NULL) {
		ctl_error("option '--%s' needs a value: --%s %s", ctl_options[i].name, ctl_options[i].name,
		    ctl_options[i].value);
		return -1;
	}
	if (ctl->given[i] && !may_repeat(i)) {
		ctl_error("option '--%s' is given twice; keep one of them", ctl_options[i].name);
		return -1;
	}
	if (i == OPTION_ALLOW_FROM && ctl->allow_from_count == ACCOUNT_ALLOW_MAX) {
		ctl_error("too many networks with '--allow-from'; at most %d", ACCOUNT_ALLOW_MAX);
		return -1;
	}
	if (i == OPTION_NAME && ctl->name_count == CTL_NAMES_MAX) {
		ctl_error("too many names with '--name'; at most %d", CTL_NAMES_MAX);
		return -1;
	}
	if (i == OPTION_ALLOW_FROM)
		ctl->allow_from[ctl->allow_from_count++] = value;
	if (i == OPTION_NAME)
		ctl->names[ctl->name_count++] = value;
	ctl->given[i] = true;
	ctl->value[i] = value;
	return 0;
}

static int
take_word(struct ctl *ctl, struct arguments *arguments, const char *word)
{
	const char *equals;

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		arguments->wants_help = true;
	} else if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		arguments->wants_version = true;
	} else if (strcmp(word, "--") == 0) {
		ctl->program = arguments->next;
		while (*arguments->next != NULL)
			arguments->next++;
	} else if (strcmp(word, "--json") == 0) {
		ctl->is_json = true;
	} else if (strcmp(word, "-c") == 0) {
		ctl->config_path = *arguments->next++;
		if (ctl->config_path == NULL) {
			ctl_error("option '-c' needs a value: -c FILE");
			return -1;
		}
	} else if (strncmp(word, "--", 2) == 0) {
		equals = strchr(word, '=');
		return take_option(ctl, arguments, word + 2, equals == NULL ? NULL : equals + 1);
	} else if (word[0] == '-' && word[1] != '\0') {
		ctl_error("unknown option '%s'; 'sallyportctl --help' lists the options", ctl_quote(word));
		return -1;
	} else if (arguments->operand_count == OPERANDS_MAX) {
		ctl_error("one word too many: '%s'", ctl_quote(word));
		return -1;
	} else {
		arguments->operands[arguments->operand_count++] = word;
	}
	return 0;
}

static const struct ctl_command *
find_command(const struct ctl *ctl)
{
	if (ctl->noun == NULL)
		return NULL;
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (is_about(&ctl_commands[i], ctl) && (ctl->verb != NULL || ctl_commands[i].verb == NULL))
			return &ctl_commands[i];
	return NULL;
}

/* What the words and options must be for command. */
static int
check_command(const struct ctl *ctl, const struct ctl_command *command)
{
	char name[64] = "";

	if (command == NULL) {
		if (ctl->noun == NULL)
			ctl_error("no command; 'sallyportctl --help' lists the commands");
		else
			ctl_error("unknown command '%s%s%s'; 'sallyportctl --help' lists the commands",
			    ctl_quote(ctl->noun), ctl->verb == NULL ? "" : " ",
			    ctl->verb == NULL ? "" : ctl_quote(ctl->verb));
		return -1;
	}
	snprintf(name, sizeof(name), "%s%s%s", command->noun, command->verb == NULL ? "" : " ",
	    command->verb == NULL ? "" : command->verb);
	if (command->operand != NULL && ctl->operand == NULL && command->operand[0] != '[') {
		ctl_error("'%s' needs a %s: %s %s", name, strcmp(command->operand, "NAME") == 0 ? "name" : command->operand,
		    name, command->operand);
		return -1;
	}
	if (command->operand == NULL && ctl->operand != NULL) {
		ctl_error("'%s' takes no '%s'", name, ctl_quote(ctl->operand));
		return -1;
	}
	if (ctl->program != NULL && (command->options & CTL_TAKES_PROGRAM) == 0) {
		ctl_error("'%s' takes no '--'", name);
		return -1;
	}
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (ctl->given[i] && (command->options & CTL_BIT(i)) == 0) {
			ctl_error("'%s' takes no option '--%s'", name, ctl_options[i].name);
			return -1;
		}
	}
	return 0;
}

static void
print_config_error(void *arg, const char *line)
{
	(void)arg;
	ctl_error("%s", line);
}

static enum ctl_exit
run_command(struct ctl *ctl, const struct ctl_command *command)
{
	enum ctl_exit status;

	if (command->wants_config && config_load(ctl->config_path, print_config_error, NULL, &ctl->config) < 0)
		return CTL_FAILED;
	status = command->run(ctl);
	config_free(ctl->config);
	ctl->config = NULL;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_error("cannot write to standard output");
		return CTL_FAILED;
	}
	return status;
}

int
ctl_run(int argc, char **argv)
{
	struct ctl ctl = {.config_path = CONFIG_FILE_DEFAULT};
	struct arguments arguments = {.next = argv + (argc > 0)};
	const struct ctl_command *command;

	umask(022);
	while (*arguments.next != NULL) {
		const char *word = *arguments.next++;

		if (take_word(&ctl, &arguments, word) < 0)
			return CTL_USAGE;
	}
	ctl.noun = arguments.operands[0];
	ctl.verb = arguments.operands[1];
	ctl.operand = arguments.operands[2];
	if (arguments.wants_version) {
		printf("sallyportctl %s\n", SALLYPORT_VERSION);
		return CTL_DONE;
	}
	if (arguments.wants_help) {
		print_usage(stdout, &ctl);
		return CTL_DONE;
	}
	command = find_command(&ctl);
	if (command != NULL && command->verb == NULL && ctl.operand == NULL) {
		ctl.operand = ctl.verb;	/* a command of one word */
		ctl.verb = NULL;
	}
	if (check_command(&ctl, command) < 0)
		return CTL_USAGE;
	return (int)run_command(&ctl, command);
}
