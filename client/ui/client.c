/* SPDX-License-Identifier: ISC */
#include "client/ui/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ui/command.h"
#include "client/ui/connections.h"
#include "client/ui/preferences.h"
#include "client/ui/prose.h"
#include "client/ui/report.h"
#include "client/ui/shell.h"
#include "client/ui/shell_aliases.h"
#include "client/ui/signals.h"
#include "client/ui/term_text.h"

#include "common/banned.h"

static void
print_help(FILE *out)
{
	prose_print(out,
	    "usage: sallyport [options] [ftp://|ftpes://|ftps://][user@]host[:port][/path]\n"
	    "       sallyport [options] COMMAND ...\n"
	    "       sallyport [options] --batch FILE URL\n"
	    "\n"
	    "The first opens a shell, the second runs one command, the third the commands of a file.\n"
	    "ftp:// uses TLS where the server offers it, ftpes:// insists on it, ftps:// begins with it.\n"
	    "A path begins at the directory of the login; with two slashes it is absolute.\n"
	    "\nCommands; for a place on the server give a URL, or a bookmark's name and /path:\n");
	command_list(out, WHERE_ONE_SHOT);
	fputs("\nOptions:\n", out);
	options_help(out, OPTIONS_START | OPTIONS_CONNECTION | OPTIONS_OUTPUT);
	prose_print(out, "\nOptions of the commands (sallyport COMMAND --help lists those of a command):\n");
	options_help(out, OPTION_BIT(OPTION_COUNT) - OPTION_BIT(OPTION_CONTINUE));
	prose_print(out,
	    "\nsallyport asks for the password, or takes it from --password-fd N, $SALLYPORT_PASSWORD or ~/.netrc; without a "
	    "user "
	    "the login is anonymous. LOCAL may be - (standard input and output). In the shell, help lists its "
	    "commands.\n"
	    "\nExit status; from 10 to 19 the same command may succeed later:\n");
	for (int status = 0; status < 256; status++) {
		const char *help = exit_status_help((enum exit_status)status);
		char number[16];

		if (help == NULL)
			continue;
		snprintf(number, sizeof(number), "%3d", status);
		prose_row(out, number, 7, help);
	}
	prose_print(out,
	    "\nExamples:\n"
	    "  sallyport alice@files.example.org\n"
	    "  sallyport get ftp://alice@files.example.org/reports/june.pdf\n"
	    "  sallyport put *.jpg ftp://alice@files.example.org/photos/\n"
	    "  sallyport mirror --parallel 4 photos ftp://alice@files.example.org/photos\n"
	    "\nsallyport(1) is the manual.\n");
}

/* Wildcards in an argument that the calling shell left alone are meant. */
static int
word_of_argument(const char *text, struct word *word)
{
	word->text = strdup(text);
	word->pattern = strpbrk(text, "*?[") == NULL ? NULL : strdup(text);
	return word->text == NULL || (word->pattern == NULL && strpbrk(text, "*?[") != NULL) ? -ENOMEM : 0;
}

static int
words_of(int argc, char **argv, struct words *words)
{
	*words = (struct words){calloc((size_t)argc, sizeof(*words->items)), 0};
	if (words->items == NULL)
		return -ENOMEM;
	for (int i = 1; i < argc; i++)
		if (word_of_argument(argv[i], &words->items[words->count++]) < 0)
			return -ENOMEM;
	return 0;
}

static enum exit_status
run_batch(const struct options *options)
{
	enum exit_status status;
	char what[512];
	FILE *stream;

	if (options->batch == NULL || strcmp(options->batch, "-") == 0)
		return shell_batch(stdin, "standard input");
	stream = fopen(options->batch, "re");
	if (stream == NULL) {
		snprintf(what, sizeof(what), "cannot read '%s'", report_quote(options->batch));
		return report_failure(FTP_LOCAL, what, strerror(errno), "");
	}
	status = shell_batch(stream, options->batch);
	fclose(stream);
	return status;
}

