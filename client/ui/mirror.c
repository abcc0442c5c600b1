/* SPDX-License-Identifier: ISC */
/* The command mirror: walks both sides directory by directory, then moves the files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/engine/stage.h"
#include "client/ui/command.h"
#include "client/ui/local_tree.h"
#include "client/ui/mirror.h"
#include "client/ui/mirror_plan.h"
#include "client/ui/mirror_times.h"
#include "client/ui/remote_glob.h"
#include "client/ui/remote_tree.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/transfers.h"
#include "common/units.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

/* --- the remote side --- */

/* Leave out the temporary names of this program's uploads: this run resumes them. */
static void
hide_stages(const struct mirror *mirror, const char *directory, struct ftp_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		char *path = path_join(directory, list->entries[i].name);

		if (path != NULL && stage_is_own(mirror->session->ftp, path))
			ftp_entry_free(&list->entries[i]);
		else
			list->entries[kept++] = list->entries[i];
		free(path);
	}
	list->count = kept;
}

/* --- the actions of the plan --- */

static void
do_copy(struct mirror *mirror, const char *directory, const struct mirror_action *action, const char *path)
{
	struct job *job;

	if (action->what == MIRROR_COPY)
		mirror_tell(mirror, "copy", path, action->why);
	if (mirror->options->is_dry_run && action->what == MIRROR_COMPARE)
		mirror_tell(mirror, "compare", path, "has the same size");
	job = jobs_add(&mirror->jobs, mirror->is_upload ? WAY_PUT : WAY_GET);
	if (job == NULL) {
		mirror_note(mirror, report_no_memory());
		return;
	}
	job->remote = path_join(mirror->remote_root, path);
	job->dir_fd = mirror->root_fd;
	job->beneath = strdup(directory);
	job->name = strdup(action->name);
	job->shown_local = path_join(mirror->local_root, path);
	job->size = action->source->size;
	job->mtime = action->source->mtime;
	job->is_known = !mirror->is_upload && job->size >= 0 && job->mtime >= 0 && action->source->mtime_is_exact;
	job->is_resume_own = true;
	job->is_compare = action->what == MIRROR_COMPARE;
	if (job->remote == NULL || job->beneath == NULL || job->name == NULL || job->shown_local == NULL)
		mirror_note(mirror, report_no_memory());
}

static bool
mirror_make_directory(struct mirror *mirror, const char *path)
{
	char *full;
	int fd;

	mirror_tell(mirror, "make", path, "is a new directory");
	mirror->directories++;
	if (mirror->options->is_dry_run)
		return true;
	if (!mirror->is_upload) {
		fd = open_local_beneath(mirror->root_fd, path, true);
		if (fd < 0) {
			mirror_note(mirror, report_local("cannot make", path, fd));
			return false;
		}
		close_fd(&fd);
		return true;
	}
	full = path_join(mirror->remote_root, path);
	if (full == NULL || ftp_mkdir(mirror->session->ftp, full) != FTP_OK) {
		mirror_note(mirror, full == NULL ? report_no_memory() : session_error(mirror->session));
		free(full);
		return false;
	}
	free(full);
	return true;
}

static void mirror_walk(struct mirror *mirror, const char *path, bool is_new, const char *unique);

/* The "unique" of a directory on the server. */
static const char *
unique_of(const struct mirror *mirror, const struct mirror_action *action)
{
	const struct ftp_entry *entry = mirror->is_upload ? action->target : action->source;

	return entry == NULL ? "" : entry->unique;
}

/* Deletions wait, and so does the copy that takes the place of one. */
static void
defer_deletion(struct mirror *mirror, const char *directory, const struct mirror_action *action)
{
	if (deletions_add(mirror, directory, action, action->replaced_by) < 0)
		mirror_note(mirror, report_no_memory());
}

