/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/utc.h"
#include "common/written.h"
#include "privsep/files/directory.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/rename_new.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define MAGIC "sp-keep1"
#define STATE "state"
#define PATH "path"
#define KEEP_MODE 0700
#define RECORD_MODE 0600
#define NUMBERS_MAX 10000 /* of one path in one second */
#define LOCK_WAIT_MS 5000
#define LOCK_TRY_MS 5
#define JUMP_PART 10 /* of the time of keeping: what a jump of the clock may move the keep's own */
#define DAYS_MAX 99999
#define FILES_FREE 1000 /* that any keep-quota allows, and one more for each so many bytes: */
#define BYTES_A_FILE 4096
#define BYTES_MAX ((uint64_t)INT64_MAX)

_Static_assert(sizeof(MAGIC) - 1 == sizeof(((struct keep_state *)NULL)->magic), "one magic");

void
keep_init(struct keep_hold *hold)
{
	*hold = (struct keep_hold){.fd = -1, .state_fd = -1, .hash_fd = -1};
}

static void
release_hold(struct keep_hold *hold)
{
	if (hold->fd >= 0)
		(void)flock(hold->fd, LOCK_UN);
	close_fd(&hold->hash_fd);
	close_fd(&hold->state_fd);
	close_fd(&hold->fd);
	keep_init(hold);
}

/* What is in the way of keeping stays until an administrator looks; but for these, which pass, or say more. */
static int
keep_error(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -ETIMEDOUT || r == -ENAMETOOLONG ? r : -ENOLINK;
}

int
keep_open_directory(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int
open_or_make(int dir_fd, const char *name, bool *made)
{
	int fd = keep_open_directory(dir_fd, name);

	*made = false;
	if (fd != -ENOENT)
		return fd;
	if (mkdirat(dir_fd, name, KEEP_MODE) < 0 && errno != EEXIST)
		return -errno;
	*made = true;
	return keep_open_directory(dir_fd, name);
}

/* Names in the keep are only trusted where nobody else can have made them. */
static int
must_be_own(int fd, const struct home *home)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_uid == home->session->uid && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? 0 : -EPERM;
}

static int
lock_keep(int fd)
{
	uint64_t deadline = monotonic_ms() + LOCK_WAIT_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, LOCK_TRY_MS);
	}
	return 0;
}

/* Or the record of the path. */
static bool
is_item(const char *name)
{
	return strchr(name, '.') != NULL;
}

bool
keep_day_is(const char *name)
{
	return strlen(name) == KEEP_DAY_SIZE - 1 && strspn(name, "0123456789") == KEEP_DAY_SIZE - 1;
}

uint64_t
keep_day_number(const char *name)
{
	uint64_t day = 0;

	while (*name != '\0')
		day = 10 * day + (uint64_t)(*name++ - '0');
	return day;
}

/* Without a state that can be read, the clock stands where the youngest day does: nothing is old because of that. */
static int
find_clock(int fd, uint64_t *clock_s)
{
	struct directory directory;
	const struct dirent64 *entry;
	uint64_t youngest = 0;
	int r = directory_open_at(&directory, fd, ".");

	while (r == 0 && (r = directory_next(&directory, &entry)) == 0 && entry != NULL)
		if (keep_day_is(entry->d_name) && keep_day_number(entry->d_name) > youngest)
			youngest = keep_day_number(entry->d_name);
	directory_close(&directory);
	if (youngest > 0)
		*clock_s = youngest * KEEP_DAY_S;
	return r;
}

static bool
is_state_sane(const struct keep_state *state)
{
	return memcmp(state->magic, MAGIC, sizeof(state->magic)) == 0 && state->clock_s / KEEP_DAY_S <= DAYS_MAX &&
	    state->bytes <= BYTES_MAX && state->files <= BYTES_MAX;
}

void
keep_forget(struct keep_state *state, uint64_t size)
{
	state->bytes -= size < state->bytes ? size : state->bytes;
	state->files -= state->files > 0;
}

