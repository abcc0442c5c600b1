/* SPDX-License-Identifier: ISC */
#include "config/source.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/banned.h"

#define BRACES_MAX 8
#define KEY_SHOWN_MAX 64

struct scan {
	char *next, *end;
	int line;
	int braces[BRACES_MAX];	/* the lines of the braces that are open */
	size_t depth;
	bool in_word;		/* the byte before belongs to an unquoted word */
	const char *problem;
};

static char
peek(const struct scan *scan, size_t ahead)
{
	return (size_t)(scan->end - scan->next) > ahead ? scan->next[ahead] : '\0';
}

static int
fail_scan(struct scan *scan, const char *problem)
{
	scan->problem = problem;
	return -EINVAL;
}

static int
check_byte(struct scan *scan)
{
	char c = *scan->next;

	if (c == '\r' && peek(scan, 1) == '\n')
		return 0;
	if (((unsigned char)c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
		return fail_scan(scan, "a control character; the file is plain text");
	return 0;
}

static void
blank_line_comment(struct scan *scan)
{
	while (scan->next < scan->end && *scan->next != '\n')
		*scan->next++ = ' ';
}

static int
blank_block_comment(struct scan *scan)
{
	int start = scan->line;

	while (scan->next < scan->end && !(peek(scan, 0) == '*' && peek(scan, 1) == '/')) {
		if (*scan->next == '\n')
			scan->line++;
		else
			*scan->next = ' ';
		scan->next++;
	}
	if (scan->next == scan->end) {
		scan->line = start;
		return fail_scan(scan, "the comment is never closed; end it with '*/'");
	}
	memset(scan->next, ' ', 2);
	scan->next += 2;
	return 0;
}

/* Step over a string; only what means the same to everybody is let through. */
static int
check_string(struct scan *scan)
{
	char quote = *scan->next++;

	for (; scan->next < scan->end && *scan->next != '\n'; scan->next++) {
		if (check_byte(scan) < 0)
			return -EINVAL;
		if (*scan->next == quote) {
			scan->next++;
			return 0;
		}
		if (*scan->next == '\\') {
			if (peek(scan, 1) != '\\' && peek(scan, 1) != quote)
				return fail_scan(scan,
				    "a backslash before a character other than a quote or a backslash; "
				    "write '\\\\' for one backslash");
			scan->next++;
		} else if (quote == '"' && peek(scan, 0) == '$' && peek(scan, 1) == '{') {
			return fail_scan(
			    scan, "'${' is not expanded here; write the value itself, or use single quotes");
		}
	}
	return fail_scan(scan, "the string is never closed; end it on its line with the quote that it began with");
}

static int
check_brace(struct scan *scan)
{
	if (*scan->next == '{') {
		if (scan->depth == BRACES_MAX)
			return fail_scan(scan, "braces are nested too deeply; a section holds keys, and a list values");
		scan->braces[scan->depth++] = scan->line;
	} else if (scan->depth > 0) {
		scan->depth--;
	} else {
		return fail_scan(scan, "a '}' that closes nothing; remove it, or open the section with 'NAME {'");
	}
	scan->next++;
	return 0;
}

static int
scan_one(struct scan *scan)
{
	char c = *scan->next;
	bool was_in_word = scan->in_word;

	scan->in_word = false;
	if (check_byte(scan) < 0)
		return -EINVAL;
	switch (c) {
	case '\n':
		scan->line++;
		scan->next++;
		return 0;
	case '\r':
		*scan->next++ = ' ';
		return 0;
	case '"':
	case '\'':
		return check_string(scan);
	case '{':
	case '}':
		return check_brace(scan);
	case '#':
		blank_line_comment(scan);
		return 0;
	case '/':
		if (!was_in_word && peek(scan, 1) == '/') {
			blank_line_comment(scan);
			return 0;
		}
		if (!was_in_word && peek(scan, 1) == '*')
			return blank_block_comment(scan);
		break;
	case '$':
		if (peek(scan, 1) == '{')
			return fail_scan(
			    scan, "'${' is not expanded here; write the value itself, or use single quotes");
		break;
	case '*':
		return fail_scan(scan, "'*' outside of quotes; put the value in quotes, as in \"*:21\"");
	case '|':
		return fail_scan(scan, "'|' outside of quotes; put the value in quotes, and a key into its section");
	case '(':
	case ')':
		return fail_scan(scan, "a parenthesis outside of quotes; put the value in quotes");
	default:
		break;
	}
	scan->in_word = strchr(" \t=+,", c) == NULL;
	scan->next++;
	return 0;
}

static void
skip_token(struct scan *scan)
{
	char quote = *scan->next == '"' || *scan->next == '\'' ? *scan->next : '\0';

	if (quote != '\0') {
		for (scan->next++; peek(scan, 0) != quote; scan->next++)
			scan->next += *scan->next == '\\';
		scan->next++;
	} else if (strchr("={},", *scan->next) != NULL) {
		scan->next++;
	} else {
		while (scan->next < scan->end && strchr(" \t\n={},\"'", *scan->next) == NULL)
			scan->next++;
	}
}

/* The first byte of the next token of the line; a newline at its end. */
static char
next_of_line(struct scan *scan)
{
	while (peek(scan, 0) == ' ' || peek(scan, 0) == '\t')
		scan->next++;
	return scan->next < scan->end ? *scan->next : '\n';
}

/*
 * "KEY = TWO WORDS": libconfuse takes the second word for a key or a section. It is one only in front of '=', "+=" or '{'. The
 * text is plain already.
 */
static int
check_loose_words(struct scan *scan)
{
	static char problem[160];	/* as long as the text that it is about */
	bool has_equals = false, has_value = false;
	const char *key = NULL;
	int key_len = 0;

	while (scan->next < scan->end) {
		char c = next_of_line(scan);

		if (c == '\n' || strchr("={},", c) != NULL) {
			scan->line += c == '\n';
			has_equals = c == '=';
			has_value = false;
			scan->next += scan->next < scan->end;
			continue;
		}
		if (!has_equals) {
			const char *start = scan->next;

			skip_token(scan);
			if (has_value && strchr("={+", next_of_line(scan)) == NULL) {
				snprintf(problem, sizeof(problem),
				    "%.*s: a word after the value; put a value with blanks in quotes: KEY = \"TWO WORDS\"",
				    key_len, key == NULL ? "" : key);
				return fail_scan(scan, problem);
			}
			key = start;
			key_len = scan->next - start < KEY_SHOWN_MAX ? (int)(scan->next - start) : KEY_SHOWN_MAX;
		} else {
			skip_token(scan);
		}
		has_value = has_equals;
		has_equals = false;
	}
	return 0;
}

int
source_make_plain(char *text, size_t len, int *line, const char **problem)
{
	struct scan scan = {.next = text, .end = text + len, .line = 1};
	int r = 0;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r = fail_scan(&scan, "the file begins with a byte order mark; save it as UTF-8 without one");
	while (scan.next < scan.end && r == 0)
		r = scan_one(&scan);
	if (r == 0 && scan.depth > 0) {
		scan.line = scan.braces[scan.depth - 1];
		r = fail_scan(&scan, "this '{' is never closed; add a '}'");
	}
	if (r == 0) {
		scan = (struct scan){.next = text, .end = text + len, .line = 1};
		r = check_loose_words(&scan);
	}
	if (r < 0) {
		*line = scan.line;
		*problem = scan.problem;
	}
	return r;
}

/* A word before anything but "=" and "+=". */
static bool
begins_section(struct scan *scan, const char *word, const char *name)
{
	return (size_t)(scan->next - word) == strlen(name) && memcmp(word, name, strlen(name)) == 0 &&
	    strchr("=+", next_of_line(scan)) == NULL;
}

int
source_section_line(char *text, size_t len, const char *name, size_t nth)
{
	struct scan scan = {.next = text, .end = text + len, .line = 1};

	while (scan.next < scan.end) {
		char c = next_of_line(&scan);
		const char *word = scan.next;

		scan.line += c == '\n';
		scan.depth += c == '{';
		scan.depth -= c == '}' && scan.depth > 0;
		if (c == '\n') {
			scan.next += scan.next < scan.end;
			continue;
		}
		skip_token(&scan);
		if (scan.depth == 0 && begins_section(&scan, word, name) && nth-- == 0)
			return scan.line;
	}
	return 0;
}
