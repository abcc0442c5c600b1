/* The command mirror: walks both sides directory by directory, then moves the files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ui/command.h"
#include "client/ui/mirror_plan.h"
#include "client/ui/remote_glob.h"
#include "client/ui/remote_tree.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/transfers.h"
#include "client/ui/units.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

#define DEPTH_MAX 128
#define PART_SUFFIX ".part"

struct mirror {
	struct session *session;
	const struct options *options;
	bool is_upload;
	int root_fd;	/* the local directory; -1 in a dry run where it is missing */
	const char *remote_root, *local_root;
	struct mirror_wishes wishes;
	struct jobs jobs;
	enum exit_status status;
	size_t directories, deleted, same, extra, skipped;
	int depth;
};

static void
note_status(struct mirror *mirror, enum exit_status status)
{
	mirror->status = exit_status_worse(mirror->status, status);
}

/* --- the local side as a listing --- */

static enum ftp_kind
kind_of(mode_t mode)
{
	return S_ISREG(mode) ? FTP_KIND_FILE
	    : S_ISDIR(mode)  ? FTP_KIND_DIRECTORY
	    : S_ISLNK(mode)  ? FTP_KIND_LINK
			     : FTP_KIND_OTHER;
}

static int
add_local(struct ftp_list *list, const char *name, const struct stat *status)
{
	struct ftp_entry *entries = list->entries;

	if ((list->count & (list->count - 1)) == 0) {
		entries = realloc(entries, (list->count == 0 ? 1 : 2 * list->count) * sizeof(*entries));
		if (entries == NULL)
			return -ENOMEM;
		list->entries = entries;
	}
	entries[list->count] = (struct ftp_entry){
	    .name = strdup(name),
	    .kind = kind_of(status->st_mode),
	    .size = status->st_size,
	    .mtime = status->st_mtim.tv_sec,
	    .mtime_is_exact = true,
	    .mode = (int32_t)(status->st_mode & 07777),
	};
	return entries[list->count++].name == NULL ? -ENOMEM : 0;
}