/* All that is kept in one directory: level 0 is a day, level 1 a path of it. */
static int
add_directory(int dir_fd, const char *name, unsigned level, struct keep_state *sum)
{
	static struct directory levels[2] SELDOM_WRITTEN;
	struct directory *directory = &levels[level];
	const struct dirent64 *entry;
	struct stat st;
	int r = directory_open_at(directory, dir_fd, name);

	while (r == 0 && (r = directory_next(directory, &entry)) == 0 && entry != NULL) {
		if (is_dot_or_dotdot(entry->d_name))
			continue;
		if (level == 0)
			r = add_directory(directory->fd, entry->d_name, 1, sum);
		else if (is_item(entry->d_name) &&
		    fstatat(directory->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			sum->bytes += (uint64_t)st.st_size;
			sum->files++;
		}
	}
	directory_close(directory);
	return r;
}

static int
count_kept(struct keep_hold *hold)
{
	static struct directory days SELDOM_WRITTEN;
	const struct dirent64 *entry;
	struct keep_state sum = hold->state;
	int r = directory_open_at(&days, hold->fd, ".");

	sum.bytes = sum.files = 0;
	while (r == 0 && (r = directory_next(&days, &entry)) == 0 && entry != NULL)
		if (keep_day_is(entry->d_name))
			r = add_directory(hold->fd, entry->d_name, 0, &sum);
	directory_close(&days);
	if (r == 0)
		hold->state = sum;
	return r;
}

/* One that was lost or is damaged begins anew, with a count of what lies there. */
static int
read_state(struct keep_hold *hold, uint64_t now_s)
{
	ssize_t n;

	hold->state_fd = openat(hold->fd, STATE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, RECORD_MODE);
	if (hold->state_fd < 0)
		return -errno;
	n = io_read_all(hold->state_fd, &hold->state, sizeof(hold->state));
	if (n < 0)
		return (int)n;
	if (n == sizeof(hold->state) && is_state_sane(&hold->state))
		return 0;
	hold->state = (struct keep_state){.clock_s = now_s, .seen_s = now_s};
	memcpy(hold->state.magic, MAGIC, sizeof(hold->state.magic));
	n = find_clock(hold->fd, &hold->state.clock_s);
	return n < 0 ? (int)n : count_kept(hold);
}

/* A clock that goes back a little is that of another machine, which must not make time pass twice. */
static void
advance_clock(struct keep_state *state, uint64_t now_s, uint32_t days)
{
	uint64_t step_max = (uint64_t)days * KEEP_DAY_S / JUMP_PART;

	if (now_s > state->seen_s)
		state->clock_s += now_s - state->seen_s < step_max ? now_s - state->seen_s : step_max;
	if (now_s > state->seen_s || state->seen_s - now_s > KEEP_DAY_S)
		state->seen_s = now_s;
}

int
keep_save(struct keep_hold *hold)
{
	if (lseek(hold->state_fd, 0, SEEK_SET) < 0)
		return -errno;
	return io_write_all(hold->state_fd, &hold->state, sizeof(hold->state));
}

int
keep_open(struct keep_hold *hold, const struct home *home, bool makes)
{
	uint64_t now_s = (uint64_t)time(NULL);
	bool made;
	int r;

	keep_init(hold);
	hold->fd =
	    makes ? open_or_make(home->fd, KEEP_DIRECTORY, &made) : keep_open_directory(home->fd, KEEP_DIRECTORY);
	r = hold->fd < 0 ? hold->fd : must_be_own(hold->fd, home);
	if (r == 0)
		r = lock_keep(hold->fd);
	if (r == 0)
		r = read_state(hold, now_s);
	if (r == 0) {
		advance_clock(&hold->state, now_s, home->keep->days);
		return 0;
	}
	release_hold(hold);
	return r == -ENOENT && !makes ? r : keep_error(r);
}

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

/* The path, for those who list what is kept: before anything is. */
static int
note_path(int hash_fd, const struct home_path *path)
{
	struct stat st;
	int fd = openat(hash_fd, PATH, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, RECORD_MODE);
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && st.st_size != (off_t)path->len)
		r = io_write_all(fd, path->text, path->len);
	close_fd(&fd);
	return r;
}

