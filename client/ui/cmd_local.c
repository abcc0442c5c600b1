/* SPDX-License-Identifier: ISC */
/* Commands that do not need the server: lcd, lpwd, lls, set, bookmark, help. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/ui/bookmarks.h"
#include "client/ui/command.h"
#include "client/ui/config_text.h"
#include "client/ui/places.h"
#include "client/ui/preferences.h"
#include "client/ui/prose.h"
#include "client/ui/prose.h"
#include "client/ui/report.h"
#include "client/ui/term_text.h"
#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

#define FILE_SIZE_MAX 1048576

enum exit_status
command_lcd(struct session *session, struct options *options, const struct args *args)
{
	const char *home = getenv("HOME"),
		   *path = args->local_count > 0 ? args->locals[0]->text
	    : home == NULL                       ? "/"
						 : home;
	char *expanded = NULL;
	int r;

	(void)session;
	(void)options;
	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0') && home != NULL) {
		if (asprintf(&expanded, "%s%s", home, path + 1) < 0)
			return report_no_memory();
		path = expanded;
	}
	r = chdir(path) < 0 ? errno : 0;
	if (r != 0) {
		enum exit_status status = report_local("cannot change to", path, -r);

		free(expanded);
		return status;
	}
	free(expanded);
	return EXIT_DONE;
}

enum exit_status
command_lpwd(struct session *session, struct options *options, const struct args *args)
{
	char path[PATH_MAX];

	(void)session;
	(void)options;
	(void)args;
	if (getcwd(path, sizeof(path)) == NULL)
		return report_local("cannot find out the directory", ".", -errno);
	report_line("%s", report_quote(path));
	return EXIT_DONE;
}

enum exit_status
command_lls(struct session *session, struct options *options, const struct args *args)
{
	const char **argv = calloc(args->local_count + 4, sizeof(*argv));
	int wait_status = 0;
	size_t n = 0;
	pid_t child;

	(void)session;
	(void)options;
	if (argv == NULL)
		return report_no_memory();
	argv[n++] = "ls";
	argv[n++] = isatty(STDOUT_FILENO) == 1 ? "-shC" : "-1";
	argv[n++] = "--";
	for (size_t i = 0; i < args->local_count; i++)
		argv[n++] = args->locals[i]->text;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		execvp("ls", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	free(argv);
	if (child < 0)
		return report_local("cannot start", "ls", -errno);
	while (waitpid(child, &wait_status, 0) < 0 && errno == EINTR)
		continue;
	return wait_status == 0 ? EXIT_DONE : EXIT_LOCAL;
}

/* --- set --- */

#define SETTING_INDENT 19 /* of what a setting is for, after its name and its value */

enum setting_kind { SETTING_NUMBER, SETTING_SWITCH, SETTING_VERIFY };

struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;
	uint64_t min, max;
	const char *help;
};

static const struct setting settings[] = {
    {"active", SETTING_SWITCH, offsetof(struct options, is_active), 0, 1, "let the server make the data connections"},
    {"ascii", SETTING_SWITCH, offsetof(struct options, is_ascii), 0, 1, "files are text: CRLF on the way, LF here"},
    {"parallel", SETTING_NUMBER, offsetof(struct options, parallel), 1, PARALLEL_MAX,
	"files at once in mget, mput and mirror"},
    {"plaintext", SETTING_SWITCH, offsetof(struct options, may_plaintext), 0, 1, "allow the password to go in clear"},
    {"quiet", SETTING_SWITCH, offsetof(struct options, is_quiet), 0, 1, "no progress, no summaries"},
    {"retry", SETTING_NUMBER, offsetof(struct options, retries), 0, 1000, "how often to connect again after a loss"},
    {"segments", SETTING_NUMBER, offsetof(struct options, segments), 1, SEGMENTS_MAX, "connections for one download"},
    {"timeout", SETTING_NUMBER, offsetof(struct options, timeout_s), 0, 86400,
	"seconds of silence before giving up; 0: 60"},
    {"verbose", SETTING_SWITCH, offsetof(struct options, is_verbose), 0, 1, "show the conversation with the server"},
    {"verify", SETTING_VERIFY, offsetof(struct options, verify), 0, 0, "compare hashes: auto, always, never"},
};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

const char *
command_setting_name(size_t n)
{
	return n < SETTING_COUNT ? settings[n].name : NULL;
}

static void *
member(struct options *options, const struct setting *setting)
{
	return (char *)options + setting->offset;
}

/* One line, or on a narrow terminal several. */
static void
print_setting_row(const char *name, const char *value, const char *help)
{
	size_t columns = prose_columns(stdout);
	struct buf line, wrapped;

	buf_init(&line, 1024);
	buf_init(&wrapped, 4096);
	(void)buf_addf(&line, "%-10s %-7s %s", name, value, help);
	if (line.error == 0 && columns > 0)
		term_wrap(&wrapped, line.data, line.len, columns, 0, SETTING_INDENT);
	if (line.error == 0 && wrapped.error == 0)
		report_line("%s", wrapped.len > 0 ? wrapped.data : line.data);
	buf_free(&wrapped);
	buf_free(&line);
}

