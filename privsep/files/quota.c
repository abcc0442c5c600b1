/* SPDX-License-Identifier: ISC */
#include "privsep/files/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/files/count.h"
#include "privsep/files/home.h"
#include "privsep/files/locked_file.h"
#include "privsep/files/question.h"
#include "privsep/files/storage.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define CHANGES_MAX 64		/* in one bracket */
#define COUNT_LOOK_MS 4		/* has the count ended? */
#define FIRST_WAIT_MS 3000	/* for a figure where there is none */
#define GROW_WAIT_MS 10000	/* for a count: an upload that has nearly filled the quota is not to be lost */
#define PATIENCE_MS 60000	/* what has been uploaded waits longer for its turn than what has not begun */
#define TALLY_MAX (1LL << 60)	/* more than any home has, and nothing overflows */

static struct ipc_message message;

/* Some tree's figures cannot be settled any more: the limit of an upload there may stay, whatever is written next. */
static bool has_lost_one;

/* What this bracket has changed, for a count that is under way. */
static struct {
	struct ledger_event list[IPC_LEDGER_EVENTS_MAX];
	size_t count;
} events;

bool
quota_is_kept(const struct quota *quota)
{
	return quota != NULL && quota->is_kept;
}

/* The monitor has several ledgers, and keeps to the one that was named last. */
static int
name_ledger(const struct quota *quota)
{
	static unsigned named;
	int r = 0;

	if (quota->number == named)
		return 0;
	ipc_begin(&message, IPC_ledger_of);
	ipc_put_u8(&message, (uint8_t)quota->number);
	r = question_ask(quota->channel, &message);
	if (r == 0)
		named = quota->number;
	return r;
}

static int
ask_ledger(const struct quota *quota, enum ipc_kind kind, size_t n, const uint64_t figures[])
{
	if (name_ledger(quota) < 0)
		return -EIO;
	ipc_begin(&message, kind);
	for (size_t k = 0; k < n; k++)
		ipc_put_u64(&message, figures[k]);
	return question_ask(quota->channel, &message);
}

static bool
is_count_wanted(int r)
{
	return r == -EUCLEAN || r == -EINPROGRESS;
}

static bool
is_time_left(uint64_t *since_ms, uint64_t wait_ms)
{
	if (*since_ms == 0)
		*since_ms = monotonic_ms();
	if (monotonic_ms() - *since_ms >= wait_ms)
		return false;
	poll(NULL, 0, COUNT_LOOK_MS);
	return true;
}

bool
quota_wait_for_count(struct quota *quota, int r, uint64_t *since_ms)
{
	bool is_first = r == -EUCLEAN && !quota->was_patient;

	if (!is_count_wanted(r))
		return false;
	if (is_time_left(since_ms, is_first ? FIRST_WAIT_MS : QUOTA_WAIT_MS))
		return true;
	quota->was_patient = quota->was_patient || is_first;
	return false;
}

int
quota_counted_too_late(int r)
{
	return r == -EUCLEAN ? -EINPROGRESS : r == -EINPROGRESS ? -ETIMEDOUT : r;
}

int
quota_begin(struct quota *quota, uint64_t bytes, uint64_t files)
{
	uint64_t since_ms = 0;
	int r;

	if (!quota_is_kept(quota))
		return 0;
	if (quota->is_lost)
		return -EIO;
	quota->changes = 0;
	quota->bytes = quota->files = 0;
	events.count = 0;
	do
		r = ask_ledger(quota, IPC_ledger_begin, 2, (uint64_t[]){bytes, files});
	while (quota_wait_for_count(quota, r, &since_ms));
	if (r < 0)
		return quota_counted_too_late(r);
	quota->is_counted = ipc_get_u8(&message) != 0;
	quota->is_unknown = ipc_get_u8(&message) != 0;
	return ipc_end(&message) ? 0 : -EIO;
}

int
quota_begin_patiently(struct quota *quota)
{
	uint64_t deadline = monotonic_ms() + PATIENCE_MS;
	int r;

	do
		r = quota_begin(quota, 0, 0);
	while ((r == -ETIMEDOUT || r == -EINPROGRESS) && monotonic_ms() < deadline);
	return r;
}

static int64_t
sum_within(int64_t tally, int64_t more)
{
	int64_t sum;

	if (__builtin_add_overflow(tally, more, &sum))
		sum = more < 0 ? -TALLY_MAX : TALLY_MAX;
	return sum < -TALLY_MAX ? -TALLY_MAX : sum > TALLY_MAX ? TALLY_MAX : sum;
}

void
quota_add(struct quota *quota, int64_t bytes, int64_t files)
{
	if (!quota_is_kept(quota))
		return;
	quota->bytes = sum_within(quota->bytes, bytes);
	quota->files = sum_within(quota->files, files);
}

