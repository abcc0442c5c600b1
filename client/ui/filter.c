/* SPDX-License-Identifier: ISC */
#include "client/ui/filter.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/glob.h"

#include "common/banned.h"

#define STEPS_MAX 1000000

void
filter_init(struct filter *filter)
{
	*filter = (struct filter){.newer_than = INT64_MIN, .older_than = INT64_MAX, .max_size = UINT64_MAX};
}

void
filter_free(struct filter *filter)
{
	for (size_t i = 0; i < filter->count; i++) {
		struct filter_rule *rule = &filter->rules[i];

		if (rule->glob == NULL)
			regfree(&rule->regex);
		free(rule->glob);
		free(rule->why);
	}
	free(filter->rules);
	filter_init(filter);
}

/* --- adding --- */

/* "build/" is for directories, "/a" and "a/b" are for paths; the slashes around say no more. */
static int
set_glob(struct filter_rule *rule, const char *text, char *why, size_t why_size)
{
	size_t len = strlen(text);

	rule->is_directory = len > 0 && text[len - 1] == '/';
	while (len > 0 && text[len - 1] == '/')
		len--;
	rule->is_of_path = memchr(text, '/', len) != NULL;
	while (len > 0 && *text == '/') {
		text++;
		len--;
	}
	if (len == 0) {
		snprintf(why, why_size, "it has no name in it");
		return -EINVAL;
	}
	rule->glob = strndup(text, len);
	return rule->glob == NULL ? -ENOMEM : 0;
}

static int
set_regex(struct filter_rule *rule, const char *text, char *why, size_t why_size)
{
	int error = *text == '\0' ? REG_BADPAT : regcomp(&rule->regex, text, REG_EXTENDED | REG_NOSUB);

	if (error == 0)
		return 0;
	if (error == REG_ESPACE)
		return -ENOMEM;
	if (*text == '\0')
		snprintf(why, why_size, "it is empty");
	else
		regerror(error, NULL, why, why_size);
	return -EINVAL;
}

int
filter_add(struct filter *filter, enum filter_kind kind, const char *text, char *why, size_t why_size)
{
	bool is_regex = kind == FILTER_EXCLUDE_REGEX || kind == FILTER_INCLUDE_REGEX;
	bool is_include = kind == FILTER_INCLUDE || kind == FILTER_INCLUDE_REGEX;
	struct filter_rule *rules, rule = {.is_include = is_include};
	int r;

	rules = reallocarray(filter->rules, filter->count + 1, sizeof(*rules));
	if (rules == NULL)
		return -ENOMEM;
	filter->rules = rules;
	r = is_regex ? set_regex(&rule, text, why, why_size) : set_glob(&rule, text, why, why_size);
	if (r < 0)
		return r;
	if (asprintf(&rule.why, "is excluded by '%c%s %s'", is_include ? '+' : '-', is_regex ? "~" : "", text) < 0)
		rule.why = NULL;
	filter->rules[filter->count++] = rule;
	filter->has_include = filter->has_include || is_include;
	filter->has_exclude = filter->has_exclude || !is_include;
	return rule.why == NULL ? -ENOMEM : 0;
}

int
filter_add_line(struct filter *filter, const char *line, char *why, size_t why_size)
{
	bool is_include = line[0] == '+', is_regex;

	if (line[strspn(line, " \t")] == '\0' || line[0] == '#')
		return 0;
	is_regex = line[1] == '~';
	if ((line[0] != '+' && line[0] != '-') || line[1 + is_regex] != ' ') {
		snprintf(why, why_size, "a rule is '- GLOB', '+ GLOB', '-~ REGEX' or '+~ REGEX'");
		return -EINVAL;
	}
	line += 1 + is_regex;
	line += strspn(line, " ");
	if (is_regex)
		return filter_add(
		    filter, is_include ? FILTER_INCLUDE_REGEX : FILTER_EXCLUDE_REGEX, line, why, why_size);
	return filter_add(filter, is_include ? FILTER_INCLUDE : FILTER_EXCLUDE, line, why, why_size);
}

/* --- deciding --- */

static bool
rule_matches(const struct filter_rule *rule, const char *path, const char *name, bool is_directory)
{
	const char *text = rule->is_of_path ? path : name;
	uint64_t steps = STEPS_MAX;

	if (rule->glob == NULL)
		return regexec(&rule->regex, path, 0, NULL, 0) == 0;
	if (rule->is_directory && !is_directory)
		return false;
	return glob_match(rule->glob, strlen(rule->glob), text, strlen(text), &steps);
}

const char *
filter_of_name(const struct filter *filter, const char *path, const char *name, bool is_directory)
{
	char whole[PATH_MAX + NAME_MAX];
	int len;

	if (filter->count == 0)
		return NULL;
	len = snprintf(whole, sizeof(whole), "%s%s%s", path, *path == '\0' ? "" : "/", name);
	/* such a path is refused elsewhere; no rule could see all of it */
	if (len < 0 || (size_t)len >= sizeof(whole))
		return "has a path that is too long for the rules";
	for (size_t i = 0; i < filter->count; i++)
		if (rule_matches(&filter->rules[i], whole, name, is_directory))
			return filter->rules[i].is_include ? NULL : filter->rules[i].why;
	return filter->has_include && !filter->has_exclude && !is_directory ? "is included by no rule" : NULL;
}

static bool
has_time_range(const struct filter *filter)
{
	return filter->newer_than != INT64_MIN || filter->older_than != INT64_MAX;
}

static bool
has_size_range(const struct filter *filter)
{
	return filter->min_size > 0 || filter->max_size != UINT64_MAX;
}

bool
filter_is_used(const struct filter *filter)
{
	return filter->has_exclude || filter->has_include || has_size_range(filter) || has_time_range(filter);
}

const char *
filter_of_entry(const struct filter *filter, const char *path, const struct ftp_entry *entry)
{
	bool is_directory = entry->kind == FTP_KIND_DIRECTORY;
	const char *why = filter_of_name(filter, path, entry->name, is_directory);

	if (why != NULL || is_directory)
		return why;
	if (has_size_range(filter) && entry->size < 0)
		return "has an unknown size";
	if (has_size_range(filter) && (uint64_t)entry->size < filter->min_size)
		return "is smaller than --min-size";
	if (has_size_range(filter) && (uint64_t)entry->size > filter->max_size)
		return "is larger than --max-size";
	if (has_time_range(filter) && entry->mtime == -1)
		return "has an unknown time";
	if (entry->mtime <= filter->newer_than && filter->newer_than != INT64_MIN)
		return "is too old: --newer, --max-age";
	if (entry->mtime > filter->older_than)
		return "is too new: --min-age";
	return NULL;
}