static void
do_action(struct mirror *mirror, const char *directory, const struct mirror_action *action)
{
	char *path = action->is_replacement ? NULL : path_join(directory, action->name);

	/* the name in the way goes first: replace_name() */
	if (action->is_replacement)
		return;
	if (path == NULL) {
		mirror_note(mirror, report_no_memory());
		return;
	}
	switch (action->what) {
	case MIRROR_COPY:
	case MIRROR_COMPARE:
		do_copy(mirror, directory, action, path);
		break;
	case MIRROR_SAME:
		mirror->same++;
		mirror->same_by_size +=
		    !mirror->options->is_size_only && !mirror_knows_times(action->source, action->target);
		break;
	case MIRROR_EXTRA:
		mirror->extra++;
		break;
	case MIRROR_SKIP:
		mirror->skipped++;
		if (report_is_json())
			mirror_tell(mirror, "skip", path, action->why);
		else
			report_warning("%s is left out: it %s", report_quote(path), action->why);
		break;
	case MIRROR_DELETE_FILE:
	case MIRROR_DELETE_TREE:
		defer_deletion(mirror, directory, action);
		break;
	case MIRROR_MKDIR:
		if (mirror_make_directory(mirror, path))
			mirror_walk(mirror, path, true, unique_of(mirror, action));
		else
			mirror->has_failed = true;
		break;
	case MIRROR_DESCEND:
		mirror_walk(mirror, path, false, unique_of(mirror, action));
		break;
	}
	free(path);
}

/* The other lines of the server's listing, besides entries. */
static void
report_oddities(struct mirror *mirror, const char *path, const struct ftp_list *remote)
{
	const char *shown = path[0] == '\0' ? "the top directory" : path;

	if (remote->refused > 0) {
		report_warning("%zu name%s of the server in '%s' left out: %s would lead out of it", remote->refused,
		    remote->refused == 1 ? "" : "s", report_quote(shown), remote->refused == 1 ? "it" : "they");
		mirror->skipped += remote->refused;
	}
	if (remote->unread_count > 0) {
		remote_warn_unread(shown, remote);
		mirror->unread += remote->unread_count;
		mirror_note(mirror, EXIT_REFUSED);
	}
	if ((remote->doubts & FTP_DOUBT_CUT) != 0) {
		report_warning("the listing of '%s' was cut off: more is there", report_quote(shown));
		mirror_note(mirror, EXIT_REFUSED);
	}
}

/* Both sides of a directory. is_new: the target has just been made, or would be, and is empty. */
static enum exit_status
list_both(struct mirror *mirror, const char *path, bool is_new, struct ftp_list *source, struct ftp_list *target)
{
	struct ftp_list *local = mirror->is_upload ? source : target, *remote = mirror->is_upload ? target : source;
	char *full = path_join(mirror->remote_root, path);
	enum ftp_class class = FTP_OK;
	int r = 0;

	*local = *remote = (struct ftp_list){0};
	if (full == NULL)
		return report_no_memory();
	if (!is_new || !mirror->is_upload)
		class = ftp_list(mirror->session->ftp, full, remote);
	if (class == FTP_OK && mirror->is_upload)
		hide_stages(mirror, full, remote);
	if (class != FTP_OK) {
		free(full);
		return session_error(mirror->session);
	}
	report_oddities(mirror, path, remote);
	if (!is_new || mirror->is_upload)
		r = mirror_list_local(mirror, path, local);
	if (r == 0)
		mirror_sharpen_times(mirror, full, path, remote, local);
	free(full);
	return r < 0 ? report_local("cannot list", path[0] == '\0' ? mirror->local_root : path, r) : EXIT_DONE;
}

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
report_doubt(struct mirror *mirror, const char *path, const struct ftp_list *list, bool is_hidden_alone)
{
	const char *shown = path[0] == '\0' ? "the top directory" : path;
	char doubt[256], what[1024], why[1024];

	ftp_doubt_text(list, doubt, sizeof(doubt));
	snprintf(what, sizeof(what), "%s in '%s' is removed from the other side",
	    is_hidden_alone ? "no name that begins with a dot" : "nothing", report_quote(shown));
	snprintf(why, sizeof(why), "%s %s", report_quote(shown), doubt);
	mirror_note(mirror, report_failure(FTP_REFUSED, what, why, ""));
}

/*
 * Delete only names that are proven to be extra. A doubtful listing proves nothing of its directory, or of
 * directories below.
 */
