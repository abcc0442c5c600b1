/* SPDX-License-Identifier: ISC */
/* One directory of a mirror: both listings in, and out what there is to do. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/stage.h"
#include "client/ui/command.h"
#include "client/ui/local_tree.h"
#include "client/ui/mirror.h"
#include "client/ui/mirror_attributes.h"
#include "client/ui/mirror_links.h"
#include "client/ui/mirror_times.h"
#include "client/ui/remote_glob.h"
#include "client/ui/remote_tree.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/io.h"

#include "common/banned.h"

struct visit {
	struct mirror *mirror;
	struct ftp *ftp;
	struct mirror_node *node;
	struct ftp_list source, target;
	struct mirror_counts counts;
	struct mirror_node *below; /* a list: directories in this one, the last first */
};

static const char *
shown_directory(const char *path)
{
	return path[0] == '\0' ? "the top directory" : path;
}

/* --- listing --- */

/* Leave out the temporary names of this program's uploads: this run resumes them. */
static void
hide_stages(struct ftp *ftp, const char *directory, struct ftp_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		char *path = path_join(directory, list->entries[i].name);

		if (path != NULL && stage_is_own(ftp, path))
			ftp_entry_free(&list->entries[i]);
		else
			list->entries[kept++] = list->entries[i];
		free(path);
	}
	list->count = kept;
}

/* The other lines of the server's listing, besides entries. */
static void
report_oddities(struct visit *visit, const struct ftp_list *remote)
{
	const char *shown = shown_directory(visit->node->path);

	if (remote->refused > 0) {
		report_warning("%zu name%s of the server in '%s' left out: %s would lead out of it", remote->refused,
		    remote->refused == 1 ? "" : "s", report_quote(shown), remote->refused == 1 ? "it" : "they");
		visit->counts.skipped += remote->refused;
	}
	if (remote->unread_count > 0) {
		remote_warn_unread(shown, remote);
		visit->counts.unread += remote->unread_count;
		mirror_note(visit->mirror, EXIT_REFUSED);
	}
	if ((remote->doubts & FTP_DOUBT_CUT) != 0) {
		report_warning("the listing of '%s' was cut off: more is there", report_quote(shown));
		mirror_note(visit->mirror, EXIT_REFUSED);
	}
}

/* Both sides of the directory; a new target is empty. */
static enum exit_status
list_both(struct visit *visit)
{
	struct mirror *mirror = visit->mirror;
	const char *path = visit->node->path;
	struct ftp_list *local = mirror->is_upload ? &visit->source : &visit->target,
			*remote = mirror->is_upload ? &visit->target : &visit->source;
	char *full = path_join(mirror->remote_root, path);
	enum ftp_class class = FTP_OK;
	int r = 0;

	if (full == NULL)
		return report_no_memory();
	if (!visit->node->is_new || !mirror->is_upload)
		class = ftp_list(visit->ftp, full, remote);
	if (class == FTP_OK && mirror->is_upload)
		hide_stages(visit->ftp, full, remote);
	if (class != FTP_OK) {
		free(full);
		/* without a connection, the other listings would fail as well */
		if (!ftp_is_connected(visit->ftp) && class != FTP_REFUSED && class != FTP_TEMPORARY)
			mirror_queue_stop(&mirror->queue);
		return report_error(ftp_error(visit->ftp));
	}
	report_oddities(visit, remote);
	if (!mirror->is_upload && mirror->options->links != LINKS_SKIP)
		class = mirror_look_at_links(mirror, visit->ftp, full, path, remote);
	if (class != FTP_OK) {
		free(full);
		return report_error(ftp_error(visit->ftp));
	}
	if (!visit->node->is_new || mirror->is_upload)
		r = mirror_list_local(mirror, path, local);
	if (r == 0)
		mirror_sharpen_times(mirror, visit->ftp, full, path, remote, local);
	free(full);
	return r < 0 ? report_local("cannot list", path[0] == '\0' ? mirror->local_root : path, r) : EXIT_DONE;
}

/* --- planning --- */

static bool
wants_deletion(const struct mirror_plan *plan, bool is_hidden_alone)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct mirror_action *action = &plan->actions[i];

		if ((action->what == MIRROR_DELETE_FILE || action->what == MIRROR_DELETE_TREE ||
			action->what == MIRROR_EXTRA) &&
		    (!is_hidden_alone || action->name[0] == '.'))
			return true;
	}
	return false;
}

static void
report_doubt(struct visit *visit, const struct ftp_list *list, bool is_hidden_alone)
{
	const char *shown = shown_directory(visit->node->path);
	char doubt[256], what[1024], why[1024];

	ftp_doubt_text(list, doubt, sizeof(doubt));
	snprintf(what, sizeof(what), "%s in '%s' is removed from the other side",
	    is_hidden_alone ? "no name that begins with a dot" : "nothing", report_quote(shown));
	snprintf(why, sizeof(why), "%s %s", report_quote(shown), doubt);
	mirror_note(visit->mirror, report_failure(FTP_REFUSED, what, why, ""));
}

