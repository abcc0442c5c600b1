/* SPDX-License-Identifier: ISC */
/* The words of a command line: blanks separate, quotes and backslashes keep together. Pure. */
#ifndef CLIENT_UI_WORDS_H
#define CLIENT_UI_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

struct word {
	char *text;	/* without quotes and backslashes; owned */
	char *pattern;	/* where it has a wildcard outside quotes: what glob_match() takes; else NULL; owned */
};

struct words {
	struct word *items;
	size_t count;
};

/*
 * Split a line as sh(1) does, without expanding anything: '...' is kept as it is, in "..." a backslash
 * quotes \ and ", elsewhere it quotes any character. A word that begins with # ends the line.
 *
 * Returns 0, -EINVAL with *why (a quote that is not closed, a backslash at the end), -ENOMEM. The caller
 * calls words_free() after success.
 */
int words_split(const char *line, struct words *words, const char **why);
void words_free(struct words *words);

/* What completion needs to know of the word that ends where the cursor is. */
struct word_at_cursor {
	size_t index;	/* number of the word; 0 is the command */
	size_t start;	/* offset of its first byte in the line, quote included */
	char quote;	/* ' or " when the cursor is inside such quotes, else 0 */
	char *text;	/* the word up to the cursor, without quotes; owned by the caller, free() */
};

/* Look at the first len bytes of line. Returns 0 or -ENOMEM. */
int words_at_cursor(const char *line, size_t len, struct word_at_cursor *word);

/*
 * Append text so that words_split() reads one word with this text and no wildcard in it.
 * quote: 0 for backslashes, or the quote that is open (and is not closed).
 */
void words_quote(struct buf *out, const char *text, char quote);

#endif