static enum exit_status
plan_without_doubt(struct mirror *mirror, const char *path, const struct ftp_list *source,
    const struct ftp_list *target, struct mirror_plan *plan)
{
	unsigned int grave = FTP_DOUBT_UNREAD | FTP_DOUBT_CUT;
	bool was_doubtful = mirror->is_doubtful;
	struct mirror_wishes wishes = mirror->wishes;

	wishes.path = path;
	if (((source->doubts & (grave | FTP_DOUBT_EMPTY)) | (target->doubts & grave)) != 0)
		mirror->is_doubtful = true;
	wishes.is_delete = wishes.is_delete && !mirror->is_doubtful;
	wishes.keeps_hidden = (source->doubts & FTP_DOUBT_HIDDEN) != 0;
	if (mirror_plan(source, target, &wishes, plan) < 0)
		return report_no_memory();
	if (!mirror->wishes.is_delete || was_doubtful)
		return EXIT_DONE;
	if (mirror->is_doubtful && (target->count > 0 || (source->doubts & FTP_DOUBT_EMPTY) == 0))
		report_doubt(
		    mirror, path, ((source->doubts & (grave | FTP_DOUBT_EMPTY)) != 0) ? source : target, false);
	else if (wishes.keeps_hidden && wants_deletion(plan, true))
		report_doubt(mirror, path, source, true);
	return EXIT_DONE;
}

static void
do_actions(struct mirror *mirror, const char *path, const struct mirror_plan *plan)
{
	for (size_t i = 0; i < plan->count && !signals_have_aborted(); i++)
		do_action(mirror, path, &plan->actions[i]);
}

static enum exit_status
refuse_depth(struct mirror *mirror, const char *path, const char *why)
{
	char what[1024];

	snprintf(what, sizeof(what), "'%s' is not entered", report_quote(path));
	mirror->is_doubtful = true;
	return report_failure(FTP_REFUSED, what, why, "--exclude, for the link");
}

static void
mirror_walk(struct mirror *mirror, const char *path, bool is_new, const char *unique)
{
	struct ftp_list source = {0}, target = {0};
	bool was_doubtful = mirror->is_doubtful;
	struct trail trail = {.above = mirror->trail, .unique = unique};
	enum exit_status status;
	struct mirror_plan plan;
	const char *why = NULL;

	if (signals_have_aborted())
		return;
	trail.depth = trail.above == NULL ? 0 : trail.above->depth + 1;
	if (strlen(path) >= PATH_MAX - 512) {
		mirror->has_failed = true;
		mirror_note(mirror, report_local("cannot enter", path, -ENAMETOOLONG));
		return;
	}
	status = list_both(mirror, path, is_new, &source, &target);
	if (status == EXIT_DONE)
		why = trail_check(&trail, mirror->is_upload ? &target : &source, &mirror->names);
	if (why != NULL)
		status = refuse_depth(mirror, path, why);
	if (status == EXIT_DONE)
		status = plan_without_doubt(mirror, path, &source, &target, &plan);
	if (status == EXIT_DONE && twins_note(mirror, path, &source) < 0)
		mirror_note(mirror, report_no_memory());
	if (status == EXIT_DONE) {
		mirror->trail = &trail;
		do_actions(mirror, path, &plan);
		mirror->trail = trail.above;
		mirror_plan_free(&plan);
	}
	mirror_note(mirror, status);
	/* the files in there were not copied, and may be those that were renamed elsewhere */
	mirror->has_failed = mirror->has_failed || status != EXIT_DONE;
	mirror->is_doubtful = was_doubtful;
	ftp_list_free(&source);
	ftp_list_free(&target);
}

/* --- the command --- */

