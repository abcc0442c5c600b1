/* SPDX-License-Identifier: ISC */
#include "accounts/layout.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/folder.h"
#include "accounts/grants.h"

#include "common/banned.h"

#define PROBLEM_MAX 512
#define SHOWN_MAX 160 /* bytes of a path in a problem */

struct layout_place {
	char *directory; /* owned */
	char name[ACCOUNT_NAME_MAX + 1];
	uint64_t line;
};

void
layout_free(struct layout *layout)
{
	for (size_t i = 0; i < layout->count; i++)
		free(layout->places[i].directory);
	free(layout->places);
	free(layout->by_name);
	*layout = (struct layout){.count = 0};
}

int
layout_add(struct layout *layout, const struct folder *folder, uint64_t line)
{
	struct layout_place *place;

	if (layout->count == layout->size) {
		size_t size = layout->size == 0 ? 16 : layout->size * 2;
		struct layout_place *places = reallocarray(layout->places, size, sizeof(*places));

		if (places == NULL)
			return -ENOMEM;
		layout->places = places;
		layout->size = size;
	}
	place = &layout->places[layout->count];
	*place = (struct layout_place){.directory = strdup(folder->directory), .line = line};
	if (place->directory == NULL)
		return -ENOMEM;
	memcpy(place->name, folder->name, sizeof(place->name));
	layout->count++;
	return 0;
}

/* '/' before every other byte, so that what is below a directory follows it. */
static int
compare_paths(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (*a == '\0' || *b == '\0')
		return *a == '\0' ? -1 : 1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int
compare_places(const void *a, const void *b)
{
	const struct layout_place *one = a, *other = b;
	int order = compare_paths(one->directory, other->directory);

	return order != 0 ? order : (one->line > other->line) - (one->line < other->line);
}

static int
compare_place_names(const void *a, const void *b, void *arg)
{
	const struct layout_place *places = arg;

	return strcmp(places[*(const size_t *)a].name, places[*(const size_t *)b].name);
}

int
layout_settle(struct layout *layout)
{
	if (layout->count == 0)
		return 0;
	layout->by_name = calloc(layout->count, sizeof(*layout->by_name));
	if (layout->by_name == NULL)
		return -ENOMEM;
	qsort(layout->places, layout->count, sizeof(*layout->places), compare_places);
	for (size_t i = 0; i < layout->count; i++)
		layout->by_name[i] = i;
	qsort_r(layout->by_name, layout->count, sizeof(*layout->by_name), compare_place_names, layout->places);
	return 0;
}

/* The first place that does not come before path. */
static size_t
first_from(const struct layout *layout, const char *path)
{
	size_t low = 0, high = layout->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_paths(layout->places[middle].directory, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A folder that is the directory, in it, or around it; NULL: none. */
static const struct layout_place *
find_overlap(const struct layout *layout, const char *directory)
{
	char around[PATH_MAX];
	size_t at = first_from(layout, directory);

	if (at < layout->count && path_is_within(layout->places[at].directory, directory))
		return &layout->places[at];
	snprintf(around, sizeof(around), "%s", directory);
	for (char *slash = strrchr(around, '/'); slash != NULL && slash != around; slash = strrchr(around, '/')) {
		*slash = '\0';
		at = first_from(layout, around);
		if (at < layout->count && strcmp(layout->places[at].directory, around) == 0)
			return &layout->places[at];
	}
	return NULL;
}

static const struct layout_place *
find_place_named(const struct layout *layout, const char *name)
{
	size_t low = 0, high = layout->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct layout_place *place = &layout->places[layout->by_name[middle]];
		int order = strcmp(place->name, name);

		if (order == 0)
			return place;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The places are sorted: a folder in another one follows it, with others of that one in between. */
static void
check_apart(const struct layout *layout, void (*tell)(void *arg, uint64_t line, const char *problem), void *arg)
{
	char problem[PROBLEM_MAX];
	size_t around = 0;

	for (size_t i = 1; i < layout->count; i++) {
		const struct layout_place *outer = &layout->places[around], *place = &layout->places[i];

		if (!path_is_within(place->directory, outer->directory)) {
			around = i;
			continue;
		}
		snprintf(problem, sizeof(problem),
		    "the folder '%s' overlaps the folder '%s' of line %llu ('%.*s'); give each a directory apart",
		    place->name, outer->name, (unsigned long long)outer->line, SHOWN_MAX, outer->directory);
		tell(arg, place->line, problem);
	}
}

static void
check_server_directory(const struct layout *layout, const char *what, const char *directory,
    void (*tell)(void *arg, uint64_t line, const char *problem), void *arg)
{
	char problem[PROBLEM_MAX];

	for (size_t i = 0; directory != NULL && i < layout->count; i++) {
		const struct layout_place *place = &layout->places[i];

		if (!folder_overlaps(place->directory, directory))
			continue;
		snprintf(problem, sizeof(problem), "the folder '%s' overlaps %s ('%.*s'); give it another directory",
		    place->name, what, SHOWN_MAX, directory);
		tell(arg, place->line, problem);
	}
}

void
layout_check(const struct layout *layout, void (*tell)(void *arg, uint64_t line, const char *problem), void *arg)
{
	check_apart(layout, tell, arg);
	check_server_directory(layout, "state-directory", layout->state_directory, tell, arg);
	check_server_directory(layout, "runtime-directory", layout->runtime_directory, tell, arg);
}

/* Rules are about directories of the home. */
static bool
has_rule_in_folder(const struct account *account)
{
	for (size_t i = 0; account->has_grants && i < account->grants.count; i++)
		for (size_t k = 0; account->has_zones && k < account->zones.count; k++)
			if (path_is_within(zone_path(&account->zones, k), grant_path(&account->grants, i)))
				return true;
	return false;
}

const char *
layout_account_problem(const struct layout *layout, const struct account *account)
{
	static char problem[PROBLEM_MAX];
	const struct layout_place *place = layout->count == 0 ? NULL : find_overlap(layout, account->home);

	if (place != NULL) {
		snprintf(problem, sizeof(problem),
		    "the home overlaps the folder '%s' of line %llu ('%.*s'); give the account a home apart from it",
		    place->name, (unsigned long long)place->line, SHOWN_MAX, place->directory);
		return problem;
	}
	if (has_rule_in_folder(account))
		return "rights of a directory that is in a folder; give rights with folder=NAME=/PATH=RIGHTS";
	for (size_t i = 0; account->has_grants && i < account->grants.count; i++) {
		if (find_place_named(layout, grant_name(&account->grants, i)) != NULL)
			continue;
		snprintf(problem, sizeof(problem),
		    "no folder '%s'; define it with a line '+folder %s:DIRECTORY:GID:', or remove the option",
		    grant_name(&account->grants, i), grant_name(&account->grants, i));
		return problem;
	}
	return NULL;
}