/* The shell, or a batch: log in, go to the URL's directory, read commands. */
static enum exit_status
run_session(const char *place, const struct options *options)
{
	bool is_person = options->batch == NULL && isatty(STDIN_FILENO) == 1;
	enum exit_status status = connections_open(place, NULL, 0);

	if (status == EXIT_DONE && is_person) {
		connection_greet(connections_current());
		status = shell_run();
	} else if (status == EXIT_DONE) {
		status = run_batch(options);
	}
	connections_close_all();
	aliases_free();
	return status;
}

/* One word alone is a place, unless the shell, or a person, calls a command so. */
static enum exit_status
run_word(const char *text, struct options *options)
{
	report_set(options, false);
	if (strcmp(text, "help") == 0) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (command_find(text, WHERE_SHELL) != NULL)
		return report_usage(
		    "'%s' is a command of the shell, which 'sallyport URL' opens; a host of this name is ftp://%s/",
		    text, text);
	return run_session(text, options);
}

static enum exit_status
run_words(struct words *words, struct options *options)
{
	option_set allowed = OPTIONS_START | OPTIONS_CONNECTION | OPTIONS_OUTPUT | OPTION_BIT(OPTION_VERIFY) |
	    OPTION_BIT(OPTION_PARALLEL) | OPTION_BIT(OPTION_SEGMENTS);
	size_t at = options_first_operand(words->items, words->count), count;
	const struct command *command = at < words->count ? command_find(words->items[at].text, WHERE_ONE_SHOT) : NULL;
	const struct word **operands;
	enum exit_status status;
	char why[1024];

	if (command != NULL) {
		/* its name goes, and the options on both sides of it are its own */
		free(words->items[at].text);
		free(words->items[at].pattern);
		memmove(&words->items[at], &words->items[at + 1], (words->count - at - 1) * sizeof(*words->items));
		words->count--;
		return command_run_once(command, options, words->items, words->count);
	}
	operands = calloc(words->count + 1, sizeof(const struct word *));
	if (operands == NULL)
		return report_no_memory();
	preferences_keep_arguments(words->items, words->count, allowed);
	if (options_parse(options, words->items, words->count, allowed, operands, &count, why, sizeof(why)) < 0) {
		status = report_usage("%s", why);
	} else if (options->wants_help) {
		print_help(stdout);
		status = EXIT_DONE;
	} else if (options->wants_version) {
		printf("sallyport %s\n", SALLYPORT_VERSION);
		status = EXIT_DONE;
	} else if (count == 1) {
		status = run_word(operands[0]->text, options);
	} else if (count == 0) {
		print_help(stderr);
		status = EXIT_USAGE;
	} else {
		status = report_usage(
		    "'%s' is not a command; sallyport --help lists the commands", report_quote(operands[0]->text));
	}
	free(operands);
	return status;
}

/* Help and version do not need a file that may be wrong. */
static bool
needs_config(const struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *text = words->items[i].text;

		if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0 || strcmp(text, "--version") == 0 ||
		    strcmp(text, "-V") == 0)
			return false;
	}
	return true;
}

int
client_run(int argc, char **argv)
{
	enum exit_status status;
	struct options options;
	struct words words;

	term_locale();
	signals_init();
	options_init(&options);
	report_set(&options, false);
	if (argc < 1 || words_of(argc, argv, &words) < 0)
		return EXIT_LOCAL;
	status = needs_config(&words) ? preferences_load() : EXIT_DONE;
	if (status == EXIT_DONE)
		status = run_words(&words, &options);
	words_free(&words);
	preferences_free();
	options_free(&options);
	if (fflush(stdout) != 0 && status == EXIT_DONE)
		status = report_failure(FTP_LOCAL, "cannot write to standard output", strerror(errno), "");
	return (int)status;
}
