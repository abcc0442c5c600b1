/* SPDX-License-Identifier: ISC */
#include "client/ui/mirror_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "common/io.h"

#include "common/banned.h"

#define TRIES_MAX 1000

/* The last component of path, and in directory what is before it. Returns 0 or -ENAMETOOLONG. */
static int
split_path(const char *path, char directory[PATH_MAX], const char **name)
{
	const char *slash = strrchr(path, '/');
	int len = snprintf(directory, PATH_MAX, "%.*s", slash == NULL ? 0 : (int)(slash - path), path);

	*name = slash == NULL ? path : slash + 1;
	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* name, or name with the number of a try. Returns 0 or -ENAMETOOLONG. */
static int
name_of_try(char *text, size_t size, const char *name, unsigned int try)
{
	int len = try == 0 ? snprintf(text, size, "%s", name) : snprintf(text, size, "%s.~%u~", name, try);

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

/* --- here --- */

static int
keep_once(int from_fd, const char *name, int to_fd, const char *kept, bool is_replaced)
{
	if (is_replaced && linkat(from_fd, name, to_fd, kept, 0) == 0)
		return 0;
	if (is_replaced && errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK && errno != ENOSYS)
		return -errno;
	return renameat2(from_fd, name, to_fd, kept, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

static int
keep_local(const struct mirror *mirror, const char *path, bool is_replaced)
{
	char directory[PATH_MAX], kept[NAME_MAX + 1];
	const char *name;
	int from_fd = -1, to_fd = -1, r = split_path(path, directory, &name);

	if (r == 0)
		r = from_fd = open_local_beneath(mirror->root_fd, directory, false);
	if (r >= 0)
		r = to_fd = open_local_beneath(mirror->backup_fd, directory, true);
	if (r >= 0)
		r = -EEXIST;
	for (unsigned int try = 0; try < TRIES_MAX && r == -EEXIST; try++) {
		r = name_of_try(kept, sizeof(kept), name, try);
		if (r == 0)
			r = keep_once(from_fd, name, to_fd, kept, is_replaced);
	}
	close_fd(&from_fd);
	close_fd(&to_fd);
	return r;
}

/* --- on the server --- */

/* Make a directory and those above it. */
static enum ftp_class
make_parents(struct ftp *ftp, const char *path)
{
	enum ftp_class class;
	char *above, *slash;
	bool is_there;

	if (*path == '\0' || strcmp(path, "/") == 0)
		return FTP_OK;
	class = ftp_is_directory(ftp, path, &is_there);
	if (class != FTP_OK || is_there)
		return class;
	above = strdup(path);
	if (above == NULL)
		return FTP_LOCAL;
	slash = strrchr(above, '/');
	if (slash != NULL && slash != above) {
		*slash = '\0';
		class = make_parents(ftp, above);
	}
	free(above);
	if (class == FTP_OK)
		class = ftp_mkdir(ftp, path);
	/* another connection may have made it meanwhile */
	if (class == FTP_REFUSED && ftp_is_directory(ftp, path, &is_there) == FTP_OK && is_there)
		class = FTP_OK;
	return class;
}

/* Rename to a name that is not there yet. */
static enum ftp_class
rename_to_unused(struct ftp *ftp, const char *from, const char *wanted)
{
	char kept[PATH_MAX + 16];

	for (unsigned int try = 0; try < TRIES_MAX; try++) {
		struct ftp_entry entry;
		enum ftp_class class;

		if (name_of_try(kept, sizeof(kept), wanted, try) < 0)
			return FTP_LOCAL;
		class = ftp_stat(ftp, kept, &entry);
		if (class == FTP_REFUSED)
			return ftp_rename(ftp, from, kept);
		if (class != FTP_OK)
			return class;
		ftp_entry_free(&entry);
	}
	return FTP_REFUSED;
}

static enum exit_status
keep_remote(const struct mirror *mirror, struct ftp *ftp, const char *path)
{
	char directory[PATH_MAX];
	const char *name;
	char *from = path_join(mirror->remote_root, path), *to = path_join(mirror->options->backup_dir, path);
	enum exit_status status = EXIT_DONE;

	if (from == NULL || to == NULL)
		status = report_no_memory();
	else if (split_path(to, directory, &name) < 0)
		status = report_local("cannot keep", path, -ENAMETOOLONG);
	else if (make_parents(ftp, directory) != FTP_OK || rename_to_unused(ftp, from, to) != FTP_OK)
		status = report_error(ftp_error(ftp));
	free(from);
	free(to);
	return status;
}

enum exit_status
mirror_backup_keep(struct mirror *mirror, struct ftp *ftp, const char *path, bool is_replaced)
{
	int r;

	if (mirror->is_upload)
		return keep_remote(mirror, ftp, path);
	r = keep_local(mirror, path, is_replaced);
	if (r == -EXDEV)
		return report_failure(FTP_LOCAL, "nothing was moved to --backup-dir",
		    "it lies on another file system than the target", "a directory beside the target");
	return r < 0 ? report_local("cannot move to --backup-dir", path, r) : EXIT_DONE;
}

/* --- the directory itself --- */

/* The path of inner below outer, both without a slash at the end; NULL: it does not lie there. */
static const char *
path_below(const char *outer, const char *inner)
{
	size_t len = strlen(outer);

	if (len == 0)
		return *inner == '/' ? NULL : inner;
	if (strncmp(outer, inner, len) != 0 || (inner[len] != '/' && inner[len] != '\0' && outer[len - 1] != '/'))
		return NULL;
	return inner + len + (inner[len] == '/');
}

/* Leave the backup alone where it is a part of the target. */
static enum exit_status
leave_backup_alone(struct mirror *mirror, const char *target, const char *backup)
{
	const char *below = path_below(target, backup);
	size_t len;

	if (below == NULL)
		return EXIT_DONE;
	for (len = strlen(below); len > 0 && below[len - 1] == '/'; len--)
		continue;
	if (len == 0)
		return report_usage("--backup-dir is '%s', the target itself; it must be another directory",
		    report_quote(mirror->options->backup_dir));
	mirror->backup_path = strndup(below, len);
	mirror->wishes.backup_path = mirror->backup_path;
	return mirror->backup_path == NULL ? report_no_memory() : EXIT_DONE;
}

static enum exit_status
open_local_backup(struct mirror *mirror)
{
	const char *directory = mirror->options->backup_dir;
	char *target, *backup;
	enum exit_status status;

	if (!mirror->options->is_dry_run && mkdir(directory, 0777) < 0 && errno != EEXIST)
		return report_local("cannot make --backup-dir", directory, -errno);
	mirror->backup_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mirror->backup_fd < 0 && !(errno == ENOENT && mirror->options->is_dry_run))
		return report_local("cannot open --backup-dir", directory, -errno);
	target = realpath(mirror->local_root, NULL);
	backup = realpath(directory, NULL);
	status = target == NULL || backup == NULL ? EXIT_DONE : leave_backup_alone(mirror, target, backup);
	free(target);
	free(backup);
	return status;
}

enum exit_status
mirror_backup_open(struct mirror *mirror)
{
	if (mirror->options->backup_dir == NULL)
		return EXIT_DONE;
	if (mirror->is_upload)
		return leave_backup_alone(mirror, mirror->remote_root, mirror->options->backup_dir);
	return open_local_backup(mirror);
}

void
mirror_backup_close(struct mirror *mirror)
{
	close_fd(&mirror->backup_fd);
	free(mirror->backup_path);
}
