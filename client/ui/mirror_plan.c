/* SPDX-License-Identifier: ISC */
#include "client/ui/mirror_plan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

#define DAY_S 86400
#define MINUTE_S 60
#define NO_TIME (-1) /* a time before 1970 is one */

const char *
mirror_name_refused(const char *name)
{
	size_t len = strlen(name);

	if (len == 0)
		return "has an empty name";
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || memchr(name, '/', len) != NULL)
		return "has a name that leads elsewhere";
	if (has_control(name, len))
		return "has a control character in its name";
	if (len > NAME_MAX)
		return "has a name that is too long";
	return NULL;
}

/* The path of a name in this directory. Returns false where it is too long. */
static bool
path_of_name(const struct mirror_wishes *wishes, const char *name, char path[PATH_MAX])
{
	int len = snprintf(path, PATH_MAX, "%s%s%s", wishes->path, *wishes->path == '\0' ? "" : "/", name);

	return len > 0 && len < PATH_MAX;
}

/* Whether the name is --backup-dir, or (is_parent) a directory with it inside. */
static bool
is_backup(const struct mirror_wishes *wishes, const char *name, bool is_parent)
{
	char path[PATH_MAX];
	size_t len;

	if (wishes->backup_path == NULL || !path_of_name(wishes, name, path))
		return false;
	len = strlen(path);
	return strncmp(wishes->backup_path, path, len) == 0 && wishes->backup_path[len] == (is_parent ? '/' : '\0');
}

const char *
mirror_filtered(const struct mirror_wishes *wishes, const struct ftp_entry *entry)
{
	if (is_backup(wishes, entry->name, false))
		return "is --backup-dir";
	return wishes->filter == NULL ? NULL : filter_of_entry(wishes->filter, wishes->path, entry);
}

/* The entries in the order of their names. NULL: no memory (or no entry). */
static const struct ftp_entry **
sorted(const struct ftp_list *list)
{
	const struct ftp_entry **entries = calloc(list->count + 1, sizeof(const struct ftp_entry *));

	if (entries == NULL)
		return NULL;
	for (size_t i = 0; i < list->count; i++)
		entries[i] = &list->entries[i];
	qsort(entries, list->count, sizeof(const struct ftp_entry *), ftp_entry_pointer_by_name);
	return entries;
}

bool
mirror_knows_times(const struct ftp_entry *source, const struct ftp_entry *target)
{
	return source->mtime != NO_TIME && target->mtime != NO_TIME;
}

/*
 * How far two times may be apart: LIST gives minutes or days, in an unknown zone. One second is always allowed:
 * file systems keep 1 or 2 seconds, or fractions.
 */
static bool
times_differ(const struct ftp_entry *source, const struct ftp_entry *target, const struct mirror_wishes *wishes)
{
	int64_t difference = source->mtime - target->mtime;

	if (!mirror_knows_times(source, target) || (wishes->is_newer_same && difference <= 0))
		return false;
	if (difference < 0)
		difference = -difference;
	if (source->mtime_is_exact && target->mtime_is_exact)
		return difference > 1;
	return difference > DAY_S + MINUTE_S;
}

static void
leave_name(struct mirror_action *action, const char *why)
{
	action->what = MIRROR_FILTERED;
	action->why = why;
}

static void
plan_file(struct mirror_action *action, const struct mirror_wishes *wishes)
{
	const struct ftp_entry *source = action->source, *target = action->target;

	action->what = MIRROR_COPY;
	if (target == NULL)
		action->why = "is new";
	else if (wishes->is_only_missing)
		leave_name(action, "exists on the other side (--only-missing)");
	else if (source->size < 0 || target->size < 0)
		action->why = "has an unknown size";
	else if (source->size != target->size)
		action->why = "has another size";
	else if (wishes->is_checksum)
		action->what = MIRROR_COMPARE;
	else if (wishes->is_size_only)
		action->what = MIRROR_SAME;
	else if (wishes->is_ignoring_times)
		action->why = "is copied whatever its time is";
	else if (times_differ(source, target, wishes))
		action->why = "has another time";
	else
		action->what = MIRROR_SAME;
}

static bool
is_tree(const struct ftp_entry *entry)
{
	return entry->kind == FTP_KIND_DIRECTORY;
}

static void
skip_name(struct mirror_action *action, const char *why)
{
	action->what = MIRROR_SKIP;
	action->why = why;
}

bool
mirror_link_stays(const char *path, const char *target)
{
	size_t depth = *path != '\0';
	bool is_down = false;

	for (; *path != '\0'; path++)
		depth += *path == '/';
	if (*target == '\0' || *target == '/' || has_control(target, strlen(target)))
		return false;
	while (*target != '\0') {
		size_t len = strcspn(target, "/");

		if (len == 2 && memcmp(target, "..", 2) == 0) {
			if (is_down || depth-- == 0)
				return false;
		} else if (len > 0 && !(len == 1 && *target == '.')) {
			is_down = true;
		}
		target += len + (target[len] == '/');
	}
	return true;
}

