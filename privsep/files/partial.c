/* SPDX-License-Identifier: ISC */
#include "privsep/files/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "privsep/files/directory.h"
#include "privsep/files/locked_file.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/storage.h"
#include "privsep/files/zone.h"

#include "common/banned.h"

#define TARGET_ATTRIBUTE "user.sallyport.partial-of"
#define SWEEP_ENTRIES_MAX 1000
#define SWEEP_EVERY_S 60	/* one directory, while upload follows upload */

/* The directory that this process swept last, by its path, and when it is worth another look. */
static struct {
	size_t len;
	char path[PATH_MAX];
	uint64_t due_ms;
} swept;

int
partial_stat_at(int dir_fd, const char *target, struct stat *st)
{
	char name[PARTIAL_NAME_SIZE];
	int r = partial_name_make(target, name);

	if (r == 0)
		r = storage_look(dir_fd, name, st);
	return r == 0 && !S_ISREG(st->st_mode) ? -ENOENT : r;
}

int
partial_stat(const struct home *home, const struct home_path *path, struct stat *st)
{
	char target[NAME_MAX + 1];
	mode_t type;
	int dir_fd = -1;
	int r;

	r = home_open_target(home, path, &dir_fd, target, &type);
	if (r == 0)
		r = zone_permit(home, dir_fd, 0, MAY_LIST | MAY_READ | MAY_CREATE | MAY_OVERWRITE);
	if (r == 0)
		r = partial_stat_at(dir_fd, target, st);
	close_fd(&dir_fd);
	return r;
}

int
partial_open(const struct home *home, const struct home_path *path, int *fd_out, struct stat *st)
{
	char target[NAME_MAX + 1], name[PARTIAL_NAME_SIZE];
	mode_t type;
	int dir_fd = -1, fd = -1;
	int r;

	r = home_open_target(home, path, &dir_fd, target, &type);
	if (r == 0)
		r = zone_permit(home, dir_fd, MAY_READ, 0);
	if (r == 0)
		r = partial_name_make(target, name);
	if (r < 0)
		goto out;
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, st) < 0) {
		r = -errno;
		goto out;
	}
	if (!S_ISREG(st->st_mode)) {
		r = -ENOENT;
		goto out;
	}
	*fd_out = fd;
	fd = -1;
out:
	close_fd(&fd);
	close_fd(&dir_fd);
	return r;
}

/* Under its lock, so that no upload loses what it writes. */
int
partial_remove_named(const struct home *home, int dir_fd, const char *name)
{
	struct stat st;
	int fd = -1;
	int r;

	r = locked_file_hold(dir_fd, name, &fd, &st);
	if (r == 0 && unlinkat(dir_fd, name, 0) < 0)
		r = -errno;
	if (r == 0)
		quota_gone(home->quota, &st);
	locked_file_close(&fd);
	return r;
}

int
partial_remove(const struct home *home, int dir_fd, const char *target)
{
	char name[PARTIAL_NAME_SIZE];
	int r = partial_name_make(target, name);

	return r < 0 ? r : partial_remove_named(home, dir_fd, name);
}

int
partial_remove_counted(const struct home *home, int dir_fd, const char *name)
{
	int r = quota_begin(home->quota, 0, 0);
	int ended;

	if (r < 0)
		return r;
	r = partial_remove_named(home, dir_fd, name);
	ended = quota_end(home->quota);
	return r < 0 ? r : ended;
}

void
partial_note_target(int fd, const char *target)
{
	(void)fsetxattr(fd, TARGET_ATTRIBUTE, target, strlen(target), 0);
}

/* Emptied: the filter has no call that removes attributes. */
void
partial_forget_target(int fd)
{
	(void)fsetxattr(fd, TARGET_ATTRIBUTE, "", 0, XATTR_REPLACE);
}

int
partial_read_target(int fd, const char *name, char target[NAME_MAX + 1])
{
	char check[PARTIAL_NAME_SIZE];
	ssize_t len = fgetxattr(fd, TARGET_ATTRIBUTE, target, NAME_MAX);

	if (len <= 0 || memchr(target, '/', (size_t)len) != NULL || has_control(target, (size_t)len))
		return -ENODATA;
	target[len] = '\0';
	if (partial_name_make(target, check) < 0 || strcmp(check, name) != 0)
		return -ENODATA;
	return 0;
}

/* One pass over a directory of partials: look (is there anything else?) or remove them. */
static int
clear_pass(const struct home *home, int parent_fd, const char *name, bool removes)
{
	struct directory directory;
	const struct dirent64 *entry;
	int r;

	r = directory_open_at(&directory, parent_fd, name);
	while (r == 0 && (r = directory_next(&directory, &entry)) == 0 && entry != NULL) {
		if (is_dot_or_dotdot(entry->d_name))
			continue;
		if (!partial_name_is(entry->d_name, strlen(entry->d_name)))
			r = -ENOTEMPTY;
		else if (removes)
			r = partial_remove_named(home, directory.fd, entry->d_name);
		if (r == -ENOENT)
			r = 0;
	}
	directory_close(&directory);
	return r;
}

int
partial_clear_directory(const struct home *home, int parent_fd, const char *name)
{
	int r = clear_pass(home, parent_fd, name, false);

	return r < 0 ? r : clear_pass(home, parent_fd, name, true);
}

bool
partial_is_older(int dir_fd, const char *name, time_t limit)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtime >= limit)
		return false;
	/* another machine may write to it: examine the few that are to go once more */
	return !storage_is_shared() || (storage_look(dir_fd, name, &st) == 0 && st.st_mtime < limit);
}

/* True, and noted, when the directory was not swept a moment ago: a thousand uploads are not a thousand readings. */
static bool
is_sweep_due(const struct home_path *path, uint64_t keep_s)
{
	uint64_t now = monotonic_coarse_ms();
	size_t len = path->len - strlen(home_path_name(path));

	if (len == swept.len && memcmp(path->text, swept.path, len) == 0 && now < swept.due_ms)
		return false;
	memcpy(swept.path, path->text, len);
	swept.len = len;
	swept.due_ms = now + 1000 * (keep_s < SWEEP_EVERY_S ? keep_s : SWEEP_EVERY_S);
	return true;
}

void
partial_sweep(const struct home *home, const struct home_path *path, int dir_fd, uint64_t keep_s)
{
	struct directory directory;
	const struct dirent64 *entry;
	struct timespec now;
	time_t limit;

	clock_gettime(CLOCK_REALTIME, &now);
	if (keep_s >= (uint64_t)now.tv_sec)
		return;
	limit = now.tv_sec - (time_t)keep_s;
	if (!is_sweep_due(path, keep_s) || directory_open_at(&directory, dir_fd, ".") < 0)
		return;
	for (int i = 0; i < SWEEP_ENTRIES_MAX; i++) {
		if (directory_next(&directory, &entry) < 0 || entry == NULL)
			break;
		if (partial_name_is(entry->d_name, strlen(entry->d_name)) &&
		    partial_is_older(dir_fd, entry->d_name, limit))
			(void)partial_remove_named(home, dir_fd, entry->d_name);
	}
	directory_close(&directory);
}