/* List an open directory; takes dir_fd over. */
static int
list_local(int dir_fd, struct ftp_list *list)
{
	DIR *directory = fdopendir(dir_fd);
	struct dirent *entry;
	struct stat status;
	int r = 0;

	*list = (struct ftp_list){NULL, 0, 0};
	if (directory == NULL) {
		r = -errno;
		close_fd(&dir_fd);
		return r;
	}
	while (r == 0) {
		errno = 0;
		entry = readdir(directory);
		if (entry == NULL) {
			r = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		/* what has gone meanwhile is not there */
		if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			r = add_local(list, entry->d_name, &status);
	}
	closedir(directory);
	if (r < 0)
		ftp_list_free(list);
	return r;
}

/* The parts of downloads are this program's, not files of the mirror: --delete leaves them for the next run. */
static void
hide_parts(struct ftp_list *list)
{
	size_t kept = 0, suffix = strlen(PART_SUFFIX);

	for (size_t i = 0; i < list->count; i++) {
		size_t len = strlen(list->entries[i].name);

		if (len > suffix && strcmp(list->entries[i].name + len - suffix, PART_SUFFIX) == 0)
			ftp_entry_free(&list->entries[i]);
		else
			list->entries[kept++] = list->entries[i];
	}
	list->count = kept;
}

static int
list_local_beneath(const struct mirror *mirror, const char *path, struct ftp_list *list)
{
	int fd, r;

	*list = (struct ftp_list){NULL, 0, 0};
	if (mirror->root_fd < 0)
		return 0;
	fd = open_beneath(mirror->root_fd, path, false);
	if (fd < 0)
		return fd;
	r = list_local(fd, list);
	if (r == 0 && !mirror->is_upload)
		hide_parts(list);
	return r;
}

/* --- what the plan says, done --- */

/* Tell one action: always in a dry run, and to --json. */
static void
tell(const struct mirror *mirror, const char *what, const char *path, const char *why)
{
	if (report_is_json())
		report_json(json_pack("{s:s, s:s, s:o, s:s, s:b}", "event", "action", "action", what, "path",
		    report_json_text(path), "why", why == NULL ? "" : why, "dry_run", mirror->options->is_dry_run));
	else if (mirror->options->is_dry_run)
		report_line(
		    "would %s %s%s%s", what, report_quote(path), why == NULL ? "" : ": ", why == NULL ? "" : why);
}

/* Both sides of removing a tree: what is excluded stays, and so do the directories above it. */
static int remove_local_tree(int dir_fd, const char *name, const struct mirror_wishes *keep, int depth, bool *has_kept);

static int
remove_local_entry(int fd, const struct ftp_entry *entry, const struct mirror_wishes *keep, int depth, bool *has_kept)
{
	struct mirror_wishes deeper = *keep;
	char *below;
	int r;

	if (entry->kind != FTP_KIND_DIRECTORY)
		return unlinkat(fd, entry->name, 0) < 0 ? -errno : 0;
	below = path_join(keep->path, entry->name);
	if (below == NULL)
		return -ENOMEM;
	deeper.path = below;
	r = remove_local_tree(fd, entry->name, &deeper, depth + 1, has_kept);
	free(below);
	return r;
}

/* Remove a local directory with all that is in it, following no link. keep->path is that of the directory. */
static int
remove_local_tree(int dir_fd, const char *name, const struct mirror_wishes *keep, int depth, bool *has_kept)
{
	bool keeps_inner = false;
	struct ftp_list list;
	int fd, r;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = list_local(fcntl(fd, F_DUPFD_CLOEXEC, 0), &list);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		if (mirror_is_excluded(keep, list.entries[i].name))
			keeps_inner = true;
		else
			r = remove_local_entry(fd, &list.entries[i], keep, depth, &keeps_inner);
	}
	ftp_list_free(&list);
	close_fd(&fd);
	if (keeps_inner)
		*has_kept = true;
	else if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

static enum exit_status
delete_local(struct mirror *mirror, const char *directory, const struct mirror_action *action, const char *path)
{
	int fd = open_beneath(mirror->root_fd, directory, false), r = fd < 0 ? fd : 0;
	struct mirror_wishes keep = mirror->wishes;
	bool has_kept = false;

	keep.path = path;
	if (r == 0 && action->what == MIRROR_DELETE_TREE)
		r = remove_local_tree(fd, action->name, &keep, 0, &has_kept);
	else if (r == 0 && unlinkat(fd, action->name, 0) < 0)
		r = -errno;
	close_fd(&fd);
	return r < 0 ? report_local("cannot remove", path, r) : EXIT_DONE;
}

static enum exit_status
delete_remote(struct mirror *mirror, const struct mirror_action *action, const char *path)
{
	char *full = path_join(mirror->remote_root, path);
	struct mirror_wishes keep = mirror->wishes;
	enum exit_status status = EXIT_DONE;

	if (full == NULL)
		return report_no_memory();
	keep.path = path;
	if (action->what == MIRROR_DELETE_TREE)
		status = remote_tree_remove(mirror->session, full, &keep);
	else if (ftp_delete(mirror->session->ftp, full) != FTP_OK)
		status = session_error(mirror->session);
	free(full);
	return status;
}

static void
do_delete(struct mirror *mirror, const char *directory, const struct mirror_action *action, const char *path)
{
	enum exit_status status = EXIT_DONE;

	tell(mirror, "remove", path, action->why);
	if (!mirror->options->is_dry_run)
		status = mirror->is_upload ? delete_remote(mirror, action, path)
					   : delete_local(mirror, directory, action, path);
	if (status == EXIT_DONE)
		mirror->deleted++;
	note_status(mirror, status);
}

static void
do_copy(struct mirror *mirror, const char *directory, const struct mirror_action *action, const char *path)
{
	struct job *job;

	if (action->what == MIRROR_COPY)
		tell(mirror, "copy", path, action->why);
	if (mirror->options->is_dry_run && action->what == MIRROR_COMPARE)
		tell(mirror, "compare", path, "has the same size");
	job = jobs_add(&mirror->jobs, mirror->is_upload ? WAY_PUT : WAY_GET);
	if (job == NULL) {
		note_status(mirror, report_no_memory());
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
	/* a download goes on from its part; what stands on the server under the name of an upload may be an older version */
	job->is_resume = !mirror->is_upload;
	job->is_compare = action->what == MIRROR_COMPARE;
	if (job->remote == NULL || job->beneath == NULL || job->name == NULL || job->shown_local == NULL)
		note_status(mirror, report_no_memory());
}

static bool
make_directory(struct mirror *mirror, const char *path)
{
	char *full;
	int fd;

	tell(mirror, "make", path, "is a new directory");
	mirror->directories++;
	if (mirror->options->is_dry_run)
		return true;
	if (!mirror->is_upload) {
		fd = open_beneath(mirror->root_fd, path, true);
		if (fd < 0) {
			note_status(mirror, report_local("cannot make", path, fd));
			return false;
		}
		close_fd(&fd);
		return true;
	}
	full = path_join(mirror->remote_root, path);
	if (full == NULL || ftp_mkdir(mirror->session->ftp, full) != FTP_OK) {
		note_status(mirror, full == NULL ? report_no_memory() : session_error(mirror->session));
		free(full);
		return false;
	}
	free(full);
	return true;
}

static void walk(struct mirror *mirror, const char *path, bool is_new);

static void
do_action(struct mirror *mirror, const char *directory, const struct mirror_action *action)
{
	char *path = path_join(directory, action->name);

	if (path == NULL) {
		note_status(mirror, report_no_memory());
		return;
	}
	switch (action->what) {
	case MIRROR_COPY:
	case MIRROR_COMPARE:
		do_copy(mirror, directory, action, path);
		break;
	case MIRROR_SAME:
		mirror->same++;
		break;
	case MIRROR_EXTRA:
		mirror->extra++;
		break;
	case MIRROR_SKIP:
		mirror->skipped++;
		if (report_is_json())
			tell(mirror, "skip", path, action->why);
		else
			report_warning("%s is left out: it %s", report_quote(path), action->why);
		break;
	case MIRROR_DELETE_FILE:
	case MIRROR_DELETE_TREE:
		do_delete(mirror, directory, action, path);
		break;
	case MIRROR_MKDIR:
		if (make_directory(mirror, path))
			walk(mirror, path, true);
		break;
	case MIRROR_DESCEND:
		walk(mirror, path, false);
		break;
	}
	free(path);
}

/* Both sides of a directory. is_new: the target has just been made, or would be, and is empty. */
static enum exit_status
list_both(struct mirror *mirror, const char *path, bool is_new, struct ftp_list *source, struct ftp_list *target)
{
	struct ftp_list *local = mirror->is_upload ? source : target, *remote = mirror->is_upload ? target : source;
	char *full = path_join(mirror->remote_root, path);
	enum ftp_class class = FTP_OK;
	int r = 0;

	*local = *remote = (struct ftp_list){NULL, 0, 0};
	if (full == NULL)
		return report_no_memory();
	if (!is_new || !mirror->is_upload)
		class = ftp_list(mirror->session->ftp, full, remote);
	free(full);
	if (class != FTP_OK)
		return session_error(mirror->session);
	if (remote->refused > 0) {
		report_warning("%zu name%s of the server in '%s' left out: they would lead out of it", remote->refused,
		    remote->refused == 1 ? "" : "s", report_quote(path));
		mirror->skipped += remote->refused;
	}
	if (!is_new || mirror->is_upload)
		r = list_local_beneath(mirror, path, local);
	return r < 0 ? report_local("cannot list", path[0] == '\0' ? mirror->local_root : path, r) : EXIT_DONE;
}

static void
walk(struct mirror *mirror, const char *path, bool is_new)
{
	struct mirror_wishes wishes = mirror->wishes;
	struct ftp_list source = {NULL, 0, 0}, target = {NULL, 0, 0};
	struct mirror_plan plan;
	enum exit_status status;

	if (signals_have_aborted())
		return;
	if (mirror->depth >= DEPTH_MAX || strlen(path) >= PATH_MAX - 512) {
		note_status(mirror, report_local("cannot go into", path, -ENAMETOOLONG));
		return;
	}
	mirror->depth++;
	status = list_both(mirror, path, is_new, &source, &target);
	wishes.path = path;
	if (status == EXIT_DONE && mirror_plan(&source, &target, &wishes, &plan) < 0)
		status = report_no_memory();
	if (status == EXIT_DONE) {
		for (size_t i = 0; i < plan.count && !signals_have_aborted(); i++)
			do_action(mirror, path, &plan.actions[i]);
		mirror_plan_free(&plan);
	}
	note_status(mirror, status);
	ftp_list_free(&source);
	ftp_list_free(&target);
	mirror->depth--;
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
		report_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:i}", "event",
		    "summary", "command", "mirror", "copied", (json_int_t)copied, "bytes", (json_int_t)bytes, "same",
		    (json_int_t)same, "deleted", (json_int_t)mirror->deleted, "directories",
		    (json_int_t)mirror->directories, "skipped", (json_int_t)mirror->skipped, "failed",
		    (json_int_t)failed, "not_begun", (json_int_t)left, "dry_run", mirror->options->is_dry_run, "exit",
		    mirror->status));
		return;
	}
	units_size(bytes, size);
	report_note("%s%zu copied (%s), %zu the same, %zu removed, %zu director%s made, %zu left out, %zu failed%s",
	    mirror->options->is_dry_run ? "dry run: " : "mirror: ", copied, size, same, mirror->deleted,
	    mirror->directories, mirror->directories == 1 ? "y" : "ies", mirror->skipped, failed,
	    left > 0 ? "; stopped before the end, the same command goes on" : "");
	if (mirror->extra > 0 && !report_is_quiet())
		report_note("%zu only on the other side; --delete removes such", mirror->extra);
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

static enum exit_status
run(struct mirror *mirror)
{
	bool is_new = false;
	/* the source first: where there is none, no target is made */
	enum exit_status status = mirror->is_upload ? open_local_root(mirror) : check_remote_root(mirror, &is_new);

	if (status == EXIT_DONE)
		status = mirror->is_upload ? check_remote_root(mirror, &is_new) : open_local_root(mirror);
	if (status != EXIT_DONE)
		return status;
	walk(mirror, "", is_new);
	if (!mirror->options->is_dry_run && !signals_have_aborted())
		note_status(mirror, transfers_run(mirror->session, mirror->options, &mirror->jobs));
	if (signals_have_aborted())
		note_status(mirror, EXIT_INTERRUPTED);
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
	mirror.wishes.is_newer_same = args->is_upload && !ftp_has_feature(session->ftp, "MFMT");
	options->is_continue = false;
	status = run(&mirror);
	jobs_free(&mirror.jobs);
	close_fd(&mirror.root_fd);
	free(name);
	return status;
}
