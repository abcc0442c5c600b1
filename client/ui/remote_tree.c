/* SPDX-License-Identifier: ISC */
#include "client/ui/remote_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/trail.h"

#include "common/banned.h"

struct removal {
	struct session *session;
	bool is_counting; /* remove nothing */
	size_t removed; /* or counted */
	size_t seen;
};

/* A directory on its way. */
struct level {
	const char *path;
	const struct mirror_wishes *keep;
	struct trail trail;
};

static enum exit_status remove_level(struct removal *removal, struct level *level, bool *has_kept);

static enum exit_status
remove_remote_file(struct removal *removal, const char *path)
{
	if (!removal->is_counting && ftp_delete(removal->session->ftp, path) != FTP_OK)
		return session_error(removal->session);
	removal->removed++;
	return EXIT_DONE;
}

static enum exit_status
remove_remote_entry(struct removal *removal, const struct level *level, const struct ftp_entry *entry, bool *has_kept)
{
	char *inner = path_join(level->path, entry->name),
	     *below = level->keep == NULL ? NULL : path_join(level->keep->path, entry->name);
	struct mirror_wishes deeper = {0};
	struct level next = {.path = inner,
	    .keep = level->keep == NULL ? NULL : &deeper,
	    .trail = {.above = &level->trail, .unique = entry->unique, .depth = level->trail.depth + 1}};
	enum exit_status status;

	if (level->keep != NULL)
		deeper = *level->keep;
	deeper.path = below;
	if (inner == NULL || (level->keep != NULL && below == NULL))
		status = report_no_memory();
	else if (entry->kind == FTP_KIND_DIRECTORY)
		status = remove_level(removal, &next, has_kept);
	else
		status = remove_remote_file(removal, inner);
	free(inner);
	free(below);
	return status;
}

/* The reason not to remove a listed name. */
static enum exit_status
check_level(struct removal *removal, struct level *level, const struct ftp_list *list)
{
	const char *why = trail_check(&level->trail, list, &removal->seen);
	char what[512], doubt[256];

	snprintf(what, sizeof(what), "'%s' is not removed", report_quote(level->path));
	if (why != NULL)
		return report_failure(FTP_REFUSED, what, why, "");
	if (list->unread_count == 0)
		return EXIT_DONE;
	ftp_doubt_text(list, doubt, sizeof(doubt));
	return report_failure(FTP_REFUSED, what, doubt, "ls, which shows the lines as they are");
}

/* One listing of a directory. */
static enum exit_status
remove_listed(struct removal *removal, struct level *level, struct ftp_list *list, bool *keeps_inner)
{
	enum exit_status status = check_level(removal, level, list);

	for (size_t i = 0; i < list->count && status == EXIT_DONE && !signals_have_aborted(); i++) {
		if (level->keep != NULL && mirror_filtered(level->keep, &list->entries[i]) != NULL)
			*keeps_inner = true;
		else
			status = remove_remote_entry(removal, level, &list->entries[i], keeps_inner);
	}
	return status;
}

/* A listing that the server cut off is asked for again, as long as some names could be removed. */
static enum exit_status
remove_remote_content(struct removal *removal, struct level *level, bool *keeps_inner)
{
	enum exit_status status;
	size_t before;
	bool is_cut;

	do {
		struct ftp_list list;

		before = removal->removed;
		if (ftp_list(removal->session->ftp, level->path, &list) != FTP_OK)
			return session_error(removal->session);
		is_cut = (list.doubts & FTP_DOUBT_CUT) != 0;
		status = remove_listed(removal, level, &list, keeps_inner);
		ftp_list_free(&list);
	} while (status == EXIT_DONE && is_cut && removal->removed > before && !removal->is_counting &&
	    !signals_have_aborted());
	return status;
}

static enum exit_status
remove_level(struct removal *removal, struct level *level, bool *has_kept)
{
	bool keeps_inner = false;
	enum exit_status status = remove_remote_content(removal, level, &keeps_inner);

	if (signals_have_aborted())
		return exit_status_worse(status, EXIT_INTERRUPTED);
	if (keeps_inner)
		*has_kept = true;
	if (keeps_inner || status != EXIT_DONE)
		return status;
	if (!removal->is_counting && ftp_rmdir(removal->session->ftp, level->path) != FTP_OK)
		return session_error(removal->session);
	removal->removed++;
	return EXIT_DONE;
}

static enum exit_status
remove_remote_tree(struct removal *removal, const char *path, const struct mirror_wishes *keep)
{
	struct level top = {.path = path, .keep = keep, .trail = {.unique = ""}};
	bool has_kept = false;

	return remove_level(removal, &top, &has_kept);
}

enum exit_status
remote_tree_count(struct session *session, const char *path, const struct mirror_wishes *keep, size_t *names)
{
	struct removal removal = {.session = session, .is_counting = true};
	enum exit_status status = remove_remote_tree(&removal, path, keep);

	*names += removal.removed;
	return status;
}

enum exit_status
remote_tree_remove(struct session *session, const char *path, const struct mirror_wishes *keep)
{
	struct removal removal = {.session = session};
	size_t names = 0;
	enum exit_status status = remote_tree_count(session, path, keep, &names);

	return status != EXIT_DONE ? status : remove_remote_tree(&removal, path, keep);
}
