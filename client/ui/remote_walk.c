/* SPDX-License-Identifier: ISC */
#include "client/ui/remote_walk.h"

#include <stdlib.h>

#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/trail.h"

#include "common/banned.h"

/* A directory on its way: its path, and that below the top. */
struct walk_step {
	const char *path, *below;
	struct trail trail;
};

static enum exit_status walk_level(struct remote_walk *walk, struct walk_step *step, bool *is_complete);

static enum exit_status
walk_into(struct remote_walk *walk, const struct walk_step *step, const struct ftp_entry *entry, bool *is_complete)
{
	char *path = path_join(step->path, entry->name), *below = path_join(step->below, entry->name);
	struct walk_step next = {.path = path,
	    .below = below,
	    .trail = {.above = &step->trail, .unique = entry->unique, .depth = step->trail.depth + 1}};
	enum exit_status status;

	if (path == NULL || below == NULL)
		status = report_no_memory();
	else
		status = walk_level(walk, &next, is_complete);
	free(path);
	free(below);
	return status;
}

static enum exit_status
visit_entries(struct remote_walk *walk, struct walk_step *step, struct ftp_list *list, bool *is_complete)
{
	enum exit_status status = EXIT_DONE;

	if (list->count > 0)
		qsort(list->entries, list->count, sizeof(*list->entries), ftp_entry_by_name);
	for (size_t i = 0; i < list->count && !signals_have_aborted(); i++) {
		const struct ftp_entry *entry = &list->entries[i];

		if (walk->visit(walk->context, step->path, step->below, entry) && entry->kind == FTP_KIND_DIRECTORY)
			status = exit_status_worse(status, walk_into(walk, step, entry, is_complete));
	}
	return status;
}

static enum exit_status
walk_level(struct remote_walk *walk, struct walk_step *step, bool *is_complete)
{
	bool is_whole = true;
	enum exit_status status;
	struct ftp_list list;
	const char *why;

	if (ftp_list(walk->session->ftp, step->path, &list) != FTP_OK) {
		*is_complete = is_whole = false;
		status = session_error(walk->session);
	} else {
		why = trail_check(&step->trail, &list, &walk->seen);
		is_whole = why == NULL && (list.doubts & ~(unsigned int)FTP_DOUBT_HIDDEN) == 0;
		remote_warn_unread(step->path, &list);
		if (why != NULL) {
			char what[512];

			snprintf(what, sizeof(what), "'%s' is not entered", report_quote(step->path));
			status = report_failure(FTP_REFUSED, what, why, "");
		} else {
			status = visit_entries(walk, step, &list, &is_whole);
		}
		ftp_list_free(&list);
		if (!is_whole)
			*is_complete = false;
	}
	if (walk->leave != NULL)
		walk->leave(walk->context, step->path, is_whole && !signals_have_aborted());
	return status;
}

enum exit_status
remote_walk(struct remote_walk *walk, const char *path)
{
	struct walk_step top = {.path = path, .below = "", .trail = {.unique = ""}};
	bool is_complete = true;
	enum exit_status status = walk_level(walk, &top, &is_complete);

	return signals_have_aborted() ? exit_status_worse(status, EXIT_INTERRUPTED) : status;
}
