/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/file_system.h"
#include "common/io.h"
#include "common/written.h"
#include "privsep/files/directory.h"
#include "privsep/files/partial_name.h"

#include "common/banned.h"

#define MAGIC "sp-keep1"
#define STATE "state"
#define KEEP_MODE 0700
#define RECORD_MODE 0600
#define LOCK_WAIT_MS 5000
#define LOCK_TRY_MS 5
#define BREATH_MS (LOCK_TRY_MS + 1) /* those who wait have tried in that time */
#define JUMP_PART 10 /* of the time of keeping: what a jump of the clock may move the keep's own */
#define BYTES_MAX ((uint64_t)INT64_MAX)

_Static_assert(sizeof(KEEP_ID_FORM) == KEEP_ID_SIZE, "a form of ids");
_Static_assert(sizeof(MAGIC) - 1 == sizeof(((struct keep_state *)NULL)->magic), "one magic");

void
keep_init(struct keep_hold *hold)
{
	*hold = (struct keep_hold){.fd = -1, .state_fd = -1, .hash_fd = -1};
}

void
keep_release(struct keep_hold *hold)
{
	if (hold->fd >= 0)
		(void)flock(hold->fd, LOCK_UN);
	close_fd(&hold->hash_fd);
	close_fd(&hold->state_fd);
	close_fd(&hold->fd);
	keep_init(hold);
}

/* What is in the way of keeping stays until an administrator looks; but for these, which pass, or say more. */
int
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

int
keep_open_or_make(int dir_fd, const char *name, bool *made)
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

bool
keep_item_is(const char *name)
{
	return keep_has_form(name, strlen(name), &KEEP_ID_FORM[KEEP_DAY_SIZE]);
}

