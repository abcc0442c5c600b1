/* SPDX-License-Identifier: ISC */
#include "client/ui/local_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "common/io.h"

#include "common/banned.h"

#define DEPTH_MAX 128

static enum ftp_kind
kind_of_local(mode_t mode)
{
	return S_ISREG(mode) ? FTP_KIND_FILE
	    : S_ISDIR(mode)  ? FTP_KIND_DIRECTORY
	    : S_ISLNK(mode)  ? FTP_KIND_LINK
			     : FTP_KIND_OTHER;
}

/* Where a link leads. NULL: not known. */
static char *
read_target(int dir_fd, const char *name)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dir_fd, name, target, sizeof(target));

	return len <= 0 || (size_t)len == sizeof(target) ? NULL : strndup(target, (size_t)len);
}

static int
add_local_entry(struct ftp_list *list, int dir_fd, const char *name, const struct stat *status)
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
	    .kind = kind_of_local(status->st_mode),
	    .size = status->st_size,
	    .mtime = status->st_mtim.tv_sec,
	    .mtime_is_exact = true,
	    .mode = (int32_t)(status->st_mode & 07777),
	};
	if (S_ISLNK(status->st_mode))
		entries[list->count].target = read_target(dir_fd, name);
	return entries[list->count++].name == NULL ? -ENOMEM : 0;
}

/* A name that exists, and whose kind cannot be found out. */
static void
report_unknown(const char *shown, const char *name, int error)
{
	char *path = path_join(shown, name);

	(void)report_local("cannot examine", path == NULL ? name : path, error);
	free(path);
}

static int
look_at(DIR *directory, const char *shown, const char *name, struct ftp_list *list)
{
	struct stat status;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (fstatat(dirfd(directory), name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return add_local_entry(list, dirfd(directory), name, &status);
	if (errno == ENOENT)
		return 0;
	report_unknown(shown, name, -errno);
	list->doubts |= FTP_DOUBT_CUT;
	return 0;
}

int
local_list(int dir_fd, const char *shown, struct ftp_list *list)
{
	DIR *directory = fdopendir(dir_fd);
	int r = directory == NULL ? -errno : 0;

	*list = (struct ftp_list){0};
	if (directory == NULL) {
		close_fd(&dir_fd);
		return r;
	}
	while (r == 0) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(directory);
		if (entry == NULL) {
			r = -errno;
			break;
		}
		r = look_at(directory, shown, entry->d_name, list);
	}
	closedir(directory);
	if (r < 0)
		ftp_list_free(list);
	return r;
}

/* --- removing --- */

struct removal {
	bool is_counting;
	size_t *names;
};

static int remove_tree(const struct removal *removal, int dir_fd, const char *name, const struct mirror_wishes *keep,
    int depth, bool *has_kept);

static int
remove_local_entry(const struct removal *removal, int fd, const struct ftp_entry *entry,
    const struct mirror_wishes *keep, int depth, bool *has_kept)
{
	struct mirror_wishes deeper = *keep;
	char *below;
	int r;

	if (entry->kind != FTP_KIND_DIRECTORY) {
		if (!removal->is_counting && unlinkat(fd, entry->name, 0) < 0)
			return -errno;
		++*removal->names;
		return 0;
	}
	below = path_join(keep->path, entry->name);
	if (below == NULL)
		return -ENOMEM;
	deeper.path = below;
	r = remove_tree(removal, fd, entry->name, &deeper, depth + 1, has_kept);
	free(below);
	return r;
}

static int
remove_local_content(
    const struct removal *removal, int fd, const struct mirror_wishes *keep, int depth, bool *keeps_inner)
{
	struct ftp_list list;
	int r = local_list(fcntl(fd, F_DUPFD_CLOEXEC, 0), keep->path, &list);

	for (size_t i = 0; r == 0 && i < list.count; i++) {
		if (mirror_filtered(keep, &list.entries[i]) != NULL)
			*keeps_inner = true;
		else
			r = remove_local_entry(removal, fd, &list.entries[i], keep, depth, keeps_inner);
	}
	ftp_list_free(&list);
	return r;
}

static int
remove_tree(const struct removal *removal, int dir_fd, const char *name, const struct mirror_wishes *keep, int depth,
    bool *has_kept)
{
	bool keeps_inner = false;
	int fd, r;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = remove_local_content(removal, fd, keep, depth, &keeps_inner);
	close_fd(&fd);
	if (keeps_inner)
		*has_kept = true;
	if (keeps_inner || r < 0)
		return r;
	if (!removal->is_counting && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		return -errno;
	++*removal->names;
	return 0;
}

int
local_tree_remove(int dir_fd, const char *name, const struct mirror_wishes *keep, bool is_counting, size_t *names)
{
	struct removal removal = {is_counting, names};
	bool has_kept = false;

	return remove_tree(&removal, dir_fd, name, keep, 0, &has_kept);
}
