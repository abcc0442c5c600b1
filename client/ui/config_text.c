/* SPDX-License-Identifier: ISC */
#include "client/ui/config_text.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/report.h"
#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

#define CONFIG_LINE_MAX 8192
#define VALUE_SHOWN_MAX 200

/* What one forgotten line of a file must not do: remove, turn around, or stand for a program's own options. */
static const enum option_id never_kept[] = {OPTION_UPLOAD, OPTION_DELETE, OPTION_DELETE_BEFORE, OPTION_RECURSIVE,
    OPTION_APPEND, OPTION_PASSWORD_FD, OPTION_BATCH, OPTION_VERSION, OPTION_HELP};

enum section_kind { SECTION_OPTIONS, SECTION_ALIASES };

/* The reader's place. */
struct config_reader {
	struct client_config *config;
	enum section_kind kind;
	size_t number;
	char *why;
	size_t why_size;
};

static int __attribute__((format(printf, 2, 3)))
config_wrong(struct config_reader *reader, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->why, reader->why_size, format, args);
	va_end(args);
	return -EINVAL;
}

/* Make room for one more item of this size; returns where it goes, zeroed, or NULL. */
static void *
grow_items(void *items, size_t *count, size_t size)
{
	char **place = items, *grown = realloc(*place, (*count + 1) * size);

	if (grown == NULL)
		return NULL;
	*place = grown;
	memset(grown + *count * size, 0, size);
	return grown + (*count)++ * size;
}

/* --- one setting --- */

bool
config_keeps(enum option_id id)
{
	for (size_t i = 0; i < sizeof(never_kept) / sizeof(never_kept[0]); i++)
		if (never_kept[i] == id)
			return false;
	return true;
}

static int
check_kept_option(struct config_reader *reader, enum option_id id, const char *word)
{
	if (id == OPTION_ALL)
		return config_wrong(reader,
		    "there is no word '%.*s' here; the words are the long options that sallyport --help lists, without --",
		    VALUE_SHOWN_MAX, report_quote(word));
	if (!config_keeps(id))
		return config_wrong(reader, "'%s' is for the command line; it cannot be kept in this file", word);
	return 0;
}

/* The value of an option that takes none: yes and no. */
static int
take_switch_value(struct config_reader *reader, struct config_line *line, const char *word, const char *value)
{
	line->is_off = strcmp(value, "no") == 0;
	if (!line->is_off && strcmp(value, "yes") != 0)
		return config_wrong(
		    reader, "'%s' is '%.*s'; it must be yes or no", word, VALUE_SHOWN_MAX, report_quote(value));
	return asprintf(&line->word, "--%s", word) < 0 ? -ENOMEM : 0;
}

static int
take_option_value(struct config_reader *reader, struct config_line *line, const char *word, const char *value)
{
	const char *home = getenv("HOME");
	struct options scratch;
	char wanted[128];
	int r;

	if (options_takes_path(line->id) && strncmp(value, "~/", 2) == 0 && home != NULL)
		r = asprintf(&line->word, "--%s=%s%s", word, home, value + 1);
	else
		r = asprintf(&line->word, "--%s=%s", word, value);
	if (r < 0) {
		line->word = NULL;
		return -ENOMEM;
	}
	options_init(&scratch);
	r = options_take_word(&scratch, line->id, line->word);
	options_free(&scratch);
	if (r != -EINVAL)
		return r;
	options_wanted(line->id, wanted, sizeof(wanted));
	return config_wrong(
	    reader, "'%s' is '%.*s'; it must be %s", word, VALUE_SHOWN_MAX, report_quote(value), wanted);
}

static int
take_setting(struct config_reader *reader, const char *word, const char *value)
{
	struct client_config *config = reader->config;
	struct config_line *line = grow_items(&config->lines, &config->line_count, sizeof(*line));
	int r;

	if (line == NULL)
		return -ENOMEM;
	line->number = reader->number;
	line->section = config->section_count - 1;
	line->id = OPTION_ALL;
	if (strcmp(word, "password") == 0) {
		config->has_password = true;
		line->word = strdup(value);
		return line->word == NULL ? -ENOMEM : 0;
	}
	line->id = options_find(word);
	r = check_kept_option(reader, line->id, word);
	if (r < 0)
		return r;
	return options_takes_value(line->id) ? take_option_value(reader, line, word, value)
					     : take_switch_value(reader, line, word, value);
}

/* --- lines --- */

static int
take_alias(struct config_reader *reader, const char *name, const char *text)
{
	struct client_config *config = reader->config;
	struct config_alias *alias = grow_items(&config->aliases, &config->alias_count, sizeof(*alias));

	if (alias == NULL)
		return -ENOMEM;
	alias->name = strdup(name);
	alias->text = strdup(text);
	return alias->name == NULL || alias->text == NULL ? -ENOMEM : 0;
}

