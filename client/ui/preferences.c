/* SPDX-License-Identifier: ISC */
#include "client/ui/preferences.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ui/config_text.h"
#include "client/ui/places.h"
#include "client/ui/report.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

#define CONFIG_SIZE_MAX 1048576
#define VARIABLE_PREFIX "SALLYPORT_"

static struct client_config kept_config;
static char config_path[4096];
static bool has_config_file;
static const struct word *argument_words;
static size_t argument_count;
static option_set allowed_arguments;

/* --- the file --- */

/* Others who can write to the file, or put another one in its place, would choose what is done with passwords. */
static enum exit_status
check_writers(const char *path, const struct stat *status)
{
	char what[4200];

	snprintf(what, sizeof(what), "'%s' is not read", report_quote(path));
	if (status->st_uid != geteuid() && status->st_uid != 0)
		return report_failure(
		    FTP_LOCAL, what, "it belongs to another user", "a file and directory of your own");
	/* in a sticky directory nobody can put another file into the place of one's own */
	if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	    !(S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX) != 0))
		return report_failure(FTP_LOCAL, what, "others may write to it", "chmod go-w");
	return EXIT_DONE;
}

static enum exit_status
check_config_place(int fd, struct stat *status)
{
	char directory[sizeof(config_path)], *slash;
	struct stat parent;
	enum exit_status checked;

	snprintf(directory, sizeof(directory), "%s", config_path);
	slash = strrchr(directory, '/');
	if (slash != NULL && slash > directory)
		*slash = '\0';
	if (stat(directory, &parent) < 0 || fstat(fd, status) < 0)
		return report_local("cannot read", config_path, -errno);
	if (!S_ISREG(status->st_mode))
		return report_failure(
		    FTP_LOCAL, "the configuration is not read", "it is not a regular file", "a file in its place");
	checked = check_writers(directory, &parent);
	return checked == EXIT_DONE ? check_writers(config_path, status) : checked;
}

static int
read_config_text(int fd, struct buf *text)
{
	for (;;) {
		char *room = buf_room(text, 4096);
		ssize_t n = room == NULL ? -EFBIG : io_read_all(fd, room, 4096);

		if (n < 0)
			return (int)n;
		text->len += (size_t)n;
		if (n < 4096)
			return 0;
	}
}

static enum exit_status
parse_config(const struct buf *text, const struct stat *status)
{
	char why[1024] = "";
	size_t number = 0;
	int r = config_text_read(text->len == 0 ? "" : text->data, text->len, &kept_config, &number, why, sizeof(why));

	if (r == -ENOMEM)
		return report_no_memory();
	if (r < 0)
		return report_usage("%s:%zu: %s", report_quote(config_path), number, why);
	if (kept_config.has_password && ((status->st_mode & (S_IRWXG | S_IRWXO)) != 0 || status->st_uid != geteuid()))
		return report_failure(FTP_LOCAL, "the configuration is not used",
		    "it has a password in it, and others may read it", "chmod 600, or password-command");
	return EXIT_DONE;
}