/* Where a home is counted meanwhile, the count must know. Of a file with several names it cannot know enough. */
static void
note_event(struct quota *quota, const struct stat *st, enum ledger_event_kind kind)
{
	bool is_file = S_ISREG(st->st_mode);
	struct ledger_event event = {count_key(quota->home_device, st), is_file ? (uint64_t)st->st_size : 0, kind};

	if (!quota->is_counted)
		return;
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
		event.kind = LEDGER_UNTOLD;
	if (events.count == IPC_LEDGER_EVENTS_MAX)
		events.list[--events.count].kind = event.kind = LEDGER_UNTOLD;
	events.list[events.count++] = event;
}

void
quota_made(struct quota *quota, int dir_fd, const char *name)
{
	struct stat st;

	if (!quota_is_kept(quota))
		return;
	quota_add(quota, 0, 1);
	if (quota->is_counted && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		note_event(quota, &st, LEDGER_THERE);
}

void
quota_made_file(struct quota *quota, int fd)
{
	struct stat st;

	if (!quota_is_kept(quota))
		return;
	quota_add(quota, 0, 1);
	if (quota->is_counted && fstat(fd, &st) == 0)
		note_event(quota, &st, LEDGER_THERE);
}

void
quota_unmade(struct quota *quota, int fd)
{
	struct stat st;

	if (!quota_is_kept(quota))
		return;
	quota_add(quota, 0, -1);
	if (quota->is_counted && fstat(fd, &st) == 0)
		note_event(quota, &st, LEDGER_GONE);
}

void
quota_look_for_count(const struct quota *quota, int dir_fd, const char *name, struct stat *st)
{
	if (!quota_is_kept(quota) || !quota->is_counted || fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) < 0)
		memset(st, 0, sizeof(*st));
}

/* So many bytes under each of so many names. */
static int64_t
times_names(int64_t bytes, uint64_t names)
{
	int64_t product;

	if (names > INT64_MAX || __builtin_mul_overflow(bytes, (int64_t)names, &product))
		return bytes < 0 ? -TALLY_MAX : TALLY_MAX;
	return product;
}

void
quota_resized(struct quota *quota, const struct stat *st, int64_t bytes)
{
	if (!quota_is_kept(quota))
		return;
	quota_add(quota, times_names(bytes, st->st_nlink), 0);
	note_event(quota, st, LEDGER_THERE);
}

/* Before the change is settled: a session that dies between the two has told, and not settled, and is counted again. */
static void
tell_events(const struct quota *quota)
{
	if (!quota->is_counted || events.count == 0)
		return;
	ipc_begin(&message, IPC_ledger_tell);
	ipc_put_bytes(&message, events.list, events.count * sizeof(events.list[0]));
	(void)question_ask(quota->channel, &message);
	events.count = 0;
}

void
quota_lose(struct quota *quota)
{
	if (quota_is_kept(quota))
		quota->is_lost = has_lost_one = true;
}

int
quota_end(struct quota *quota)
{
	int r;

	if (!quota_is_kept(quota))
		return 0;
	tell_events(quota);
	r = ask_ledger(quota, IPC_ledger_end, 2, (uint64_t[]){(uint64_t)quota->bytes, (uint64_t)quota->files});
	if (r < 0)
		quota_lose(quota);
	return r;
}

int
quota_turn(struct quota *quota)
{
	int r;

	if (!quota_is_kept(quota) || ++quota->changes < CHANGES_MAX)
		return 0;
	r = quota_end(quota);
	return r < 0 ? r : quota_begin(quota, 0, 0);
}

int
quota_need_file(struct quota *quota)
{
	int r = quota_end(quota);

	return r < 0 ? r : quota_begin(quota, 0, 1);
}

/* 0; -EBUSY: a session uploads to it; or another -errno. */
static int
look_locked(int dir_fd, const char *name, struct stat *st)
{
	int fd = -1;
	int r = locked_file_hold(dir_fd, name, &fd, st);

	locked_file_close(&fd);
	return r;
}

/*
 * A file that its owner may not write to may have lost that right while a session uploads to it. Sessions open files
 * for an upload in a bracket, and this is one, so giving the right back for a moment lets nobody in.
 */
static int
look_closed(int dir_fd, const char *name, struct stat *st)
{
	mode_t mode = st->st_mode & 07777 & ~(mode_t)S_ISUID;
	int r;

	if (st->st_uid != geteuid())
		return 0;	/* somebody else's: no session can have taken the right */
	if (fchmodat(dir_fd, name, mode | S_IWUSR, 0) < 0)
		return -errno;
	r = look_locked(dir_fd, name, st);
	if (fchmodat(dir_fd, name, mode, 0) < 0 && r == 0)
		r = -errno;
	return r;
}

