/* SPDX-License-Identifier: ISC */
/* The command mirror: both sides are listed while files are moved, and what is extra goes last. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/ui/command.h"
#include "client/ui/crew.h"
#include "client/ui/mirror.h"
#include "client/ui/mirror_attributes.h"
#include "client/ui/mirror_backup.h"
#include "client/ui/mirror_filter.h"
#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/resume.h"
#include "client/ui/signals.h"
#include "client/ui/watch.h"
#include "common/io.h"

#include "common/banned.h"

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

/* Ctrl-C: one line, with the command that goes on. */
static void
report_abort(struct mirror *mirror)
{
	mirror_note(mirror, EXIT_INTERRUPTED);
	if (mirror->has_begun)
		report_stopped("", mirror->counts.parts, mirror->counts.part_bytes, resume_text());
}

static bool
is_source_written(const void *watch, const char *path)
{
	return watch_is_written(watch, path);
}

/* One error for all files: without hashes the mirror could decide about none of them. */
static enum exit_status
check_hashes(const struct mirror *mirror)
{
	if (!mirror->options->is_checksum || ftp_has_hashes(mirror->session->ftp))
		return EXIT_DONE;
	return report_failure(FTP_REFUSED, "cannot compare by hash (--checksum)", "the server has no command for it",
	    "without --checksum times decide; --ignore-times copies all");
}

/* Before the first listing: what changes after it is seen. */
static enum exit_status
begin_watch(struct mirror *mirror)
{
	int r;

	if (!mirror->options->is_watch)
		return EXIT_DONE;
	if (!mirror->is_upload)
		return report_usage(
		    "--watch follows changes of local files; it needs an upload, from here to the server");
	if (mirror->options->is_dry_run || mirror->options->is_delete_before)
		return report_usage("--watch has no meaning with %s",
		    mirror->options->is_dry_run ? "--dry-run" : "--delete-before; use --delete");
	r = watch_new(mirror->root_fd, &mirror->watch);
	if (r == -ENOSPC)
		return report_failure(FTP_LOCAL, "cannot watch all directories", "the system allows no more watches",
		    "sysctl fs.inotify.max_user_watches=1000000");
	if (r < 0)
		return report_local("cannot watch", mirror->local_root, r);
	mirror->wishes.is_busy = is_source_written;
	mirror->wishes.context = mirror->watch;
	return EXIT_DONE;
}

static enum exit_status
mirror_run_all(struct mirror *mirror)
{
	bool is_new = false;
	/* the source first: without one, make no target */
	enum exit_status status = mirror->is_upload ? open_local_root(mirror) : check_remote_root(mirror, &is_new);
	struct mirror_node *top;
	struct crew crew;

	if (status == EXIT_DONE)
		status = mirror->is_upload ? check_remote_root(mirror, &is_new) : open_local_root(mirror);
	if (status != EXIT_DONE)
		return status;
	status = check_hashes(mirror);
	if (status == EXIT_DONE)
		status = mirror_backup_open(mirror);
	if (status == EXIT_DONE)
		status = begin_watch(mirror);
	if (status == EXIT_DONE && mirror->is_upload && mirror->options->links == LINKS_COPY)
		status = report_usage(
		    "--links is 'copy', and FTP has no command that makes a link; for an upload it must be "
		    "follow or skip");
	if (status != EXIT_DONE)
		return status;
	top = mirror_node_new(&mirror->queue, NULL, "", "");
	if (top == NULL)
		return report_no_memory();
	top->is_new = top->is_made = is_new;
	mirror_queue_push_listing(&mirror->queue, top);
	crew_init(&crew, mirror->session);
	mirror_pass(mirror, &crew);
	if (mirror->watch != NULL)
		mirror_follow_changes(mirror, &crew);
	crew_free(&crew);
	if (signals_have_aborted() && !mirror->is_idle)
		report_abort(mirror);
	mirror_summarize(mirror);
	return mirror->status;
}

static void
mirror_free(struct mirror *mirror)
{
	mirror_backup_close(mirror);
	watch_free(mirror->watch);
	deletions_free(mirror);
	twins_free(mirror);
	mirror_forget_directories(mirror);
	mirror_queue_free(&mirror->queue);
	pthread_mutex_destroy(&mirror->lock);
	pthread_mutex_destroy(&mirror->learning);
	close_fd(&mirror->root_fd);
}

enum exit_status
command_mirror(struct session *session, struct options *options, const struct args *args)
{
	struct filter filter;
	struct mirror mirror = {
	    .session = session,
	    .options = options,
	    .is_upload = args->is_upload,
	    .root_fd = -1,
	    .backup_fd = -1,
	    .remote_root = args->remote_count > 0 ? args->remotes[0]->text : "",
	    .wishes = {.is_delete = options->is_delete,
		.is_checksum = options->is_checksum,
		.is_size_only = options->is_size_only,
		.is_ignoring_times = options->is_ignoring_times,
		.is_only_missing = options->is_only_missing,
		.is_existing = options->is_existing,
		.copies_links = options->links == LINKS_COPY,
		.follows_links = options->links == LINKS_FOLLOW && !args->is_upload,
		.filter = &filter},
	};
	char *name = NULL;
	enum exit_status status = mirror_filter_load(&filter, options, time(NULL));

	if (status != EXIT_DONE) {
		filter_free(&filter);
		return status;
	}
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
	/* where it is unknown yet, one copy too many is better than none: see mirror_sharpen_times() */
	mirror.knows_times = args->is_upload && ftp_has_feature(session->ftp, "MFMT");
	mirror.wishes.is_newer_same = args->is_upload && !mirror.knows_times;
	options->is_continue = false;
	pthread_mutex_init(&mirror.lock, NULL);
	pthread_mutex_init(&mirror.learning, NULL);
	mirror_queue_init(&mirror.queue, options->parallel);
	status = mirror_run_all(&mirror);
	mirror_free(&mirror);
	filter_free(&filter);
	free(name);
	return status;
}
