/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/directory.h"
#include "privsep/files/keep.h"
#include "privsep/files/partial_name.h"

#include "common/banned.h"

struct list {
	int (*each)(void *arg, const struct keep_item *item);
	void *arg;
	struct keep_listed *listed;
	struct keep_item item;	/* in hand */
};

/* The record of the path is believed only where it belongs to the directory's name. */
static void
read_path(struct list *list, int hash_fd)
{
	struct keep_item *item = &list->item;
	struct home_path path;
	char hash[KEEP_HASH_SIZE];
	int fd = openat(hash_fd, KEEP_PATH, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : io_read_all(fd, item->path, HOME_PATH_MAX);

	close_fd(&fd);
	item->path_len = 0;
	if (n <= 0 || home_path_check(item->path, (size_t)n, &path) < 0 || keep_hash(&path, hash) < 0 ||
	    strcmp(hash, item->hash) != 0) {
		item->path[0] = '\0';
		return;
	}
	item->path_len = (uint16_t)path.len;
	item->path[path.len] = '\0';
}

static int
list_kept_item(struct list *list, int hash_fd, const char *day, const char *name)
{
	struct stat st;

	if (!keep_item_is(name) || fstatat(hash_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
		list->listed->strange++;
		return 0;
	}
	snprintf(list->item.id, sizeof(list->item.id), "%.5s.%.19s", day, name);
	list->item.size = (uint64_t)st.st_size;
	list->listed->files++;
	list->listed->bytes += list->item.size;
	return list->each(list->arg, &list->item);
}

static int
list_path(struct list *list, int day_fd, const char *day, const char *hash)
{
	static struct directory items SELDOM_WRITTEN;
	const struct dirent64 *entry;
	int r = directory_open_at(&items, day_fd, hash);

	if (keep_is_strange(r)) {
		list->listed->strange += r != -ENOENT;
		return 0;
	}
	memcpy(list->item.hash, hash, sizeof(list->item.hash));
	if (r == 0)
		read_path(list, items.fd);
	while (r == 0 && (r = directory_next(&items, &entry)) == 0 && entry != NULL)
		if (!is_dot_or_dotdot(entry->d_name) && strcmp(entry->d_name, KEEP_PATH) != 0)
			r = list_kept_item(list, items.fd, day, entry->d_name);
	directory_close(&items);
	return r;
}

static int
list_day(struct list *list, int keep_fd, const char *day, const char *only)
{
	static struct directory paths SELDOM_WRITTEN;
	const struct dirent64 *entry;
	int r = directory_open_at(&paths, keep_fd, day);

	if (keep_is_strange(r)) {
		list->listed->strange += r != -ENOENT;
		return 0;
	}
	if (r == 0 && only[0] != '\0')
		r = list_path(list, paths.fd, day, only);
	else
		while (r == 0 && (r = directory_next(&paths, &entry)) == 0 && entry != NULL) {
			if (keep_hash_is(entry->d_name))
				r = list_path(list, paths.fd, day, entry->d_name);
			else
				list->listed->strange += !is_dot_or_dotdot(entry->d_name);
		}
	directory_close(&paths);
	return r;
}

int
keep_list(const struct home *home, const struct home_path *only, int (*each)(void *arg, const struct keep_item *item),
    void *arg, struct keep_listed *listed)
{
	static struct list list SELDOM_WRITTEN;
	static struct keep_days days SELDOM_WRITTEN;
	char day[KEEP_DAY_SIZE], hash[KEEP_HASH_SIZE] = "";
	int keep_fd = keep_open_directory(home->fd, KEEP_DIRECTORY);
	int r = keep_fd < 0 ? keep_fd : 0;

	*listed = (struct keep_listed){0};
	list.each = each;
	list.arg = arg;
	list.listed = listed;
	if (r == 0 && only != NULL)
		r = keep_hash(only, hash);
	if (r == 0)
		r = keep_find_days(keep_fd, &days);
	for (uint64_t next = KEEP_DAY_MAX, number; r == 0 && (number = keep_day_until(&days, next)) != KEEP_NO_DAY;
	     next = number - 1) {
		keep_day_name(number, day);
		r = list_day(&list, keep_fd, day, hash);
		if (number == 0)
			break;
	}
	close_fd(&keep_fd);
	if (r == -ENOENT)
		return 0;
	return keep_is_strange(r) ? -ENOLINK : r;
}