static void
summarize(const struct mirror *mirror)
{
	size_t copied = 0, same = mirror->same, failed = 0, left = 0;
	uint64_t bytes = 0;
	char size[UNITS_TEXT_MAX];

	for (size_t i = 0; i < mirror->jobs.count; i++) {
		const struct job *job = &mirror->jobs.items[i];

		copied += job->state == JOB_DONE || (mirror->options->is_dry_run && !job->is_compare);
		same += job->state == JOB_SAME;
		failed += job->state == JOB_FAILED;
		left += job->state == JOB_WAITING && !mirror->options->is_dry_run;
		bytes += mirror->options->is_dry_run && job->size > 0 ? (uint64_t)job->size : job->result.bytes;
	}
	if (report_is_json()) {
		report_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:i}", "event",
		    "summary", "command", "mirror", "copied", (json_int_t)copied, "bytes", (json_int_t)bytes, "same",
		    (json_int_t)same, "deleted", (json_int_t)mirror->deleted, "directories",
		    (json_int_t)mirror->directories, "skipped", (json_int_t)mirror->skipped, "unread",
		    (json_int_t)mirror->unread, "not_deleted", (json_int_t)mirror->kept, "failed", (json_int_t)failed,
		    "not_begun", (json_int_t)left, "dry_run", mirror->options->is_dry_run, "exit", mirror->status));
		return;
	}
	if (signals_have_aborted() && mirror->has_begun)
		return;
	units_size(bytes, size);
	report_note("%s%zu copied (%s), %zu the same, %zu removed, %zu director%s made, %zu left out, %zu failed%s",
	    mirror->options->is_dry_run ? "dry run: " : "mirror: ", copied, size, same, mirror->deleted,
	    mirror->directories, mirror->directories == 1 ? "y" : "ies", mirror->skipped, failed,
	    left > 0 ? "; stopped before the end, the same command goes on" : "");
	if (mirror->unread > 0)
		report_note("%zu line%s of listings %s not understood: what %s about was left out", mirror->unread,
		    mirror->unread == 1 ? "" : "s", mirror->unread == 1 ? "was" : "were",
		    mirror->unread == 1 ? "it is" : "they are");
	if (mirror->same_by_size > 0)
		report_note(
		    "%zu of them %s the same by size alone: when %s written is not told; --checksum compares content",
		    mirror->same_by_size, mirror->same_by_size == 1 ? "is" : "are",
		    mirror->same_by_size == 1 ? "it was" : "they were");
	if (!mirror->is_upload && ftp_hides_dots(mirror->session->ftp))
		report_note("the server lists no names that begin with a dot; if it has some, they were not copied");
	if (mirror->extra > 0 && !mirror->wishes.is_delete)
		report_note("%zu name%s only on the other side; --delete removes such", mirror->extra,
		    mirror->extra == 1 ? "" : "s");
}

static enum exit_status
open_local_root(struct mirror *mirror)
{
	bool makes = !mirror->is_upload && !mirror->options->is_dry_run;

	if (makes && mkdir(mirror->local_root, 0777) < 0 && errno != EEXIST)
		return report_local("cannot make", mirror->local_root, -errno);
	mirror->root_fd = open(mirror->local_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mirror->root_fd < 0 && !(errno == ENOENT && mirror->options->is_dry_run && !mirror->is_upload))
		return report_local("cannot open the directory", mirror->local_root, -errno);
	return EXIT_DONE;
}

/* The top on the server: an upload makes it. *is_new: it is empty, or would be made. */
static enum exit_status
check_remote_root(struct mirror *mirror, bool *is_new)
{
	const char *root = mirror->remote_root;
	char what[512];

	*is_new = false;
	if (root[0] == '\0' || remote_is_directory(mirror->session, root))
		return EXIT_DONE;
	if (!mirror->is_upload) {
		snprintf(what, sizeof(what), "'%s' is no directory on the server", report_quote(root));
		return report_failure(FTP_REFUSED, what, "", "get, for a file");
	}
	*is_new = true;
	if (!mirror->options->is_dry_run && ftp_mkdir(mirror->session->ftp, root) != FTP_OK)
		return session_error(mirror->session);
	return EXIT_DONE;
}

/* Do the jobs from this one on. */
static void
copy_jobs(struct mirror *mirror, size_t from)
{
	struct jobs jobs = {mirror->jobs.items + from, mirror->jobs.count - from};
	enum exit_status status = EXIT_DONE;

	if (jobs.count > 0 && !mirror->options->is_dry_run && !signals_have_aborted()) {
		mirror->has_begun = true;
		status = transfers_run(mirror->session, mirror->options, &jobs);
	}
	mirror->has_failed = mirror->has_failed || status != EXIT_DONE;
	mirror_note(mirror, status);
}

