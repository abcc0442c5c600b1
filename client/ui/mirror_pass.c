/* SPDX-License-Identifier: ISC */
/* One pass of a mirror: list and copy, then delete. --watch makes one for each batch of changes. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/crew.h"
#include "client/ui/mirror.h"
#include "client/ui/mirror_attributes.h"
#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/watch.h"
#include "common/io.h"

#include "common/banned.h"

#define AGAIN_MS 2000 /* after a pass that failed; doubles */
#define AGAIN_AT_MOST_MS 60000

/* The name in the way is gone: now what takes its place waits. */
static void
replace_name(struct mirror *mirror, const struct deletion *deletion)
{
	const struct ftp_entry *source = deletion->replaced_by;
	const struct mirror_copy copy = {.size = source->size,
	    .mtime = source->mtime,
	    .mode = source->mode,
	    .mtime_is_exact = source->mtime_is_exact};
	char *path = path_join(deletion->directory->path, deletion->name);
	struct mirror_node *node = NULL;

	if (path == NULL) {
		mirror_fail(mirror, report_no_memory());
	} else if (source->kind == FTP_KIND_DIRECTORY) {
		node = mirror_node_new(
		    &mirror->queue, deletion->directory, deletion->name, mirror->is_upload ? "" : source->unique);
		if (node == NULL)
			mirror_fail(mirror, report_no_memory());
	} else {
		mirror_tell(mirror, "copy", path, deletion->why);
		if (mirror->options->is_dry_run)
			mirror_count(mirror,
			    &(const struct mirror_counts){
				.copied = 1, .bytes = copy.size > 0 ? (uint64_t)copy.size : 0});
		else if (mirror_node_add_copy(deletion->directory, deletion->name, &copy) < 0)
			mirror_fail(mirror, report_no_memory());
	}
	if (node != NULL) {
		node->is_new = true;
		mirror_queue_push_listing(&mirror->queue, node);
	}
	mirror_queue_push_copies(&mirror->queue, deletion->directory);
	free(path);
}

/* When a file moved here, and the copy under its new name failed, its copy under the old name must stay. */
static bool
may_delete(struct mirror *mirror)
{
	size_t count = mirror->deletions.count;

	if (count == 0 || signals_have_aborted())
		return false;
	if (mirror->has_failed) {
		report_warning(
		    "%zu name%s not removed, since not everything was copied", count, count == 1 ? " was" : "s were");
		mirror->counts.kept += count;
		return false;
	}
	return deletions_are_allowed(mirror);
}

static void
run_deletions(struct mirror *mirror)
{
	if (!may_delete(mirror))
		return;
	for (size_t i = 0; i < mirror->deletions.count && !signals_have_aborted(); i++) {
		const struct deletion *deletion = &mirror->deletions.items[i];

		if (!arrivals_are_there(mirror, deletion->directory))
			mirror->counts.kept++;
		else if (deletion_run(mirror, deletion) && deletion->replaced_by != NULL)
			replace_name(mirror, deletion);
	}
}

void
mirror_pass(struct mirror *mirror, struct crew *crew)
{
	mirror->queue.is_holding = mirror->options->is_delete_before;
	mirror_work(mirror, crew);
	run_deletions(mirror);
	mirror_queue_release(&mirror->queue);
	mirror_work(mirror, crew);
	mirror_finish_directories(mirror);
	if (!mirror->options->is_dry_run)
		twins_check(mirror);
}

/* --- changes --- */

/* Forget what the last pass left, but not the figures of the summary. */
static void
begin_pass(struct mirror *mirror)
{
	deletions_free(mirror);
	twins_free(mirror);
	mirror_queue_resume(&mirror->queue);
	mirror->has_failed = false;
	mirror->status = EXIT_DONE;
	mirror->names = mirror->listed = mirror->found = 0;
	mirror->counts.extra = mirror->counts.same = mirror->counts.same_by_size = 0;
}

/* Whether a rule leaves out the directory, or one above it. */
static bool
is_left_out(const struct mirror *mirror, const char *path)
{
	char *above = strdup(path);
	bool is_out = above == NULL;

	for (char *end = above; end != NULL && !is_out;) {
		const char *name;
		char *slash;

		end = strchr(end == above ? end : end + 1, '/');
		if (end != NULL)
			*end = '\0';
		slash = strrchr(above, '/');
		name = slash == NULL ? above : slash + 1;
		if (slash != NULL)
			*slash = '\0';
		is_out = *name != '\0' &&
		    filter_of_name(mirror->wishes.filter, slash == NULL ? "" : above, name, true) != NULL;
		if (slash != NULL)
			*slash = '/';
		if (end != NULL)
			*end = '/';
	}
	free(above);
	return is_out;
}

