/* SPDX-License-Identifier: ISC */
#include "accounts/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/users_file.h"

#include "common/banned.h"

struct group_words {
	char name[ACCOUNT_NAME_MAX + 1];
	char *words; /* owned */
	size_t len;
};

void
groups_free(struct groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		free(groups->list[i].words);
	free(groups->list);
	*groups = (struct groups){.count = 0};
}

/* Where name is, or would be. */
static size_t
place_of_group(const struct groups *groups, const char *name)
{
	size_t low = 0, high = groups->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(groups->list[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct group_words *
find_group(const struct groups *groups, const char *name)
{
	size_t i = place_of_group(groups, name);

	return i < groups->count && strcmp(groups->list[i].name, name) == 0 ? &groups->list[i] : NULL;
}

static int
make_room(struct groups *groups)
{
	size_t size = groups->size == 0 ? 16 : groups->size * 2;
	struct group_words *list;

	if (groups->count < groups->size)
		return 0;
	list = reallocarray(groups->list, size, sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	groups->list = list;
	groups->size = size;
	return 0;
}

int
groups_add(struct groups *groups, const char *line, size_t len)
{
	struct group_words group = {.words = NULL};
	struct definition definition;
	const char *problem;
	size_t at;

	if (definition_parse(line, len, &definition, &problem) < 0 || definition.kind != DEFINITION_GROUP)
		return 0;
	memcpy(group.name, definition.name, definition.name_len);
	if (find_group(groups, group.name) != NULL)
		return 0;
	group.len = definition.body_len;
	group.words = malloc(group.len + 1);
	if (group.words == NULL || make_room(groups) < 0) {
		free(group.words);
		return -ENOMEM;
	}
	memcpy(group.words, definition.body, group.len);
	group.words[group.len] = '\0';
	at = place_of_group(groups, group.name);
	memmove(&groups->list[at + 1], &groups->list[at], (groups->count - at) * sizeof(group));
	groups->list[at] = group;
	groups->count++;
	return 0;
}

int
groups_of_file(struct groups *groups, const struct users_file *file)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);

		if (line_is_definition(line, len))
			r = groups_add(groups, line, len);
	}
	return r;
}

void
groups_join(const struct groups *groups, struct account *account)
{
	const struct group_words *group;
	const char *problem;

	if (account->group[0] == '\0')
		return;
	group = find_group(groups, account->group);
	/* its words were checked when it was added */
	(void)!account_take_group(
	    account, group == NULL ? NULL : group->words, group == NULL ? 0 : group->len, &problem);
}