static int
sync_made(const struct home *home, int fd, bool is_wanted)
{
	return is_wanted && home->session->config->upload_sync && fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
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
	snprintf(day, sizeof(day), "%05u", (unsigned)(hold->state.clock_s / KEEP_DAY_S % (DAYS_MAX + 1)));
	day_fd = open_or_make(hold->fd, day, &made_day);
	if (day_fd < 0)
		return day_fd;
	hold->hash_fd = open_or_make(day_fd, hash, &made_hash);
	r = hold->hash_fd < 0 ? hold->hash_fd : note_path(hold->hash_fd, path);
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

struct purge {
	struct keep_hold *hold;
	unsigned entries_left;
	int removed;
};

static int
purge_item(struct purge *purge, int hash_fd, const char *name)
{
	struct stat st;

	if (fstatat(hash_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || unlinkat(hash_fd, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!is_item(name))
		return 0;
	keep_forget(&purge->hold->state, (uint64_t)st.st_size);
	purge->removed++;
	return 0;
}

/* All in one directory, then that itself: level 0 is a day, level 1 a path of it. -E2BIG: enough for this time. */
static int
purge_directory(struct purge *purge, int dir_fd, const char *name, unsigned level)
{
	static struct directory levels[2] SELDOM_WRITTEN;
	struct directory *directory = &levels[level];
	const struct dirent64 *entry;
	int r = directory_open_at(directory, dir_fd, name);

	while (r == 0 && (r = directory_next(directory, &entry)) == 0 && entry != NULL) {
		if (is_dot_or_dotdot(entry->d_name))
			continue;
		if (purge->entries_left == 0)
			r = -E2BIG;
		else if (level == 0)
			r = purge_directory(purge, directory->fd, entry->d_name, 1);
		else
			r = purge_item(purge, directory->fd, entry->d_name);
		if (purge->entries_left > 0)
			purge->entries_left--;
	}
	directory_close(directory);
	if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int
keep_purge_held(struct keep_hold *hold, const struct home *home, unsigned entries_max)
{
	static struct directory days SELDOM_WRITTEN;
	struct purge purge = {.hold = hold, .entries_left = entries_max};
	uint64_t today = hold->state.clock_s / KEEP_DAY_S;
	const struct dirent64 *entry;
	int saved;
	int r = directory_open_at(&days, hold->fd, ".");

	while (r == 0 && (r = directory_next(&days, &entry)) == 0 && entry != NULL)
		if (keep_day_is(entry->d_name) &&
		    keep_may_go(home->keep, keep_day_number(entry->d_name), today, KEEP_BY_AGE))
			r = purge_directory(&purge, hold->fd, entry->d_name, 0);
	directory_close(&days);
	saved = keep_save(hold);
	if (r == 0 || r == -E2BIG)
		r = saved;
	return r < 0 ? r : purge.removed;
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
	r = keep_purge_held(&hold, home, entries_max);
	keep_end(&hold, 0);
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
	(void)!keep_purge_held(hold, home, KEEP_PURGE_MAX);
	if (!has_room(hold, home, size) && !was_counted)
		was_counted = count_kept(hold) == 0;
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
	struct stat st;
	uint64_t size;
	int r = keep_open(hold, home, true);

	if (r < 0)
		return r;
	/* under the lock: while others had it, the name may have changed hands */
	r = look_at_plain(dir_fd, name, &st);
	if (r < 0) {
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
		r = open_hash_directory(hold, home, path);
	if (r == 0)
		r = take_in(hold, dir_fd, name, is_moved);
	if (r == 0 && is_moved && must_have_moved_file(hold, dir_fd, name) < 0) {
		keep_end(hold, -EISDIR);
		return -EISDIR;
	}
	/* what was moved has no other name: it stays here, whatever the disk says */
	if (r == 0 && sync_made(home, hold->hash_fd, true) < 0 && !is_moved)
		r = -EIO;
	if (r == 0)
		return 0;
	keep_end(hold, r);
	return keep_error(r);
}

int
keep_before_replacing(
    struct keep_hold *hold, const struct home *home, const struct home_path *path, int dir_fd, const char *name)
{
	struct stat st;
	int r;

	keep_init(hold);
	if (home->keep == NULL)
		return 0;
	r = storage_look(dir_fd, name, &st);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!S_ISREG(st.st_mode))
		return 0;
	r = keep_file(hold, home, path, dir_fd, name, false);
	return r == -ENOENT || r == -EISDIR || r == -EBUSY ? 0 : r; /* no plain file any more */
}

void
keep_end(struct keep_hold *hold, int r)
{
	if (hold->fd < 0)
		return;
	if (r < 0 && hold->state_fd >= 0 && (hold->item[0] == '\0' || unlinkat(hold->hash_fd, hold->item, 0) == 0)) {
		keep_forget(&hold->state, hold->size);
		(void)!keep_save(hold);
	}
	release_hold(hold);
}

int
keep_unlink(const struct home *home, const struct home_path *path, int dir_fd, const char *name)
{
	struct keep_hold hold;
	struct stat st, counted;
	int r;

	if (home->keep == NULL)
		return quota_unlink(home->quota, dir_fd, name, 0);
	r = storage_look(dir_fd, name, &st);
	if (r < 0 || !S_ISREG(st.st_mode))
		return r < 0 ? r : quota_unlink(home->quota, dir_fd, name, 0);
	r = quota_look(home->quota, dir_fd, name, &counted);
	if (r == 0)
		r = keep_file(&hold, home, path, dir_fd, name, true);
	if (r < 0)
		return r;
	quota_gone(home->quota, &counted);
	keep_end(&hold, 0);
	return 0;
}