/* The length of the first n components of a path. */
static size_t
components_length(const char *path, size_t n)
{
	const char *at = path;

	for (; n > 0 && *at != '\0'; n--) {
		at += strcspn(at, "/");
		at += n > 1 && *at == '/';
	}
	return (size_t)(at - path);
}

bool
mirror_link_leads_back(const char *path, const char *target)
{
	size_t depth = *path != '\0', len;

	if (*target == '/')
		return false;
	for (const char *p = path; *p != '\0'; p++)
		depth += *p == '/';
	for (; *target != '\0'; target += len + (target[len] == '/')) {
		len = strcspn(target, "/");
		if (len == 0 || (len == 1 && *target == '.'))
			continue;
		if (len == 2 && memcmp(target, "..", 2) == 0) {
			/* above the mirror's top: the names there are not known */
			if (depth == 0)
				return target[strspn(target, "./")] == '\0';
			depth--;
		} else {
			size_t before = components_length(path, depth),
			       at = before + (depth > 0 && path[before] == '/');

			if (strncmp(path + at, target, len) != 0 || (path[at + len] != '/' && path[at + len] != '\0'))
				return false;
			depth++;
		}
	}
	return true;
}

static void
plan_link(struct mirror_action *action, const struct mirror_wishes *wishes)
{
	const struct ftp_entry *source = action->source, *target = action->target;

	if (source->target == NULL)
		skip_name(action, "is a symbolic link to a place that is not told");
	else if (!mirror_link_stays(wishes->path, source->target))
		skip_name(action, "is a symbolic link that may lead out of the mirror");
	else if (target != NULL && target->kind != FTP_KIND_LINK)
		skip_name(action, "is a symbolic link here, and something else on the other side");
	else if (target != NULL && target->target != NULL && strcmp(target->target, source->target) == 0)
		action->what = MIRROR_SAME;
	else if (target != NULL && wishes->is_only_missing)
		leave_name(action, "exists on the other side (--only-missing)");
	else if (target == NULL && wishes->is_existing)
		leave_name(action, "is not on the other side (--existing)");
	else
		action->what = MIRROR_LINK;
	if (action->what == MIRROR_LINK)
		action->why = target == NULL ? "is a new link" : "leads elsewhere";
}

static const char *
why_no_link(const struct ftp_entry *source, const struct mirror_wishes *wishes)
{
	if (!wishes->follows_links)
		return "is a symbolic link";
	return source->target != NULL && mirror_link_leads_back(wishes->path, source->target)
	    ? "is a symbolic link that leads back to a directory above it"
	    : "is a symbolic link that leads nowhere";
}

static void
plan_both(struct mirror_action *action, const struct mirror_wishes *wishes)
{
	const char *refused = mirror_name_refused(action->name);

	if (refused != NULL)
		skip_name(action, refused);
	else if (action->source->kind == FTP_KIND_LINK)
		skip_name(action, why_no_link(action->source, wishes));
	else if (action->source->kind == FTP_KIND_OTHER)
		skip_name(action, "is neither a file nor a directory");
	else if (action->target == NULL && wishes->is_existing && !action->is_replacement)
		leave_name(action, "is not on the other side (--existing)");
	else if (is_tree(action->source))
		action->what = action->target == NULL ? MIRROR_MKDIR : MIRROR_DESCEND;
	else
		plan_file(action, wishes);
}

static void
plan_deletion(struct mirror_action *action, const struct mirror_wishes *wishes)
{
	const char *refused = mirror_name_refused(action->name);

	if (!wishes->is_delete || (wishes->keeps_hidden && action->name[0] == '.')) {
		action->what = MIRROR_EXTRA;
		return;
	}
	action->why = "is not in the source";
	if (refused != NULL)
		skip_name(action, refused);
	else
		action->what = is_tree(action->target) ? MIRROR_DELETE_TREE : MIRROR_DELETE_FILE;
}

static struct mirror_action *
add_action(struct mirror_plan *plan, const char *name, const struct ftp_entry *source, const struct ftp_entry *target)
{
	struct mirror_action *action = &plan->actions[plan->count++];

	*action = (struct mirror_action){.name = name, .source = source, .target = target};
	return action;
}

