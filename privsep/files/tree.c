/* SPDX-License-Identifier: ISC */
#include "privsep/files/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/libc.h"
#include "common/written.h"
#include "privsep/files/directory.h"
#include "privsep/files/keep.h"
#include "privsep/files/partial.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/permitted.h"
#include "privsep/files/retain.h"

#include "common/banned.h"

/* One walk: what is done with what it meets. */
struct walk {
	const struct home *home;
	int (*meet)(struct walk *walk, int dir_fd, const char *name, const struct stat *st); /* all but directories */
	/* a directory below the first, walked to its end; or NULL */
	int (*leave)(struct walk *walk, int dir_fd, const char *name);
	/* a directory below the first, before it: 0, -errno, or -ENOENT to leave it out; or NULL */
	int (*enter)(const struct walk *walk, const struct stat *st);
	bool stays;		/* on the file system of the first directory: -EXDEV otherwise */
	dev_t device;
	uint64_t entries_left;
	uint64_t bytes;
	struct stop *stop;
	bool is_bracketed; /* the quota's bracket is open */
	bool skips_keep; /* what is kept is no client's: neither a sum nor a removal has it */
	uint64_t now_s; /* by the keep's own clock */
	uint64_t retained_until_s; /* by that clock, the last date of what was met; 0: nothing stays */
	struct home_path *path; /* of the directory that it is in, where it keeps what it removes; or NULL */
};

static int walk_directory(struct walk *walk, int dir_fd, const char *name, unsigned depth);

static int
enter_path(struct walk *walk, const char *name)
{
	return walk->path == NULL ? 0 : home_path_push(walk->path, name, strlen(name));
}

/* Back to a path that was so long. */
static void
leave_path(struct walk *walk, size_t len)
{
	if (walk->path == NULL)
		return;
	walk->path->len = len;
	walk->path->text[len] = '\0';
}

static int
walk_subdirectory(struct walk *walk, int dir_fd, const char *name, const struct stat *st, unsigned depth)
{
	size_t len = walk->path == NULL ? 0 : walk->path->len;
	int r;

	if (walk->stays && st->st_dev != walk->device)
		return -EXDEV;
	if (depth == TREE_DEPTH_MAX)
		return -E2BIG;
	r = walk->enter == NULL ? 0 : walk->enter(walk, st);
	if (r == 0)
		r = enter_path(walk, name);
	if (r == 0)
		r = walk_directory(walk, dir_fd, name, depth);
	if (r == 0 && walk->leave != NULL)
		r = walk->leave(walk, dir_fd, name);
	leave_path(walk, len);
	return r;
}

/* Do not wait for a turn while holding the quota's lock, for which others wait. */
static int
take_turn_outside(struct walk *walk)
{
	bool was_bracketed = walk->is_bracketed;
	int r = was_bracketed ? quota_end(walk->home->quota) : 0;

	walk->is_bracketed = false;
	if (r == 0)
		r = stop_wait_for_turn(walk->stop);
	if (r < 0 || !was_bracketed)
		return r;
	r = quota_begin(walk->home->quota, 0, 0);
	walk->is_bracketed = r == 0;
	return r;
}

static int
check_stop(struct walk *walk)
{
	int r = stop_look(walk->stop);

	return r == 0 && stop_is_turn_due(walk->stop) ? take_turn_outside(walk) : r;
}

static int
walk_entry(struct walk *walk, int dir_fd, const char *name, unsigned depth)
{
	struct stat st;
	int r;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (strcmp(name, KEEP_DIRECTORY) == 0) /* of an account whose home is in here */
		return walk->skips_keep ? 0 : -EKEYREVOKED;
	if (walk->entries_left == 0)
		return -E2BIG;
	walk->entries_left--;
	r = check_stop(walk);
	if (r < 0)
		return r;
	if (patterns_match(walk->home->session->patterns, true, name, strlen(name)))
		r = walk->stays ? -EKEYREVOKED : 0; /* of a removal: what may not be named may not go */
	else if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = walk_subdirectory(walk, dir_fd, name, &st, depth + 1);
	else
		r = walk->meet(walk, dir_fd, name, &st);
	return r == -ENOENT ? 0 : r; /* vanished */
}

static int
walk_directory(struct walk *walk, int dir_fd, const char *name, unsigned depth)
{
	static struct directory levels[TREE_DEPTH_MAX] SELDOM_WRITTEN; /* touched as deep as trees are */
	struct directory *level = &levels[depth];
	const struct dirent64 *entry;
	int r;

	r = directory_open_at(level, dir_fd, name);
	while (r == 0 && (r = directory_next(level, &entry)) == 0 && entry != NULL)
		r = walk_entry(walk, level->fd, entry->d_name, depth);
	directory_close(level);
	return r;
}

static int
meet_size(struct walk *walk, int dir_fd, const char *name, const struct stat *st)
{
	(void)dir_fd;
	if (S_ISREG(st->st_mode) && !partial_name_is(name, strlen(name)))
		walk->bytes += (uint64_t)st->st_size;
	return 0;
}

/* What may not be listed is not summed up. */
static int
enter_listed(const struct walk *walk, const struct stat *st)
{
	struct zone zone = {.rights = MAY_LIST};

	if (zone_is_closed(st))
		return -EACCES;
	(void)zone_has_own(walk->home, st, &zone);
	return (zone.rights & MAY_LIST) != 0 ? 0 : -ENOENT;
}

/* Of a tree, the right to list the directory; of a file, and of what is not there (fd is -1), that of its name. */
static int
permit_size(const struct home *home, const struct home_path *path, int fd, const struct stat *st)
{
	struct stat seen;

	if (home->session->zones == NULL)
		return 0;
	if (fd >= 0 && S_ISDIR(st->st_mode))
		return zone_permit(home, fd, MAY_LIST, 0);
	return permitted_stat(home, path, MAY_LIST, &seen); /* where a link leads to */
}