static void
print_setting(struct options *options, const struct setting *setting)
{
	char number[32];

	switch (setting->kind) {
	case SETTING_NUMBER:
		snprintf(number, sizeof(number), "%llu", (unsigned long long)*(uint64_t *)member(options, setting));
		print_setting_row(setting->name, number, setting->help);
		break;
	case SETTING_SWITCH:
		print_setting_row(setting->name, *(bool *)member(options, setting) ? "on" : "off", setting->help);
		break;
	case SETTING_VERIFY:
		print_setting_row(
		    setting->name, options_verify_name(*(enum ftp_verify *)member(options, setting)), setting->help);
		break;
	}
}

static enum exit_status
change_setting(struct options *options, const struct setting *setting, const char *value)
{
	bool is_on = strcmp(value, "on") == 0 || strcmp(value, "yes") == 0;

	switch (setting->kind) {
	case SETTING_NUMBER: {
		uint64_t number;

		if (parse_u64(value, setting->max, &number) < 0 || number < setting->min)
			return report_usage("set %s: '%s' is not a number from %llu to %llu", setting->name,
			    report_quote(value), (unsigned long long)setting->min, (unsigned long long)setting->max);
		*(uint64_t *)member(options, setting) = number;
		break;
	}
	case SETTING_SWITCH:
		if (!is_on && strcmp(value, "off") != 0 && strcmp(value, "no") != 0)
			return report_usage("set %s: '%s' is neither on nor off", setting->name, report_quote(value));
		*(bool *)member(options, setting) = is_on;
		break;
	case SETTING_VERIFY:
		if (options_parse_verify(value, (enum ftp_verify *)member(options, setting)) < 0)
			return report_usage(
			    "set %s: '%s' is none of auto, always, never", setting->name, report_quote(value));
		break;
	}
	return EXIT_DONE;
}

/* options borrow the words: they live as long as the shell. */
static char **set_words;
static size_t set_word_count;

static char *
keep_set_word(const char *name, const char *value)
{
	char **grown = realloc(set_words, (set_word_count + 1) * sizeof(*grown));

	if (grown == NULL)
		return NULL;
	set_words = grown;
	if (asprintf(&grown[set_word_count], "--%s%s%s", name, value == NULL ? "" : "=", value == NULL ? "" : value) <
	    0)
		return NULL;
	return grown[set_word_count++];
}

/* A switch: an option that takes no value and is kept in a member. */
static enum exit_status
set_switch(struct options *options, enum option_id id, const char *value)
{
	bool is_on = strcmp(value, "on") == 0 || strcmp(value, "yes") == 0;
	const struct word *operands[1];
	struct word word;
	char text[80], why[256];
	size_t count;

	if (!is_on && strcmp(value, "off") != 0 && strcmp(value, "no") != 0)
		return report_usage("set %s: '%s' is neither on nor off", options_name(id), report_quote(value));
	snprintf(text, sizeof(text), "--%s=%s", options_name(id), is_on ? "yes" : "no");
	word = (struct word){.text = text};
	if (options_parse(options, &word, 1, OPTION_BIT(id), operands, &count, why, sizeof(why)) < 0)
		return report_usage("set %s: %s", options_name(id), why);
	return EXIT_DONE;
}

/* Any other option that the configuration file may have is a setting, too. */
static enum exit_status
set_long_option(struct options *options, const char *name, const char *value)
{
	enum option_id id = options_find(name);
	char wanted[128], *word;
	int r;

	if (id == OPTION_ALL || !config_keeps(id))
		return report_usage(
		    "there is no setting '%s'; set lists them, and long options are settings, too", report_quote(name));
	options_wanted(id, wanted, sizeof(wanted));
	if (value == NULL)
		return report_usage("set %s: give a value; it must be %s", name, wanted);
	if (!options_takes_value(id))
		return set_switch(options, id, value);
	word = keep_set_word(name, value);
	r = word == NULL ? -ENOMEM : options_take_word(options, id, word);
	if (r == -EINVAL)
		return report_usage("set %s: '%s' must be %s", name, report_quote(value), wanted);
	return r < 0 ? report_no_memory() : EXIT_DONE;
}

enum exit_status
command_set(struct session *session, struct options *options, const struct args *args)
{
	(void)session;
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (args->text_count > 0 && strcmp(args->texts[0]->text, settings[i].name) != 0)
			continue;
		if (args->text_count == 2)
			return change_setting(options, &settings[i], args->texts[1]->text);
		print_setting(options, &settings[i]);
		if (args->text_count == 1)
			return EXIT_DONE;
	}
	if (args->text_count == 0)
		return EXIT_DONE;
	return set_long_option(options, args->texts[0]->text, args->text_count == 2 ? args->texts[1]->text : NULL);
}

