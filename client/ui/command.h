/* SPDX-License-Identifier: ISC */
/* The commands of the shell and of the command line: one table. */
#ifndef CLIENT_UI_COMMAND_H
#define CLIENT_UI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/ui/options.h"
#include "client/ui/session.h"

/* The given words, sorted; borrowed. */
struct args {
	const struct word **remotes;	/* on the server */
	size_t remote_count;
	const struct word **locals;	/* here */
	size_t local_count;
	const struct word **texts;	/* neither: a mode, a name of a setting */
	size_t text_count;
	bool is_upload;	/* mirror: the source is here */
	const struct word *words;	/* of the shell: all after the command's name, options too; borrowed */
	size_t word_count;
};

/* The kind of an operand, for sorting and for completion. */
enum operand_kind {
	OPERANDS_NONE,
	OPERANDS_REMOTE,	/* all on the server */
	OPERANDS_LOCAL,	/* all here */
	OPERANDS_REMOTE_LOCAL,	/* get: on the server, then here */
	OPERANDS_LOCAL_REMOTE,	/* put: here, then on the server */
	OPERANDS_MIRROR,	/* as get, or as put with --upload */
	OPERANDS_TEXT_REMOTE,	/* chmod: a text, then on the server */
	OPERANDS_REMOTE_TEXT,	/* one-shot site: a URL, then texts; texts alone in the shell */
	OPERANDS_COPY,	/* two texts, each a place; in the shell also a path, or CONNECTION:PATH */
	OPERANDS_TEXT	/* texts alone */
};

#define WHERE_ONE_SHOT 1	/* sallyport NAME ... URL */
#define WHERE_SHELL 2
#define IS_DATA 4	/* standard output carries what was asked for */
#define NO_CONNECTION 8	/* does not need the server */
#define MANY_LOCALS 16	/* several local names before the place on the server */
#define MANY_REMOTES 32
#define CHANGES_SERVER 64	/* listings that were kept are no longer believed */

/* The name of the n-th setting of "set"; NULL after the last. */
const char *command_setting_name(size_t n);

struct command {
	const char *name;
	const char *shell_usage;	/* operands in the shell; NULL: not there */
	const char *usage;	/* operands on the command line; NULL: not there */
	enum operand_kind kind;
	unsigned int flags;
	size_t min, max;	/* operands in the shell */
	option_set options;	/* OPTION_BIT()s that it takes besides those of connection and output */
	enum exit_status (*run)(struct session *session, struct options *options, const struct args *args);
	const char *help;
};

/* The table, in the order of help; ends with a NULL name. */
extern const struct command client_commands[];

/* NULL: there is none of this name. In the shell "dir", "exit", "bye", "delete", "rename" and "?" of other clients are known. */
const struct command *command_find(const char *name, unsigned int where);

/* Print the list of commands. */
void command_list(FILE *out, unsigned int where);

/*
 * Run one command of the shell: its name and operands. defaults are the shell's settings. Reports errors.
 * *is_end is set by quit.
 */
enum exit_status command_run_line(
    struct session *session, struct options *defaults, const struct word *words, size_t count, bool *is_end);

/* Run one command of the program's arguments (words without the command's name): connects to where they say. */
enum exit_status command_run_once(
    const struct command *command, struct options *options, const struct word *words, size_t count);

/* --- what the files of commands have for the table --- */

#define COMMAND(name) enum exit_status command_##name(struct session *, struct options *, const struct args *)
COMMAND(ls);
COMMAND(cd);
COMMAND(pwd);
COMMAND(lcd);
COMMAND(lpwd);
COMMAND(lls);
COMMAND(get);
COMMAND(mget);
COMMAND(reget);
COMMAND(put);
COMMAND(mput);
COMMAND(reput);
COMMAND(mirror);
COMMAND(rm);
COMMAND(rmdir);
COMMAND(mkdir);
COMMAND(mv);
COMMAND(chmod);
COMMAND(cat);
COMMAND(copy);
/* The open connection that "CONNECTION:PATH" names, and the path; NULL: it names none. */
struct connection;
struct connection *copy_connection(const char *operand, const char **path);
COMMAND(head);
COMMAND(hash);
COMMAND(verify);
COMMAND(quota);
COMMAND(site);
COMMAND(status);
COMMAND(set);
COMMAND(quote);
COMMAND(find_names);
COMMAND(du);
COMMAND(edit);
COMMAND(open);
COMMAND(close);
COMMAND(user);
COMMAND(connections);
COMMAND(jobs);
COMMAND(fg);
COMMAND(kill);
COMMAND(wait);
COMMAND(queue);
COMMAND(alias);
COMMAND(unalias);
COMMAND(config);
enum exit_status command_help_print(struct session *, struct options *, const struct args *);
COMMAND(bookmark);
#undef COMMAND

#endif
