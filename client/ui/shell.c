/* SPDX-License-Identifier: ISC */
#include "client/ui/shell.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "client/ui/background.h"
#include "client/ui/columns.h"
#include "client/ui/command.h"
#include "client/ui/complete.h"
#include "client/ui/connections.h"
#include "client/ui/diversion.h"
#include "client/ui/places.h"
#include "client/ui/report.h"
#include "client/ui/shell_aliases.h"
#include "client/ui/shell_line.h"
#include "client/ui/signals.h"
#include "client/ui/term_text.h"
#include "client/ui/terminal.h"
#include "client/ui/words.h"
#include "common/buf.h"

#include "common/banned.h"

#define HISTORY_LINES 1000
#define LIST_MAX 200 /* candidates that are shown at once */
#define PROMPT_MAX 512
#define LINE_MAX_BYTES 65536

struct shell {
	EditLine *editor;
	History *history;
	char prompt[PROMPT_MAX];
	char history_path[4096];
	bool was_interrupted;
	unsigned int stops; /* signals_stops() that were seen */
	enum exit_status last;
};

/* --- one line, wherever it came from --- */

static enum exit_status
run_local(const char *line)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	const char *shell = getenv("SHELL");
	int r;

	/* Ctrl-C is for the command */
	sigaction(SIGINT, &ignore, &before);
	fflush(stdout);
	r = system(line[0] == '\0' ? (shell == NULL ? "/bin/sh" : shell) : line);
	sigaction(SIGINT, &before, NULL);
	if (r == -1)
		return report_failure(FTP_LOCAL, "cannot start a command", strerror(errno), "");
	return WIFEXITED(r) && WEXITSTATUS(r) == 0 ? EXIT_DONE : EXIT_LOCAL;
}

/* One command with its words; what it prints goes where standard output goes now. */
static enum exit_status
run_command_text(const char *text, bool *is_end)
{
	struct connection *connection = connections_current();
	enum exit_status status = EXIT_DONE;
	struct words words;
	const char *why;
	int r = words_split(text, &words, &why);

	if (r == -EINVAL)
		return report_usage("%s", why);
	if (r < 0)
		return report_failure(FTP_LOCAL, "cannot read the line", strerror(-r), "");
	if (words.count > 0)
		status = command_run_line(connection == NULL ? NULL : &connection->session, connections_defaults(),
		    words.items, words.count, is_end);
	words_free(&words);
	return status;
}

/* With its operators: standard output goes elsewhere for one command. */
static enum exit_status
run_diverted(const struct shell_line *line, bool *is_end)
{
	struct diversion diversion;
	enum exit_status status = diversion_begin(&diversion, line), ended;

	if (status != EXIT_DONE)
		return status;
	status = run_command_text(line->command, is_end);
	ended = diversion_end(&diversion);
	report_set(connections_defaults(), false);
	return exit_status_worse(status, ended);
}

/* What a job does in its process. */
static enum exit_status
run_job_line(const char *text)
{
	enum exit_status status;
	struct shell_line line;
	const char *why;
	bool is_end;

	if (shell_line_parse(text, &line, &why) < 0)
		return EXIT_USAGE;
	report_set(connections_defaults(), false);
	status = run_diverted(&line, &is_end);
	shell_line_free(&line);
	return status;
}

/* "queue COMMAND": the command; NULL: the line is another one. */
static const char *
queued_command(const char *line)
{
	size_t len = strlen("queue");

	if (strncmp(line, "queue", len) != 0 || (line[len] != ' ' && line[len] != '\t'))
		return NULL;
	line += len + strspn(line + len, " \t");
	return *line == '\0' || *line == '-' ? NULL : line;
}

/* A line that goes to the background keeps its operators, but for the & at its end. */
static enum exit_status
start_job(const char *text, bool is_queued)
{
	size_t len = strlen(text);
	enum exit_status status;
	char *line;

	while (len > 0 && strchr(" \t&", text[len - 1]) != NULL)
		len--;
	line = strndup(text, len);
	if (line == NULL)
		return report_no_memory();
	status = background_start(line, is_queued, run_job_line);
	free(line);
	return status;
}

