/* SPDX-License-Identifier: ISC */
#include "privsep/files/retained_list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "privsep/files/directory.h"
#include "privsep/files/keep.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/retain.h"

#include "common/banned.h"

#define RETAINED_DEPTH_MAX 128

struct search {
	const struct home *home;
	struct retained_list *list;
	uint64_t now_s;
	uint64_t kept_until_s;	/* in the keep: of the day in hand; 0: elsewhere */
	struct home_path path;
};

static int search_directory(struct search *search, int dir_fd, const char *name, unsigned depth);

static void
add_retained(struct search *search, uint64_t until_s)
{
	struct retained_list *list = search->list;

	list->count++;
	if (list->rows == RETAINED_ROWS_MAX)
		return;
	list->row[list->rows].until_s = retain_date_on_host(until_s, search->now_s);
	list->row[list->rows++].path = search->path;
}

static int
search_file(struct search *search, int dir_fd, const char *name)
{
	uint64_t until_s = search->kept_until_s;
	int r = 0;

	if (partial_name_is(name, strlen(name)))
		return 0;
	if (until_s == 0)
		r = retain_date_of(search->home->keep, dir_fd, name, &until_s);
	if (r == 0 && search->now_s < until_s)
		add_retained(search, until_s);
	return r;
}

/* A day of the keep goes as a whole; beside the days there is only its state. */
static int
search_keep_entry(struct search *search, int dir_fd, const char *name, unsigned depth)
{
	int r = 0;

	if (!keep_day_is(name))
		return 0;
	search->kept_until_s =
	    keep_goes_on_day(search->home->keep, keep_day_number(name), KEEP_BY_ADMINISTRATOR) * KEEP_DAY_S;
	if (search->now_s < search->kept_until_s)
		r = search_directory(search, dir_fd, name, depth);
	search->kept_until_s = 0;
	return r;
}

static int
search_entry(struct search *search, int dir_fd, const char *name, bool is_in_keep, unsigned depth)
{
	size_t len = search->path.len;
	struct stat st;
	int r = home_path_push(&search->path, name, strlen(name));

	if (r < 0)
		return r;
	if (is_in_keep)
		r = search_keep_entry(search, dir_fd, name, depth);
	else if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = errno == ENOENT ? 0 : -errno;
	else if (S_ISDIR(st.st_mode))
		r = search_directory(search, dir_fd, name, depth);
	else if (S_ISREG(st.st_mode) && (search->kept_until_s == 0 || strchr(name, '.') != NULL))
		r = search_file(search, dir_fd, name);
	search->path.len = len;
	search->path.text[len] = '\0';
	return r;
}

static int
search_directory(struct search *search, int dir_fd, const char *name, unsigned depth)
{
	static struct directory levels[RETAINED_DEPTH_MAX];
	struct directory *level = &levels[depth];
	bool is_keep = depth == 1 && strcmp(name, KEEP_DIRECTORY) == 0;
	const struct dirent64 *entry;
	int r;

	if (depth + 1 == RETAINED_DEPTH_MAX)
		return -E2BIG;
	r = directory_open_at(level, dir_fd, name);
	while (r == 0 && (r = directory_next(level, &entry)) == 0 && entry != NULL)
		if (!is_dot_or_dotdot(entry->d_name))
			r = search_entry(search, level->fd, entry->d_name, is_keep, depth + 1);
	directory_close(level);
	return r;
}

int
retained_list_make(const struct home *home, struct retained_list *list)
{
	static struct search search;
	struct keep_hold hold;
	int r;

	*list = (struct retained_list){.count = 0};
	search = (struct search){.home = home, .list = list, .path = {.len = 1, .text = "/"}};
	r = keep_open(&hold, home, false);
	if (r < 0 && r != -ENOENT)
		return r;
	search.now_s = r == 0 ? hold.state.clock_s : (uint64_t)time(NULL);
	keep_end(&hold, 0);
	return search_directory(&search, home->fd, ".", 0);
}
