/* SPDX-License-Identifier: ISC */
#include "accounts/definition.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/folder.h"

#include "common/banned.h"

static const struct {
	const char *word;
	int (*check)(const char *body, size_t len, const char **error);
	size_t name_max;
} kinds[DEFINITION_KIND_COUNT] = {
    [DEFINITION_GROUP] = {"group", account_group_check, ACCOUNT_NAME_MAX},
    [DEFINITION_FOLDER] = {"folder", folder_check, FOLDER_NAME_MAX},
};

static int
refuse_definition(const char **error, const char *text)
{
	*error = text;
	return -EINVAL;
}

const char *
definition_word(enum definition_kind kind)
{
	return kinds[kind].word;
}

bool
definition_key(enum definition_kind kind, const char *name, char key[DEFINITION_KEY_MAX + 1])
{
	const char *problem;

	key[0] = '\0';
	if (!account_name_valid(name, strlen(name), &problem))
		return false;
	snprintf(key, DEFINITION_KEY_MAX + 1, "+%s %s", kinds[kind].word, name);
	return true;
}

/* The kind whose word is there; DEFINITION_KIND_COUNT: none has it. */
static enum definition_kind
kind_of_word(const char *word, size_t len)
{
	enum definition_kind kind = 0;

	while (kind < DEFINITION_KIND_COUNT &&
	    (strlen(kinds[kind].word) != len || memcmp(kinds[kind].word, word, len) != 0))
		kind++;
	return kind;
}

/* Static text that names all kinds. */
static const char *
unknown_kind(void)
{
	static char text[128];
	size_t len = (size_t)snprintf(text, sizeof(text), "a definition of an unknown kind; the kinds are:");

	for (size_t i = 0; i < DEFINITION_KIND_COUNT && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s", i == 0 ? "" : ",", kinds[i].word);
	return text;
}

int
definition_parse(const char *line, size_t len, struct definition *out, const char **error)
{
	const char *word = line + 1;
	const char *blank, *colon;

	if (!account_line_is_text(line, len, error))
		return -EINVAL;
	colon = memchr(line, ':', len);
	blank = colon == NULL ? NULL : memchr(line, ' ', (size_t)(colon - line));
	if (!line_is_definition(line, len) || blank == NULL)
		return refuse_definition(
		    error, "no definition; write '+KIND NAME:' with one blank, as in '+group staff:'");
	out->kind = kind_of_word(word, (size_t)(blank - word));
	if (out->kind == DEFINITION_KIND_COUNT)
		return refuse_definition(error, unknown_kind());
	out->name = blank + 1;
	out->name_len = (size_t)(colon - out->name);
	out->body = colon + 1;
	out->body_len = len - (size_t)(out->body - line);
	if (!account_name_valid(out->name, out->name_len, error))
		return -EINVAL;
	if (out->name_len > kinds[out->kind].name_max)
		return refuse_definition(error, "the name of the folder is too long; at most 63 bytes");
	return kinds[out->kind].check(out->body, out->body_len, error);
}
