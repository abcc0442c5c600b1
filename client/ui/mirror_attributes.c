/* SPDX-License-Identifier: ISC */
#include "client/ui/mirror_attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/io.h"

#include "common/banned.h"

#define RIGHTS 0777 /* a server grants no set-id bits, and takes none */

/* Whether a failure is the first one: the others say nothing new. The status is worse in any case. */
static bool
is_first_refusal(struct mirror *mirror)
{
	bool is_first;

	pthread_mutex_lock(&mirror->lock);
	is_first = !mirror->is_told_attributes;
	mirror->is_told_attributes = true;
	pthread_mutex_unlock(&mirror->lock);
	return is_first;
}

static void
note_refusal(struct mirror *mirror, struct ftp *ftp, const char *path, int r)
{
	if (!is_first_refusal(mirror))
		mirror_note(mirror, mirror->is_upload ? EXIT_REFUSED : EXIT_LOCAL);
	else if (mirror->is_upload)
		mirror_note(mirror, report_error(ftp_error(ftp)));
	else
		mirror_note(mirror, report_local("cannot give rights or a time to", path, r));
}

/* Set rights (-1: not) and a time (-1: not) of a name below a directory; no link is followed. */
static int
set_here(const struct mirror *mirror, const char *directory, const char *name, int mode, int64_t mtime)
{
	int fd = open_local_beneath(mirror->root_fd, directory, false), r = fd < 0 ? fd : 0;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)mtime}};

	if (fd >= 0 && mtime != -1 && utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (fd >= 0 && mode >= 0 && fchmodat(fd, name, (mode_t)mode & RIGHTS, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	close_fd(&fd);
	return r;
}

static enum ftp_class
set_there(const struct mirror *mirror, struct ftp *ftp, const char *path, int mode, int64_t mtime)
{
	char *full = path_join(mirror->remote_root, path);
	enum ftp_class class = full == NULL ? FTP_LOCAL : FTP_OK, refused = class;

	/* a server that sets no times of directories may set rights, and the other way round */
	if (class == FTP_OK && mode >= 0)
		refused = ftp_chmod(ftp, (unsigned int)mode & RIGHTS, full);
	if (class == FTP_OK && mtime != -1)
		class = ftp_set_mtime(ftp, full, mtime);
	free(full);
	return class != FTP_OK ? class : refused;
}

static void
set_attributes(struct mirror *mirror, struct ftp *ftp, const char *directory, const char *name, int mode, int64_t mtime)
{
	char *path = path_join(directory, name);
	int r = 0;

	if (path == NULL)
		mirror_note(mirror, report_no_memory());
	else if (mirror->is_upload)
		r = set_there(mirror, ftp, path, mode, mtime) == FTP_OK ? 0 : -EPERM;
	else
		r = set_here(mirror, directory, name, mode, mtime);
	if (r < 0)
		note_refusal(mirror, ftp, path, r);
	free(path);
}

void
mirror_set_mode(struct mirror *mirror, struct ftp *ftp, const char *directory, const char *name, unsigned int mode)
{
	set_attributes(mirror, ftp, directory, name, (int)mode, -1);
}

void
mirror_same_mode(struct mirror *mirror, struct ftp *ftp, const char *path, const struct mirror_action *action)
{
	const struct ftp_entry *source = action->source, *target = action->target;
	char *directory;

	if (!mirror->options->is_perms || source->kind != FTP_KIND_FILE || source->mode < 0 || target->mode < 0 ||
	    (source->mode & RIGHTS) == (target->mode & RIGHTS))
		return;
	mirror_tell(mirror, "chmod", path, "has other rights");
	if (mirror->options->is_dry_run)
		return;
	directory = strndup(path, strlen(path) - strlen(action->name));
	if (directory == NULL)
		mirror_note(mirror, report_no_memory());
	else
		mirror_set_mode(mirror, ftp, directory, action->name, (unsigned int)source->mode);
	free(directory);
}

/* --- directories --- */

void
mirror_note_directory(struct mirror *mirror, struct mirror_node *node)
{
	bool has_mode = mirror->options->is_perms && node->mode >= 0;
	bool has_time = mirror->options->is_dir_times && node->mtime != -1;
	struct mirror_node **finished;

	if (node->path[0] == '\0' || mirror->options->is_dry_run || (!has_mode && !has_time))
		return;
	pthread_mutex_lock(&mirror->lock);
	finished = reallocarray(mirror->finished, mirror->finished_count + 1, sizeof(struct mirror_node *));
	if (finished != NULL) {
		mirror->finished = finished;
		finished[mirror->finished_count++] = node;
		mirror_node_use(&mirror->queue, node);
	}
	pthread_mutex_unlock(&mirror->lock);
	if (finished == NULL)
		mirror_note(mirror, report_no_memory());
}

/* The deepest first: what changes in a directory changes its time. */
static int
compare_depth(const void *a, const void *b)
{
	const struct mirror_node *const *left = a, *const *right = b;

	return (*right)->trail.depth - (*left)->trail.depth;
}

void
mirror_finish_directories(struct mirror *mirror)
{
	size_t count = mirror->finished_count;

	if (count > 0)
		qsort(mirror->finished, count, sizeof(struct mirror_node *), compare_depth);
	for (size_t i = 0; i < count && !signals_have_aborted(); i++) {
		const struct mirror_node *node = mirror->finished[i];
		const char *slash = strrchr(node->path, '/'), *name = slash == NULL ? node->path : slash + 1;
		char *directory = strndup(node->path, slash == NULL ? 0 : (size_t)(slash - node->path));

		if (directory == NULL)
			mirror_note(mirror, report_no_memory());
		else
			set_attributes(mirror, mirror->session->ftp, directory, name,
			    mirror->options->is_perms ? node->mode : -1,
			    mirror->options->is_dir_times ? node->mtime : -1);
		free(directory);
	}
	mirror_forget_directories(mirror);
}

void
mirror_forget_directories(struct mirror *mirror)
{
	for (size_t i = 0; i < mirror->finished_count; i++)
		mirror_node_drop(&mirror->queue, mirror->finished[i]);
	free(mirror->finished);
	mirror->finished = NULL;
	mirror->finished_count = 0;
}
