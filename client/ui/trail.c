/* SPDX-License-Identifier: ISC */
#include "client/ui/trail.h"

#include <stdbool.h>
#include <string.h>

#include "common/banned.h"

#define REPEATS_MAX 3 /* equal listings above; nested directories that are equal by chance are that deep at most */

static uint64_t
mix_print(uint64_t print, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	/* FNV-1a: nobody gains by a collision but a walk that ends too early */
	for (size_t i = 0; i < len; i++)
		print = (print ^ p[i]) * UINT64_C(1099511628211);
	return print;
}

/* The order of the names does not count. */
static uint64_t
print_of(const struct ftp_list *list)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct ftp_entry *entry = &list->entries[i];
		int64_t facts[3] = {entry->kind, entry->size, entry->mtime};

		sum += mix_print(
		    mix_print(UINT64_C(14695981039346656037), entry->name, strlen(entry->name)), facts, sizeof(facts));
	}
	return sum;
}

static bool
has_same_unique(const struct trail *trail)
{
	for (const struct trail *above = trail->above; above != NULL; above = above->above) {
		if (trail->unique[0] != '\0' && strcmp(above->unique, trail->unique) == 0)
			return true;
	}
	return false;
}

/* A listing of one name is no sign: it cannot branch, and the depth bounds it. */
static bool
is_repeated(const struct trail *trail)
{
	unsigned int repeats = 0;

	for (const struct trail *above = trail->above; above != NULL; above = above->above)
		repeats += above->count == trail->count && above->print == trail->print;
	return trail->count >= 2 && repeats >= REPEATS_MAX;
}

const char *
trail_check(struct trail *trail, const struct ftp_list *list, size_t *names)
{
	trail->count = list->count;
	trail->print = print_of(list);
	*names += list->count;
	if (has_same_unique(trail))
		return "it is a link that leads back to a directory above it";
	if (is_repeated(trail))
		return "it has what the directories above it have, again and again: a link leads back";
	if (trail->depth >= TRAIL_DEPTH_MAX)
		return "it lies too deep: a link may lead back";
	if (*names > TRAIL_NAMES_MAX)
		return "there are more than 4000000 names already: a link may lead back";
	return NULL;
}
