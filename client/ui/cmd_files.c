/* SPDX-License-Identifier: ISC */
/* Commands on names: ls, cd, pwd, rm, rmdir, mkdir, mv, chmod. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/ui/columns.h"
#include "client/ui/command.h"
#include "client/ui/listing_cache.h"
#include "client/ui/listing_event.h"
#include "client/ui/ls_colors.h"
#include "client/ui/remote_glob.h"
#include "client/ui/remote_parents.h"
#include "client/ui/remote_tree.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/symbolic_mode.h"
#include "client/ui/term_text.h"
#include "common/units.h"
#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

#define GAP 2
#define LINE_MAX_BYTES 262144
#define HALF_YEAR_S 15778476

/* --- ls --- */

static char
kind_letter(enum ftp_kind kind)
{
	switch (kind) {
	case FTP_KIND_FILE:
		return '-';
	case FTP_KIND_DIRECTORY:
		return 'd';
	case FTP_KIND_LINK:
		return 'l';
	case FTP_KIND_OTHER:
		return '?';
	}
	return '?';
}

static const char *
kind_name(enum ftp_kind kind)
{
	switch (kind) {
	case FTP_KIND_FILE:
		return "file";
	case FTP_KIND_DIRECTORY:
		return "directory";
	case FTP_KIND_LINK:
		return "link";
	case FTP_KIND_OTHER:
		return "other";
	}
	return "other";
}

/* The mark after a name that shows its kind, as ls -F does. */
static const char *
kind_mark(enum ftp_kind kind)
{
	return kind == FTP_KIND_DIRECTORY ? "/" : kind == FTP_KIND_LINK ? "@" : "";
}

static void
mode_text(const struct ftp_entry *entry, char text[11])
{
	static const char letters[] = "rwxrwxrwx";

	text[0] = kind_letter(entry->kind);
	for (int i = 0; i < 9; i++)
		text[i + 1] = entry->mode < 0 ? '?' : (char)((entry->mode >> (8 - i) & 1) != 0 ? letters[i] : '-');
	text[10] = '\0';
}

static void
entry_time_text(const struct ftp_entry *entry, char text[32])
{
	time_t when = (time_t)entry->mtime, now = time(NULL);
	struct tm parts;

	if (entry->mtime == -1 || localtime_r(&when, &parts) == NULL) {
		snprintf(text, 32, "%s", "-");
		return;
	}
	if (when > now - HALF_YEAR_S && when < now + 86400)
		strftime(text, 32, "%b %e %H:%M", &parts);
	else
		strftime(text, 32, "%b %e  %Y", &parts);
}

json_t *
listing_event(const char *directory, const struct ftp_entry *entry)
{
	json_t *event = json_object();

	json_object_set_new(event, "event", json_string("entry"));
	json_object_set_new(event, "directory", report_json_text(directory));
	json_object_set_new(event, "name", report_json_text(entry->name));
	json_object_set_new(event, "kind", json_string(kind_name(entry->kind)));
	json_object_set_new(event, "size", entry->size < 0 ? json_null() : json_integer(entry->size));
	json_object_set_new(event, "mtime", entry->mtime == -1 ? json_null() : json_integer(entry->mtime));
	json_object_set_new(
	    event, "mode", entry->mode < 0 ? json_null() : json_sprintf("%04o", (unsigned int)entry->mode));
	return event;
}