/* Let one changed directory wait. One that is gone is a matter of the directory above, which has changed as well. */
static void
push_changed(struct mirror *mirror, const char *path, bool is_flat)
{
	int fd = open_local_beneath(mirror->root_fd, path, false);
	struct mirror_node *node;

	if ((fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) || is_left_out(mirror, path)) {
		close_fd(&fd);
		return;
	}
	close_fd(&fd);
	node = mirror_node_new(&mirror->queue, NULL, path, "");
	if (node == NULL) {
		mirror_fail(mirror, report_no_memory());
		return;
	}
	node->is_flat = is_flat;
	mirror_queue_push_listing(&mirror->queue, node);
}

/* One directory after the other, those above first: they make those below. */
static void
work_on_changes(struct mirror *mirror, struct crew *crew, char **paths, size_t count)
{
	for (size_t i = 0; i < count && !mirror->has_failed && !signals_have_aborted(); i++) {
		push_changed(mirror, paths[i], true);
		mirror_work(mirror, crew);
	}
	run_deletions(mirror);
	mirror_work(mirror, crew);
	twins_check(mirror);
}

/* What failed is tried again, and so is what came after it. */
static void
keep_changes(struct mirror *mirror, char **paths, size_t count, bool is_all)
{
	int r = is_all ? watch_again(mirror->watch, NULL) : 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = watch_again(mirror->watch, paths[i]);
	if (r < 0)
		mirror_fail(mirror, report_no_memory());
}

/* One batch of changes. Returns whether all of it was done. */
static bool
follow_batch(struct mirror *mirror, struct crew *crew)
{
	char **paths = NULL;
	size_t count = 0;
	bool is_all = false, is_done;
	int r = watch_take(mirror->watch, &paths, &count, &is_all);

	begin_pass(mirror);
	if (r < 0) {
		mirror_fail(mirror, report_local("cannot watch", mirror->local_root, r));
	} else if (is_all) {
		push_changed(mirror, "", false);
		mirror_pass(mirror, crew);
	} else {
		work_on_changes(mirror, crew, paths, count);
	}
	is_done = mirror->status == EXIT_DONE && !mirror->has_failed;
	if (!is_done)
		keep_changes(mirror, paths, count, is_all);
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
	return is_done;
}

/* Wait so long. Returns whether a signal came. */
static bool
wait_aborted(int ms)
{
	uint64_t until = monotonic_ms() + (uint64_t)ms;

	while (!signals_have_aborted() && monotonic_ms() < until)
		(void)poll(NULL, 0, 200);
	return signals_have_aborted();
}

/* Wait for a change, or for the time to try again what failed. Returns false when it is over. */
static bool
await_changes(struct mirror *mirror, bool is_done, int again_ms)
{
	int r;

	mirror->is_idle = true;
	if (is_done)
		r = watch_wait(mirror->watch, -1);
	else
		r = wait_aborted(again_ms) ? 0 : watch_wait(mirror->watch, 0);
	if (r < 0)
		mirror_fail(mirror, report_local("cannot watch", mirror->local_root, r));
	if (r < 0 || signals_have_aborted())
		return false;
	mirror->is_idle = false;
	return true;
}

void
mirror_follow_changes(struct mirror *mirror, struct crew *crew)
{
	bool is_done = mirror->status == EXIT_DONE && !mirror->has_failed;
	int again_ms = AGAIN_MS;

	if (!is_done)
		(void)watch_again(mirror->watch, NULL);
	report_note("watching '%s' for changes; Ctrl-C ends it", report_quote(mirror->local_root));
	while (!signals_have_aborted() && mirror->status != EXIT_LOGIN && mirror->status != EXIT_CERTIFICATE &&
	    await_changes(mirror, is_done, again_ms)) {
		is_done = follow_batch(mirror, crew);
		again_ms = is_done ? AGAIN_MS : again_ms < AGAIN_AT_MOST_MS / 2 ? 2 * again_ms : AGAIN_AT_MOST_MS;
	}
}
