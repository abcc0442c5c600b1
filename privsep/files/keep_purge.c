/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep_purge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/written.h"
#include "privsep/files/directory.h"

#include "common/banned.h"

#define BREATH_ENTRIES 1000 /* a few milliseconds */

struct purge {
	struct keep_hold *hold;
	const struct keep_choice *choice;
	unsigned entries_left, until_breath;
	bool breathes;
	struct keep_purged *purged;
};

/* One more entry is looked at. */
static int
take_purge_turn(struct purge *purge)
{
	if (purge->entries_left == 0)
		return -E2BIG;
	purge->entries_left--;
	if (!purge->breathes || --purge->until_breath > 0)
		return 0;
	purge->until_breath = BREATH_ENTRIES;
	return keep_breathe(purge->hold);
}

/* True: it is gone. Another one may have taken it meanwhile. */
static bool
purge_item(struct purge *purge, int hash_fd, const char *name)
{
	struct stat st;

	if (fstatat(hash_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	if (!keep_item_is(name) || !S_ISREG(st.st_mode) || unlinkat(hash_fd, name, 0) < 0) {
		purge->purged->strange++;
		return false;
	}
	keep_forget(&purge->hold->state, (uint64_t)st.st_size);
	purge->purged->files++;
	purge->purged->bytes += (uint64_t)st.st_size;
	return true;
}

/* Nothing but the record is left, unless a session has kept one more file there while it had the lock. */
static int
remove_emptied(struct purge *purge, int day_fd, const char *hash)
{
	static struct directory rest SELDOM_WRITTEN;
	const struct dirent64 *entry;
	bool is_empty = true;
	int r = directory_open_at(&rest, day_fd, hash);

	while (r == 0 && is_empty && (r = directory_next(&rest, &entry)) == 0 && entry != NULL)
		is_empty = is_dot_or_dotdot(entry->d_name) || strcmp(entry->d_name, KEEP_PATH) == 0;
	if (r == 0 && is_empty && unlinkat(rest.fd, KEEP_PATH, 0) < 0 && errno != ENOENT)
		purge->purged->strange++;
	directory_close(&rest);
	if (r == 0 && is_empty)
		(void)!unlinkat(day_fd, hash, AT_REMOVEDIR);
	return keep_is_strange(r) ? 0 : r;
}

/* What is kept of one path in a day. Its record goes last, and only with the directory. */
static int
purge_path(struct purge *purge, int day_fd, const char *hash)
{
	static struct directory items SELDOM_WRITTEN;
	const struct dirent64 *entry;
	bool is_left = false;
	int r = directory_open_at(&items, day_fd, hash);

	if (keep_is_strange(r)) {
		purge->purged->strange += r != -ENOENT;
		return 0;
	}
	while (r == 0 && (r = directory_next(&items, &entry)) == 0 && entry != NULL) {
		if (is_dot_or_dotdot(entry->d_name) || strcmp(entry->d_name, KEEP_PATH) == 0)
			continue;
		r = take_purge_turn(purge);
		if (r == 0 && !purge_item(purge, items.fd, entry->d_name))
			is_left = true;
	}
	directory_close(&items);
	if (r == 0 && !is_left)
		r = remove_emptied(purge, day_fd, hash);
	return r;
}

static int
purge_day(struct purge *purge, const char *name)
{
	static struct directory paths SELDOM_WRITTEN;
	const struct dirent64 *entry;
	int r = directory_open_at(&paths, purge->hold->fd, name);

	if (keep_is_strange(r)) {
		purge->purged->strange += r != -ENOENT;
		return 0;
	}
	if (r == 0 && purge->choice->is_of_path)
		r = purge_path(purge, paths.fd, purge->choice->hash);
	else
		while (r == 0 && (r = directory_next(&paths, &entry)) == 0 && entry != NULL) {
			if (is_dot_or_dotdot(entry->d_name))
				continue;
			r = take_purge_turn(purge);
			if (r == 0 && keep_hash_is(entry->d_name))
				r = purge_path(purge, paths.fd, entry->d_name);
			else
				purge->purged->strange += r == 0;
		}
	directory_close(&paths);
	/* it stays where something is left */
	(void)!unlinkat(purge->hold->fd, name, AT_REMOVEDIR);
	return r;
}

int
keep_purge_chosen(struct keep_hold *hold, const struct keep_choice *choice, unsigned entries_max, bool breathes,
    struct keep_purged *purged)
{
	static struct keep_days days SELDOM_WRITTEN;
	struct purge purge = {hold, choice, entries_max, BREATH_ENTRIES, breathes, purged};
	uint64_t today = hold->state.clock_s / KEEP_DAY_S;
	char name[KEEP_DAY_SIZE];
	int r = keep_find_days(hold->fd, &days);
	int saved;

	for (uint64_t day = 0; r == 0 && (day = keep_day_from(&days, day)) != KEEP_NO_DAY; day++) {
		if (!keep_may_go(choice->rules, day, today, choice->wish))
			break; /* nor those after it */
		keep_day_name(day, name);
		r = purge_day(&purge, name);
	}
	if (r == -ETIMEDOUT) /* the lock is another's, and the state with it */
		return r;
	saved = keep_save(hold);
	return r < 0 ? r : saved;
}

int
keep_purge_old(struct keep_hold *hold, const struct home *home, unsigned entries_max)
{
	const struct keep_choice choice = {.rules = home->keep, .wish = KEEP_BY_AGE};
	struct keep_purged purged = {0};

	return home->keep->days == 0 ? 0 : keep_purge_chosen(hold, &choice, entries_max, false, &purged);
}

int
keep_purge(const struct home *home, unsigned entries_max)
{
	struct keep_hold hold;
	int r;

	if (home->keep == NULL)
		return 0;
	r = keep_open(&hold, home, false);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = keep_purge_old(&hold, home, entries_max);
	keep_release(&hold);
	return r == -E2BIG ? 0 : r;
}