bool
keep_has_form(const char *text, size_t len, const char *form)
{
	if (len != strlen(form))
		return false;
	for (size_t i = 0; i < len; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	return true;
}

bool
keep_is_strange(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EACCES || r == -EPERM;
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

void
keep_day_name(uint64_t number, char name[KEEP_DAY_SIZE])
{
	snprintf(name, KEEP_DAY_SIZE, "%05u", (unsigned)(number % (KEEP_DAY_MAX + 1)));
}

bool
keep_hash_is(const char *name)
{
	return strlen(name) == KEEP_HASH_SIZE - 1 && strspn(name, "0123456789abcdef") == KEEP_HASH_SIZE - 1;
}

static bool
has_day(const struct keep_days *days, uint64_t number)
{
	return (days->bits[number / 64] >> number % 64 & 1) != 0;
}

int
keep_find_days(int keep_fd, struct keep_days *days)
{
	static struct directory directory SELDOM_WRITTEN;
	const struct dirent64 *entry;
	uint64_t number;
	int r = directory_open_at(&directory, keep_fd, ".");

	*days = (struct keep_days){0};
	while (r == 0 && (r = directory_next(&directory, &entry)) == 0 && entry != NULL)
		if (keep_day_is(entry->d_name)) {
			number = keep_day_number(entry->d_name);
			days->bits[number / 64] |= UINT64_C(1) << number % 64;
		}
	directory_close(&directory);
	return r;
}

uint64_t
keep_day_from(const struct keep_days *days, uint64_t from)
{
	for (uint64_t number = from; number <= KEEP_DAY_MAX; number++)
		if (has_day(days, number))
			return number;
	return KEEP_NO_DAY;
}

uint64_t
keep_day_until(const struct keep_days *days, uint64_t until)
{
	for (uint64_t number = until < KEEP_DAY_MAX ? until + 1 : KEEP_DAY_MAX + 1; number > 0; number--)
		if (has_day(days, number - 1))
			return number - 1;
	return KEEP_NO_DAY;
}

/* Without a state that can be read, the clock stands where the youngest day does: nothing is old because of that. */
static int
find_clock(int fd, uint64_t *clock_s)
{
	static struct keep_days days SELDOM_WRITTEN;
	int r = keep_find_days(fd, &days);
	uint64_t youngest = keep_day_until(&days, KEEP_DAY_MAX);

	if (r == 0 && youngest != KEEP_NO_DAY)
		*clock_s = youngest * KEEP_DAY_S;
	return r;
}

static bool
is_state_sane(const struct keep_state *state)
{
	return memcmp(state->magic, MAGIC, sizeof(state->magic)) == 0 && state->clock_s / KEEP_DAY_S <= KEEP_DAY_MAX &&
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
		else if (keep_item_is(entry->d_name) &&
		    fstatat(directory->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			sum->bytes += (uint64_t)st.st_size;
			sum->files++;
		}
	}
	directory_close(directory);
	return keep_is_strange(r) ? 0 : r;
}

int
keep_count(struct keep_hold *hold)
{
	static struct keep_days days SELDOM_WRITTEN;
	struct keep_state sum = hold->state;
	char name[KEEP_DAY_SIZE];
	int r = keep_find_days(hold->fd, &days);

	sum.bytes = sum.files = 0;
	for (uint64_t day = 0; r == 0 && (day = keep_day_from(&days, day)) != KEEP_NO_DAY; day++) {
		keep_day_name(day, name);
		r = add_directory(hold->fd, name, 0, &sum);
	}
	if (r == 0)
		hold->state = sum;
	return r;
}

int
keep_save(struct keep_hold *hold)
{
	if (lseek(hold->state_fd, 0, SEEK_SET) < 0)
		return -errno;
	return io_write_all(hold->state_fd, &hold->state, sizeof(hold->state));
}

/* One that was lost or is damaged begins anew, with a count of what lies there. */
static int
read_state(struct keep_hold *hold, uint64_t now_s)
{
	ssize_t n;

	hold->state_fd = openat(hold->fd, STATE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, RECORD_MODE);
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
	if (n == 0)
		n = keep_count(hold);
	return n < 0 ? (int)n : keep_save(hold); /* from here on the clock goes */
}

/*
 * A clock that goes back a little is that of another machine, which must not make time pass twice. Returns how many
 * seconds of a jump do not pass.
 */
static uint64_t
advance_clock(struct keep_state *state, const struct keep_clock *clock)
{
	uint64_t passed_s = clock->now_s > state->seen_s ? clock->now_s - state->seen_s : 0;
	uint64_t taken_s = passed_s < clock->step_max_s ? passed_s : clock->step_max_s;

	state->clock_s += taken_s;
	if (passed_s > 0 || state->seen_s - clock->now_s > KEEP_DAY_S)
		state->seen_s = clock->now_s;
	return passed_s - taken_s;
}

int
keep_open_at(struct keep_hold *hold, const struct home *home, bool makes, const struct keep_clock *clock)
{
	bool made;
	int r;

	keep_init(hold);
	/* there, clients could reach what is kept by another name of its directory */
	if (makes && file_system_has_short_names(home->fd))
		return keep_error(-EOPNOTSUPP);
	hold->fd =
	    makes ? keep_open_or_make(home->fd, KEEP_DIRECTORY, &made) : keep_open_directory(home->fd, KEEP_DIRECTORY);
	r = hold->fd < 0 ? hold->fd : must_be_own(hold->fd, home);
	if (r == 0)
		r = lock_keep(hold->fd);
	if (r == 0)
		r = read_state(hold, clock->now_s);
	if (r == 0) {
		hold->held_s = advance_clock(&hold->state, clock);
		return 0;
	}
	keep_release(hold);
	return r == -ENOENT && !makes ? r : keep_error(r);
}

int
keep_open(struct keep_hold *hold, const struct home *home, bool makes)
{
	const struct keep_clock clock = {.now_s = (uint64_t)time(NULL), .step_max_s = keep_step_max_s(home->keep)};

	return keep_open_at(hold, home, makes, &clock);
}

uint64_t
keep_step_max_s(const struct keep_rules *rules)
{
	uint32_t days = rules->retain_days > 0 ? rules->retain_days : rules->days; /* no longer than keep */

	return (uint64_t)days * KEEP_DAY_S / JUMP_PART;
}

/* What another one has changed meanwhile counts. */
static int
read_state_again(struct keep_hold *hold)
{
	struct keep_state state;
	ssize_t n;

	if (lseek(hold->state_fd, 0, SEEK_SET) < 0)
		return -errno;
	n = io_read_all(hold->state_fd, &state, sizeof(state));
	if (n < 0)
		return (int)n;
	if (n == sizeof(state) && is_state_sane(&state))
		hold->state = state;
	return 0;
}

int
keep_breathe(struct keep_hold *hold)
{
	int r = keep_save(hold);

	if (r < 0)
		return r;
	(void)flock(hold->fd, LOCK_UN);
	poll(NULL, 0, BREATH_MS);
	r = lock_keep(hold->fd);
	return r == 0 ? read_state_again(hold) : r;
}
