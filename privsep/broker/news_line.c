/* SPDX-License-Identifier: ISC */
#include "privsep/broker/news_line.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

#define LINE_MAX_BYTES 512
#define LEFT_S_MAX (UINT64_C(3650) * 86400) /* of a ban by hand */
#define WORDS_MAX 7 /* one more than any line has */

static const char *const ban_words[NEWS_BAN_COUNT] = {
    [NEWS_BAN_AUTO] = "auto",
    [NEWS_BAN_MANUAL] = "manual",
    [NEWS_BAN_LIFTED] = "lifted",
};

static const char *const target_words[NEWS_TARGET_COUNT] = {
    [NEWS_USER] = "user",
    [NEWS_ADDRESS] = "address",
};

const char *
news_ban_word(enum news_ban ban)
{
	return ban_words[ban];
}

const char *
news_target_word(enum news_target target)
{
	return target_words[target];
}

/* The number of a word among count ones, or -EINVAL. */
static int
number_of_word(const char *word, const char *const *words, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	return -EINVAL;
}

/* Split at each blank; an empty word is a word. */
static size_t
split_words(char *text, char *words[WORDS_MAX])
{
	size_t count = 0;

	for (char *word = text; word != NULL && count < WORDS_MAX; count++) {
		char *blank = strchr(word, ' ');

		if (blank != NULL)
			*blank++ = '\0';
		words[count] = word;
		word = blank;
	}
	return count;
}

/* "ban ADDRESS KIND SECONDS AGE NODE" */
static int
parse_ban(char *const words[], struct news_line *line)
{
	int kind = number_of_word(words[2], ban_words, NEWS_BAN_COUNT);

	if (kind < 0 || address_key_parse(words[1], &line->address) < 0 ||
	    parse_u64(words[3], LEFT_S_MAX, &line->left_s) < 0 || line->left_s == 0)
		return -EINVAL;
	line->ban = (enum news_ban)kind;
	return 0;
}

/* "kick TARGET VALUE AGE NODE" */
static int
parse_kick(char *const words[], struct news_line *line)
{
	int target = number_of_word(words[1], target_words, NEWS_TARGET_COUNT);
	size_t len = strlen(words[2]);
	union address address;

	if (target < 0 || len == 0 || len > NEWS_VALUE_MAX)
		return -EINVAL;
	line->is_kick = true;
	line->target = (enum news_target)target;
	memcpy(line->value, words[2], len + 1);
	return line->target == NEWS_ADDRESS ? address_parse(line->value, &address) : 0;
}

static int
parse_node(const char *word, struct news_line *line)
{
	size_t len = strlen(word);

	if (len == 0 || len > BROKER_NODE_MAX)
		return -EINVAL;
	memcpy(line->node, word, len + 1);
	return 0;
}

int
news_line_parse(const char *text, size_t len, struct news_line *line)
{
	char copy[LINE_MAX_BYTES + 1], *words[WORDS_MAX];
	size_t count;
	int r;

	*line = (struct news_line){.is_kick = false};
	if (len > LINE_MAX_BYTES || has_control(text, len) || !utf8_valid(text, len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	count = split_words(copy, words);
	if (count == 6 && strcmp(words[0], "ban") == 0)
		r = parse_ban(words, line);
	else if (count == 5 && strcmp(words[0], "kick") == 0)
		r = parse_kick(words, line);
	else
		return -EINVAL;
	if (r == 0)
		r = parse_u64(words[count - 2], NEWS_AGE_MS_MAX, &line->age_ms);
	return r < 0 ? -EINVAL : parse_node(words[count - 1], line);
}

int
news_line_next(const char **text, size_t *len, struct news_line *line)
{
	const char *end = *len == 0 ? NULL : memchr(*text, '\n', *len);
	size_t size = end == NULL ? *len : (size_t)(end - *text);
	int r;

	if (*len == 0)
		return 0;
	r = news_line_parse(*text, size, line);
	size += end != NULL;
	*text += size;
	*len -= size;
	return r < 0 ? r : 1;
}
