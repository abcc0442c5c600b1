#include "privsep/files/sweep.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "privsep/files/directory.h"
#include "privsep/files/partial.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/quota.h"

#include "common/banned.h"

#define DEPTH_MAX 64

struct sweep {
	const struct home *home;
	time_t limit;		/* older than this is old */
	uint64_t entries_left;
	uint64_t removed;
};

static void sweep_directory(struct sweep *sweep, int dir_fd, const char *name, unsigned depth);

static bool
is_directory(int dir_fd, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool
is_old(const struct sweep *sweep, int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < sweep->limit;
}

/* A change of its own: the walk keeps nobody waiting. */
static bool
remove_partial(const struct home *home, int dir_fd, const char *name)
{
	int r;

	if (quota_begin(home, 0, 0) < 0)
		return false;
	r = partial_remove_named(home, dir_fd, name);
	return quota_end(home) == 0 && r == 0;
}

static void
sweep_entry(struct sweep *sweep, int dir_fd, const struct dirent64 *entry, unsigned depth)
{
	const char *name = entry->d_name;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (is_directory(dir_fd, entry)) {
		if (depth < DEPTH_MAX)
			sweep_directory(sweep, dir_fd, name, depth);
	} else if (partial_name_is(name, strlen(name)) && is_old(sweep, dir_fd, name)) {
		if (remove_partial(sweep->home, dir_fd, name))
			sweep->removed++;
	}
}

static void
sweep_directory(struct sweep *sweep, int dir_fd, const char *name, unsigned depth)
{
	static struct directory levels[DEPTH_MAX];	/* touched as deep as trees are */
	struct directory *level = &levels[depth];
	const struct dirent64 *entry;

	if (directory_open_at(level, dir_fd, name) < 0)
		return;
	while (sweep->entries_left > 0 && directory_next(level, &entry) == 0 && entry != NULL) {
		sweep->entries_left--;
		sweep_entry(sweep, level->fd, entry, depth + 1);
	}
	directory_close(level);
}

uint64_t
sweep_home(const struct home *home, uint64_t keep_s, uint64_t entries_max)
{
	struct sweep sweep = {.home = home, .entries_left = entries_max};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (keep_s >= (uint64_t)now.tv_sec)
		return 0;
	sweep.limit = now.tv_sec - (time_t)keep_s;
	sweep_directory(&sweep, home->fd, ".", 0);
	return sweep.removed;
}