static bool
is_terminal_output(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

static bool
has_colors(const struct options *options)
{
	const char *unwanted = getenv("NO_COLOR"), *terminal = getenv("TERM");

	if (options->color != COLOR_AUTO)
		return options->color == COLOR_ALWAYS;
	return is_terminal_output() && (unwanted == NULL || unwanted[0] == '\0') && terminal != NULL &&
	    strcmp(terminal, "dumb") != 0;
}

/* A name with its colour and its mark; returns its width. Nothing of the name itself is taken for a colour. */
static size_t
add_name(struct buf *out, const struct ftp_entry *entry, const char *mark, bool is_colored)
{
	char code[COLOR_CODE_MAX] = "";
	size_t width;

	if (is_colored)
		ls_color(getenv("LS_COLORS"), entry, code);
	if (code[0] != '\0')
		(void)buf_addf(out, "\033[%sm", code);
	width = term_add(out, entry->name, strlen(entry->name));
	if (code[0] != '\0')
		(void)buf_add_text(out, "\033[0m");
	(void)buf_add_text(out, mark);
	return width + strlen(mark);
}

static void
print_long(const struct ftp_list *list, const struct options *options)
{
	bool is_colored = has_colors(options);

	for (size_t i = 0; i < list->count; i++) {
		const struct ftp_entry *entry = &list->entries[i];
		char mode[11], when[32], size[UNITS_TEXT_MAX] = "-";
		struct buf line;

		mode_text(entry, mode);
		entry_time_text(entry, when);
		if (entry->size >= 0 && entry->kind != FTP_KIND_DIRECTORY)
			units_short_size((uint64_t)entry->size, size);
		buf_init(&line, LINE_MAX_BYTES);
		(void)buf_addf(&line, "%s %5s  %-12s  ", mode, size, when);
		(void)add_name(&line, entry, kind_mark(entry->kind), is_colored);
		if (entry->target != NULL) {
			(void)buf_add_text(&line, " -> ");
			(void)term_add(&line, entry->target, strlen(entry->target));
		}
		report_ready_line(line.len == 0 ? "" : line.data);
		buf_free(&line);
	}
}

/* A cell: size and name. Returns its width. */
static size_t
cell_text(struct buf *cell, const struct ftp_entry *entry, bool is_colored)
{
	char size[UNITS_TEXT_MAX] = "-";
	size_t width;

	buf_clear(cell);
	if (entry->size >= 0 && entry->kind == FTP_KIND_FILE)
		units_short_size((uint64_t)entry->size, size);
	(void)buf_addf(cell, "%5s ", size);
	width = cell->len;
	return width + add_name(cell, entry, kind_mark(entry->kind), is_colored);
}

static void
print_columns(const struct ftp_list *list, const struct options *options)
{
	size_t *widths = calloc(list->count + 1, sizeof(*widths));
	bool is_colored = has_colors(options);
	struct columns columns;
	struct buf cell, line;

	buf_init(&cell, LINE_MAX_BYTES);
	buf_init(&line, LINE_MAX_BYTES);
	for (size_t i = 0; widths != NULL && i < list->count; i++)
		widths[i] = cell_text(&cell, &list->entries[i], is_colored);
	if (widths != NULL)
		columns_set(widths, list->count, report_columns() - 1, GAP, &columns);
	for (size_t row = 0; widths != NULL && row < columns.rows; row++) {
		buf_clear(&line);
		for (size_t column = 0; column < columns.count && column * columns.rows + row < list->count; column++) {
			size_t i = column * columns.rows + row;

			(void)cell_text(&cell, &list->entries[i], is_colored);
			(void)buf_add(&line, cell.data, cell.len);
			if ((column + 1) * columns.rows + row < list->count)
				term_fill(&line, ' ', columns.widths[column] - widths[i] + GAP);
		}
		report_ready_line(line.len == 0 ? "" : line.data);
	}
	free(widths);
	buf_free(&cell);
	buf_free(&line);
}

/* Print names alone, for scripts. A terminal gets no characters that move its cursor. */
static void
print_names(const struct ftp_list *list, const struct options *options)
{
	bool is_colored = has_colors(options);
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	for (size_t i = 0; i < list->count; i++) {
		const struct ftp_entry *entry = &list->entries[i];

		buf_clear(&line);
		(void)add_name(&line, entry, options->is_classify ? kind_mark(entry->kind) : "", is_colored);
		report_ready_line(line.len == 0 ? "" : line.data);
	}
	buf_free(&line);
}

/* On a terminal, names that begin with a dot go to the end, and are not shown. Returns how many are. */
static size_t
shown_count(struct ftp_list *list, const struct options *options)
{
	struct ftp_entry *sorted;
	size_t shown = 0, hidden = 0;

	if (options->shows_all || options->is_json || !is_terminal_output() || list->count == 0)
		return list->count;
	sorted = calloc(list->count, sizeof(*sorted));
	if (sorted == NULL)
		return list->count;
	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].name[0] != '.')
			sorted[shown++] = list->entries[i];
	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].name[0] == '.')
			sorted[shown + hidden++] = list->entries[i];
	memcpy(list->entries, sorted, list->count * sizeof(*sorted));
	free(sorted);
	return shown;
}

/* Print unchanged the lines that no parser understood: the user may understand them. */
static void
print_unread(const char *directory, const struct ftp_list *list)
{
	size_t kept = list->unread_count < FTP_UNREAD_KEPT_MAX ? list->unread_count : FTP_UNREAD_KEPT_MAX;

	for (size_t i = 0; i < kept; i++) {
		if (report_is_json())
			report_json(json_pack("{s:s, s:o, s:o}", "event", "unread", "directory",
			    report_json_text(directory), "text", report_json_text(list->unread[i])));
		else
			report_line("%s", report_quote(list->unread[i]));
	}
	if (list->unread_count > kept)
		report_warning("%zu more line%s not understood", list->unread_count - kept,
		    list->unread_count - kept == 1 ? " was" : "s were");
}

