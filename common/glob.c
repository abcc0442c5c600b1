/* SPDX-License-Identifier: ISC */
#include "common/glob.h"

#include <string.h>

#include "common/text.h"

#include "common/banned.h"

#define NOT_UTF8 0x110000	/* added to a byte that begins no character */

struct span {
	const char *at, *end;
};

bool
glob_is_pattern(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '*' || text[i] == '?' || text[i] == '[' || text[i] == '\\')
			return true;
	return false;
}

/* Take one character from a span that is not empty. */
static uint32_t
take_character(struct span *span)
{
	const unsigned char *p = (const unsigned char *)span->at;
	size_t n = *p < 0x80 ? 1 : utf8_sequence(p, (size_t)(span->end - span->at));
	uint32_t code;

	if (n <= 1) {
		span->at++;
		return n == 1 ? *p : NOT_UTF8 + *p;
	}
	code = *p & (0x7fU >> n);
	for (size_t i = 1; i < n; i++)
		code = code << 6 | (p[i] & 0x3f);
	span->at += n;
	return code;
}

static bool
spend_step(uint64_t *steps)
{
	if (*steps == 0)
		return false;
	--*steps;
	return *steps > 0;
}

/* One end of a range in a class; a backslash makes the next character plain. */
static uint32_t
take_class_end(struct span *pattern)
{
	if (*pattern->at == '\\' && pattern->at + 1 < pattern->end)
		pattern->at++;
	return take_character(pattern);
}

/*
 * Match c against the class whose "[" has been taken. Returns false and leaves the pattern
 * alone when the class is not closed.
 */
static bool
match_class(struct span *pattern, uint32_t c, bool *is_in, uint64_t *steps)
{
	struct span p = *pattern;
	bool is_first = true, is_negated = false;

	*is_in = false;
	if (p.at < p.end && (*p.at == '!' || *p.at == '^')) {
		is_negated = true;
		p.at++;
	}
	while (p.at < p.end && (is_first || *p.at != ']') && spend_step(steps)) {
		uint32_t low = take_class_end(&p), high = low;

		is_first = false;
		if (p.end - p.at >= 2 && p.at[0] == '-' && p.at[1] != ']') {
			p.at++;
			high = take_class_end(&p);
		}
		if (c >= low && c <= high)
			*is_in = true;
	}
	if (p.at >= p.end || *p.at != ']')
		return false;
	pattern->at = p.at + 1;
	*is_in = *is_in != is_negated;
	return true;
}

/* Match one character of name (not empty) against one element of pattern (not "*"); both move on. */
static bool
match_one(struct span *pattern, struct span *name, uint64_t *steps)
{
	uint32_t c, wanted;
	bool is_in;

	if (pattern->at == pattern->end)
		return false;
	c = take_character(name);
	wanted = take_character(pattern);
	if (wanted == '?')
		return true;
	if (wanted == '[' && match_class(pattern, c, &is_in, steps))
		return is_in;
	if (wanted == '\\' && pattern->at < pattern->end)
		wanted = take_character(pattern);
	return c == wanted;
}

bool
glob_match(const char *pattern_text, size_t pattern_len, const char *name_text, size_t name_len, uint64_t *steps)
{
	struct span pattern = {pattern_text, pattern_text + pattern_len};
	struct span name = {name_text, name_text + name_len};
	struct span star_pattern = pattern, star_name = name;
	bool has_star = false;

	/* only the last star is ever tried again: what stands before it matched as early as it could */
	while (name.at < name.end) {
		if (!spend_step(steps))
			return false;
		if (pattern.at < pattern.end && *pattern.at == '*') {
			pattern.at++;
			has_star = true;
			star_pattern = pattern;
			star_name = name;
			continue;
		}
		if (match_one(&pattern, &name, steps))
			continue;
		if (!has_star)
			return false;
		take_character(&star_name);
		pattern = star_pattern;
		name = star_name;
	}
	while (pattern.at < pattern.end && *pattern.at == '*')
		pattern.at++;
	return pattern.at == pattern.end && *steps > 0;
}
