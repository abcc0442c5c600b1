/* SPDX-License-Identifier: ISC */
#include "privsep/files/permitted.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

static bool
has_rules(const struct home *home)
{
	return home->session != NULL && home->session->zones != NULL;
}

/* The directory that really holds what path names, and its name there, once that is permitted. */
static int
find_permitted(const struct home *home, const struct home_path *path, unsigned each_of, unsigned one_of,
    int *dir_fd_out, char name[NAME_MAX + 1])
{
	mode_t type;
	int dir_fd = -1;
	int r;

	if (path->len == 1) {
		memcpy(name, ".", 2);
		r = home_open(home, ".", O_PATH | O_DIRECTORY, &dir_fd);
	} else {
		r = home_open_target(home, path, &dir_fd, name, &type);
	}
	if (r == 0)
		r = zone_permit(home, dir_fd, each_of, one_of);
	if (r == 0) {
		*dir_fd_out = dir_fd;
		dir_fd = -1;	/* the caller's now */
	}
	close_fd(&dir_fd);
	return r;
}

int
permitted_parent(const struct home *home, const struct home_path *path, unsigned each_of, unsigned one_of,
    int *dir_fd_out, const char **name)
{
	int dir_fd = -1;
	int r = home_open_parent(home, path, &dir_fd, name);

	if (r == 0 && has_rules(home))
		r = zone_permit(home, dir_fd, each_of, one_of);
	if (r == 0) {
		*dir_fd_out = dir_fd;
		dir_fd = -1;	/* the caller's now */
	}
	close_fd(&dir_fd);
	return r;
}

int
permitted_stat(const struct home *home, const struct home_path *path, unsigned one_of, struct stat *st)
{
	char name[NAME_MAX + 1];
	int dir_fd = -1;
	int r;

	if (!has_rules(home))
		return (home->session->rights & one_of) == 0 ? -EKEYREVOKED : home_stat(home, path, st);
	r = find_permitted(home, path, 0, one_of, &dir_fd, name);
	if (r == 0)
		r = storage_look(dir_fd, name, st);
	close_fd(&dir_fd);
	return r;
}

/* The rights in the directory that a link leads to, or over the file. */
static void
look_behind_link(const struct home *home, const struct home_path *path, struct list_looked *looked)
{
	char name[NAME_MAX + 1];
	int dir_fd = -1;
	struct zone zone;

	if (find_permitted(home, path, 0, MAY_KNOW, &dir_fd, name) < 0)
		return;
	if (storage_look(dir_fd, name, &looked->target) == 0 && zone_of(home, dir_fd, &zone) == 0) {
		(void)zone_has_own(home, &looked->target, &zone);
		looked->st = &looked->target;
		looked->has_own_rights = true;
		looked->own_rights = zone.rights;
	}
	close_fd(&dir_fd);
}

void
permitted_look(const struct home *home, const struct home_path *path, struct list_looked *looked)
{
	struct zone zone;

	looked->st = &looked->own;
	looked->has_own_rights = looked->is_fixed = false;
	if (S_ISLNK(looked->own.st_mode) && has_rules(home))
		look_behind_link(home, path, looked);
	else if (S_ISLNK(looked->own.st_mode) && home_stat(home, path, &looked->target) == 0)
		looked->st = &looked->target;
	if (!has_rules(home) || !S_ISDIR(looked->own.st_mode))
		return;
	looked->is_fixed = zone_is_fixed(home, &looked->own);
	looked->has_own_rights = zone_has_own(home, &looked->own, &zone);
	looked->own_rights = looked->has_own_rights ? zone.rights : 0;
}

static int
plain_or_error(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return 0;
	return S_ISDIR(st->st_mode) ? -EISDIR : -ENOTSUP;
}

/* As home_open_file(), of a name that is no link. */
static int
open_plain_name(int dir_fd, const char *name, int *fd_out, struct stat *st)
{
	int fd = -1;
	int r = storage_look(dir_fd, name, st);

	if (r == 0)
		r = plain_or_error(st);
	if (r < 0)
		return r;
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fstat(fd, st) < 0 ? -errno : plain_or_error(st);
	if (r == 0)
		r = home_clear_nonblock(fd);
	if (r == 0) {
		*fd_out = fd;
		fd = -1;	/* the caller's now */
	}
	close_fd(&fd);
	return r;
}

int
permitted_file(const struct home *home, const struct home_path *path, unsigned one_of, int *fd_out, struct stat *st)
{
	char name[NAME_MAX + 1];
	int dir_fd = -1;
	int r;

	if (!has_rules(home))
		return home_open_file(home, path, fd_out, st);
	r = find_permitted(home, path, 0, one_of, &dir_fd, name);
	if (r == 0)
		r = open_plain_name(dir_fd, name, fd_out, st);
	close_fd(&dir_fd);
	return r;
}

/* A directory with a rule is a name of one zone, and the place of another: both must permit what changes it. */
static int
permit_itself(const struct home *home, int fd, unsigned right)
{
	struct zone own = {.rights = right};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	(void)zone_has_own(home, &st, &own);
	return (own.rights & right) == right ? 0 : -EKEYREVOKED;
}

int
permitted_open(const struct home *home, const struct home_path *path, int flags, unsigned right, int *fd_out)
{
	char name[NAME_MAX + 1];
	int dir_fd = -1, fd = -1;
	int r;

	if (!has_rules(home))
		return home_open(home, home_path_relative(path), flags, fd_out);
	r = find_permitted(home, path, right, 0, &dir_fd, name);
	if (r < 0)
		return r;
	fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : permit_itself(home, fd, right);
	if (r == 0) {
		*fd_out = fd;
		fd = -1;	/* the caller's now */
	}
	close_fd(&fd);
	close_fd(&dir_fd);
	return r;
}

int
permitted_removal(const struct home *home, int dir_fd, const char *name)
{
	struct stat st;

	if (!has_rules(home) || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;	/* what is not there cannot be removed */
	return zone_is_fixed(home, &st) ? -EKEYREVOKED : 0;
}

/* Both names may change, as far as rules have to do with them. */
static int
permit_names(const struct home *home, int from_fd, const char *from_name, int to_fd, const char *to_name)
{
	int r = permitted_removal(home, from_fd, from_name);

	if (r == 0)
		r = permitted_removal(home, to_fd, to_name);
	return r == 0 && zone_is_vacant(home, to_fd, to_name) ? -EKEYREVOKED : r;
}

static bool
is_directory_there(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int
permitted_rename(const struct home *home, int from_fd, const char *from_name, int to_fd, const char *to_name,
    bool *permits_replacing)
{
	unsigned need_from = MAY_RENAME, need_to = 0;
	struct zone from, to;
	int r;

	*permits_replacing = (home->session->rights & MAY_OVERWRITE) != 0;
	if (!has_rules(home))
		return 0;
	r = zone_of(home, from_fd, &from);
	if (r == 0)
		r = zone_of(home, to_fd, &to);
	if (r < 0)
		return r;
	if (from.rule != to.rule) {
		bool is_directory = is_directory_there(from_fd, from_name);

		need_from |= MAY_READ | MAY_DELETE | (is_directory ? MAY_RMDIR : 0U);
		need_to = MAY_CREATE | (is_directory ? MAY_MKDIR : 0U);
		if ((to.rights & ~from.rights) != 0)
			return -EKEYREVOKED;
	}
	*permits_replacing = (to.rights & MAY_OVERWRITE) != 0;
	if ((from.rights & need_from) != need_from || (to.rights & need_to) != need_to)
		return -EKEYREVOKED;
	return permit_names(home, from_fd, from_name, to_fd, to_name);
}
