/* SPDX-License-Identifier: ISC */
#include "admin/migrate_regex.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/banned.h"

#define GROUPS_MAX 8 /* groups within groups */
#define AT_START '\001' /* an anchor, until all is known */
#define AT_END '\002'

struct regex {
	const char *next;
	bool is_path, ignores_case;
	unsigned depth;
};

static int read_alternatives(struct regex *regex, struct migrate_globs *out);

/* --- sets of patterns --- */

static int
globs_add(struct migrate_globs *globs, const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	char *text;

	if (globs->count == MIGRATE_GLOBS_MAX || a_len + b_len > MIGRATE_GLOB_MAX)
		return -EINVAL;
	text = globs->text[globs->count];
	memcpy(text, a, a_len);
	memcpy(text + a_len, b, b_len + 1);
	globs->count++;
	return 0;
}

/* Each of globs, with each of ends behind it. */
static int
globs_multiply(struct migrate_globs *globs, const struct migrate_globs *ends)
{
	struct migrate_globs *all = calloc(1, sizeof(*all));
	int r = all == NULL ? -EINVAL : 0;

	for (size_t i = 0; i < globs->count && r == 0; i++)
		for (size_t j = 0; j < ends->count && r == 0; j++)
			r = globs_add(all, globs->text[i], ends->text[j]);
	if (r == 0)
		*globs = *all;
	free(all);
	return r;
}

/* --- atoms: each is a set of patterns --- */

static int
literal(const struct regex *regex, char byte, struct migrate_globs *out)
{
	char text[5] = {byte, '\0'};

	if (byte == AT_START || byte == AT_END)
		return -EINVAL;
	if (byte == '/')
		text[0] = AT_START; /* where a name begins; between two of them it is refused later */
	else if (strchr("*?[]\\", byte) != NULL)
		memcpy(text, (const char[]){'\\', byte, '\0'}, 3);
	else if (regex->ignores_case && isalpha((unsigned char)byte))
		memcpy(text,
		    (const char[]){
			'[', (char)tolower((unsigned char)byte), (char)toupper((unsigned char)byte), ']', '\0'},
		    5);
	return globs_add(out, "", text);
}

/* "[a-z]", as it stands; the escapes and names that only one of the two knows are refused. */
static int
bracket(struct regex *regex, struct migrate_globs *out)
{
	const char *end = strchr(regex->next, ']');
	bool is_negated = regex->next[0] == '^';
	char text[MIGRATE_GLOB_MAX + 1];
	size_t len;

	if (end == NULL)
		return -EINVAL;
	len = (size_t)(end - regex->next);
	if (len < 1U + is_negated || len + 2 > MIGRATE_GLOB_MAX || memchr(regex->next, '[', len) != NULL ||
	    memchr(regex->next, '\\', len) != NULL || memchr(regex->next, '/', len) != NULL || regex->next[0] == '!' ||
	    regex->ignores_case || (is_negated && regex->is_path))
		return -EINVAL;
	text[0] = '[';
	memcpy(text + 1, regex->next, len + 1);
	text[len + 2] = '\0';
	if (is_negated)
		text[1] = '!';
	regex->next = end + 1;
	return globs_add(out, "", text);
}

static int
group(struct regex *regex, struct migrate_globs *out)
{
	int r = regex->depth == GROUPS_MAX ? -EINVAL : 0;

	regex->depth++;
	if (r == 0)
		r = read_alternatives(regex, out);
	regex->depth--;
	if (r == 0 && *regex->next++ != ')')
		r = -EINVAL;
	return r;
}

/* ".", ".*", ".+": in a path, "." may be a slash, and what is before it then counts no more. */
static int
any_byte(struct regex *regex, struct migrate_globs *out)
{
	char quantifier = *regex->next;

	if (quantifier == '*' || quantifier == '+')
		regex->next++;
	if (quantifier == '*' || regex->is_path)
		return globs_add(out, "", "*");
	return globs_add(out, "", quantifier == '+' ? "?*" : "?");
}

