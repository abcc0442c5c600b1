/* SPDX-License-Identifier: ISC */
/*
 * Lines of the client's shell: operators, words, aliases, modes and rules of filters. The first byte chooses where the cursor
 * is; a first line "NAME TEXT" before the line is an alias.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/filter.h"
#include "client/ui/shell_aliases.h"
#include "client/ui/shell_line.h"
#include "client/ui/symbolic_mode.h"
#include "client/ui/words.h"
#include "common/buf.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* Words that are quoted are read as they were. */
static void
check_words(const char *line)
{
	struct words words, again;
	struct buf quoted;
	const char *why = NULL;
	int r = words_split(line, &words, &why);

	must(r == 0 || (r == -EINVAL && *why != '\0'));
	if (r < 0)
		return;
	buf_init(&quoted, 1048576);
	for (size_t i = 0; i < words.count; i++) {
		words_quote(&quoted, words.items[i].text, '\0');
		(void)buf_add_text(&quoted, " ");
	}
	must(quoted.error == 0);
	must(words_split(quoted.len == 0 ? "" : quoted.data, &again, &why) == 0);
	/* a word without a character cannot be quoted by backslashes */
	for (size_t i = 0, j = 0; i < words.count; i++) {
		if (*words.items[i].text == '\0')
			continue;
		must(j < again.count && strcmp(words.items[i].text, again.items[j].text) == 0);
		must(again.items[j++].pattern == NULL);
	}
	words_free(&again);
	words_free(&words);
	buf_free(&quoted);
}

static void
check_cursor(const char *line, size_t len)
{
	struct word_at_cursor word;

	must(words_at_cursor(line, len, &word) == 0);
	must(word.start <= len && word.text != NULL && strlen(word.text) <= len - word.start);
	must(word.quote == '\0' || word.quote == '\'' || word.quote == '"');
	free(word.text);
}

static void
check_line(const char *text)
{
	struct shell_line line;
	const char *why = NULL;
	int r = shell_line_parse(text, &line, &why);

	must(r == 0 || (r == -EINVAL && *why != '\0'));
	if (r < 0)
		return;
	must(line.command != NULL && (line.program == NULL || line.file == NULL));
	must(line.program == NULL || *line.program != '\0');
	must(line.file == NULL || *line.file != '\0');
	must(line.file != NULL || !line.appends);
	check_words(line.command);
	shell_line_free(&line);
}

static void
check_mode(const char *text)
{
	uint32_t mode = 0;

	if (mode_apply(text, 0640, false, &mode) == 0)
		must(mode <= 07777);
}

static void
check_rule(const char *text)
{
	struct filter filter;
	char why[256] = "";

	/* regular expressions are libc's; long ones are slow there */
	if (strlen(text) > 64 || strchr(text, '~') != NULL)
		return;
	filter_init(&filter);
	if (filter_add_line(&filter, text, why, sizeof(why)) == -EINVAL)
		must(*why != '\0');
	else
		(void)filter_of_name(&filter, "a/b", "name", false);
	filter_free(&filter);
}

/* Returns the line after that of the alias. */
static char *
take_alias(char *text)
{
	char *end = strchr(text, '\n'), *blank = strchr(text, ' ');

	if (end == NULL || blank == NULL || blank > end)
		return text;
	*end = *blank = '\0';
	(void)alias_set(text, blank + 1);
	return end + 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *line, *expanded;

	if (size < 2)
		return 0;
	text = malloc(size);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	line = take_alias(text);
	expanded = alias_expand(line);
	must(expanded != NULL);
	check_line(expanded);
	check_words(line);
	check_cursor(line, data[0] % (strlen(line) + 1));
	check_mode(line);
	check_rule(line);
	free(expanded);
	aliases_free();
	free(text);
	return 0;
}
