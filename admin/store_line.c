/* SPDX-License-Identifier: ISC */
#include "admin/store_line.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

#define NUMBER_TEXT_MAX 20

/* The next word, and the rest after one blank; false: there is none. */
static bool
take_field(const char **line, char word[NUMBER_TEXT_MAX + 1])
{
	size_t len = strcspn(*line, " ");

	if (len == 0 || len > NUMBER_TEXT_MAX || (*line)[len] != ' ')
		return false;
	memcpy(word, *line, len);
	word[len] = '\0';
	*line += len + 1;
	return true;
}

static bool
take_truth(const char **line, bool *truth)
{
	char word[NUMBER_TEXT_MAX + 1];

	if (!take_field(line, word) || (strcmp(word, "t") != 0 && strcmp(word, "f") != 0))
		return false;
	*truth = word[0] == 't';
	return true;
}

static bool
read_signed(const char *word, int64_t *number)
{
	bool is_negative = word[0] == '-';
	uint64_t size;

	if (parse_u64(word + is_negative, INT64_MAX, &size) < 0)
		return false;
	*number = is_negative ? -(int64_t)size : (int64_t)size;
	return true;
}

static bool
take_signed(const char **line, int64_t *number)
{
	char word[NUMBER_TEXT_MAX + 1];

	return take_field(line, word) && read_signed(word, number);
}

static bool
take_count(const char **line, int64_t *number)
{
	return take_signed(line, number) && *number >= 0;
}

static bool
take_name(const char *line, char name[STORE_NODE_NAME_MAX + 1])
{
	if (!store_node_name_valid(line))
		return false;
	memcpy(name, line, strlen(line) + 1);
	return true;
}

bool
store_node_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= STORE_NODE_NAME_MAX && utf8_valid(name, len) && !has_control(name, len) &&
	    strpbrk(name, " \t") == NULL;
}

int
store_line_node(const char *line, struct store_node *node)
{
	char seen[NUMBER_TEXT_MAX + 1];
	const char *rest = line;

	*node = (struct store_node){.seen_s = 0};
	if (!take_field(&rest, seen))
		return -EINVAL;
	node->is_forgotten = strcmp(seen, "-") == 0;
	if (!node->is_forgotten && (!read_signed(seen, &node->seen_s) || node->seen_s < 0))
		return -EINVAL;
	return take_truth(&rest, &node->is_alive) && take_count(&rest, &node->shares) &&
		take_count(&rest, &node->sessions) && take_name(rest, node->name)
	    ? 0
	    : -EINVAL;
}

int
store_line_usage(const char *line, struct store_usage *usage)
{
	const char *rest = line;

	*usage = (struct store_usage){.is_counted = false};
	return take_truth(&rest, &usage->is_counted) && take_signed(&rest, &usage->base_bytes) &&
		take_signed(&rest, &usage->base_files) && take_count(&rest, &usage->slack_bytes) &&
		strlen(rest) <= NUMBER_TEXT_MAX && read_signed(rest, &usage->slack_files) && usage->slack_files >= 0
	    ? 0
	    : -EINVAL;
}

int
store_line_share(const char *line, struct store_share *share)
{
	const char *rest = line;

	*share = (struct store_share){.sessions = 0};
	return take_truth(&rest, &share->is_gone) && take_count(&rest, &share->sessions) &&
		take_signed(&rest, &share->net_bytes) && take_signed(&rest, &share->net_files) &&
		take_signed(&rest, &share->allow_bytes) && take_signed(&rest, &share->allow_files) &&
		take_name(rest, share->node)
	    ? 0
	    : -EINVAL;
}
