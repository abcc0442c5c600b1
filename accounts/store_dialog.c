/* SPDX-License-Identifier: ISC */
#include "accounts/store_dialog.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

#define X(name, word, takes) [DIALOG_##name] = (word),
const char *const dialog_requests[DIALOG_REQUEST_COUNT] = {DIALOG_REQUESTS(X)};
const char *const dialog_answers[DIALOG_ANSWER_COUNT] = {DIALOG_ANSWERS(X)};
#undef X

#define X(name, word, takes) [DIALOG_##name] = (takes),
static const bool request_takes[DIALOG_REQUEST_COUNT] = {DIALOG_REQUESTS(X)};
static const bool answer_takes[DIALOG_ANSWER_COUNT] = {DIALOG_ANSWERS(X)};
#undef X

bool
dialog_may_carry(const char *argument, size_t len)
{
	if (len > ACCOUNT_LINE_MAX || !utf8_valid(argument, len))
		return false;
	for (size_t i = 0; i < len; i++)
		if (argument[i] != '\t' && has_control(argument + i, 1))
			return false;
	return true;
}

/* The index of the word that the line begins with, or -EINVAL. */
static int
find_word(const char *const words[], size_t count, const char *line, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(words[i]) == len && memcmp(words[i], line, len) == 0)
			return (int)i;
	return -EINVAL;
}

static int
split_dialog_line(
    const char *const words[], size_t count, const char *line, size_t len, const char **argument, size_t *argument_len)
{
	const char *blank = memchr(line, ' ', len < DIALOG_WORD_MAX ? len : DIALOG_WORD_MAX);
	size_t word_len = blank == NULL ? len : (size_t)(blank - line);

	*argument = blank == NULL ? "" : blank + 1;
	*argument_len = blank == NULL ? 0 : len - word_len - 1;
	if (!dialog_may_carry(*argument, *argument_len) || (blank != NULL && *argument_len == 0))
		return -EINVAL;
	return find_word(words, count, line, word_len);
}

int
dialog_parse_request(const char *line, size_t len, const char **argument, size_t *argument_len)
{
	int word = split_dialog_line(dialog_requests, DIALOG_REQUEST_COUNT, line, len, argument, argument_len);

	return word >= 0 && request_takes[word] != (*argument_len > 0) ? -EINVAL : word;
}

int
dialog_parse_answer(const char *line, size_t len, const char **argument, size_t *argument_len)
{
	int word = split_dialog_line(dialog_answers, DIALOG_ANSWER_COUNT, line, len, argument, argument_len);

	return word >= 0 && word != DIALOG_DONE && answer_takes[word] != (*argument_len > 0) ? -EINVAL : word;
}