int
tree_size(const struct home *home, const struct home_path *path, struct stop *stop, uint64_t *bytes)
{
	struct walk walk = {.home = home,
	    .meet = meet_size,
	    .enter = enter_listed,
	    .entries_left = TREE_SIZE_ENTRIES_MAX,
	    .stop = stop,
	    .skips_keep = true};
	struct stat st;
	int fd = -1;
	int r;

	r = home_open(home, home_path_relative(path), O_PATH, &fd);
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (permit_size(home, path, fd, &st) == -EKEYREVOKED)
		r = -EKEYREVOKED;
	if (r == 0 && S_ISDIR(st.st_mode))
		r = walk_directory(&walk, fd, ".", 0);
	else if (r == 0 && S_ISREG(st.st_mode))
		walk.bytes = (uint64_t)st.st_size;
	else if (r == 0)
		r = -ENOTSUP;
	*bytes = walk.bytes;
	close_fd(&fd);
	return r;
}

/* A directory with a rule, or one that leads to it, stays: and so does the tree. */
static int
enter_removable(const struct walk *walk, const struct stat *st)
{
	return zone_is_fixed(walk->home, st) ? -EKEYREVOKED : 0;
}

static int
meet_nothing(struct walk *walk, int dir_fd, const char *name, const struct stat *st)
{
	(void)walk;
	(void)dir_fd;
	(void)name;
	(void)st;
	return 0;
}

/* What must stay keeps the whole tree, until the last date in it. */
static int
meet_retained(struct walk *walk, int dir_fd, const char *name, const struct stat *st)
{
	uint64_t until_s;
	int r;

	if (!S_ISREG(st->st_mode) || partial_name_is(name, strlen(name)))
		return 0;
	r = retain_date_of(walk->home->keep, dir_fd, name, &until_s);
	if (r == 0 && walk->now_s < until_s && walk->retained_until_s < until_s)
		walk->retained_until_s = until_s;
	return r;
}

/* A large tree is not one change: other sessions have their turn in between. */
static int
take_turn(struct walk *walk)
{
	int r = quota_turn(walk->home->quota);

	walk->is_bracketed = r == 0;
	return r;
}

static int
remove_met_file(struct walk *walk, int dir_fd, const char *name)
{
	size_t len = walk->path == NULL ? 0 : walk->path->len;
	int r = enter_path(walk, name);

	if (r == 0)
		r = keep_unlink(walk->home, walk->path, dir_fd, name);
	leave_path(walk, len);
	return r;
}

static int
meet_remove(struct walk *walk, int dir_fd, const char *name, const struct stat *st)
{
	int r;

	(void)st;
	if (partial_name_is(name, strlen(name)))
		r = partial_remove_named(walk->home, dir_fd, name);
	else
		r = remove_met_file(walk, dir_fd, name);
	return r < 0 ? r : take_turn(walk);
}

static int
leave_remove(struct walk *walk, int dir_fd, const char *name)
{
	int r = quota_unlink(walk->home->quota, dir_fd, name, AT_REMOVEDIR);

	return r < 0 ? r : take_turn(walk);
}

/* The directory called name in dir_fd, no link: what the walks must stay on. */
static int
device_of(int dir_fd, const char *name, dev_t *device)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*device = st.st_dev;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static int
remove_counted(struct walk *removal, int dir_fd, const char *name)
{
	int r;

	if (quota_is_kept(removal->home->quota))
		stop_before_changes(removal->stop);
	r = quota_begin(removal->home->quota, 0, 0);
	if (r < 0)
		return r;
	removal->is_bracketed = true;
	r = walk_directory(removal, dir_fd, name, 0);
	if (r == 0)
		r = leave_remove(removal, dir_fd, name);
	if (removal->is_bracketed && quota_end(removal->home->quota) < 0 && r == 0)
		r = -EIO;
	return r;
}

int
tree_remove(const struct home *home, const struct home_path *path, struct stop *stop)
{
	struct walk look = {
	    .home = home,
	    .meet = meet_nothing,
	    .enter = enter_removable,
	    .stays = true,
	    .entries_left = TREE_REMOVE_ENTRIES_MAX,
	    .stop = stop,
	};
	struct walk removal = {
	    .home = home,
	    .meet = meet_remove,
	    .leave = leave_remove,
	    .enter = enter_removable,
	    .stays = true,
	    .entries_left = TREE_REMOVE_ENTRIES_MAX,
	    .stop = stop,
	};
	static struct home_path kept_path SELDOM_WRITTEN;
	const char *name;
	int dir_fd = -1;
	int r;

	if (path->len == 1)
		return -EPERM;
	if (home->keep != NULL || home->session->has_brake) {
		kept_path = *path;
		removal.path = &kept_path;
	}
	r = permitted_parent(home, path, MAY_RMDIR | MAY_DELETE, 0, &dir_fd, &name);
	if (r == 0)
		r = permitted_removal(home, dir_fd, name);
	if (r == 0 && home->keep != NULL && home->keep->retain_days > 0) {
		look.meet = meet_retained;
		r = keep_time(home, &look.now_s);
	}
	if (r == 0)
		r = device_of(dir_fd, name, &look.device);
	if (r == 0)
		r = walk_directory(&look, dir_fd, name, 0);
	if (r == 0 && look.retained_until_s > 0)
		r = retain_refuse(RETAINED_WITHIN, look.retained_until_s, look.now_s);
	removal.device = look.device;
	if (r == 0)
		r = remove_counted(&removal, dir_fd, name);
	close_fd(&dir_fd);
	return r;
}