enum exit_status
preferences_load(void)
{
	enum exit_status status = EXIT_DONE;
	struct stat stat_there;
	struct buf path, text;
	int fd = -1, r;

	buf_init(&path, sizeof(config_path) - 1);
	buf_init(&text, CONFIG_SIZE_MAX);
	if (!places_config(&path))
		goto out;
	snprintf(config_path, sizeof(config_path), "%s", path.data);
	fd = open(config_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		goto out;
	if (fd < 0) {
		status = report_local("cannot read", config_path, -errno);
		goto out;
	}
	status = check_config_place(fd, &stat_there);
	if (status != EXIT_DONE)
		goto out;
	r = read_config_text(fd, &text);
	status = r < 0 ? report_local("cannot read", config_path, r) : parse_config(&text, &stat_there);
	has_config_file = status == EXIT_DONE;
out:
	if (status != EXIT_DONE)
		config_text_free(&kept_config);
	close_fd(&fd);
	buf_free(&text);
	buf_free(&path);
	return status;
}

void
preferences_free(void)
{
	config_text_free(&kept_config);
	has_config_file = false;
}

const char *
preferences_path(void)
{
	return config_path;
}

bool
preferences_have_file(size_t *settings, size_t *sections)
{
	*settings = kept_config.line_count + kept_config.alias_count;
	*sections = kept_config.section_count == 0 ? 0 : kept_config.section_count - 1;
	return has_config_file;
}

/* --- what holds --- */

static bool
line_holds(const struct config_line *line, const char *host)
{
	return config_section_holds(&kept_config.sections[line->section], host);
}

/* The value of SALLYPORT_NAME, where an option of this name may be kept. */
static const char *
variable_of(enum option_id id, char *name, size_t size)
{
	size_t len;

	snprintf(name, size, VARIABLE_PREFIX "%s", options_name(id));
	for (len = strlen(VARIABLE_PREFIX); name[len] != '\0'; len++)
		name[len] = name[len] == '-' ? '_' : (char)toupper((unsigned char)name[len]);
	return config_keeps(id) ? getenv(name) : NULL;
}

/* Options without a value that are off in the end: the last word of file and environment about them is "no". */
static option_set
switched_off(const char *host)
{
	option_set off = 0;

	for (size_t i = 0; i < kept_config.line_count; i++) {
		const struct config_line *line = &kept_config.lines[i];

		if (line->id == OPTION_ALL || !line_holds(line, host))
			continue;
		off = line->is_off ? off | OPTION_BIT(line->id) : off & ~OPTION_BIT(line->id);
	}
	for (int id = 0; id < OPTION_ALL; id++) {
		char name[80];
		const char *value = variable_of((enum option_id)id, name, sizeof(name));

		if (value == NULL || options_takes_value((enum option_id)id))
			continue;
		off = strcmp(value, "no") == 0 ? off | OPTION_BIT(id) : off & ~OPTION_BIT(id);
	}
	return off;
}

/* The general lines come first in the file: so the order of lines is that of what beats what. */
static enum exit_status
apply_config(struct options *options, const char *host, option_set denied)
{
	for (size_t i = 0; i < kept_config.line_count; i++) {
		const struct config_line *line = &kept_config.lines[i];

		if (!line_holds(line, host))
			continue;
		if (line->id == OPTION_ALL)
			options->kept_password = line->word;
		else if (!line->is_off && (denied & OPTION_BIT(line->id)) == 0 &&
		    options_take_word(options, line->id, line->word) < 0)
			return report_no_memory();
	}
	return EXIT_DONE;
}

/* options borrow the words: they live as long as the program, one for each option. */
static char *variable_words[OPTION_ALL];

static enum exit_status
apply_variable(struct options *options, enum option_id id, const char *name, const char *value)
{
	bool takes_value = options_takes_value(id);
	char wanted[128];
	int r = -EINVAL;

	if (variable_words[id] == NULL &&
	    asprintf(&variable_words[id], "--%s%s%s", options_name(id), takes_value ? "=" : "",
		takes_value ? value : "") < 0)
		return report_no_memory();
	if (takes_value || strcmp(value, "yes") == 0)
		r = options_take_word(options, id, variable_words[id]);
	if (r == 0)
		return EXIT_DONE;
	options_wanted(id, wanted, sizeof(wanted));
	return r == -ENOMEM ? report_no_memory()
			    : report_usage("$%s is '%s'; it must be %s", name, report_quote(value), wanted);
}

static enum exit_status
apply_environment(struct options *options, option_set denied)
{
	enum exit_status status = EXIT_DONE;

	for (int id = 0; id < OPTION_ALL && status == EXIT_DONE; id++) {
		char name[80];
		const char *value = variable_of((enum option_id)id, name, sizeof(name));

		if (value != NULL && (denied & OPTION_BIT(id)) == 0)
			status = apply_variable(options, (enum option_id)id, name, value);
	}
	return status;
}

void
preferences_keep_arguments(const struct word *words, size_t count, option_set allowed)
{
	argument_words = words;
	argument_count = count;
	allowed_arguments = allowed;
}

static enum exit_status
apply_arguments(struct options *options)
{
	const struct word **operands = calloc(argument_count + 1, sizeof(const struct word *));
	enum exit_status status = EXIT_DONE;
	char why[1024];
	size_t count;
	int r;

	if (operands == NULL)
		return report_no_memory();
	r = options_parse(
	    options, argument_words, argument_count, allowed_arguments, operands, &count, why, sizeof(why));
	if (r < 0)
		status = r == -ENOMEM ? report_no_memory() : report_usage("%s", why);
	free(operands);
	return status;
}

enum exit_status
preferences_begin(struct options *options, const char *host)
{
	option_set denied = switched_off(host) | options_denied(argument_words, argument_count);
	enum exit_status status;

	options_init(options);
	status = apply_config(options, host, denied);
	if (status == EXIT_DONE)
		status = apply_environment(options, denied);
	return status == EXIT_DONE ? apply_arguments(options) : status;
}

/* --- aliases, and what is shown --- */

const char *
preferences_alias(const char *name)
{
	const char *text = NULL;

	for (size_t i = 0; i < kept_config.alias_count; i++)
		if (strcmp(kept_config.aliases[i].name, name) == 0)
			text = kept_config.aliases[i].text;
	return text;
}

const char *
preferences_alias_name(size_t n)
{
	return n < kept_config.alias_count ? kept_config.aliases[n].name : NULL;
}

/* Whether a later line, or the environment, says something else about the same option. */
static bool
is_overridden(size_t at, const char *host)
{
	const struct config_line *line = &kept_config.lines[at];
	char name[80];

	if (line->id < OPTION_ALL && !options_may_collect(line->id) &&
	    variable_of(line->id, name, sizeof(name)) != NULL)
		return true;
	for (size_t i = at + 1; i < kept_config.line_count; i++)
		if (kept_config.lines[i].id == line->id && line_holds(&kept_config.lines[i], host) &&
		    (line->id == OPTION_ALL || !options_may_collect(line->id)))
			return true;
	return false;
}

static void
show_line(const struct config_line *line)
{
	const char *value = line->id == OPTION_ALL ? NULL : strchr(line->word, '=');

	if (report_is_json())
		report_json(json_pack("{s:s, s:s, s:o, s:o, s:I}", "event", "setting", "word",
		    line->id == OPTION_ALL ? "password" : options_name(line->id), "value",
		    line->id == OPTION_ALL ? json_null()
					   : report_json_text(value != NULL ? value + 1
						     : line->is_off         ? "no"
									    : "yes"),
		    "file", report_json_text(config_path), "line", (json_int_t)line->number));
	else if (line->id == OPTION_ALL)
		report_line("password = (not shown)  # line %zu", line->number);
	else
		report_line("%s = %s  # line %zu", options_name(line->id),
		    value != NULL      ? report_quote(value + 1)
			: line->is_off ? "no"
				       : "yes",
		    line->number);
}

static bool
show_variables(void)
{
	bool has_any = false;

	for (int id = 0; id < OPTION_ALL; id++) {
		char name[80];
		const char *value = variable_of((enum option_id)id, name, sizeof(name));

		if (value == NULL)
			continue;
		has_any = true;
		if (report_is_json())
			report_json(json_pack("{s:s, s:s, s:o, s:s}", "event", "setting", "word",
			    options_name((enum option_id)id), "value", report_json_text(value), "variable", name));
		else
			report_line("%s = %s  # $%s", options_name((enum option_id)id), report_quote(value), name);
	}
	return has_any;
}

bool
preferences_show(const char *host)
{
	bool has_any = false;

	for (size_t i = 0; i < kept_config.line_count; i++) {
		if (!line_holds(&kept_config.lines[i], host) || is_overridden(i, host))
			continue;
		show_line(&kept_config.lines[i]);
		has_any = true;
	}
	return show_variables() || has_any;
}
