/* SPDX-License-Identifier: ISC */
#include "client/ui/local_target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

static enum exit_status
refuse_target(const char *shown, const char *why, const char *hint)
{
	char what[1024];

	snprintf(what, sizeof(what), "nothing is fetched into '%s'", report_quote(shown));
	return report_failure(FTP_LOCAL, what, why, hint);
}

static enum exit_status
set_target_name(struct job *job, int dir_fd, const char *name)
{
	job->dir_fd = dir_fd;
	job->name = strdup(name);
	return job->name == NULL ? report_no_memory() : EXIT_DONE;
}

static bool
is_same_local_file(const struct stat *left, const struct stat *right)
{
	return left->st_dev == right->st_dev && left->st_ino == right->st_ino;
}

/* "/dev/fd/5", "/proc/self/fd/5": the descriptor itself, since a file that is opened anew begins at its start. Or -1. */
static int
named_descriptor(int dir_fd, const char *name)
{
	struct statfs system;
	uint64_t number;

	if (fstatfs(dir_fd, &system) < 0 || system.f_type != PROC_SUPER_MAGIC ||
	    parse_u64(name, INT_MAX, &number) < 0 || fcntl((int)number, F_GETFD) < 0)
		return -1;
	return (int)number;
}

/* The file behind a link, by the name that the kernel found, so that the kernel's own rules for links hold. */
static enum exit_status
follow_local_link(struct job *job, int fd, const struct stat *status, const char *shown)
{
	char link[32], path[PATH_MAX], *slash;
	struct stat there;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len < 0 ? 0 : len] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return refuse_target(
		    shown, "it is a link, and its target cannot be found", "the name of the file itself");
	*slash = '\0';
	job->own_dir_fd = open(*path == '\0' ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->own_dir_fd < 0)
		return report_local("cannot open the directory", path, -errno);
	if (fstatat(job->own_dir_fd, slash + 1, &there, AT_SYMLINK_NOFOLLOW) < 0 || !is_same_local_file(&there, status))
		return refuse_target(
		    shown, "it is a link, and its target cannot be found", "the name of the file itself");
	return set_target_name(job, job->own_dir_fd, slash + 1);
}

static enum exit_status
write_into(struct job *job, int fd, const char *shown)
{
	if (fd < 0)
		return report_local("cannot write into", shown, -errno);
	job->stream_fd = job->own_stream_fd = fd;
	return isatty(fd) == 1 ? refuse_target(shown, "it is a terminal", "cat, which prints files there") : EXIT_DONE;
}

static enum exit_status
set_existing(struct job *job, int fd, int dir_fd, const char *name, const char *shown, bool *is_stdout)
{
	struct stat status, link, out;
	int descriptor = named_descriptor(dir_fd, name);

	if (fstat(fd, &status) < 0)
		return report_local("cannot examine", shown, -errno);
	if (S_ISDIR(status.st_mode))
		return refuse_target(shown, "it is a directory", "a name in it, or a slash after it");
	if (S_ISSOCK(status.st_mode))
		return refuse_target(shown, "it is a socket", "-, and a program that writes into it");
	*is_stdout = fstat(STDOUT_FILENO, &out) == 0 && is_same_local_file(&status, &out);
	if (*is_stdout) {
		job->stream_fd = STDOUT_FILENO;
		return EXIT_DONE;
	}
	if (descriptor >= 0)
		return write_into(job, fcntl(descriptor, F_DUPFD_CLOEXEC, 0), shown);
	if (!S_ISREG(status.st_mode))
		return write_into(job, openat(dir_fd, name, O_WRONLY | O_NOCTTY | O_CLOEXEC), shown);
	if (fstatat(dir_fd, name, &link, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(link.st_mode))
		return follow_local_link(job, fd, &status, shown);
	return set_target_name(job, dir_fd, name);
}

enum exit_status
local_target_set(struct job *job, int dir_fd, const char *name, const char *shown, bool *is_stdout)
{
	/* follow links as the kernel does: not other users' links in a world-writable directory */
	int fd = openat(dir_fd, name, O_PATH | O_CLOEXEC);
	enum exit_status status;

	*is_stdout = false;
	if (fd < 0)
		return set_target_name(job, dir_fd, name);
	status = set_existing(job, fd, dir_fd, name, shown, is_stdout);
	close_fd(&fd);
	return status;
}