/* Both sides have the name, as different kinds: the target's goes first, if it may. */
static void
plan_replacement(struct mirror_plan *plan, const struct ftp_entry *source, const struct ftp_entry *target,
    const struct mirror_wishes *wishes)
{
	struct mirror_action *action = add_action(plan, source->name, source, NULL);

	action->is_replacement = true;
	plan_both(action, wishes);
	action->is_replacement = false;
	if (action->what == MIRROR_SKIP || action->what == MIRROR_FILTERED)
		return;
	if (wishes->is_only_missing) {
		leave_name(action, "exists on the other side (--only-missing)");
		return;
	}
	if (target->kind == FTP_KIND_OTHER) {
		skip_name(action, "is a device, a FIFO or a socket on the other side, which stays");
		action->target = target;
		return;
	}
	if (!wishes->is_delete) {
		skip_name(action, "is something else on the other side; --delete replaces it");
		action->target = target;
		return;
	}
	action->is_replacement = true;
	action = add_action(plan, target->name, NULL, target);
	action->replaced_by = source;
	plan_deletion(action, wishes);
	action->why = "is something else in the source";
}

static int
action_rank(enum mirror_do what)
{
	switch (what) {
	case MIRROR_SKIP:
	case MIRROR_EXTRA:
	case MIRROR_FILTERED:
	case MIRROR_SAME:
		return 0;
	case MIRROR_DELETE_FILE:
	case MIRROR_DELETE_TREE:
		return 1;
	case MIRROR_COPY:
	case MIRROR_LINK:
	case MIRROR_COMPARE:
		return 2;
	case MIRROR_MKDIR:
	case MIRROR_DESCEND:
		return 3;
	}
	return 0;
}

static int
compare_actions(const void *a, const void *b)
{
	const struct mirror_action *left = a, *right = b;
	int by_rank = action_rank(left->what) - action_rank(right->what);

	return by_rank != 0 ? by_rank : strcmp(left->name, right->name);
}

static bool
is_being_written(const struct mirror_wishes *wishes, const char *name)
{
	char path[PATH_MAX];

	return path_of_name(wishes, name, path) && wishes->is_busy(wishes->context, path);
}

static void
plan_name(struct mirror_plan *plan, const char *name, const struct ftp_entry *source, const struct ftp_entry *target,
    const struct mirror_wishes *wishes)
{
	const char *why = source != NULL ? mirror_filtered(wishes, source) : NULL;

	if (why == NULL && source != NULL && wishes->is_busy != NULL && is_being_written(wishes, name))
		why = "is being written";
	/* a target of another kind has rules of its own: it must not go if they keep it */
	if (why == NULL && target != NULL && (source == NULL || is_tree(source) != is_tree(target)))
		why = mirror_filtered(wishes, target);
	if (why == NULL && target != NULL && (source == NULL || !is_tree(source)) && is_backup(wishes, name, true))
		why = "has --backup-dir in it";
	if (why != NULL)
		leave_name(add_action(plan, name, source, target), why);
	else if (source != NULL && source->kind == FTP_KIND_LINK && wishes->copies_links &&
	    mirror_name_refused(name) == NULL)
		plan_link(add_action(plan, name, source, target), wishes);
	else if (source == NULL)
		plan_deletion(add_action(plan, name, NULL, target), wishes);
	else if (target != NULL &&
	    (is_tree(source) != is_tree(target) || target->kind == FTP_KIND_LINK || target->kind == FTP_KIND_OTHER))
		plan_replacement(plan, source, target, wishes);
	else
		plan_both(add_action(plan, name, source, target), wishes);
}

int
mirror_plan(const struct ftp_list *source, const struct ftp_list *target, const struct mirror_wishes *wishes,
    struct mirror_plan *plan)
{
	const struct ftp_entry **sources = sorted(source), **targets = sorted(target);
	size_t s = 0, t = 0;

	*plan = (struct mirror_plan){calloc(2 * (source->count + target->count) + 1, sizeof(*plan->actions)), 0};
	if (sources == NULL || targets == NULL || plan->actions == NULL) {
		mirror_plan_free(plan);
		free(sources);
		free(targets);
		return -ENOMEM;
	}
	while (s < source->count || t < target->count) {
		int order = s == source->count ? 1
		    : t == target->count       ? -1
					       : strcmp(sources[s]->name, targets[t]->name);
		const char *name = order <= 0 ? sources[s]->name : targets[t]->name;

		plan_name(plan, name, order <= 0 ? sources[s] : NULL, order >= 0 ? targets[t] : NULL, wishes);
		while (s < source->count && strcmp(sources[s]->name, name) == 0)
			s++;
		while (t < target->count && strcmp(targets[t]->name, name) == 0)
			t++;
	}
	free(sources);
	free(targets);
	qsort(plan->actions, plan->count, sizeof(*plan->actions), compare_actions);
	return 0;
}

void
mirror_plan_free(struct mirror_plan *plan)
{
	free(plan->actions);
	*plan = (struct mirror_plan){NULL, 0};
}
