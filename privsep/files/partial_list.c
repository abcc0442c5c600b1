/* SPDX-License-Identifier: ISC */
#include "privsep/files/partial_list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/handed.h"
#include "privsep/files/partial.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/partial_walk.h"
#include "privsep/files/permitted.h"
#include "privsep/files/storage.h"
#include "privsep/files/zone.h"

#include "common/banned.h"

struct collection {
	const struct home *home;
	struct partial_list *list;
	unsigned rows_max;
	bool only_idle;
	time_t now;
};

struct partial_row *
partial_list_place(struct partial_list *list, unsigned rows_max, int64_t mtime_s)
{
	unsigned at = list->rows;
	uint8_t slot;

	while (at > 0 && list->row[list->order[at - 1]].mtime_s > mtime_s)
		at--;
	if (at >= rows_max)
		return NULL;
	slot = (uint8_t)list->rows;
	if (list->rows == rows_max)
		slot = list->order[rows_max - 1];	/* the youngest makes room */
	else
		list->rows++;
	memmove(list->order + at + 1, list->order + at, list->rows - 1 - at);
	list->order[at] = slot;
	list->row[slot].mtime_s = mtime_s;
	return &list->row[slot];
}

/* Is a row wanted of this partial? One that the client will see needs the right to list. */
static bool
wants_row(const struct collection *collection, const struct partial_met *met, bool is_in_use)
{
	if (collection->rows_max == 0 || met->directory == NULL || met->directory->len + NAME_MAX + 1 > HOME_PATH_MAX)
		return false;
	if (collection->only_idle)	/* to make room */
		return !is_in_use && zone_permit(collection->home, met->dir_fd, 0, MAY_CREATE | MAY_DELETE) == 0;
	return zone_permit(collection->home, met->dir_fd, MAY_LIST, 0) == 0;
}

/* The path of the target where that is known, else of the partial itself. There is room for any name. */
static void
name_row(struct partial_row *row, const struct partial_met *met, int fd)
{
	char target[NAME_MAX + 1];
	const char *name = met->name;

	row->is_named = fd >= 0 && partial_read_target(fd, met->name, target) == 0;
	if (row->is_named)
		name = target;
	row->path = *met->directory;
	(void)!home_path_push(&row->path, name, strlen(name));
}

static void
add_partial_row(
    struct collection *collection, const struct partial_met *met, const struct stat *st, bool is_in_use, int fd)
{
	struct partial_row *row;

	row = partial_list_place(collection->list, collection->rows_max, st->st_mtime);
	if (row == NULL)
		return;
	name_row(row, met, fd);
	row->size = (uint64_t)st->st_size;
	row->age_s = st->st_mtime < collection->now ? (uint64_t)(collection->now - st->st_mtime) : 0;
	row->inode = st->st_ino;
	row->is_in_use = is_in_use;
}

static int
collect_partial(void *arg, const struct partial_met *met)
{
	struct collection *collection = arg;
	struct partial_list *list = collection->list;
	bool is_in_use = false;
	struct stat st;
	int fd;

	if (fstatat(met->dir_fd, met->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	fd = openat(met->dir_fd, met->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		is_in_use = handed_is_seen(fd);
	list->count++;
	list->bytes += (uint64_t)st.st_size;
	list->busy_count += is_in_use;
	list->busy_bytes += is_in_use ? (uint64_t)st.st_size : 0;
	if (wants_row(collection, met, is_in_use))
		add_partial_row(collection, met, &st, is_in_use, fd);
	close_fd(&fd);
	return 0;
}

int
partial_list_make(const struct home *home, struct partial_list *list, unsigned rows_max, bool only_idle,
    uint64_t entries_max, struct stop *stop)
{
	struct collection collection = {.home = home, .list = list, .rows_max = rows_max, .only_idle = only_idle};
	struct timespec now;
	int r;

	clock_gettime(CLOCK_REALTIME, &now);
	collection.now = now.tv_sec;
	list->count = list->bytes = list->busy_count = list->busy_bytes = 0;
	list->rows = 0;
	r = partial_walk(home, entries_max, stop, collect_partial, &collection);
	list->is_whole = r == 0;
	return r == -E2BIG ? 0 : r;
}

/* Remove it, unless it is not what it was when it was listed. */
static bool
give_way(const struct home *home, const struct partial_row *row, ino_t spared)
{
	char own_name[PARTIAL_NAME_SIZE];
	const char *name;
	struct stat st;
	int dir_fd = -1;
	int r;

	if (row->inode == spared)
		return false;
	r = permitted_parent(home, &row->path, 0, MAY_CREATE | MAY_DELETE, &dir_fd, &name);
	if (r == 0 && row->is_named) {
		r = partial_name_make(name, own_name);
		name = own_name;
	}
	if (r == 0)
		r = storage_look(dir_fd, name, &st);
	if (r == 0 && (st.st_ino != row->inode || st.st_mtime != row->mtime_s))
		r = -ESTALE;
	if (r == 0)
		r = partial_remove_counted(home, dir_fd, name);
	close_fd(&dir_fd);
	return r == 0;
}

bool
partials_give_way(const struct home *home, const struct home_path *path)
{
	static struct partial_list oldest SELDOM_WRITTEN;	/* looked for once for many */
	static unsigned next;
	struct stat st;
	ino_t spared;
	bool is_new = false;

	if (!quota_is_kept(home->quota))
		return false;
	spared = partial_stat(home, path, &st) == 0 ? st.st_ino : 0;
	for (;;) {
		while (next < oldest.rows)
			if (give_way(home, &oldest.row[oldest.order[next++]], spared))
				return true;
		if (is_new ||
		    partial_list_make(home, &oldest, PARTIAL_ROWS_MAX, true, PARTIAL_ROOM_ENTRIES_MAX, NULL) < 0)
			return false;
		next = 0;
		is_new = true;
	}
}