/* The name in the way is gone: now copy what takes its place. */
static void
replace_name(struct mirror *mirror, const struct deletion *deletion)
{
	struct mirror_action action = {
	    .what = deletion->source.kind == FTP_KIND_DIRECTORY ? MIRROR_MKDIR : MIRROR_COPY,
	    .name = deletion->name,
	    .source = &deletion->source,
	    .why = deletion->why,
	};

	do_action(mirror, deletion->directory, &action);
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
		mirror->kept += count;
		return false;
	}
	return deletions_are_allowed(mirror);
}

static void
run_deletions(struct mirror *mirror)
{
	struct arrivals arrivals;

	if (!may_delete(mirror))
		return;
	if (arrivals_init(&arrivals, &mirror->jobs) < 0) {
		mirror_note(mirror, report_no_memory());
		return;
	}
	for (size_t i = 0; i < mirror->deletions.count && !signals_have_aborted(); i++) {
		struct deletion deletion = mirror->deletions.items[i];

		if (!arrivals_are_there(&arrivals, mirror, deletion.directory))
			mirror->kept++;
		else if (deletion_run(mirror, &deletion) && deletion.is_replaced)
			replace_name(mirror, &deletion);
	}
	arrivals_free(&arrivals);
}

/* Copy, then delete, then copy what replaces something; or delete first. */
static void
copy_and_delete(struct mirror *mirror)
{
	size_t first = mirror->jobs.count;

	if (mirror->options->is_delete_before) {
		run_deletions(mirror);
		copy_jobs(mirror, 0);
		return;
	}
	copy_jobs(mirror, 0);
	run_deletions(mirror);
	copy_jobs(mirror, first);
}

static enum exit_status
mirror_run_all(struct mirror *mirror)
{
	bool is_new = false;
	/* the source first: without one, make no target */
	enum exit_status status = mirror->is_upload ? open_local_root(mirror) : check_remote_root(mirror, &is_new);

	if (status == EXIT_DONE)
		status = mirror->is_upload ? check_remote_root(mirror, &is_new) : open_local_root(mirror);
	if (status != EXIT_DONE)
		return status;
	mirror_walk(mirror, "", is_new, "");
	copy_and_delete(mirror);
	if (!mirror->options->is_dry_run)
		twins_check(mirror);
	if (signals_have_aborted())
		mirror_note(mirror, EXIT_INTERRUPTED);
	summarize(mirror);
	return mirror->status;
}

enum exit_status
command_mirror(struct session *session, struct options *options, const struct args *args)
{
	struct mirror mirror = {
	    .session = session,
	    .options = options,
	    .is_upload = args->is_upload,
	    .root_fd = -1,
	    .remote_root = args->remote_count > 0 ? args->remotes[0]->text : "",
	    .wishes = {.is_delete = options->is_delete,
		.is_checksum = options->is_checksum,
		.is_size_only = options->is_size_only,
		.is_ignoring_times = options->is_ignoring_times,
		.excludes = options->excludes,
		.exclude_count = options->exclude_count},
	};
	char *name = NULL;
	enum exit_status status;

	/* the second name, where it is missing: that of the first, here or there */
	if (args->local_count > 0) {
		mirror.local_root = args->locals[0]->text;
		if (args->is_upload && args->remote_count == 0) {
			name = path_name(mirror.local_root);
			mirror.remote_root =
			    name == NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? "" : name;
		}
	} else {
		name = path_name(mirror.remote_root);
		mirror.local_root = name == NULL || name[0] == '\0' || mirror_name_refused(name) != NULL ? "." : name;
	}
	if (options->is_checksum + options->is_size_only + options->is_ignoring_times > 1)
		return report_usage("only one of --checksum, --size-only and --ignore-times can decide");
	/* where it is unknown yet, one copy too many is better than none: see mirror_sharpen_times() */
	mirror.knows_times = args->is_upload && ftp_has_feature(session->ftp, "MFMT");
	mirror.wishes.is_newer_same = args->is_upload && !mirror.knows_times;
	options->is_continue = false;
	status = mirror_run_all(&mirror);
	jobs_free(&mirror.jobs);
	deletions_free(&mirror.deletions);
	twins_free(&mirror);
	close_fd(&mirror.root_fd);
	free(name);
	return status;
}