static int
larger_first(int64_t left, int64_t right)
{
	return (right > left) - (right < left);
}

/* What is the same otherwise is in the order of the names. */
static int
entry_by_size(const void *a, const void *b)
{
	const struct ftp_entry *left = a, *right = b;
	int order = larger_first(left->size, right->size);

	return order != 0 ? order : ftp_entry_by_name(a, b);
}

static int
entry_by_time(const void *a, const void *b)
{
	const struct ftp_entry *left = a, *right = b;
	int order = larger_first(left->mtime, right->mtime);

	return order != 0 ? order : ftp_entry_by_name(a, b);
}

static void
sort_list(struct ftp_list *list, const struct options *options)
{
	static int (*const orders[])(const void *, const void *) = {
	    [SORT_NAME] = ftp_entry_by_name, [SORT_SIZE] = entry_by_size, [SORT_TIME] = entry_by_time};

	if (list->count == 0)
		return;
	qsort(list->entries, list->count, sizeof(*list->entries), orders[options->sort]);
	for (size_t i = 0, last = list->count - 1; options->is_reversed && i < last; i++, last--) {
		struct ftp_entry entry = list->entries[i];

		list->entries[i] = list->entries[last];
		list->entries[last] = entry;
	}
}

static void
print_list(const char *directory, struct ftp_list *list, const struct options *options)
{
	struct ftp_list shown = *list;

	sort_list(list, options);
	shown.count = shown_count(list, options);
	if (options->is_json)
		for (size_t i = 0; i < shown.count; i++)
			report_json(listing_event(directory, &shown.entries[i]));
	else if (options->is_long)
		print_long(&shown, options);
	else if (!options->is_one && is_terminal_output())
		print_columns(&shown, options);
	else
		print_names(&shown, options);
	if (shown.count < list->count)
		report_note("%zu name%s that begin%s with a dot: ls -a", list->count - shown.count,
		    list->count - shown.count == 1 ? "" : "s", list->count - shown.count == 1 ? "s" : "");
	print_unread(directory, list);
	if (list->refused > 0)
		report_warning("%zu name%s left out: %s would lead out of the directory", list->refused,
		    list->refused == 1 ? " was" : "s were", list->refused == 1 ? "it" : "they");
	if ((list->doubts & FTP_DOUBT_CUT) != 0)
		report_warning("there is more than this: the listing was cut off");
}

/* A file is listed as itself. Returns false when it is none. */
static bool
list_file(struct session *session, const char *path, const struct options *options)
{
	struct options asked_for = *options;
	struct ftp_entry entry;
	bool is_listed;

	if (path[0] == '\0' || path[strlen(path) - 1] == '/' || ftp_stat(session->ftp, path, &entry) != FTP_OK)
		return false;
	is_listed = entry.kind != FTP_KIND_DIRECTORY;
	asked_for.shows_all = true;
	if (is_listed)
		print_list("", &(struct ftp_list){.entries = &entry, .count = 1}, &asked_for);
	ftp_entry_free(&entry);
	return is_listed;
}

static enum exit_status
list_one(struct session *session, const char *path, const struct options *options, bool is_titled)
{
	/* MLST says in one command what a name is; without it the listing itself does */
	bool is_asked_first = ftp_has_feature(session->ftp, "MLST");
	struct ftp_list list;

	if (is_asked_first && list_file(session, path, options))
		return EXIT_DONE;
	if (ftp_list(session->ftp, path, &list) != FTP_OK) {
		struct ftp_error error = *ftp_error(session->ftp);

		if (!is_asked_first && error.class == FTP_REFUSED && list_file(session, path, options))
			return EXIT_DONE;
		return report_error(&error);
	}
	if (is_titled)
		report_line("%s:", report_quote(path));
	print_list(path, &list, options);
	listing_keep(session->listings, session->ftp, path, &list);
	return EXIT_DONE;
}

/* Put all names that the words match into matches. */
static enum exit_status
expand_all(struct session *session, const struct args *args, struct matches *matches)
{
	enum exit_status status = EXIT_DONE;

	*matches = (struct matches){NULL, 0};
	for (size_t i = 0; i < args->remote_count; i++)
		status = exit_status_worse(status, remote_glob(session, args->remotes[i], matches));
	return status;
}