/* --- config --- */

/* The file was read, and is right: else the program has ended with the error. */
static enum exit_status
check_config(void)
{
	size_t lines, sections;

	if (!preferences_have_file(&lines, &sections))
		report_note("there is no configuration; it would be %s", report_quote(preferences_path()));
	else
		report_note("%s is right: %zu settings, %zu sections of hosts", report_quote(preferences_path()), lines,
		    sections);
	return EXIT_DONE;
}

enum exit_status
command_config(struct session *session, struct options *options, const struct args *args)
{
	const char *what = args->text_count > 0 ? args->texts[0]->text : "show";
	const char *host = args->text_count > 1 ? args->texts[1]->text : NULL;

	(void)options;
	if (strcmp(what, "check") == 0 && host == NULL)
		return check_config();
	if (strcmp(what, "show") != 0)
		return report_usage("config: '%s' is neither check nor show HOST", report_quote(what));
	if (host == NULL && session != NULL)
		host = session->url.host;
	if (!preferences_show(host))
		report_note("nothing is set in '%s', nor by a variable", report_quote(preferences_path()));
	return EXIT_DONE;
}

/* --- bookmarks --- */

static void
list_bookmarks(const struct buf *text, const char *wanted)
{
	struct bookmark bookmark;
	size_t at = 0;

	while (text->len > 0 && bookmarks_next(text->data, text->len, &at, &bookmark)) {
		char name[128], url[4096];

		snprintf(name, sizeof(name), "%.*s", (int)bookmark.name_len, bookmark.name);
		snprintf(url, sizeof(url), "%.*s", (int)bookmark.url_len, bookmark.url);
		if (wanted != NULL && strcmp(wanted, name) != 0)
			continue;
		if (report_is_json())
			report_json(json_pack(
			    "{s:s, s:s, s:o}", "event", "bookmark", "name", name, "url", report_json_text(url)));
		else
			report_line("%-16s %s", name, report_quote(url));
	}
}

static enum exit_status
check_bookmark(const char *name, const char *place)
{
	enum exit_status status;
	struct ftp_url url;

	if (!bookmark_name_is_good(name, strlen(name)))
		return report_usage(
		    "'%s' cannot be the name of a bookmark: letters, digits, - and _, 64 at most", report_quote(name));
	if (place == NULL)
		return EXIT_DONE;
	if (!ftp_is_url(place) || strpbrk(place, " \t") != NULL)
		return report_usage(
		    "'%s' is not a URL; it begins with ftp://, ftpes:// or ftps://, and a blank is %%20",
		    report_quote(place));
	status = session_parse_place(place, &url, NULL);
	if (status == EXIT_DONE)
		ftp_url_free(&url);
	return status;
}

static enum exit_status
edit_bookmarks(const struct buf *text, const char *name, const char *url)
{
	enum exit_status status = EXIT_DONE;
	struct buf fresh;
	int r;

	buf_init(&fresh, FILE_SIZE_MAX);
	r = bookmarks_edit(text->len == 0 ? "" : text->data, text->len, name, url, &fresh);
	if (r == -ENOENT)
		status = report_usage("there is no bookmark '%s'; 'bookmark' lists them", report_quote(name));
	else if (r == 0)
		r = places_write_bookmarks(&fresh);
	if (r == -EINVAL)
		status = report_failure(FTP_LOCAL, "the bookmark is not kept",
		    "the file of bookmarks is not a regular file", "a file in their place");
	else if (r < 0 && status == EXIT_DONE)
		status = report_local("cannot keep the bookmark", name, r);
	buf_free(&fresh);
	return status;
}

enum exit_status
command_bookmark(struct session *session, struct options *options, const struct args *args)
{
	const char *name = args->text_count > 0 ? args->texts[0]->text : NULL,
		   *url = args->text_count > 1 ? args->texts[1]->text : NULL;
	enum exit_status status = EXIT_DONE;
	struct buf text;
	int r;

	(void)session;
	if (options->is_delete && (name == NULL || url != NULL))
		return report_usage("bookmark --delete takes one name");
	if (name != NULL)
		status = check_bookmark(name, url);
	if (status != EXIT_DONE)
		return status;
	buf_init(&text, FILE_SIZE_MAX);
	r = places_read_bookmarks(&text);
	if (r < 0)
		status = report_local("cannot read", "bookmarks", r);
	else if (options->is_delete || url != NULL)
		status = edit_bookmarks(&text, name, url);
	else
		list_bookmarks(&text, name);
	buf_free(&text);
	return status;
}
