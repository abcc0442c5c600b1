/* SPDX-License-Identifier: ISC */
#include "client/ui/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/character.h"

#include "common/banned.h"

#define LINE_MAX_BYTES 65536
#define WORDS_MAX 8192

/* Reads one word after the other; text and pattern are those of the word at hand. */
struct splitter {
	const char *at, *end;
	struct buf text, pattern;
	bool is_wild;
	char quote;	/* open at the end */
	bool is_dangling;	/* a backslash with nothing after it */
};

static bool
is_special_to_glob(char c)
{
	return c == '*' || c == '?' || c == '[' || c == ']' || c == '\\';
}

static void
add_literal_char(struct splitter *splitter, char c)
{
	(void)buf_add(&splitter->text, &c, 1);
	if (is_special_to_glob(c))
		(void)buf_add(&splitter->pattern, "\\", 1);
	(void)buf_add(&splitter->pattern, &c, 1);
}

static void
add_unquoted_char(struct splitter *splitter, char c)
{
	if (c == '*' || c == '?' || c == '[')
		splitter->is_wild = true;
	(void)buf_add(&splitter->text, &c, 1);
	(void)buf_add(&splitter->pattern, &c, 1);
}

/* After a backslash: which character does it quote? */
static void
take_backslash(struct splitter *splitter)
{
	if (splitter->at == splitter->end) {
		splitter->is_dangling = true;
		return;
	}
	if (splitter->quote == '"' && *splitter->at != '"' && *splitter->at != '\\')
		add_literal_char(splitter, '\\');
	else
		add_literal_char(splitter, *splitter->at++);
}

static void
split_word(struct splitter *splitter)
{
	buf_clear(&splitter->text);
	buf_clear(&splitter->pattern);
	splitter->is_wild = false;
	splitter->quote = '\0';
	splitter->is_dangling = false;
	while (splitter->at < splitter->end && (splitter->quote != '\0' || !is_blank(*splitter->at))) {
		char c = *splitter->at++;

		if (splitter->quote == '\0' && (c == '\'' || c == '"'))
			splitter->quote = c;
		else if (splitter->quote != '\0' && c == splitter->quote)
			splitter->quote = '\0';
		else if (c == '\\' && splitter->quote != '\'')
			take_backslash(splitter);
		else if (splitter->quote != '\0')
			add_literal_char(splitter, c);
		else
			add_unquoted_char(splitter, c);
	}
	(void)buf_add(&splitter->text, "", 0);
}

static void
skip_blanks(struct splitter *splitter)
{
	while (splitter->at < splitter->end && is_blank(*splitter->at))
		splitter->at++;
}

static void
splitter_init(struct splitter *splitter, const char *line, size_t len)
{
	*splitter = (struct splitter){.at = line, .end = line + len};
	buf_init(&splitter->text, LINE_MAX_BYTES);
	buf_init(&splitter->pattern, 2 * LINE_MAX_BYTES);
}

static void
splitter_free(struct splitter *splitter)
{
	buf_free(&splitter->text);
	buf_free(&splitter->pattern);
}

static char *
copy_of(const struct buf *buf)
{
	return strdup(buf->len == 0 ? "" : buf->data);
}

static int
keep_word(struct words *words, const struct splitter *splitter)
{
	struct word *items, word = {NULL, NULL};

	if (words->count == WORDS_MAX)
		return -E2BIG;
	if (splitter->text.error < 0 || splitter->pattern.error < 0)
		return -ENOMEM;
	items = realloc(words->items, (words->count + 1) * sizeof(*items));
	if (items == NULL)
		return -ENOMEM;
	words->items = items;
	word.text = copy_of(&splitter->text);
	if (splitter->is_wild)
		word.pattern = copy_of(&splitter->pattern);
	items[words->count++] = word;
	return word.text == NULL || (splitter->is_wild && word.pattern == NULL) ? -ENOMEM : 0;
}

int
words_split(const char *line, struct words *words, const char **why)
{
	struct splitter splitter;
	int r = 0;

	*words = (struct words){NULL, 0};
	splitter_init(&splitter, line, strlen(line));
	for (skip_blanks(&splitter); r == 0 && splitter.at < splitter.end && *splitter.at != '#';
	     skip_blanks(&splitter)) {
		split_word(&splitter);
		if (splitter.quote != '\0') {
			*why = splitter.quote == '"' ? "a \" is not closed; close it, or write \\\" for the character"
						     : "a ' is not closed; close it, or write \\' for the character";
			r = -EINVAL;
		} else if (splitter.is_dangling) {
			*why = "a backslash is at the end; write \\\\ for the character";
			r = -EINVAL;
		} else {
			r = keep_word(words, &splitter);
			if (r == -E2BIG) {
				*why = "there are too many words";
				r = -EINVAL;
			}
		}
	}
	splitter_free(&splitter);
	if (r < 0)
		words_free(words);
	return r;
}

void
words_free(struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		free(words->items[i].text);
		free(words->items[i].pattern);
	}
	free(words->items);
	*words = (struct words){NULL, 0};
}

int
words_at_cursor(const char *line, size_t len, struct word_at_cursor *word)
{
	struct splitter splitter;
	size_t index = 0, start;

	splitter_init(&splitter, line, len);
	for (;;) {
		skip_blanks(&splitter);
		start = (size_t)(splitter.at - line);
		split_word(&splitter);
		/* a word that touches the end is the one at the cursor, an empty one too */
		if (splitter.at == splitter.end)
			break;
		index++;
	}
	*word = (struct word_at_cursor){index, start, splitter.quote, copy_of(&splitter.text)};
	splitter_free(&splitter);
	return word->text == NULL ? -ENOMEM : 0;
}

void
words_quote(struct buf *out, const char *text, char quote)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (quote == '\'' && *p == '\'') {
			(void)buf_add_text(out, "'\\''");
			continue;
		}
		if (quote == '\0' && (strchr(" \t'\"\\*?[]|>&", *p) != NULL || (*p == '#' && p == text)))
			(void)buf_add(out, "\\", 1);
		else if (quote == '"' && (*p == '"' || *p == '\\'))
			(void)buf_add(out, "\\", 1);
		(void)buf_add(out, p, 1);
	}
}