/*
 * Delete only names that are proven to be extra. A doubtful listing proves nothing of its directory, or of
 * directories below.
 */
static enum exit_status
plan_without_doubt(struct visit *visit, struct mirror_plan *plan)
{
	const struct ftp_list *source = &visit->source, *target = &visit->target;
	unsigned int grave = FTP_DOUBT_UNREAD | FTP_DOUBT_CUT;
	bool was_doubtful = visit->node->is_doubtful, wants_delete;
	struct mirror_wishes wishes = mirror_wishes_for(visit->mirror, visit->node->path);

	if (((source->doubts & (grave | FTP_DOUBT_EMPTY)) | (target->doubts & grave)) != 0)
		visit->node->is_doubtful = true;
	wants_delete = wishes.is_delete;
	wishes.is_delete = wishes.is_delete && !visit->node->is_doubtful;
	wishes.keeps_hidden = (source->doubts & FTP_DOUBT_HIDDEN) != 0;
	if (mirror_plan(source, target, &wishes, plan) < 0)
		return report_no_memory();
	if (!wants_delete || was_doubtful)
		return EXIT_DONE;
	if (visit->node->is_doubtful && (target->count > 0 || (source->doubts & FTP_DOUBT_EMPTY) == 0))
		report_doubt(visit, ((source->doubts & (grave | FTP_DOUBT_EMPTY)) != 0) ? source : target, false);
	else if (wishes.keeps_hidden && wants_deletion(plan, true))
		report_doubt(visit, source, true);
	return EXIT_DONE;
}

/* --- the actions of the plan --- */

/* Let a directory below be listed. is_new: the target has none. */
static void
enter_below(struct visit *visit, const struct mirror_action *action, bool is_new)
{
	const struct ftp_entry *remote = visit->mirror->is_upload ? action->target : action->source;
	struct mirror_node *node =
	    mirror_node_new(&visit->mirror->queue, visit->node, action->name, remote == NULL ? "" : remote->unique);

	if (node == NULL) {
		mirror_fail(visit->mirror, report_no_memory());
		return;
	}
	node->is_new = is_new;
	node->mode = action->source->mode;
	node->mtime = action->source->mtime;
	node->next = visit->below;
	visit->below = node;
}

static void
plan_copy(struct visit *visit, const struct mirror_action *action, const char *path)
{
	const struct mirror_copy copy = {
	    .size = action->source->size,
	    .mtime = action->source->mtime,
	    .mode = action->source->mode,
	    .mtime_is_exact = action->source->mtime_is_exact,
	    .has_target = action->target != NULL,
	    .is_compare = action->what == MIRROR_COMPARE,
	};

	if (!copy.is_compare)
		mirror_tell(visit->mirror, "copy", path, action->why);
	if (!visit->mirror->options->is_dry_run) {
		if (mirror_node_add_copy(visit->node, action->name, &copy) < 0)
			mirror_fail(visit->mirror, report_no_memory());
		return;
	}
	if (copy.is_compare) {
		mirror_tell(visit->mirror, "compare", path, "has the same size");
		return;
	}
	visit->counts.copied++;
	visit->counts.bytes += copy.size > 0 ? (uint64_t)copy.size : 0;
}

static void
plan_skip(struct visit *visit, const struct mirror_action *action, const char *path)
{
	visit->counts.skipped++;
	if (report_is_json())
		mirror_tell(visit->mirror, "skip", path, action->why);
	else
		report_warning("%s is left out: it %s", report_quote(path), action->why);
}

static void
do_action(struct visit *visit, const struct mirror_action *action)
{
	/* the name in the way goes first, and the copy then takes its place */
	char *path = action->is_replacement ? NULL : path_join(visit->node->path, action->name);

	if (action->is_replacement)
		return;
	if (path == NULL) {
		mirror_fail(visit->mirror, report_no_memory());
		return;
	}
	switch (action->what) {
	case MIRROR_COPY:
	case MIRROR_COMPARE:
		plan_copy(visit, action, path);
		break;
	case MIRROR_LINK:
		visit->counts.copied += mirror_make_link(visit->mirror, path, action);
		break;
	case MIRROR_SAME:
		mirror_same_mode(visit->mirror, visit->ftp, path, action);
		visit->counts.same++;
		visit->counts.same_by_size += !visit->mirror->options->is_size_only &&
		    action->source->kind == FTP_KIND_FILE && !mirror_knows_times(action->source, action->target);
		break;
	case MIRROR_EXTRA:
		visit->counts.extra++;
		break;
	case MIRROR_FILTERED:
		mirror_tell(visit->mirror, "leave", path, action->why);
		break;
	case MIRROR_SKIP:
		plan_skip(visit, action, path);
		break;
	case MIRROR_DELETE_FILE:
	case MIRROR_DELETE_TREE:
		if (deletions_add(visit->mirror, visit->node, action) < 0)
			mirror_fail(visit->mirror, report_no_memory());
		break;
	case MIRROR_MKDIR:
		enter_below(visit, action, true);
		break;
	case MIRROR_DESCEND:
		if (!visit->node->is_flat)
			enter_below(visit, action, false);
		break;
	}
	free(path);
}