/* A line whose alias has been expanded. */
static enum exit_status
run_expanded_line(const char *text, bool *is_end)
{
	const char *queued = queued_command(text), *why = "";
	enum exit_status status;
	struct shell_line line;
	int r = shell_line_parse(queued == NULL ? text : queued, &line, &why);

	if (r == -EINVAL)
		return report_usage("%s", why);
	if (r < 0)
		return report_no_memory();
	if (queued != NULL)
		status = start_job(queued, true);
	else if (line.is_background)
		status = start_job(text, false);
	else
		status = run_diverted(&line, is_end);
	shell_line_free(&line);
	return status;
}

static enum exit_status
run_shell_line(const char *line, bool *is_end)
{
	enum exit_status status;
	char *expanded = alias_expand(line);

	if (expanded == NULL)
		return report_no_memory();
	if (*expanded == '!')
		status = run_local(expanded + 1 + strspn(expanded + 1, " \t"));
	else
		status = run_expanded_line(expanded, is_end);
	free(expanded);
	connections_sweep();
	return status;
}

enum exit_status
shell_batch(FILE *stream, const char *name)
{
	enum exit_status status = EXIT_DONE;
	bool is_end = false;
	size_t size = 0, number = 0;
	char *line = NULL;
	ssize_t len;

	while (
	    status == EXIT_DONE && !is_end && !signals_have_aborted() && (len = getline(&line, &size, stream)) >= 0) {
		bool may_fail;
		char *command;

		number++;
		while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
			line[--len] = '\0';
		if (strlen(line) != (size_t)len) {
			status = report_usage("%s:%zu: there is a NUL in the line", report_quote(name), number);
			break;
		}
		command = line + strspn(line, " \t");
		may_fail = command[0] == '-';
		status = run_shell_line(command + may_fail, &is_end);
		if (status != EXIT_DONE && !signals_have_aborted())
			report_warning("%s:%zu: %s", report_quote(name), number,
			    may_fail ? "failed; goes on" : "failed; the rest is not done");
		if (may_fail && !signals_have_aborted())
			status = EXIT_DONE;
	}
	free(line);
	/* a batch is done when its jobs are */
	if (!signals_have_aborted())
		status = exit_status_worse(status, background_wait(0, true));
	background_end();
	return signals_have_aborted() ? EXIT_INTERRUPTED : status;
}

/* --- the editor --- */

static struct shell *
shell_of(EditLine *editor)
{
	struct shell *shell = NULL;

	el_get(editor, EL_CLIENTDATA, &shell);
	return shell;
}

static char *
get_prompt(EditLine *editor)
{
	return shell_of(editor)->prompt;
}

static void
make_prompt(struct shell *shell)
{
	struct connection *connection = connections_current();
	const char *path = connection == NULL ? "" : connections_path(connection);
	const char *host = connection == NULL ? "sallyport" : connection->session.url.host;
	struct buf out;

	buf_init(&out, PROMPT_MAX - 1);
	(void)term_cut(&out, host, strlen(host), 30);
	if (connection != NULL) {
		(void)buf_add_text(&out, ":");
		(void)term_cut(&out, path, strlen(path), 40);
	}
	(void)buf_add_text(&out, "> ");
	snprintf(shell->prompt, sizeof(shell->prompt), "%s", out.error < 0 ? "sallyport> " : out.data);
	buf_free(&out);
}

/*
 * libedit's way to read a character: here Ctrl-C and a new size of the terminal are seen at once. Returns 1, 0 at the
 * end, -1.
 */