enum exit_status
command_ls(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status;
	struct matches matches;

	if (args->remote_count == 0)
		return list_one(session, "", options, false);
	status = expand_all(session, args, &matches);
	for (size_t i = 0; i < matches.count && !signals_have_aborted(); i++) {
		bool is_titled = matches.count > 1 && !options->is_json;

		status = exit_status_worse(status, list_one(session, matches.items[i].path, options, is_titled));
	}
	matches_free(&matches);
	return status;
}

/* --- directories --- */

/* Takes the directory over, which has been left. */
static void
remember_directory(struct session *session, char *left)
{
	free(session->before);
	session->before = left;
}

/* "cd -". Takes over the directory that is left. */
static enum exit_status
cd_before(struct session *session, char *left)
{
	enum exit_status status = EXIT_DONE;

	if (session->before == NULL)
		status = report_usage("cd: there is no directory before this one; ./- is a directory of that name");
	else if (ftp_cwd(session->ftp, session->before) != FTP_OK)
		status = session_error(session);
	if (status == EXIT_DONE)
		remember_directory(session, left);
	else
		free(left);
	return status;
}

enum exit_status
command_cd(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status;
	struct matches matches;
	const char *path = session->home == NULL ? "/" : session->home, *here;
	char *left = ftp_pwd(session->ftp, &here) == FTP_OK ? strdup(here) : NULL;

	(void)options;
	if (args->remote_count > 0 && strcmp(args->remotes[0]->text, "-") == 0)
		return cd_before(session, left);
	status = expand_all(session, args, &matches);
	if (status == EXIT_DONE && matches.count > 1)
		status = report_usage("cd: '%s' matches %zu names; it must match one",
		    report_quote(args->remotes[0]->text), matches.count);
	if (status == EXIT_DONE && matches.count == 1)
		path = matches.items[0].path;
	if (status == EXIT_DONE && ftp_cwd(session->ftp, path) != FTP_OK)
		status = session_error(session);
	if (status == EXIT_DONE)
		remember_directory(session, left);
	else
		free(left);
	matches_free(&matches);
	return status;
}

enum exit_status
command_pwd(struct session *session, struct options *options, const struct args *args)
{
	const char *path;

	(void)options;
	(void)args;
	if (ftp_pwd(session->ftp, &path) != FTP_OK)
		return session_error(session);
	if (report_is_json())
		report_json(json_pack("{s:s, s:o}", "event", "directory", "path", report_json_text(path)));
	else
		report_line("%s", report_quote(path));
	return EXIT_DONE;
}

/* --- changes --- */

/* Report what was done to one name: with --json, and to a person only with --verbose, as rm(1) is silent. */
static void
report_name_done(const char *command, const char *path)
{
	if (report_is_json())
		report_json(json_pack(
		    "{s:s, s:s, s:o}", "event", "done", "command", command, "remote", report_json_text(path)));
}

static enum exit_status
remove_one(struct session *session, const struct match *match, const struct options *options)
{
	enum exit_status status = EXIT_DONE;
	enum ftp_kind kind = match->kind;
	struct ftp_entry entry;

	if (options->is_recursive && kind == FTP_KIND_OTHER && ftp_stat(session->ftp, match->path, &entry) == FTP_OK) {
		kind = entry.kind;
		ftp_entry_free(&entry);
	}
	if (options->is_recursive && kind == FTP_KIND_DIRECTORY)
		status = remote_tree_remove(session, match->path, NULL);
	else if (ftp_delete(session->ftp, match->path) != FTP_OK)
		status = session_error(session);
	if (status == EXIT_DONE)
		report_name_done("rm", match->path);
	return status;
}

/* rm -r refuses "." and "..", "/" and "". */
static bool
is_dangerous(const char *path)
{
	char *name = path_name(path);
	bool is_bad = name == NULL || name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;

	free(name);
	return is_bad;
}

enum exit_status
command_rm(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status;
	struct matches matches;

	status = expand_all(session, args, &matches);
	for (size_t i = 0; i < matches.count && !signals_have_aborted(); i++) {
		enum exit_status one;

		if (is_dangerous(matches.items[i].path))
			one = report_usage(
			    "rm: '%s' is not removed; name what is in it", report_quote(matches.items[i].path));
		else
			one = remove_one(session, &matches.items[i], options);
		status = exit_status_worse(status, one);
	}
	matches_free(&matches);
	return status;
}