/* The inside of the brackets, as words. */
static int
take_section_words(struct config_reader *reader, const struct words *words)
{
	struct client_config *config = reader->config;
	struct config_section *section;

	if (words->count == 1 && strcmp(words->items[0].text, "alias") == 0) {
		reader->kind = SECTION_ALIASES;
		return 0;
	}
	if (words->count < 2 || strcmp(words->items[0].text, "host") != 0)
		return config_wrong(reader, "a section is [host NAME ...] or [alias]");
	reader->kind = SECTION_OPTIONS;
	section = grow_items(&config->sections, &config->section_count, sizeof(*section));
	if (section == NULL)
		return -ENOMEM;
	for (size_t i = 1; i < words->count; i++) {
		char **pattern = grow_items(&section->patterns, &section->count, sizeof(*pattern));

		if (pattern == NULL)
			return -ENOMEM;
		*pattern = strdup(words->items[i].text);
		if (*pattern == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int
take_section(struct config_reader *reader, char *line)
{
	char *end = strrchr(line, ']');
	const char *why = "";
	struct words words;
	int r;

	if (end == NULL || (end[1 + strspn(end + 1, " \t")] != '\0' && end[1 + strspn(end + 1, " \t")] != '#'))
		return config_wrong(reader, "a section ends with ]: [host NAME ...] or [alias]");
	*end = '\0';
	r = words_split(line + 1, &words, &why);
	if (r == -EINVAL)
		return config_wrong(reader, "%s", why);
	if (r < 0)
		return r;
	r = take_section_words(reader, &words);
	words_free(&words);
	return r;
}

/* An alias is the rest of its line, with its quotes: the shell reads it later. */
static int
take_alias_line(struct config_reader *reader, char *line)
{
	size_t len = strcspn(line, " \t="), at = len + strspn(line + len, " \t");

	if (len == 0 || line[at] != '=' || line[at + 1 + strspn(line + at + 1, " \t")] == '\0')
		return config_wrong(reader, "an alias is NAME = COMMAND ...");
	line[len] = '\0';
	return take_alias(reader, line, line + at + 1 + strspn(line + at + 1, " \t"));
}

/* "word = value": the value is one word, with quotes where it has blanks. */
static int
take_setting_line(struct config_reader *reader, char *line)
{
	size_t len = strcspn(line, " \t="), at = len + strspn(line + len, " \t");
	const char *why = "";
	struct words words;
	int r;

	if (len == 0 || line[at] != '=')
		return config_wrong(reader, "a line is WORD = VALUE, or a section [host NAME ...]");
	line[len] = '\0';
	r = words_split(line + at + 1, &words, &why);
	if (r == -EINVAL)
		return config_wrong(reader, "%s", why);
	if (r < 0)
		return r;
	if (words.count != 1 || words.items[0].text[0] == '\0')
		r = config_wrong(reader, "'%.*s' needs one value; quotes keep one with blanks together",
		    VALUE_SHOWN_MAX, report_quote(line));
	else
		r = take_setting(reader, line, words.items[0].text);
	words_free(&words);
	return r;
}

static int
take_config_line(struct config_reader *reader, const char *text, size_t len)
{
	char line[CONFIG_LINE_MAX];
	size_t start = 0;
	int r;

	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r'))
		len--;
	while (start < len && (text[start] == ' ' || text[start] == '\t'))
		start++;
	if (start == len || text[start] == '#')
		return 0;
	if (len - start >= sizeof(line))
		return config_wrong(reader, "the line is longer than %d bytes", CONFIG_LINE_MAX - 1);
	memcpy(line, text + start, len - start);
	line[len - start] = '\0';
	for (size_t i = 0; i < len - start; i++)
		if (line[i] != '\t' && has_control(line + i, 1))
			return config_wrong(reader, "there is a control character in the line");
	if (line[0] == '[')
		r = take_section(reader, line);
	else if (reader->kind == SECTION_ALIASES)
		r = take_alias_line(reader, line);
	else
		r = take_setting_line(reader, line);
	explicit_bzero(line, sizeof(line));
	return r;
}

int
config_text_read(const char *text, size_t len, struct client_config *config, size_t *number, char *why, size_t size)
{
	struct config_reader reader = {.config = config, .why = why, .why_size = size};
	int r = 0;

	*config = (struct client_config){0};
	if (grow_items(&config->sections, &config->section_count, sizeof(*config->sections)) == NULL)
		return -ENOMEM;
	for (size_t at = 0; at < len && r == 0;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line_len = end == NULL ? len - at : (size_t)(end - text) - at;

		reader.number++;
		r = take_config_line(&reader, text + at, line_len);
		at += line_len + 1;
	}
	*number = reader.number;
	return r;
}

void
config_text_free(struct client_config *config)
{
	for (size_t i = 0; i < config->line_count; i++) {
		if (config->lines[i].word != NULL)
			explicit_bzero(config->lines[i].word, strlen(config->lines[i].word));
		free(config->lines[i].word);
	}
	for (size_t i = 0; i < config->section_count; i++) {
		for (size_t k = 0; k < config->sections[i].count; k++)
			free(config->sections[i].patterns[k]);
		free(config->sections[i].patterns);
	}
	for (size_t i = 0; i < config->alias_count; i++) {
		free(config->aliases[i].name);
		free(config->aliases[i].text);
	}
	free(config->lines);
	free(config->sections);
	free(config->aliases);
	*config = (struct client_config){0};
}

bool
config_section_holds(const struct config_section *section, const char *host)
{
	if (section->patterns == NULL)
		return true;
	for (size_t i = 0; host != NULL && i < section->count; i++)
		if (fnmatch(section->patterns[i], host, FNM_CASEFOLD) == 0)
			return true;
	return false;
}
