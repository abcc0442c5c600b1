/* SPDX-License-Identifier: ISC */
#include "common/options.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

bool
opt_is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0' && strcmp(word, "--") != 0;
}

static size_t
find_name(const struct opt_row *rows, size_t count, const char *name, size_t len)
{
	size_t i = 0;

	while (
	    i < count && (rows[i].name == NULL || strlen(rows[i].name) != len || memcmp(rows[i].name, name, len) != 0))
		i++;
	return i;
}

/* The first row of this letter that is meant here, else the first of them. */
static size_t
find_letter(const struct opt_parser *parser, char letter)
{
	size_t first = parser->count;

	for (size_t i = 0; i < parser->count; i++) {
		if (parser->rows[i].letter != letter)
			continue;
		if (parser->accept == NULL || parser->accept(parser->arg, i))
			return i;
		first = first < i ? first : i;
	}
	return first;
}

static int
store(const struct opt_row *row, void *targets, const char *value)
{
	void *target = (char *)targets + row->target;
	uint64_t number = 0;

	if ((row->type == OPT_NUMBER || row->type == OPT_INT) &&
	    (value == NULL || parse_u64(value, row->high, &number) < 0 || number < row->low))
		return -EINVAL;
	switch (row->type) {
	case OPT_FLAG:
		*(bool *)target = true;
		break;
	case OPT_TEXT:
		*(const char **)target = value;
		break;
	case OPT_NUMBER:
		*(uint64_t *)target = number;
		break;
	case OPT_INT:
		*(int *)target = (int)number;
		break;
	case OPT_CALL:
		return row->take(targets, value);
	}
	return 0;
}

/* The option of a row, with the value that is written together with it, or NULL. */
static enum opt_problem
take_row(struct opt_parser *parser, size_t i, const char *value)
{
	const struct opt_row *row = &parser->rows[i];
	int r;

	parser->row = i;
	parser->text = value;
	if (parser->accept != NULL && !parser->accept(parser->arg, i))
		return OPT_NOT_ACCEPTED;
	if (row->value == NULL && value != NULL)
		return OPT_TAKES_NO_VALUE;
	if (row->value != NULL && value == NULL && (value = parser->next(parser->arg)) == NULL)
		return OPT_NEEDS_VALUE;
	parser->text = value;
	if (value != NULL && value[0] == '\0' && !parser->takes_empty)
		return OPT_BAD_VALUE;
	r = store(row, parser->targets, value);
	return r == -ENOMEM ? OPT_NO_MEMORY : r < 0 ? OPT_BAD_VALUE : OPT_FINE;
}

static enum opt_problem
take_unknown(struct opt_parser *parser, const char *word)
{
	parser->shown[0] = '\0';
	parser->text = word;
	return OPT_UNKNOWN;
}

static enum opt_problem
take_long(struct opt_parser *parser, const char *word)
{
	size_t len = strcspn(word + 2, "=");
	size_t i = find_name(parser->rows, parser->count, word + 2, len);

	if (i == parser->count)
		return take_unknown(parser, word);
	snprintf(parser->shown, sizeof(parser->shown), "--%s", parser->rows[i].name);
	return take_row(parser, i, word[2 + len] == '=' ? word + 2 + len + 1 : NULL);
}

static enum opt_problem
take_letters(struct opt_parser *parser, const char *word)
{
	enum opt_problem problem = OPT_FINE;

	for (const char *p = word + 1; *p != '\0' && problem == OPT_FINE; p++) {
		size_t i = find_letter(parser, *p);

		if (i == parser->count)
			return take_unknown(parser, word);
		snprintf(parser->shown, sizeof(parser->shown), "-%c", *p);
		if (parser->rows[i].value != NULL)
			return take_row(parser, i, p[1] != '\0' ? p + 1 : NULL);
		problem = take_row(parser, i, NULL);
	}
	return problem;
}

enum opt_problem
opt_take(struct opt_parser *parser, const char *word)
{
	return word[1] == '-' ? take_long(parser, word) : take_letters(parser, word);
}

void
opt_wanted(const struct opt_row *row, char *text, size_t size)
{
	if (row->wanted != NULL)
		snprintf(text, size, "%s", row->wanted);
	else if (row->type == OPT_NUMBER || row->type == OPT_INT)
		snprintf(text, size, "%llu to %llu", (unsigned long long)row->low, (unsigned long long)row->high);
	else
		snprintf(text, size, "a text that is not empty");
}

bool
opt_takes_next_word(const struct opt_row *rows, size_t count, const char *word)
{
	const struct opt_parser parser = {.rows = rows, .count = count};
	size_t i;

	if (word[1] == '-') {
		i = find_name(rows, count, word + 2, strlen(word + 2));
		return i < count && rows[i].value != NULL;
	}
	/* of "-lP4" the value follows the letter at once */
	for (const char *p = word + 1; *p != '\0'; p++) {
		i = find_letter(&parser, *p);
		if (i < count && rows[i].value != NULL)
			return p[1] == '\0';
	}
	return false;
}