/* The listing line counts what this directory of the source has. */
static void
report_progress(struct visit *visit)
{
	struct mirror *mirror = visit->mirror;
	size_t files = 0, listed, found, expected = visit->node->copy_count - visit->node->copy_next;
	int64_t bytes = 0;

	for (size_t i = 0; i < visit->source.count; i++)
		files += visit->source.entries[i].kind == FTP_KIND_FILE;
	for (size_t i = visit->node->copy_next; i < visit->node->copy_count && bytes >= 0; i++)
		if (visit->node->copies[i].size < 0 ||
		    __builtin_add_overflow(bytes, visit->node->copies[i].size, &bytes))
			bytes = -1;
	pthread_mutex_lock(&mirror->lock);
	listed = ++mirror->listed;
	found = mirror->found += files;
	pthread_mutex_unlock(&mirror->lock);
	if (!mirror->queue.is_holding)
		report_expect(expected, bytes);
	report_listing(listed, found);
}

/* Files of the plan wait before those of directories below. */
static void
do_actions(struct visit *visit, const struct mirror_plan *plan)
{
	for (size_t i = 0; i < plan->count && !signals_have_aborted(); i++) {
		enum mirror_do what = plan->actions[i].what;

		if (what == MIRROR_DELETE_FILE || what == MIRROR_DELETE_TREE)
			visit->node->keeps_arrivals = true;
		do_action(visit, &plan->actions[i]);
	}
	report_progress(visit);
	mirror_queue_push_copies(&visit->mirror->queue, visit->node);
	while (visit->below != NULL) {
		struct mirror_node *node = visit->below;

		visit->below = node->next;
		mirror_queue_push_listing(&visit->mirror->queue, node);
	}
}

/* --- all of it --- */

static bool
make_directory(struct visit *visit)
{
	struct mirror *mirror = visit->mirror;
	const char *path = visit->node->path;
	enum ftp_class class;
	bool is_made;
	char *full;
	int fd;

	mirror_tell(mirror, "make", path, "is a new directory");
	visit->counts.directories++;
	if (mirror->options->is_dry_run)
		return true;
	if (!mirror->is_upload) {
		fd = open_local_beneath(mirror->root_fd, path, true);
		if (fd < 0)
			mirror_fail(mirror, report_local("cannot make", path, fd));
		is_made = fd >= 0;
		close_fd(&fd);
		return is_made;
	}
	full = path_join(mirror->remote_root, path);
	class = full == NULL ? FTP_LOCAL : ftp_mkdir(visit->ftp, full);
	if (class != FTP_OK)
		mirror_fail(mirror, full == NULL ? report_no_memory() : report_error(ftp_error(visit->ftp)));
	free(full);
	return class == FTP_OK;
}

static enum exit_status
refuse_depth(const struct mirror_node *node, const char *why)
{
	char what[1024];

	snprintf(what, sizeof(what), "'%s' is not entered", report_quote(node->path));
	return report_failure(FTP_REFUSED, what, why, "--exclude, for the link");
}

/* Whether a link may have led back here. NULL, or why. */
static const char *
check_trail(struct visit *visit)
{
	struct mirror *mirror = visit->mirror;
	const char *why;

	pthread_mutex_lock(&mirror->lock);
	why = trail_check(&visit->node->trail, mirror->is_upload ? &visit->target : &visit->source, &mirror->names);
	pthread_mutex_unlock(&mirror->lock);
	return why;
}

static enum exit_status
visit_directory(struct visit *visit)
{
	struct mirror_plan plan;
	enum exit_status status = list_both(visit);
	const char *why = NULL;

	if (status == EXIT_DONE)
		why = check_trail(visit);
	if (why != NULL)
		status = refuse_depth(visit->node, why);
	if (status == EXIT_DONE)
		status = plan_without_doubt(visit, &plan);
	if (status != EXIT_DONE)
		return status;
	if (twins_note(visit->mirror, visit->node, &visit->source) < 0)
		mirror_note(visit->mirror, report_no_memory());
	do_actions(visit, &plan);
	mirror_note_directory(visit->mirror, visit->node);
	mirror_plan_free(&plan);
	return EXIT_DONE;
}

void
mirror_visit(struct mirror *mirror, struct ftp *ftp, struct mirror_node *node)
{
	struct visit visit = {.mirror = mirror, .ftp = ftp, .node = node};
	enum exit_status status = EXIT_DONE;

	if (signals_have_aborted())
		return;
	if (strlen(node->path) >= PATH_MAX - 512)
		status = report_local("cannot enter", node->path, -ENAMETOOLONG);
	else if (!node->is_new || node->is_made || make_directory(&visit))
		status = visit_directory(&visit);
	/* the files in there were not copied, and may be those that were renamed elsewhere */
	if (status != EXIT_DONE)
		mirror_fail(mirror, status);
	mirror_count(mirror, &visit.counts);
	ftp_list_free(&visit.source);
	ftp_list_free(&visit.target);
}
