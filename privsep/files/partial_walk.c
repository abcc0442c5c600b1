/* SPDX-License-Identifier: ISC */
#include "privsep/files/partial_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/written.h"
#include "privsep/files/directory.h"
#include "privsep/files/partial_name.h"

#include "common/banned.h"

#define DEPTH_MAX 64
#define STOP_EVERY 256	/* entries; to look is a system call */

struct partial_walk {
	struct home_path path;	/* of the current directory, as far as it fits */
	unsigned cut_levels;	/* directories at the end of it that did not */
	uint64_t entries_left;
	struct stop *stop;
	int (*visit)(void *arg, const struct partial_met *met);
	void *arg;
};

static int walk_partials(struct partial_walk *walk, int dir_fd, const char *name, unsigned depth);

static bool
is_directory(int dir_fd, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* The directory below, under its path. */
static int
walk_partials_below(struct partial_walk *walk, int dir_fd, const char *name, unsigned depth)
{
	size_t len = walk->path.len;
	bool is_cut = walk->cut_levels > 0 || home_path_push(&walk->path, name, strlen(name)) < 0;
	int r;

	walk->cut_levels += is_cut;
	r = walk_partials(walk, dir_fd, name, depth);
	walk->cut_levels -= is_cut;
	walk->path.len = len;
	walk->path.text[len] = '\0';
	return r;
}

static int
meet_entry(struct partial_walk *walk, int dir_fd, const struct dirent64 *entry, unsigned depth)
{
	const char *name = entry->d_name;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, KEEP_DIRECTORY) == 0)
		return 0;
	if (walk->entries_left == 0)
		return -E2BIG;
	if (--walk->entries_left % STOP_EVERY == 0 && walk->stop != NULL && stop_check(walk->stop) < 0)
		return -ECANCELED;
	if (is_directory(dir_fd, entry))
		return depth < DEPTH_MAX ? walk_partials_below(walk, dir_fd, name, depth) : 0;
	if (!partial_name_is(name, strlen(name)))
		return 0;
	return walk->visit(
	    walk->arg, &(const struct partial_met){dir_fd, name, walk->cut_levels > 0 ? NULL : &walk->path});
}

static int
walk_partials(struct partial_walk *walk, int dir_fd, const char *name, unsigned depth)
{
	static struct directory levels[DEPTH_MAX] SELDOM_WRITTEN;	/* touched as deep as trees are */
	struct directory *level = &levels[depth];
	const struct dirent64 *entry;
	int r = 0;

	if (directory_open_at(level, dir_fd, name) < 0)
		return 0;
	while (r == 0 && directory_next(level, &entry) == 0 && entry != NULL)
		r = meet_entry(walk, level->fd, entry, depth + 1);
	directory_close(level);
	return r;
}

int
partial_walk(const struct home *home, uint64_t entries_max, struct stop *stop,
    int (*visit)(void *arg, const struct partial_met *met), void *arg)
{
	static struct partial_walk walk;

	walk = (struct partial_walk){
	    .path = {1, "/"}, .entries_left = entries_max, .stop = stop, .visit = visit, .arg = arg};
	return walk_partials(&walk, home->fd, ".", 0);
}