static int
read_atom(struct regex *regex, struct migrate_globs *out)
{
	char byte = *regex->next++;

	switch (byte) {
	case '^':
		return globs_add(out, "", (const char[]){AT_START, '\0'});
	case '$':
		return globs_add(out, "", (const char[]){AT_END, '\0'});
	case '.':
		return any_byte(regex, out);
	case '[':
		return bracket(regex, out);
	case '(':
		return group(regex, out);
	case '\\':
		byte = *regex->next;
		if (byte == '\0' || isalnum((unsigned char)byte))
			return -EINVAL;
		regex->next++;
		return literal(regex, byte, out);
	case '*':
	case '+':
	case '?':
	case '{':
		return -EINVAL;
	default:
		return literal(regex, byte, out);
	}
}

static int
read_sequence(struct regex *regex, struct migrate_globs *out)
{
	struct migrate_globs *atom = calloc(1, sizeof(*atom));
	int r = atom == NULL ? -EINVAL : globs_add(out, "", "");

	while (r == 0 && *regex->next != '\0' && *regex->next != '|' && *regex->next != ')') {
		atom->count = 0;
		r = read_atom(regex, atom);
		if (r == 0 && *regex->next == '?') {
			regex->next++;
			r = globs_add(atom, "", "");
		}
		if (r == 0)
			r = globs_multiply(out, atom);
	}
	free(atom);
	return r;
}

static int
read_alternatives(struct regex *regex, struct migrate_globs *out)
{
	struct migrate_globs *sequence = calloc(1, sizeof(*sequence));
	int r = sequence == NULL ? -EINVAL : 0;

	while (r == 0) {
		sequence->count = 0;
		r = read_sequence(regex, sequence);
		for (size_t i = 0; i < sequence->count && r == 0; i++)
			r = globs_add(out, "", sequence->text[i]);
		if (r < 0 || *regex->next != '|')
			break;
		regex->next++;
	}
	free(sequence);
	return r;
}

/* --- all of it --- */

/* What is not anchored may have anything around it. */
static int
anchor(char text[MIGRATE_GLOB_MAX + 1], const struct regex *regex)
{
	const char *begin = text;
	size_t len = strlen(text);
	bool is_open_start = true, is_open_end = true;
	char done[MIGRATE_GLOB_MAX + 3];

	while (*begin == AT_START) {
		begin++;
		len--;
		is_open_start = false;
	}
	while (len > 0 && begin[len - 1] == AT_END) {
		len--;
		is_open_end = false;
	}
	if (memchr(begin, AT_START, len) != NULL || memchr(begin, AT_END, len) != NULL)
		return -EINVAL;
	/* "a.*b" of a path may have a slash in the middle */
	for (size_t i = 1; regex->is_path && i + 1 < len; i++)
		if (begin[i] == '*' && begin[i - 1] != '\\')
			return -EINVAL;
	if (len + 2 > MIGRATE_GLOB_MAX || (len == 0 && !is_open_start && !is_open_end))
		return -EINVAL;
	done[0] = '*';
	memcpy(done + 1, begin, len);
	memcpy(done + 1 + len, is_open_end ? "*" : "", 1U + is_open_end);
	memcpy(text, done + !is_open_start, strlen(done + !is_open_start) + 1);
	return 0;
}

int
migrate_regex_globs(const char *regex, bool is_path, bool ignores_case, struct migrate_globs *out)
{
	struct regex reading = {.next = regex, .is_path = is_path, .ignores_case = ignores_case};
	int r;

	out->count = 0;
	r = read_alternatives(&reading, out);
	if (r == 0 && *reading.next != '\0')
		r = -EINVAL;
	for (size_t i = 0; i < out->count && r == 0; i++)
		r = anchor(out->text[i], &reading);
	return r;
}
