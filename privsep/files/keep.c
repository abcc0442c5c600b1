/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/utc.h"
#include "common/written.h"
#include "privsep/files/braked.h"
#include "privsep/files/directory.h"
#include "privsep/files/keep_path.h"
#include "privsep/files/keep_purge.h"
#include "privsep/files/keep_report.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/rename_new.h"
#include "privsep/files/retain.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define NUMBERS_MAX 10000 /* of one path in one second */
#define FILES_FREE 1000 /* that any keep-quota allows, and one more for each so many bytes: */
#define BYTES_A_FILE 4096
#define RECORD_MODE 0600
#define RACES_MAX 16 /* lost against other sessions before a rename gives up */

int
keep_hash(const struct home_path *path, char hash[KEEP_HASH_SIZE])
{
	char partial[PARTIAL_NAME_SIZE];
	int r = partial_name_make(path->text, partial);

	if (r < 0)
		return r;
	memcpy(hash, strchr(partial, '-') + 1, KEEP_HASH_SIZE - 1);
	hash[KEEP_HASH_SIZE - 1] = '\0';
	return 0;
}

static int
sync_made(const struct home *home, int fd, bool is_wanted)
{
	return is_wanted && home->session->config->upload_sync && fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int
write_path(const struct home *home, int fd, const struct home_path *path)
{
	int r = ftruncate(fd, 0) < 0 ? -errno : 0;

	if (r == 0)
		r = io_write_all(fd, path->text, path->len);
	return r < 0 ? r : sync_made(home, fd, true);
}

/* The path, for those who list what is kept: before anything is. A program of the account's user may have put a FIFO there. */
static int
note_path(const struct home *home, int hash_fd, const struct home_path *path)
{
	const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat st;
	int fd = openat(hash_fd, KEEP_PATH, flags, RECORD_MODE);
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
	if (r == 0 && st.st_size != (off_t)path->len)
		r = write_path(home, fd, path);
	close_fd(&fd);
	return r;
}

/* The directory of this path in the day of the keep's clock. */
static int
open_hash_directory(struct keep_hold *hold, const struct home *home, const struct home_path *path)
{
	char day[KEEP_DAY_SIZE], hash[KEEP_HASH_SIZE];
	bool made_day = false, made_hash = false;
	int day_fd = -1;
	int r = keep_hash(path, hash);

	if (r < 0)
		return r;
	keep_day_name(hold->state.clock_s / KEEP_DAY_S, day);
	day_fd = keep_open_or_make(hold->fd, day, &made_day);
	if (day_fd < 0)
		return day_fd;
	hold->hash_fd = keep_open_or_make(day_fd, hash, &made_hash);
	r = hold->hash_fd < 0 ? hold->hash_fd : note_path(home, hold->hash_fd, path);
	if (r == 0)
		r = sync_made(home, day_fd, made_hash);
	if (r == 0)
		r = sync_made(home, hold->fd, made_day);
	close_fd(&day_fd);
	return r;
}

/* Under a name that nothing has there. */
static int
take_in(struct keep_hold *hold, int dir_fd, const char *name, bool is_moved)
{
	char stamp[UTC_STAMP_SIZE];
	int r = -EEXIST;

	utc_stamp((int64_t)time(NULL), stamp);
	for (unsigned number = 0; r == -EEXIST && number < NUMBERS_MAX; number++) {
		snprintf(hold->item, sizeof(hold->item), "%s.%04u", stamp, number);
		if (is_moved)
			r = rename_to_new(dir_fd, name, hold->hash_fd, hold->item, storage_minds_flags());
		else
			r = linkat(dir_fd, name, hold->hash_fd, hold->item, 0) < 0 ? -errno : 0;
	}
	if (r < 0)
		hold->item[0] = '\0';
	return r;
}

/* Empty files cost no bytes, and room all the same. */
static bool
has_room(const struct keep_hold *hold, const struct home *home, uint64_t size)
{
	uint64_t quota = home->keep->quota_bytes;

	if (quota != KEEP_NO_QUOTA && hold->state.files >= FILES_FREE + quota / BYTES_A_FILE)
		return false;
	return size <= quota && hold->state.bytes <= quota - size;
}

/* Remove what is old enough. Once in a session, also count what killed sessions left. */
static bool
make_room_in_keep(struct keep_hold *hold, const struct home *home, uint64_t size)
{
	static bool was_counted;

	if (has_room(hold, home, size))
		return true;
	(void)!keep_purge_old(hold, home, KEEP_PURGE_MAX);
	if (!has_room(hold, home, size) && !was_counted)
		was_counted = keep_count(hold) == 0;
	return has_room(hold, home, size);
}

/* A plain file; what else it may be has these errors from here alone. */
static int
look_at_plain(int dir_fd, const char *name, struct stat *st)
{
	int r = storage_look(dir_fd, name, st);

	if (r < 0 || S_ISREG(st->st_mode))
		return r;
	return S_ISDIR(st->st_mode) ? -EISDIR : -EBUSY;
}

/* Another session may have given the name to a directory, which goes back: nobody may remove that as a file. */
static int
must_have_moved_file(struct keep_hold *hold, int dir_fd, const char *name)
{
	struct stat st;

	if (fstatat(hold->hash_fd, hold->item, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (rename_to_new(hold->hash_fd, hold->item, dir_fd, name, storage_minds_flags()) == 0)
		hold->item[0] = '\0';
	return -EISDIR;
}

static int
keep_file(struct keep_hold *hold, const struct home *home, const struct home_path *path, int dir_fd, const char *name,
    bool is_moved)
{
	static struct home_path found SELDOM_WRITTEN; /* until the hold ends */
	struct stat st;
	uint64_t size;
	int r = hold->fd >= 0 ? 0 : keep_open(hold, home, true);

	if (r < 0)
		return r;
	/* under the lock: while others had it, the name may have changed hands */
	r = look_at_plain(dir_fd, name, &st);
	if (r == 0)
		r = retain_permit(home->keep, hold->state.clock_s, dir_fd, name);
	if (r == 0)
		r = keep_path_find(home, path, dir_fd, name, &found);
	if (r < 0) {
		(void)!keep_save(hold);
		keep_end(hold, 0);
		return r;
	}
	hold->size = size = (uint64_t)st.st_size;
	if (!make_room_in_keep(hold, home, size))
		r = -ENOLINK;
	hold->state.bytes += size;
	hold->state.files++;
	if (r == 0)
		r = keep_save(hold); /* before: an end in between counts too much, never too little */
	if (r == 0)
		r = open_hash_directory(hold, home, &found);
	if (r == 0)
		r = take_in(hold, dir_fd, name, is_moved);
	if (r == 0 && is_moved && must_have_moved_file(hold, dir_fd, name) < 0) {
		keep_end(hold, -EISDIR);
		return -EISDIR;
	}
	/* what was moved has no other name: it stays here, whatever the disk says */
	if (r == 0 && sync_made(home, hold->hash_fd, true) < 0 && !is_moved)
		r = -EIO;
	if (r == 0) {
		hold->home = home;
		hold->path = &found;
		return 0;
	}
	keep_end(hold, r);
	return keep_error(r);
}

int
keep_time(const struct home *home, uint64_t *now_s)
{
	struct keep_hold hold;
	int r = keep_open(&hold, home, true);

	if (r < 0)
		return r;
	*now_s = hold.state.clock_s;
	r = keep_save(&hold);
	keep_end(&hold, 0);
	return r;
}

static int
must_be_empty(int dir_fd, const char *name)
{
	static struct directory directory SELDOM_WRITTEN;
	const struct dirent64 *entry;
	int r = directory_open_at(&directory, dir_fd, name);

	while (r == 0 && (r = directory_next(&directory, &entry)) == 0 && entry != NULL)
		if (!is_dot_or_dotdot(entry->d_name))
			r = retain_refuse(RETAINED_NAMES, 0, 0);
	directory_close(&directory);
	return r;
}

int
keep_permit_change(const struct home *home, int dir_fd, const char *name)
{
	uint64_t now_s;
	struct stat st;
	int r;

	if (home->keep == NULL || home->keep->retain_days == 0)
		return 0;
	r = storage_look(dir_fd, name, &st);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (S_ISDIR(st.st_mode))
		return must_be_empty(dir_fd, name);
	r = keep_time(home, &now_s);
	return r < 0 ? r : retain_permit(home->keep, now_s, dir_fd, name);
}

int
keep_give_date(const struct home *home, int fd)
{
	uint64_t now_s;
	int r;

	if (home->keep == NULL || home->keep->retain_days == 0)
		return 0;
	r = keep_time(home, &now_s);
	return r < 0 ? r : retain_give_date(home->keep, now_s, fd);
}

/* What its date keeps from going anyway does not make the brake fall. hold: may be none. */
static int
count_for_brake(
    const struct keep_hold *hold, const struct home *home, const struct home_path *path, int dir_fd, const char *name)
{
	int r = 0;

	if (home->session->has_brake)
		r = hold->fd >= 0 ? retain_permit(home->keep, hold->state.clock_s, dir_fd, name)
				  : keep_permit_change(home, dir_fd, name);
	return r < 0 ? r : braked_count(home, path);
}

int
keep_before_replacing(
    struct keep_hold *hold, const struct home *home, const struct home_path *path, int dir_fd, const char *name)
{
	struct stat st;
	int r;

	if (home->keep == NULL && !home->session->has_brake)
		return 0;
	r = storage_look(dir_fd, name, &st);
	if (r < 0)
		return r == -ENOENT ? 1 : r;
	if (!S_ISREG(st.st_mode))
		return 0;
	r = count_for_brake(hold, home, path, dir_fd, name);
	if (r < 0)
		return r;
	if (home->keep == NULL || home->keep->days == 0)
		return keep_permit_change(home, dir_fd, name);
	r = keep_file(hold, home, path, dir_fd, name, false);
	if (r == -ENOENT)
		return 1;
	return r == -EISDIR || r == -EBUSY ? -EEXIST : r; /* no plain file any more */
}

/*
 * A name is to go that a session may be about to replace what bears it: no other file may have the name between the two
 * steps of that. Where there is no keep yet it is made, because that session may make it now. Where it cannot be made
 * nothing is replaced. 0 or -ETIMEDOUT.
 */
static int
lock_names(struct keep_hold *hold, const struct home *home)
{
	keep_init(hold);
	if (home->keep == NULL || home->keep->days == 0)
		return 0;
	return keep_open(hold, home, true) == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

void
keep_end_change(struct keep_hold *hold, int r)
{
	if (hold->home != NULL)
		keep_end(hold, r);
	else
		keep_release(hold);
}

/* A file system that cannot rename to a new name alone leaves a moment in between. */
static int
rename_to_vacant(int from_fd, const char *from, int to_fd, const char *to)
{
	int r = rename_to_new(from_fd, from, to_fd, to, storage_minds_flags());

	if (r != -ENOSYS)
		return r;
	return renameat(from_fd, from, to_fd, to) < 0 ? -errno : 0;
}

/* Uploads replace plain files alone. What came instead is -EISDIR, or -EEXIST for what may be gone soon. */
static int
refuse_special(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
}

/* rename(2) of two names of one file does nothing, and replaces nothing. */
static bool
are_one_file(int from_fd, const char *from, int to_fd, const char *to)
{
	struct stat one, other;

	return fstatat(from_fd, from, &one, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(to_fd, to, &other, AT_SYMLINK_NOFOLLOW) == 0 && one.st_ino == other.st_ino &&
	    one.st_dev == other.st_dev;
}

/* One try. -EEXIST: another session has put something there, which is looked at anew. */
static int
rename_and_keep(
    const struct home *home, const struct home_path *path, int from_fd, const char *from, int to_fd, const char *to)
{
	bool is_upload = partial_name_is(from, strlen(from)); /* whose lock is its own */
	bool keeps = home->keep != NULL && home->keep->days > 0;
	struct keep_hold hold;
	int r = 0;

	keep_init(&hold);
	if (!is_upload)
		r = lock_names(&hold, home);
	if (r == 0 && (is_upload || !are_one_file(from_fd, from, to_fd, to)))
		r = keep_before_replacing(&hold, home, path, to_fd, to);
	if (r > 0)
		r = rename_to_vacant(from_fd, from, to_fd, to);
	else if (r == 0 && is_upload && keeps && hold.home == NULL)
		r = refuse_special(to_fd, to);
	else if (r == 0 && renameat(from_fd, from, to_fd, to) < 0)
		r = home_name_error(errno);
	keep_end_change(&hold, r);
	return r;
}

int
keep_rename(
    const struct home *home, const struct home_path *path, int from_fd, const char *from, int to_fd, const char *to)
{
	int r = -EEXIST;

	for (int race = 0; r == -EEXIST && race < RACES_MAX; race++)
		r = rename_and_keep(home, path, from_fd, from, to_fd, to);
	return r == -EEXIST ? -EBUSY : r;
}

int
keep_rename_to_new(const struct home *home, int from_fd, const char *from, int to_fd, const char *to)
{
	struct keep_hold hold;
	int r = lock_names(&hold, home);

	if (r == 0)
		r = rename_to_new(from_fd, from, to_fd, to, storage_minds_flags());
	keep_end_change(&hold, r);
	return r;
}

static void
report_kept_file(const struct keep_hold *hold)
{
	char day[KEEP_DAY_SIZE], id[KEEP_ID_SIZE];

	keep_day_name(hold->state.clock_s / KEEP_DAY_S, day);
	snprintf(id, sizeof(id), "%s.%.19s", day, hold->item);
	keep_report(hold->home, KEPT_FILE, hold->path, id, hold->size);
}

void
keep_end(struct keep_hold *hold, int r)
{
	if (hold->fd < 0)
		return;
	if (r < 0 && hold->state_fd >= 0 && (hold->item[0] == '\0' || unlinkat(hold->hash_fd, hold->item, 0) == 0)) {
		keep_forget(&hold->state, hold->size);
		(void)!keep_save(hold);
	} else if (r >= 0 && hold->home != NULL) {
		report_kept_file(hold);
	}
	keep_release(hold);
}

/* hold: none, or the lock alone. */
static int
unlink_and_keep(
    struct keep_hold *hold, const struct home *home, const struct home_path *path, int dir_fd, const char *name)
{
	struct stat st, counted;
	int r = storage_look(dir_fd, name, &st);

	if (r < 0 || S_ISDIR(st.st_mode)) /* a file may come in its place */
		return r < 0 ? r : -EISDIR;
	if (!S_ISREG(st.st_mode))
		return quota_unlink(home->quota, dir_fd, name, 0);
	r = count_for_brake(hold, home, path, dir_fd, name);
	if (r < 0)
		return r;
	if (home->keep == NULL || home->keep->days == 0) {
		r = keep_permit_change(home, dir_fd, name);
		return r < 0 ? r : quota_unlink(home->quota, dir_fd, name, 0);
	}
	r = quota_look(home->quota, dir_fd, name, &counted);
	if (r == 0)
		r = keep_file(hold, home, path, dir_fd, name, true);
	if (r == 0)
		quota_gone(home->quota, &counted);
	return r;
}

int
keep_unlink(const struct home *home, const struct home_path *path, int dir_fd, const char *name)
{
	struct keep_hold hold;
	int r;

	if (home->keep == NULL && !home->session->has_brake)
		return quota_unlink(home->quota, dir_fd, name, 0);
	r = lock_names(&hold, home);
	if (r == 0)
		r = unlink_and_keep(&hold, home, path, dir_fd, name);
	keep_end_change(&hold, r);
	return r;
}
