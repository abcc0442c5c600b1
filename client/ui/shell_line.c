/* SPDX-License-Identifier: ISC */
#include "client/ui/shell_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/words.h"
#include "common/character.h"

#include "common/banned.h"

/* Where the operators are; equal to the text's end where there are none. */
struct operators {
	const char *first; /* | or > */
	const char *ampersand; /* the last character */
	const char *end; /* blanks at the end, and a comment, aside */
};

static const char *
past_quote(const char *p, char quote)
{
	for (p++; *p != '\0' && *p != quote; p++)
		if (*p == '\\' && quote == '"' && p[1] != '\0')
			p++;
	return p;
}

/* After a pipe, # is for sh(1) to see. */
static void
find_operators(const char *text, struct operators *found)
{
	const char *p, *last = NULL;

	*found = (struct operators){NULL, NULL, NULL};
	found->end = text;
	for (p = text; *p != '\0'; p++) {
		bool is_begin = p == text || is_blank(p[-1]);

		if (*p == '#' && is_begin && (found->first == NULL || *found->first != '|'))
			break;
		if (is_blank(*p))
			continue;
		last = p;
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '\'' || *p == '"')
			p = past_quote(p, *p);
		else if ((*p == '|' || *p == '>') && found->first == NULL)
			found->first = p;
		if (*p == '\0')
			p--;
		found->end = p + 1;
	}
	if (last != NULL && *last == '&' && last + 1 == found->end && (last == text || last[-1] != '&')) {
		found->ampersand = last;
		found->end = last;
	}
}

static int
take_output_file(struct shell_line *line, const char *text, size_t len, const char **why)
{
	char *copy = strndup(text, len);
	struct words words;
	int r = copy == NULL ? -ENOMEM : words_split(copy, &words, why);

	free(copy);
	if (r < 0)
		return r;
	if (words.count == 1 && words.items[0].text[0] != '\0') {
		line->file = strdup(words.items[0].text);
		r = line->file == NULL ? -ENOMEM : 0;
	} else {
		*why = words.count == 0
		    ? "after > comes the name of a local file"
		    : "after > comes one name of a local file, and nothing more; quotes keep blanks in it";
		r = -EINVAL;
	}
	words_free(&words);
	return r;
}

static int
take_program(struct shell_line *line, const char *text, size_t len, const char **why)
{
	while (len > 0 && is_blank(*text)) {
		text++;
		len--;
	}
	if (len == 0) {
		*why = "after | comes a local command";
		return -EINVAL;
	}
	line->program = strndup(text, len);
	return line->program == NULL ? -ENOMEM : 0;
}

int
shell_line_parse(const char *text, struct shell_line *line, const char **why)
{
	struct operators found;
	const char *end, *after;
	int r = 0;

	*line = (struct shell_line){0};
	find_operators(text, &found);
	end = found.first != NULL && found.first < found.end ? found.first : found.end;
	line->is_background = found.ampersand != NULL;
	line->command = strndup(text, (size_t)(end - text));
	if (line->command == NULL)
		return -ENOMEM;
	if (end == found.first) {
		line->appends = found.first[0] == '>' && found.first[1] == '>';
		after = found.first + 1 + line->appends;
		r = *found.first == '|' ? take_program(line, after, (size_t)(found.end - after), why)
					: take_output_file(line, after, (size_t)(found.end - after), why);
	}
	if (r == 0 && line->command[strspn(line->command, " \t")] == '\0' &&
	    (found.first != NULL || found.ampersand != NULL)) {
		*why = "a command of the shell comes before |, > and &";
		r = -EINVAL;
	}
	if (r < 0)
		shell_line_free(line);
	return r;
}

void
shell_line_free(struct shell_line *line)
{
	free(line->command);
	free(line->program);
	free(line->file);
	*line = (struct shell_line){0};
}
