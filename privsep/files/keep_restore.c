/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep_restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "common/written.h"
#include "privsep/files/directory.h"
#include "privsep/files/keep_path.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/rename_new.h"
#include "privsep/files/storage.h"
#include "privsep/files/zone.h"

#include "common/banned.h"

static void
add_version(struct keep_versions *versions, const char *day, const char *item, uint64_t size)
{
	struct keep_version version = {.size = size};
	unsigned at = versions->rows;

	versions->count++;
	snprintf(version.id, sizeof(version.id), "%.5s.%.19s", day, item);
	while (at > 0 && strcmp(versions->row[at - 1].id, version.id) < 0)
		at--;
	if (at == KEEP_VERSIONS_MAX)
		return;
	if (versions->rows < KEEP_VERSIONS_MAX)
		versions->rows++;
	memmove(versions->row + at + 1, versions->row + at, (versions->rows - 1 - at) * sizeof(version));
	versions->row[at] = version;
}

/* What one day has of the path. */
static int
look_at_day(struct keep_versions *versions, int keep_fd, const char *day, const char *hash)
{
	static struct directory items SELDOM_WRITTEN;
	char way[KEEP_DAY_SIZE + KEEP_HASH_SIZE];
	const struct dirent64 *entry;
	struct stat st;
	int r;

	snprintf(way, sizeof(way), "%.5s/%s", day, hash);
	r = directory_open_at(&items, keep_fd, way);
	while (r == 0 && (r = directory_next(&items, &entry)) == 0 && entry != NULL)
		if (keep_item_is(entry->d_name) && fstatat(items.fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			add_version(versions, day, entry->d_name, (uint64_t)st.st_size);
	directory_close(&items);
	return keep_is_strange(r) ? 0 : r;
}

/* Where directories have rights of their own, the one that holds the file decides, as for a listing. */
static int
find_versions(const struct home *home, const struct home_path *path, struct home_path *found)
{
	char name[NAME_MAX + 1];
	mode_t type;
	int dir_fd = -1;
	int r;

	*found = *path;
	if (home->session->zones == NULL)
		return 0;
	r = home_open_target(home, path, &dir_fd, name, &type);
	if (r == 0)
		r = zone_permit(home, dir_fd, MAY_LIST, 0);
	if (r == 0)
		r = keep_path_find(home, path, dir_fd, name, found);
	close_fd(&dir_fd);
	return r;
}

int
keep_versions(const struct home *home, const struct home_path *path, struct keep_versions *versions)
{
	static struct directory days SELDOM_WRITTEN;
	struct home_path found;
	char hash[KEEP_HASH_SIZE];
	const struct dirent64 *entry;
	int r;

	versions->count = 0;
	versions->rows = 0;
	if (home->keep == NULL || home->keep->days == 0)
		return -ENOKEY;
	r = find_versions(home, path, &found);
	if (r == 0)
		r = keep_hash(&found, hash);
	if (r == 0)
		r = directory_open_at(&days, home->fd, KEEP_DIRECTORY);
	while (r == 0 && (r = directory_next(&days, &entry)) == 0 && entry != NULL)
		if (keep_day_is(entry->d_name))
			r = look_at_day(versions, days.fd, entry->d_name, hash);
	directory_close(&days);
	return r == -ENOENT ? 0 : r;
}

/* The directory that holds the item, and the item's size. */
static int
open_version(const struct home *home, const struct home_path *path, const char *id, int *dir_fd, struct stat *st)
{
	char hash[KEEP_HASH_SIZE], way[sizeof(KEEP_DIRECTORY) + KEEP_DAY_SIZE + KEEP_HASH_SIZE];
	int r = keep_hash(path, hash);

	if (r < 0)
		return r;
	snprintf(way, sizeof(way), "%s/%.5s/%s", KEEP_DIRECTORY, id, hash);
	*dir_fd = keep_open_directory(home->fd, way);
	if (*dir_fd < 0)
		return *dir_fd;
	if (fstatat(*dir_fd, id + KEEP_DAY_SIZE, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? 0 : -ENOENT;
}

int
keep_has_version(const struct home *home, const struct home_path *path, const char *id)
{
	struct stat st;
	int dir_fd = -1;
	int r = open_version(home, path, id, &dir_fd, &st);

	close_fd(&dir_fd);
	return r;
}

/* May it take the name: nobody's, or that of a plain file? */
static int
permit_restore(const struct home *home, int dir_fd, const char *name, bool may_replace)
{
	struct stat st;
	int r = storage_look(dir_fd, name, &st);
	int permitted = zone_permit(home, dir_fd, r == 0 ? MAY_OVERWRITE : MAY_CREATE, 0);

	if (permitted < 0 || (r < 0 && r != -ENOENT))
		return permitted < 0 ? permitted : r;
	if (r == 0 && !may_replace)
		return -EEXIST;
	if (r == 0 && !S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
	return 0;
}

/* What was restored is no longer kept. */
static void
take_out(struct keep_hold *hold, uint64_t size)
{
	keep_forget(&hold->state, size);
	(void)!keep_save(hold);
}

/* Before the lock, another session may have restored it, and one more have kept another file under its name. */
static int
must_be_same_item(int from_fd, const char *item, const struct stat *st)
{
	struct stat now;

	if (fstatat(from_fd, item, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return now.st_ino == st->st_ino && now.st_size == st->st_size ? 0 : -ENOENT;
}

/*
 * The name may be of that very file: a session was killed while it kept it, or somebody has made a link. To rename
 * would do nothing then.
 */
static bool
is_there_already(int to_fd, const char *name, const struct stat *st)
{
	struct stat there;

	return storage_look(to_fd, name, &there) == 0 && there.st_ino == st->st_ino && there.st_dev == st->st_dev;
}

/* The file has the name, so it is no longer kept. */
static int
drop_second_name(struct keep_hold *hold, int from_fd, const char *item, const struct stat *st)
{
	if (unlinkat(from_fd, item, 0) < 0)
		return -errno;
	take_out(hold, (uint64_t)st->st_size);
	return 0;
}

/* In a bracket of the quota, with room for the file st. */
static int
restore_counted(struct keep_hold *hold, const struct home *home, const struct home_path *path, int from_fd,
    const char *item, int to_fd, const char *name, const struct stat *st, bool may_replace)
{
	struct stat replaced;
	int r = quota_look(home->quota, to_fd, name, &replaced);

	if (r == 0 && may_replace)
		r = keep_before_replacing(hold, home, path, to_fd, name);
	if (r < 0)
		return r;
	r = must_be_same_item(from_fd, item, st); /* it may have gone, as one that was old */
	if (r == 0 && hold->home != NULL) /* a file may have come after permit_restore() looked */
		r = zone_permit(home, to_fd, MAY_OVERWRITE, 0);
	if (r == 0 && hold->home == NULL)
		r = rename_to_new(from_fd, item, to_fd, name, storage_minds_flags());
	else if (r == 0 && renameat(from_fd, item, to_fd, name) < 0)
		r = -errno;
	if (r < 0)
		return home_name_error(-r);
	quota_gone(home->quota, &replaced);
	quota_made(home->quota, to_fd, name);
	quota_add(home->quota, (int64_t)st->st_size, 0);
	take_out(hold, (uint64_t)st->st_size);
	return 0;
}

/*
 * The same with the lock, without which another session may be about to replace the file that is kept: the name in the
 * keep would be its only one then.
 */
static int
restore_locked(const struct home *home, const struct home_path *path, int from_fd, const char *item, int to_fd,
    const char *name, const struct stat *st, bool may_replace)
{
	struct keep_hold hold;
	int r = keep_open(&hold, home, false);

	if (r < 0)
		return r;
	r = must_be_same_item(from_fd, item, st);
	if (r == 0 && is_there_already(to_fd, name, st))
		r = drop_second_name(&hold, from_fd, item, st);
	else if (r == 0)
		r = restore_counted(&hold, home, path, from_fd, item, to_fd, name, st, may_replace);
	keep_end_change(&hold, r);
	return r;
}

/* Restore to a name in to_fd, which as is the path of. */
static int
restore_to(const struct home *home, const struct home_path *path, const char *id, const struct home_path *as, int to_fd,
    const char *name, bool may_replace)
{
	struct stat st;
	int from_fd = -1;
	int r, ended;

	r = open_version(home, path, id, &from_fd, &st);
	if (r == 0)
		r = permit_restore(home, to_fd, name, may_replace);
	if (r == 0)
		r = quota_begin(home->quota, (uint64_t)st.st_size, 1);
	if (r < 0)
		goto out;
	r = restore_locked(home, as, from_fd, id + KEEP_DAY_SIZE, to_fd, name, &st, may_replace);
	ended = quota_end(home->quota);
	if (r == 0)
		r = ended;
out:
	close_fd(&from_fd);
	return r;
}

/* 0 for what may be an id and a path to restore to, and the text of the id. */
static int
check_restore(
    const struct home *home, const char *id, size_t id_len, const struct home_path *as, char text[KEEP_ID_SIZE])
{
	if (home->keep == NULL || home->keep->days == 0)
		return -ENOKEY;
	if (!keep_has_form(id, id_len, KEEP_ID_FORM) || as->len == 1 || has_control(as->text, as->len))
		return -EINVAL;
	memcpy(text, id, id_len);
	text[id_len] = '\0';
	return 0;
}

int
keep_restore(const struct home *home, const struct home_path *path, const char *id, size_t id_len)
{
	char text[KEEP_ID_SIZE], name[NAME_MAX + 1];
	struct home_path found;
	mode_t type;
	int to_fd = -1;
	int r = check_restore(home, id, id_len, path, text);

	/* an upload went through a link, too, when it replaced this */
	if (r == 0)
		r = home_open_target(home, path, &to_fd, name, &type);
	if (r == 0 && has_control(name, strlen(name)))
		r = -EINVAL;
	if (r == 0)
		r = keep_path_find(home, path, to_fd, name, &found);
	if (r == 0)
		r = restore_to(home, &found, text, &found, to_fd, name, true);
	close_fd(&to_fd);
	return r;
}

int
keep_restore_as(const struct home *home, const struct home_path *path, const char *id, size_t id_len,
    const struct home_path *as, bool may_replace)
{
	char text[KEEP_ID_SIZE];
	const char *name;
	int to_fd = -1;
	int r = check_restore(home, id, id_len, as, text);

	if (r == 0)
		r = home_open_parent(home, as, &to_fd, &name);
	if (r == 0)
		r = restore_to(home, path, text, as, to_fd, name, may_replace);
	close_fd(&to_fd);
	return r;
}
