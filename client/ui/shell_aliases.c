/* SPDX-License-Identifier: ISC */
#include "client/ui/shell_aliases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/preferences.h"

#include "common/banned.h"

#define ALIAS_DEPTH_MAX 16

struct shell_alias {
	char *name, *text; /* owned; text NULL: forgotten */
};

static struct shell_alias *kept_aliases;
static size_t alias_count;
static bool has_read_preferences;

static struct shell_alias *
find_kept(const char *name)
{
	for (size_t i = 0; i < alias_count; i++)
		if (strcmp(kept_aliases[i].name, name) == 0)
			return &kept_aliases[i];
	return NULL;
}

static int
keep_alias(const char *name, const char *text)
{
	struct shell_alias *alias = find_kept(name), *grown;
	char *copy = text == NULL ? NULL : strdup(text);

	if (text != NULL && copy == NULL)
		return -ENOMEM;
	if (alias == NULL) {
		grown = realloc(kept_aliases, (alias_count + 1) * sizeof(*grown));
		if (grown == NULL) {
			free(copy);
			return -ENOMEM;
		}
		kept_aliases = grown;
		alias = &grown[alias_count];
		*alias = (struct shell_alias){strdup(name), NULL};
		if (alias->name == NULL) {
			free(copy);
			return -ENOMEM;
		}
		alias_count++;
	}
	free(alias->text);
	alias->text = copy;
	return 0;
}

static void
read_preferences(void)
{
	const char *name;

	for (size_t i = 0; !has_read_preferences && (name = preferences_alias_name(i)) != NULL; i++)
		(void)keep_alias(name, preferences_alias(name));
	has_read_preferences = true;
}

const char *
alias_find(const char *name)
{
	const struct shell_alias *alias;

	read_preferences();
	alias = find_kept(name);
	return alias == NULL ? NULL : alias->text;
}

int
alias_set(const char *name, const char *text)
{
	if (text == NULL && alias_find(name) == NULL)
		return -ENOENT;
	read_preferences();
	return keep_alias(name, text);
}

const char *
alias_nth(size_t n)
{
	read_preferences();
	for (size_t i = 0; i < alias_count; i++)
		if (kept_aliases[i].text != NULL && n-- == 0)
			return kept_aliases[i].name;
	return NULL;
}

/* The alias that a line begins with, unless it was expanded before. */
static const struct shell_alias *
alias_in_front(const char *line, size_t *len, const struct shell_alias *const *used, size_t used_count)
{
	char name[256];
	const struct shell_alias *alias;

	*len = strcspn(line, " \t|>&");
	if (*len >= sizeof(name))
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)*len, line);
	alias = alias_find(name) == NULL ? NULL : find_kept(name);
	for (size_t i = 0; i < used_count; i++)
		if (used[i] == alias)
			return NULL;
	return alias;
}

char *
alias_expand(const char *line)
{
	const struct shell_alias *used[ALIAS_DEPTH_MAX], *alias;
	char *text = strdup(line + strspn(line, " \t")), *longer;
	size_t len;

	for (size_t i = 0; text != NULL && i < ALIAS_DEPTH_MAX; i++) {
		alias = alias_in_front(text, &len, used, i);
		if (alias == NULL)
			break;
		used[i] = alias;
		if (asprintf(&longer, "%s%s", alias->text, text + len) < 0)
			longer = NULL;
		free(text);
		text = longer;
	}
	return text;
}

void
aliases_free(void)
{
	for (size_t i = 0; i < alias_count; i++) {
		free(kept_aliases[i].name);
		free(kept_aliases[i].text);
	}
	free(kept_aliases);
	kept_aliases = NULL;
	alias_count = 0;
	has_read_preferences = false;
}