int
quota_look(struct quota *quota, int dir_fd, const char *name, struct stat *st)
{
	int r;

	memset(st, 0, sizeof(*st));
	if (!quota_is_kept(quota))
		return 0;
	r = storage_look(dir_fd, name, st);
	if (r < 0) {
		memset(st, 0, sizeof(*st));
		return r == -ENOENT ? 0 : r;
	}
	if (!S_ISREG(st->st_mode))
		return 0;
	/* the session that holds the lock of a file reports its size at its end */
	r = look_locked(dir_fd, name, st);
	if (r == -EACCES)
		r = look_closed(dir_fd, name, st);
	return r == -EBUSY ? r : 0;
}

void
quota_gone(struct quota *quota, const struct stat *st)
{
	if (st->st_nlink == 0 || !quota_is_kept(quota))
		return;
	quota_add(quota, S_ISREG(st->st_mode) ? -(int64_t)st->st_size : 0, -1);
	note_event(quota, st, LEDGER_GONE);
}

void
quota_renamed(struct quota *quota, const struct stat *moved, const struct stat *replaced)
{
	quota_gone(quota, replaced);
	if (moved->st_nlink > 0)
		note_event(quota, moved, S_ISDIR(moved->st_mode) ? LEDGER_DIRECTORY_MOVED : LEDGER_MOVED);
}

int
quota_unlink(struct quota *quota, int dir_fd, const char *name, int flags)
{
	struct stat st;
	int r = quota_look(quota, dir_fd, name, &st);

	if (r < 0)
		return r;
	if (unlinkat(dir_fd, name, flags) < 0)
		return home_name_error(errno);
	quota_gone(quota, &st);
	return 0;
}

int
quota_upload(struct quota *quota, const struct stat *st, uint64_t wanted)
{
	if (!quota_is_kept(quota))
		return quota != NULL && quota->is_limited_elsewhere ? name_ledger(quota) : 0;
	quota->upload_start = (uint64_t)st->st_size;
	note_event(quota, st, LEDGER_THERE);
	return ask_ledger(quota, IPC_ledger_upload, 3,
	    (uint64_t[]){count_key(quota->home_device, st), (uint64_t)st->st_size, wanted});
}

int
quota_grow(struct quota *quota)
{
	uint64_t since_ms = 0;
	int r;

	if (!quota_is_kept(quota))
		return has_lost_one ? -EIO : -EFBIG;	/* "too large" would be a lie */
	do
		r = ask_ledger(quota, IPC_ledger_grow, 0, NULL);
	while (is_count_wanted(r) && is_time_left(&since_ms, GROW_WAIT_MS));
	return quota_counted_too_late(r);
}

int
quota_uploaded(struct quota *quota, int fd)
{
	struct stat st;
	int r;

	if (!quota_is_kept(quota))
		return 0;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0)
		note_event(quota, &st, st.st_nlink == 0 ? LEDGER_GONE : LEDGER_THERE);
	if (r == 0 && st.st_nlink == 0) {
		quota_add(quota, 0, -1);
		st.st_size = 0;
	}
	/* what the ledger settles is one name's growth */
	if (r == 0 && st.st_nlink > 1)
		quota_add(quota, times_names(st.st_size - (int64_t)quota->upload_start, st.st_nlink - 1), 0);
	if (r == 0)
		r = ask_ledger(quota, IPC_ledger_uploaded, 1, (uint64_t[]){(uint64_t)st.st_size});
	if (r < 0)
		quota_lose(quota);
	return r;
}

uint64_t
quota_left(const struct quota_figures *figures)
{
	if (figures->bytes_limit == UINT64_MAX)
		return UINT64_MAX;
	return figures->bytes < figures->bytes_limit ? figures->bytes_limit - figures->bytes : 0;
}

static const struct quota_figures no_figures = {0, UINT64_MAX, 0, UINT64_MAX, false};

static int
read_figures(const struct quota *quota, struct quota_figures *figures)
{
	int r = ask_ledger(quota, IPC_ledger_read, 0, NULL);

	if (r < 0)
		return r;
	figures->bytes = ipc_get_u64(&message);
	figures->bytes_limit = ipc_get_u64(&message);
	figures->files = ipc_get_u64(&message);
	figures->files_limit = ipc_get_u64(&message);
	figures->is_bound = ipc_get_u8(&message) == LEDGER_BOUND;
	return ipc_end(&message) ? 0 : -EIO;
}

int
quota_read(struct quota *quota, bool is_patient, struct quota_figures *figures)
{
	uint64_t since_ms = 0;
	int r;

	*figures = no_figures;
	if (!quota_is_kept(quota))
		return 0;
	do
		r = read_figures(quota, figures);
	while (quota_wait_for_count(quota, r == 0 && figures->is_bound && is_patient ? -EINPROGRESS : r, &since_ms));
	if (r < 0)
		*figures = no_figures;
	return quota_counted_too_late(r);
}
