/* SPDX-License-Identifier: ISC */
#include "privsep/files/change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "privsep/files/hash_cache.h"
#include "privsep/files/keep.h"
#include "privsep/files/partial.h"
#include "privsep/files/permitted.h"
#include "privsep/files/retain.h"

#include "common/banned.h"

#define MODE_MAX 0777

static bool
is_home_root(const struct home_path *path)
{
	return path->len == 1;
}

/* End the bracket that a change was made in; r is what came of the change. */
static int
end_quota_change(const struct home *home, int r)
{
	int ended = quota_end(home->quota);

	return r < 0 ? r : ended;
}

static int
make_home_directory(const struct home *home, int dir_fd, const char *name)
{
	int r = quota_begin(home->quota, 0, 1);

	if (r < 0)
		return r;
	if (mkdirat(dir_fd, name, files_directory_mode(home->session)) < 0)
		r = -errno;
	else
		quota_made(home->quota, dir_fd, name);
	return end_quota_change(home, r);
}

int
change_make_directory(const struct home *home, const struct home_path *path)
{
	const char *name;
	int dir_fd = -1;
	int r;

	if (is_home_root(path))
		return -EEXIST;
	if (has_control(home_path_name(path), strlen(home_path_name(path))))
		return -EINVAL;
	r = permitted_parent(home, path, MAY_MKDIR, 0, &dir_fd, &name);
	if (r == 0)
		r = make_home_directory(home, dir_fd, name);
	close_fd(&dir_fd);
	return r;
}

static int
remove_directory(const struct home *home, int dir_fd, const char *name)
{
	int r = quota_begin(home->quota, 0, 0);

	if (r < 0)
		return r;
	r = quota_unlink(home->quota, dir_fd, name, AT_REMOVEDIR);
	if (r == -EEXIST || r == -ENOTEMPTY) {
		r = partial_clear_directory(home, dir_fd, name);
		if (r == 0)
			r = quota_unlink(home->quota, dir_fd, name, AT_REMOVEDIR);
	}
	return end_quota_change(home, r);
}

int
change_remove_directory(const struct home *home, const struct home_path *path)
{
	const char *name;
	int dir_fd = -1;
	int r;

	if (is_home_root(path))
		return -EPERM;
	r = permitted_parent(home, path, MAY_RMDIR, 0, &dir_fd, &name);
	if (r == 0)
		r = permitted_removal(home, dir_fd, name);
	if (r == 0)
		r = remove_directory(home, dir_fd, name);
	close_fd(&dir_fd);
	return r;
}

static int
remove_home_file(const struct home *home, const struct home_path *path, int dir_fd, const char *name)
{
	int r = quota_begin(home->quota, 0, 0);

	if (r < 0)
		return r;
	r = keep_unlink(home, path, dir_fd, name);
	if (r == -ENOENT)
		r = partial_remove(home, dir_fd, name);
	return end_quota_change(home, r);
}

int
change_remove_file(const struct home *home, const struct home_path *path)
{
	const char *name;
	int dir_fd = -1;
	int r;

	if (is_home_root(path))
		return -EISDIR;
	r = permitted_parent(home, path, MAY_DELETE, 0, &dir_fd, &name);
	if (r == 0)
		r = remove_home_file(home, path, dir_fd, name);
	close_fd(&dir_fd);
	return r;
}