static int
read_character(EditLine *editor, wchar_t *character)
{
	struct shell *shell = shell_of(editor);
	mbstate_t state = {0};

	for (;;) {
		struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
		ssize_t n;
		char byte;
		size_t r;

		if (signals_have_aborted()) {
			shell->was_interrupted = true;
			return -1;
		}
		if (poll(&poll_fd, 1, -1) < 0) {
			if (errno != EINTR)
				return -1;
			(void)signals_resume_terminal();
			el_resize(editor);
			if (signals_stops() != shell->stops)
				el_set(editor, EL_REFRESH);
			shell->stops = signals_stops();
			continue;
		}
		n = read(STDIN_FILENO, &byte, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? 0 : -1;
		r = mbrtowc(character, &byte, 1, &state);
		if (r == (size_t)-2)
			continue;
		if (r == (size_t)-1) {
			memset(&state, 0, sizeof(state));
			continue; /* no character: not typed */
		}
		return 1;
	}
}

static void
list_candidates(const struct candidates *candidates)
{
	size_t shown = candidates->count < LIST_MAX ? candidates->count : LIST_MAX, widths[LIST_MAX];
	struct columns columns;
	struct buf line;

	for (size_t i = 0; i < shown; i++)
		widths[i] = term_width(candidates->items[i].shown, strlen(candidates->items[i].shown)) +
		    candidates->items[i].is_directory;
	columns_set(widths, shown, report_columns() - 1, 2, &columns);
	buf_init(&line, LINE_MAX_BYTES);
	fputc('\n', stdout);
	for (size_t row = 0; row < columns.rows; row++) {
		buf_clear(&line);
		for (size_t column = 0; column < columns.count && column * columns.rows + row < shown; column++) {
			const struct candidate *candidate = &candidates->items[column * columns.rows + row];

			(void)term_add(&line, candidate->shown, strlen(candidate->shown));
			(void)buf_add_text(&line, candidate->is_directory ? "/" : "");
			term_fill(&line, ' ', columns.widths[column] - widths[column * columns.rows + row] + 2);
		}
		printf("%s\n", line.len == 0 ? "" : line.data);
	}
	if (candidates->count > shown)
		printf("... and %zu more\n", candidates->count - shown);
	fflush(stdout);
	buf_free(&line);
}

/* Put the common beginning of the candidates in place of the word. Returns whether the line changed. */
static bool
replace_word(EditLine *editor, const struct candidates *candidates, const char *line, size_t cursor)
{
	size_t common = candidates_common(candidates);
	struct word_at_cursor word;
	struct buf fresh;
	char *text;
	bool has_changed = false;

	if (words_at_cursor(line, cursor, &word) < 0)
		return false;
	text = strndup(candidates->items[0].text, common);
	buf_init(&fresh, LINE_MAX_BYTES);
	if (text != NULL && (common > strlen(word.text) || candidates->count == 1)) {
		if (word.quote != '\0')
			(void)buf_add(&fresh, &word.quote, 1);
		words_quote(&fresh, text, word.quote);
		if (candidates->count == 1 && candidates->items[0].is_directory) {
			(void)buf_add_text(&fresh, "/");
		} else if (candidates->count == 1) {
			if (word.quote != '\0')
				(void)buf_add(&fresh, &word.quote, 1);
			(void)buf_add_text(&fresh, " ");
		}
		if (fresh.error == 0 && fresh.len > 0) {
			/* characters, not bytes, are taken back */
			char *old = strndup(line + word.start, cursor - word.start);
			size_t characters = old == NULL ? 0 : mbstowcs(NULL, old, 0);

			free(old);
			if (characters != (size_t)-1) {
				el_deletestr(editor, (int)characters);
				has_changed = el_insertstr(editor, fresh.data) == 0;
			}
		}
	}
	buf_free(&fresh);
	free(text);
	free(word.text);
	return has_changed;
}

static unsigned char
complete(EditLine *editor, int character)
{
	const LineInfo *info = el_line(editor);
	size_t cursor = (size_t)(info->cursor - info->buffer);
	char *line = strndup(info->buffer, cursor);
	unsigned char answer = CC_ERROR;
	struct candidates candidates;

	(void)character;
	if (line == NULL)
		return CC_ERROR;
	complete_find(connections_current(), line, cursor, &candidates);
	signals_clear();
	if (candidates.count > 0) {
		if (replace_word(editor, &candidates, line, cursor)) {
			answer = CC_REFRESH;
		} else if (candidates.count > 1) {
			list_candidates(&candidates);
			answer = CC_REDISPLAY;
		}
	}
	candidates_free(&candidates);
	free(line);
	return answer;
}

static void
open_history(struct shell *shell)
{
	struct buf path;
	HistEvent event;

	shell->history = history_init();
	if (shell->history == NULL)
		return;
	history(shell->history, &event, H_SETSIZE, HISTORY_LINES);
	history(shell->history, &event, H_SETUNIQUE, 1);
	el_set(shell->editor, EL_HIST, history, shell->history);
	buf_init(&path, sizeof(shell->history_path) - 1);
	if (places_history(&path) && path.error == 0) {
		snprintf(shell->history_path, sizeof(shell->history_path), "%s", path.data);
		history(shell->history, &event, H_LOAD, shell->history_path);
	}
	buf_free(&path);
}

static void
close_history(struct shell *shell)
{
	HistEvent event;

	if (shell->history == NULL)
		return;
	if (shell->history_path[0] != '\0')
		history(shell->history, &event, H_SAVE, shell->history_path);
	history_end(shell->history);
}

static int
open_editor(struct shell *shell)
{
	shell->editor = el_init("sallyport", stdin, stdout, stderr);
	if (shell->editor == NULL)
		return -ENOMEM;
	el_set(shell->editor, EL_CLIENTDATA, shell);
	el_set(shell->editor, EL_EDITOR, "emacs");
	el_set(shell->editor, EL_SIGNAL, 0);
	el_set(shell->editor, EL_PROMPT, get_prompt);
	el_set(shell->editor, EL_GETCFN, read_character);
	el_set(shell->editor, EL_ADDFN, "sallyport-complete", "complete the word", complete);
	el_set(shell->editor, EL_BIND, "^I", "sallyport-complete", NULL);
	el_set(shell->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_source(shell->editor, NULL);
	open_history(shell);
	return 0;
}

static void
remember_line(struct shell *shell, const char *line)
{
	HistEvent event;

	if (shell->history != NULL && line[strspn(line, " \t\n")] != '\0')
		history(shell->history, &event, H_ENTER, line);
}

/* Jobs end with the shell: a person says whether they may. */
static bool
may_leave(void)
{
	size_t count = background_count();
	char prompt[128], answer[16];

	if (count == 0 || signals_want_end())
		return true;
	snprintf(prompt, sizeof(prompt), "%zu job%s not done. End %s, and leave? [y]es; [N]o: ", count,
	    count == 1 ? " is" : "s are", count == 1 ? "it" : "them");
	return terminal_ask(prompt, false, answer, sizeof(answer)) < 0 || strcasecmp(answer, "y") == 0 ||
	    strcasecmp(answer, "yes") == 0;
}

/* Returns false when it is over. */
static bool
one_turn(struct shell *shell)
{
	bool is_end = false;
	const char *text;
	char *line;
	int count = 0;

	background_notice();
	make_prompt(shell);
	signals_clear();
	shell->was_interrupted = false;
	text = el_gets(shell->editor, &count);
	if (shell->was_interrupted) {
		fputs("^C\n", stdout);
		el_reset(shell->editor);
		return !signals_want_end();
	}
	if (text == NULL || count <= 0) {
		fputc('\n', stdout);
		return !may_leave();
	}
	remember_line(shell, text);
	line = strndup(text, strcspn(text, "\n"));
	if (line == NULL)
		return false;
	shell->last = run_shell_line(line, &is_end);
	if (is_end)
		shell->last = EXIT_DONE;
	free(line);
	return (!is_end || !may_leave()) && !signals_want_end();
}

enum exit_status
shell_run(void)
{
	struct shell shell = {.last = EXIT_DONE};

	if (open_editor(&shell) < 0)
		return report_no_memory();
	while (one_turn(&shell))
		continue;
	background_end();
	close_history(&shell);
	el_end(shell.editor);
	return signals_want_end() ? EXIT_INTERRUPTED : EXIT_DONE;
}