enum exit_status
command_rmdir(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status;
	struct matches matches;

	(void)options;
	status = expand_all(session, args, &matches);
	for (size_t i = 0; i < matches.count && !signals_have_aborted(); i++) {
		if (ftp_rmdir(session->ftp, matches.items[i].path) != FTP_OK)
			status = exit_status_worse(status, session_error(session));
		else
			report_name_done("rmdir", matches.items[i].path);
	}
	matches_free(&matches);
	return status;
}

enum exit_status
command_mkdir(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status = EXIT_DONE;

	for (size_t i = 0; i < args->remote_count && !signals_have_aborted(); i++) {
		const char *path = args->remotes[i]->text;
		enum ftp_class class =
		    options->makes_parents ? remote_make_parents(session, path) : ftp_mkdir(session->ftp, path);

		if (class != FTP_OK)
			status = exit_status_worse(status, session_error(session));
		else
			report_name_done("mkdir", path);
	}
	return status;
}

enum exit_status
command_mv(struct session *session, struct options *options, const struct args *args)
{
	const char *from = args->remotes[0]->text, *to = args->remotes[1]->text;
	enum exit_status status = EXIT_DONE;
	char *name = path_name(from), *target = NULL;

	(void)options;
	if (name != NULL)
		target = remote_is_directory(session, to) ? path_join(to, name) : strdup(to);
	if (target == NULL)
		status = report_no_memory();
	else if (ftp_rename(session->ftp, from, target) != FTP_OK)
		status = session_error(session);
	else if (report_is_json())
		report_json(json_pack("{s:s, s:s, s:o, s:o}", "event", "done", "command", "mv", "remote",
		    report_json_text(from), "to", report_json_text(target)));
	free(name);
	free(target);
	return status;
}

/* SIZE and CWD tell no mode; the listing of the directory may. Leaves it unknown where that fails. */
static void
look_for_mode(struct session *session, const char *path, struct ftp_entry *entry)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	char *directory = strndup(path, slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path));
	struct ftp_list list = {0};

	if (directory != NULL && ftp_list(session->ftp, directory, &list) == FTP_OK)
		for (size_t i = 0; i < list.count; i++)
			if (list.entries[i].kind != FTP_KIND_LINK && strcmp(list.entries[i].name, name) == 0)
				entry->mode = list.entries[i].mode;
	ftp_list_free(&list);
	free(directory);
}

/* A mode of letters changes the one that the file has. */
static enum exit_status
find_mode(struct session *session, const struct match *match, const char *text, uint32_t *mode)
{
	struct ftp_entry entry = {.mode = 0};
	enum exit_status status = EXIT_DONE;
	char what[512];

	if (mode_is_symbolic(text)) {
		if (ftp_stat(session->ftp, match->path, &entry) != FTP_OK)
			return session_error(session);
		if (entry.mode < 0)
			look_for_mode(session, match->path, &entry);
		snprintf(what, sizeof(what), "cannot change the mode of '%s'", report_quote(match->path));
		if (entry.mode < 0)
			status = report_failure(FTP_REFUSED, what, "the server does not tell the one that it has",
			    "an octal mode, such as 644");
	}
	(void)mode_apply(text, entry.mode < 0 ? 0 : (uint32_t)entry.mode, entry.kind == FTP_KIND_DIRECTORY, mode);
	ftp_entry_free(&entry);
	return status;
}

static enum exit_status
change_mode(struct session *session, const struct match *match, const char *text)
{
	uint32_t mode = 0;
	enum exit_status status = find_mode(session, match, text, &mode);

	if (status != EXIT_DONE)
		return status;
	if (ftp_chmod(session->ftp, mode, match->path) != FTP_OK)
		return session_error(session);
	report_name_done("chmod", match->path);
	return EXIT_DONE;
}

enum exit_status
command_chmod(struct session *session, struct options *options, const struct args *args)
{
	const char *text = args->texts[0]->text;
	enum exit_status status;
	struct matches matches;
	uint32_t mode;

	(void)options;
	if (mode_apply(text, 0, false, &mode) < 0)
		return report_usage(
		    "chmod: the mode is '%s'; it must be three or four octal digits, such as 644, or letters, "
		    "such as u+x,g-w",
		    report_quote(text));
	status = expand_all(session, args, &matches);
	for (size_t i = 0; i < matches.count && !signals_have_aborted(); i++)
		status = exit_status_worse(status, change_mode(session, &matches.items[i], text));
	matches_free(&matches);
	return status;
}