/* rename(2) of two names of one file does nothing. */
static bool
is_same_name_twice(int from_fd, const char *from_name, const struct stat *replaced)
{
	struct stat st;

	return replaced->st_nlink > 0 && fstatat(from_fd, from_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == replaced->st_ino && st.st_dev == replaced->st_dev;
}

static int
rename_permitted(const struct home *home, int from_fd, const char *from_name, const struct home_path *to, int to_fd,
    const char *to_name)
{
	bool replaces;
	int r = permitted_rename(home, from_fd, from_name, to_fd, to_name, &replaces);

	if (r < 0)
		return r;
	if (replaces)
		return home_name_error(-keep_rename(home, to, from_fd, from_name, to_fd, to_name));
	r = keep_rename_to_new(home, from_fd, from_name, to_fd, to_name);
	return r == -EEXIST ? -EKEYREVOKED : home_name_error(-r);
}

static int
rename_counted(const struct home *home, int from_fd, const char *from_name, const struct home_path *to, int to_fd,
    const char *to_name)
{
	struct stat replaced, moved;
	bool is_same;
	int r = quota_begin(home->quota, 0, 0);

	if (r < 0)
		return r;
	r = quota_look(home->quota, to_fd, to_name, &replaced);
	if (r < 0)
		return end_quota_change(home, r);
	r = keep_permit_change(home, from_fd, from_name);
	if (r < 0)
		return end_quota_change(home, r);
	is_same = is_same_name_twice(from_fd, from_name, &replaced);
	quota_look_for_count(home->quota, from_fd, from_name, &moved);
	r = rename_permitted(home, from_fd, from_name, to, to_fd, to_name);
	if (r == 0 && !is_same)
		quota_renamed(home->quota, &moved, &replaced);
	return end_quota_change(home, r);
}

int
change_rename(const struct home *home, const struct home_path *from, const struct home_path *to)
{
	const char *from_name, *to_name;
	int from_fd = -1, to_fd = -1;
	int r;

	if (is_home_root(from) || is_home_root(to))
		return -EPERM;
	if (has_control(home_path_name(to), strlen(home_path_name(to))))
		return -EINVAL;
	r = home_open_parent(home, from, &from_fd, &from_name);
	if (r == 0)
		r = home_open_parent(home, to, &to_fd, &to_name);
	if (r == 0)
		r = rename_counted(home, from_fd, from_name, to, to_fd, to_name);
	close_fd(&from_fd);
	close_fd(&to_fd);
	return r;
}

static int
must_be_file_or_directory(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) ? 0 : -ENOTSUP;
}

/* MFMT and SITE CHMOD change ctime: a date of retention that rests on it is written down before. */
static void
settle_date(const struct home *home, int fd)
{
	if (home->keep != NULL)
		retain_settle_date(home->keep, fd);
}

/* A hash that was kept for one mtime must not become valid again when the client sets that mtime. */
static void
forget_hashes(const struct home *home, const struct home_path *path)
{
	struct stat st;
	int fd = -1;

	if (home_open_file(home, path, &fd, &st) == 0) {
		settle_date(home, fd);
		hash_cache_forget(fd);
	}
	close_fd(&fd);
}

int
change_set_time(const struct home *home, const struct home_path *path, int64_t mtime_s, int64_t *kept_s)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)mtime_s}};
	struct stat st;
	int fd = -1;
	int r;

	r = permitted_open(home, path, O_PATH, MAY_CHMOD, &fd);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0)
		r = must_be_file_or_directory(&st);
	if (r == 0 && S_ISREG(st.st_mode))
		forget_hashes(home, path);
	if (r == 0 && (utimensat(fd, "", times, AT_EMPTY_PATH) < 0 || fstat(fd, &st) < 0))
		r = -errno;
	if (r == 0)
		*kept_s = st.st_mtim.tv_sec;
	close_fd(&fd);
	return r;
}

static mode_t
new_mode(const struct home *home, const struct stat *st, uint32_t mode)
{
	if (!S_ISDIR(st->st_mode)) /* the date of retention must be readable */
		return mode | home->session->least_file_mode |
		    (home->keep != NULL && home->keep->retain_days > 0 ? S_IRUSR : 0U);
	return mode | home->session->least_directory_mode | (st->st_mode & (S_ISGID | S_ISVTX));
}

/*
 * Without a right to read or write there is no descriptor to work on, and the name must do.
 * Should a link be put there now, it leads to a file that its owner could have named as well.
 */
static int
set_mode_by_name(const struct home *home, const struct home_path *path, uint32_t mode)
{
	char name[NAME_MAX + 1];
	struct stat st;
	mode_t type;
	int dir_fd = -1;
	int r;

	r = home_open_target(home, path, &dir_fd, name, &type);
	if (r == 0 && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r == 0)
		r = must_be_file_or_directory(&st);
	if (r == 0 && fchmodat(dir_fd, name, new_mode(home, &st, mode), 0) < 0)
		r = -errno;
	close_fd(&dir_fd);
	return r;
}

int
change_set_mode(const struct home *home, const struct home_path *path, uint32_t mode)
{
	struct stat st;
	int fd = -1;
	int r;

	if (mode > MODE_MAX)
		return -EINVAL;
	r = permitted_stat(home, path, MAY_CHMOD, &st);
	if (r == 0)
		r = must_be_file_or_directory(&st);
	if (r == 0)
		r = permitted_open(home, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, MAY_CHMOD, &fd);
	if (r == -EACCES && home->session->zones == NULL) /* a link may lead into another zone */
		return set_mode_by_name(home, path, mode);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0)
		r = must_be_file_or_directory(&st); /* again: of what was opened */
	if (r == 0)
		settle_date(home, fd);
	if (r == 0 && fchmod(fd, new_mode(home, &st, mode)) < 0)
		r = -errno;
	close_fd(&fd);
	return r;
}
