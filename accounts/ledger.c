/* SPDX-License-Identifier: ISC */
#include "accounts/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

#define MAGIC 0x32524744454c5053ULL /* "SPLEDGR2" */
#define FORMER_MAGIC 0x31524744454c5053ULL /* "SPLEDGR1": the same without a note and a journal */
#define SLOTS_MAX LEDGER_SESSIONS_MAX
#define NOTE_AT 64
#define PROGRESS_AT 128			/* of a count: the names that it has met */
#define SLOTS_AT 4096
#define JOURNAL_AT (SLOTS_AT + SLOTS_MAX * 64)
#define JOURNAL_MAX (1U << 17) /* events; a count that meets more is repeated */
#define LOCK_AT (1LL << 40) /* byte locks, far after the content: see enum lock; then one a slot */
#define LOCK_WAIT_MS 3000
#define COUNT_LOCK_WAITS 6 /* a count has taken long: it outlasts a change that another session must give up */
#define DEATH_WAIT_MS 2000 /* a killed session needs a moment to be gone */
#define DEATH_LOOK_MS 5
#define SLOT_MAP_SIZE 1 /* no byte of it is ever read */
#define SLOT_MAX (1LL << 51) /* bytes or files of one slot: all slots and the base add up without an overflow */
#define GRANT_LEAST (64 * 1024ULL)
#define GRANT_MOST (16 * 1024 * 1024ULL)
#define GRANT_SHARE 32 /* of what is left: sessions side by side leave each other some */

enum lock {
	LOCK_COUNTER = -3, /* held by the process that counts the home, from beginning to end */
	LOCK_AWAITED = -2, /* shared by sessions that wait for LOCK_ACCOUNT */
	LOCK_TABLE = -1, /* the header, and which slots are in use: held while that is written */
	LOCK_ACCOUNT = 0, /* a change of the home, the note of a count and its journal */
	LOCK_SLOTS = 1
};

enum header_flag {
	HEADER_COUNTED = 1, /* the base is a count's */
	HEADER_UNSURE = 2, /* but of another boot, or an alarm came since: it is to be counted anew */
	HEADER_ALARM = 4, /* an alarm came while the home was counted: what the count was told may be wrong */
};

enum slot_flag {
	SLOT_IN_CHANGE = 1, /* a change is being made */
	SLOT_UPLOADS = 2, /* an upload runs: key, start_size */
};

struct header {
	uint64_t magic;
	uint32_t flags;
	uint32_t slots; /* ever used */
	int64_t base_bytes, base_files;
	uint8_t boot_id[16];
	uint64_t check; /* of all before it */
};

enum note_spoiled {
	SPOILED_UNTOLD = 1, /* a change that no event tells: the count is in vain */
	SPOILED_LOST = 2 /* a change that no slot has settled: a count that has looked before it is in vain */
};

/* That a count is under way, and what it must know of the changes since. */
struct note {
	uint32_t is_running;
	uint32_t events; /* in the journal */
	uint32_t moves; /* of directories */
	uint32_t spoiled; /* enum note_spoiled */
	uint64_t check; /* of all before it; a note of zeros is good as well */
};

/* What is read at once. */
struct head {
	struct header header;
	uint64_t unused;
	struct note note;
};

_Static_assert(offsetof(struct head, note) == NOTE_AT, "the note lies where it is written");

struct slot {
	int64_t bytes, files; /* settled */
	uint64_t reserved_bytes, reserved_files;
	uint64_t key, start_size; /* of the running upload */
	uint32_t flags;
	uint32_t unused;
	uint64_t check; /* of all before it; a slot of zeros is good as well */
};

_Static_assert(sizeof(struct slot) == 64, "a slot never crosses a page");
_Static_assert(sizeof(struct ledger_event) == 24, "events have no gaps");

static int
lock_byte(int fd, off_t offset, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = LOCK_AT + offset, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

static bool
is_byte_locked(int fd, off_t offset)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_AT + offset, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* 0, -ETIMEDOUT or -errno. */
static int
wait_for_ledger_lock(int fd, off_t offset)
{
	uint64_t deadline = monotonic_ms() + LOCK_WAIT_MS;
	int pause_ms = 0;
	int r;

	while ((r = lock_byte(fd, offset, F_WRLCK)) == -EAGAIN || r == -EACCES) {
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, pause_ms);
		pause_ms = pause_ms < 8 ? pause_ms + 1 : 8;
	}
	return r;
}

static int
lock_account(struct ledger *ledger)
{
	int r = lock_byte(ledger->fd, LOCK_ACCOUNT, F_WRLCK);

	if (r != -EAGAIN && r != -EACCES)
		return r;
	lock_byte(ledger->fd, LOCK_AWAITED, F_RDLCK);
	r = wait_for_ledger_lock(ledger->fd, LOCK_ACCOUNT);
	lock_byte(ledger->fd, LOCK_AWAITED, F_UNLCK);
	return r;
}

static void
unlock_account(struct ledger *ledger)
{
	lock_byte(ledger->fd, LOCK_ACCOUNT, F_UNLCK);
}

static int
lock_table(struct ledger *ledger)
{
	return wait_for_ledger_lock(ledger->fd, LOCK_TABLE);
}

static void
unlock_table(struct ledger *ledger)
{
	lock_byte(ledger->fd, LOCK_TABLE, F_UNLCK);
}

static int
read_at(int fd, void *bytes, size_t len, off_t offset)
{
	ssize_t n = pread(fd, bytes, len, offset);

	if (n < 0)
		return -errno;
	memset((char *)bytes + n, 0, len - (size_t)n);
	return 0;
}

static int
write_at(int fd, const void *bytes, size_t len, off_t offset)
{
	ssize_t n = pwrite(fd, bytes, len, offset);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/* FNV-1a: against damage, not against forgers; the file is root's. */
static uint64_t
check_on(uint64_t check, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		check = (check ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3ULL;
	return check;
}

static uint64_t
check_of(const void *bytes, size_t len)
{
	return check_on(0xcbf29ce484222325ULL, bytes, len);
}

static off_t
slot_at(uint32_t slot)
{
	return SLOTS_AT + (off_t)slot * (off_t)sizeof(struct slot);
}

static bool
is_good_header(const struct ledger *ledger, const struct header *header)
{
	return (header->magic == MAGIC || header->magic == FORMER_MAGIC) && header->slots <= SLOTS_MAX &&
	    header->check == check_on(ledger->name_check, header, offsetof(struct header, check));
}

/* A note that is damaged is none: the count that it belongs to finds that out at its end. */
static void
check_note(struct note *note)
{
	if (note->events > JOURNAL_MAX || note->check != check_of(note, offsetof(struct note, check)))
		*note = (struct note){.is_running = 0};
}

/* The header twice before it is called damaged: a session that begins may be writing it. */
static int
read_head(const struct ledger *ledger, struct head *head)
{
	int r = read_at(ledger->fd, head, sizeof(*head), 0);

	if (r == 0 && !is_good_header(ledger, &head->header)) {
		poll(NULL, 0, 1);
		r = read_at(ledger->fd, head, sizeof(*head), 0);
	}
	check_note(&head->note);
	return r == 0 && !is_good_header(ledger, &head->header) ? -EUCLEAN : r;
}

static int
read_ledger_header(const struct ledger *ledger, struct header *header)
{
	struct head head;
	int r = read_head(ledger, &head);

	*header = head.header;
	return r;
}

static int
write_ledger_header(const struct ledger *ledger, struct header *header)
{
	header->magic = MAGIC;
	header->check = check_on(ledger->name_check, header, offsetof(struct header, check));
	return write_at(ledger->fd, header, sizeof(*header), 0);
}

static int
write_note(const struct ledger *ledger, struct note *note)
{
	note->check = check_of(note, offsetof(struct note, check));
	return write_at(ledger->fd, note, sizeof(*note), NOTE_AT);
}

static bool
is_in_bounds(int64_t figure)
{
	return figure >= -SLOT_MAX && figure <= SLOT_MAX;
}

/* Figures that no session writes are damage as well. */
static bool
is_good_slot(const struct slot *slot)
{
	static const struct slot zeros;

	if (!is_in_bounds(slot->bytes) || !is_in_bounds(slot->files) || slot->reserved_bytes > SLOT_MAX ||
	    slot->reserved_files > SLOT_MAX || slot->start_size > SLOT_MAX)
		return false;
	return slot->check == check_of(slot, offsetof(struct slot, check)) || memcmp(slot, &zeros, sizeof(zeros)) == 0;
}

/* Add to a figure of a slot. -EOVERFLOW, and nothing is added, when it would be out of bounds. */
static int
add_in_bounds(int64_t *figure, int64_t more)
{
	int64_t sum;

	if (__builtin_add_overflow(*figure, more, &sum) || !is_in_bounds(sum))
		return -EOVERFLOW;
	*figure = sum;
	return 0;
}

static int
read_own_slot(const struct ledger *ledger, struct slot *slot)
{
	int r = read_at(ledger->fd, slot, sizeof(*slot), slot_at(ledger->slot));

	return r == 0 && !is_good_slot(slot) ? -EUCLEAN : r;
}

static int
write_slot(const struct ledger *ledger, uint32_t number, struct slot *slot)
{
	slot->check = check_of(slot, offsetof(struct slot, check));
	return write_at(ledger->fd, slot, sizeof(*slot), slot_at(number));
}

/* Call visit for every slot ever used. Stops at an error. */
static int
each_slot(
    struct ledger *ledger, uint32_t count, int (*visit)(struct ledger *, uint32_t, struct slot *, void *), void *arg)
{
	struct slot slots[64];
	int r = 0;

	for (uint32_t first = 0; first < count && r == 0; first += 64) {
		uint32_t n = count - first < 64 ? count - first : 64;

		r = read_at(ledger->fd, slots, n * sizeof(slots[0]), slot_at(first));
		for (uint32_t i = 0; i < n && r == 0; i++)
			r = visit(ledger, first + i, &slots[i], arg);
	}
	return r;
}

static bool
is_unsettled(const struct slot *slot)
{
	return slot->flags != 0 || slot->reserved_bytes != 0 || slot->reserved_files != 0;
}

static bool
is_held(const struct ledger *ledger, uint32_t number)
{
	return number == ledger->slot || is_byte_locked(ledger->fd, LOCK_SLOTS + (off_t)number);
}

/*
 * Only the holder of the account's lock changes the home. We hold it, so a session that is still in a change has lost
 * the lock, or is being killed.
 */
static bool
is_left_in_change(const struct ledger *ledger, uint32_t number, const struct slot *slot)
{
	return number != ledger->slot && is_good_slot(slot) && (slot->flags & SLOT_IN_CHANGE) != 0;
}

/* Left unsettled by a session that has ended, or has lost the lock: it added at most what it had reserved. */
static bool
is_left_unsettled(const struct ledger *ledger, uint32_t number, const struct slot *slot)
{
	return is_left_in_change(ledger, number, slot) || (is_unsettled(slot) && !is_held(ledger, number));
}

struct sums {
	int64_t bytes, files;
	bool has_left; /* an upper bound: of a slot that was left unsettled */
};

static int
add_slot(struct ledger *ledger, uint32_t number, struct slot *slot, void *arg)
{
	struct sums *sums = arg;

	if (!is_good_slot(slot))
		return -EUCLEAN;
	if (is_left_unsettled(ledger, number, slot))
		sums->has_left = true;
	/* a good slot's own figures cannot overflow; the base is checked with the sum */
	if (__builtin_add_overflow(sums->bytes, slot->bytes + (int64_t)slot->reserved_bytes, &sums->bytes) ||
	    __builtin_add_overflow(sums->files, slot->files + (int64_t)slot->reserved_files, &sums->files))
		return -EUCLEAN;
	return 0;
}

/* The figure; with the account locked. No home has less than nothing: such a figure is wrong. -EUCLEAN: nobody knows it. */
static int
sum(struct ledger *ledger, const struct header *header, struct ledger_figure *figure)
{
	struct sums sums = {header->base_bytes, header->base_files, false};
	int r = (header->flags & HEADER_COUNTED) == 0 ? -EUCLEAN : 0;

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	if (r == 0)
		r = each_slot(ledger, header->slots, add_slot, &sums);
	if (r < 0)
		return r;
	figure->bytes = sums.bytes < 0 ? 0 : (uint64_t)sums.bytes;
	figure->files = sums.files < 0 ? 0 : (uint64_t)sums.files;
	figure->state = sums.has_left || (header->flags & HEADER_UNSURE) != 0 || sums.bytes < 0 || sums.files < 0
	    ? LEDGER_BOUND
	    : LEDGER_EXACT;
	return 0;
}

static int
read_and_sum(struct ledger *ledger, struct head *head, struct ledger_figure *figure)
{
	int r = read_head(ledger, head);

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	return r < 0 ? r : sum(ledger, &head->header, figure);
}

/*
 * Take the first settled slot that nobody holds; one that a dead session left unsettled stays as it is until the home
 * has been counted. The caller holds the lock of the table, so that nobody else takes it meanwhile.
 */
static int
take_slot(struct ledger *ledger, struct header *header)
{
	struct slot slot;
	int r;

	for (uint32_t number = 0; number < SLOTS_MAX; number++) {
		if (is_byte_locked(ledger->fd, LOCK_SLOTS + (off_t)number))
			continue;
		r = number < header->slots ? read_at(ledger->fd, &slot, sizeof(slot), slot_at(number)) : 0;
		if (r < 0)
			return r;
		if (number < header->slots && (!is_good_slot(&slot) || is_unsettled(&slot)))
			continue;
		r = lock_byte(ledger->slot_fd, LOCK_SLOTS + (off_t)number, F_RDLCK);
		if (r < 0)
			return r;
		ledger->slot = number;
		if (number < header->slots)
			return 0;
		header->slots = number + 1;
		/* whatever the file has there is no session's */
		slot = (struct slot){.bytes = 0};
		return write_slot(ledger, number, &slot);
	}
	return -EUSERS;
}

static int
open_locked(struct ledger *ledger, const uint8_t boot_id[16])
{
	struct header header;
	int r = read_ledger_header(ledger, &header);

	if (r == -EUCLEAN) { /* new, or damaged: not counted yet */
		header = (struct header){.flags = 0};
		r = ftruncate(ledger->fd, 0) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = take_slot(ledger, &header);
	if (r < 0)
		return r;
	/* the last writes before the machine went down may be lost; so nothing is ever synced to the disk */
	if (memcmp(header.boot_id, boot_id, 16) != 0)
		header.flags |= HEADER_UNSURE;
	memcpy(header.boot_id, boot_id, 16);
	return write_ledger_header(ledger, &header);
}

void
ledger_init(struct ledger *ledger)
{
	*ledger = (struct ledger){.fd = -1, .slot_fd = -1};
}

static int
open_state_file(const char *path, int flags, int *fd_out)
{
	struct stat st;
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);

	if (fd < 0)
		return -errno;
	*fd_out = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
}

/*
 * Leave the slot's lock to a mapping of its file, and close the descriptor. Some file systems map another file than the
 * one that is locked; there the descriptor stays. With the table locked.
 */
static int
map_slot(struct ledger *ledger, const char *path)
{
	const off_t lock = LOCK_SLOTS + (off_t)ledger->slot;
	void *map = mmap(NULL, SLOT_MAP_SIZE, PROT_NONE, MAP_PRIVATE, ledger->slot_fd, 0);
	int r;

	if (map == MAP_FAILED)
		return 0;
	close_fd(&ledger->slot_fd);
	if (is_byte_locked(ledger->fd, lock)) {
		ledger->slot_map = map;
		return 0;
	}
	munmap(map, SLOT_MAP_SIZE);
	r = open_state_file(path, O_RDONLY, &ledger->slot_fd);
	return r < 0 ? r : lock_byte(ledger->slot_fd, lock, F_RDLCK);
}

int
ledger_open(struct ledger *ledger, const char *path, const uint8_t boot_id[16])
{
	const char *name;
	int r;

	ledger_init(ledger);
	ledger->slot = SLOTS_MAX;
	name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
	ledger->name_check = check_of(name, strlen(name));
	r = open_state_file(path, O_RDWR | O_CREAT, &ledger->fd);
	if (r == 0)
		r = open_state_file(path, O_RDONLY, &ledger->slot_fd);
	/* not the account's: a login does not wait until a home is counted */
	if (r == 0)
		r = lock_table(ledger);
	if (r == 0) {
		r = open_locked(ledger, boot_id);
		if (r == 0)
			r = map_slot(ledger, path);
		unlock_table(ledger);
	}
	if (r < 0) {
		close_fd(&ledger->fd);
		close_fd(&ledger->slot_fd);
	}
	return r;
}

void
ledger_close(struct ledger *ledger)
{
	if (ledger->slot_map != NULL)
		munmap(ledger->slot_map, SLOT_MAP_SIZE);
	ledger->slot_map = NULL;
	close_fd(&ledger->slot_fd);
	close_fd(&ledger->fd); /* with all its locks */
}

int
ledger_read(struct ledger *ledger, struct ledger_figure *figure)
{
	bool was_locked = ledger->is_locked;
	int r = was_locked ? 0 : lock_account(ledger);
	struct head head;

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	if (r < 0)
		return r;
	r = read_and_sum(ledger, &head, figure);
	if (!was_locked)
		unlock_account(ledger);
	return r;
}

static bool
fits_in_limit(uint64_t used, uint64_t more, uint64_t limit)
{
	return more == 0 || (used <= limit && more <= limit - used);
}

/* Without a known figure, only a change passes that adds nothing to what has a limit. */
static int
check_limits(
    int summed, const struct ledger_limits *limits, uint64_t bytes, uint64_t files, const struct ledger_figure *figure)
{
	bool needs_figure =
	    (bytes > 0 && limits->bytes != LEDGER_NO_LIMIT) || (files > 0 && limits->files != LEDGER_NO_LIMIT);

	if (summed == -EUCLEAN)
		return needs_figure ? -EUCLEAN : 0;
	if (summed < 0)
		return summed;
	return fits_in_limit(figure->bytes, bytes, limits->bytes) && fits_in_limit(figure->files, files, limits->files)
	    ? 0
	    : -EDQUOT;
}

/* Is the home being counted? A counter that died left its note, which is cleared here. */
static bool
is_counter_alive(const struct ledger *ledger, struct note *note)
{
	if (note->is_running == 0)
		return false;
	if (is_byte_locked(ledger->fd, LOCK_COUNTER))
		return true;
	note->is_running = 0;
	(void)!write_note(ledger, note);
	return false;
}

/* What the change may add is reserved while it is made: should we die, it is a bound of what came of it. */
static int
enter_change(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	struct slot slot;
	int r = read_own_slot(ledger, &slot);

	if (r < 0)
		return r;
	if (bytes > SLOT_MAX - slot.reserved_bytes || files > SLOT_MAX)
		return -EDQUOT;
	slot.reserved_bytes += bytes;
	slot.reserved_files = files;
	slot.flags |= SLOT_IN_CHANGE;
	ledger->change_bytes = bytes;
	return write_slot(ledger, ledger->slot, &slot);
}

int
ledger_begin(struct ledger *ledger, const struct ledger_limits *limits, uint64_t bytes, uint64_t files,
    struct ledger_figure *figure)
{
	int r = lock_account(ledger);
	struct head head;

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	if (r < 0)
		return r;
	r = check_limits(read_and_sum(ledger, &head, figure), limits, bytes, files, figure);
	if (r == 0)
		r = enter_change(ledger, bytes, files);
	if (r < 0) {
		unlock_account(ledger);
		return r;
	}
	ledger->is_locked = true;
	ledger->is_counted = is_counter_alive(ledger, &head.note);
	return 0;
}

static void
change_header_flags(struct ledger *ledger, uint32_t clear, uint32_t set)
{
	struct header header;

	if (lock_table(ledger) < 0)
		return;
	if (read_ledger_header(ledger, &header) == 0) { /* a damaged one is distrusted already */
		header.flags = (header.flags & ~clear) | set;
		(void)!write_ledger_header(ledger, &header);
	}
	unlock_table(ledger);
}

void
ledger_suspect(struct ledger *ledger)
{
	if (ledger->fd >= 0)
		change_header_flags(ledger, 0, HEADER_UNSURE | HEADER_ALARM);
}

static void
spoil_count(struct ledger *ledger, struct note *note, enum note_spoiled how)
{
	note->spoiled |= how;
	(void)!write_note(ledger, note);
}

/*
 * The file does not say what this session has done to the home: nobody knows the figure until it is counted. Within a
 * bracket.
 */
static void
distrust_now(struct ledger *ledger)
{
	struct head head;

	change_header_flags(ledger, HEADER_COUNTED, 0);
	(void)!read_head(ledger, &head);
	if (head.note.is_running != 0)
		spoil_count(ledger, &head.note, SPOILED_LOST);
}

/* Journal first, then the note that says how long it is. */
static int
append_events(struct ledger *ledger, struct note *note, const struct ledger_event *events, size_t count)
{
	int r;

	if (count > JOURNAL_MAX - note->events)
		return -ENOSPC;
	r = write_at(
	    ledger->fd, events, count * sizeof(events[0]), JOURNAL_AT + (off_t)note->events * (off_t)sizeof(events[0]));
	for (size_t i = 0; i < count; i++) {
		if (events[i].kind >= LEDGER_EVENT_KIND_COUNT || events[i].kind == LEDGER_UNTOLD)
			r = -EINVAL;
		note->moves += events[i].kind == LEDGER_DIRECTORY_MOVED;
	}
	note->events += (uint32_t)count;
	return r < 0 ? r : write_note(ledger, note);
}

void
ledger_tell_count(struct ledger *ledger, const struct ledger_event *events, size_t count)
{
	struct head head;

	if (!ledger->is_locked || !ledger->is_counted || count == 0)
		return;
	(void)!read_head(ledger, &head);
	if (head.note.is_running != 0 && append_events(ledger, &head.note, events, count) < 0)
		spoil_count(ledger, &head.note, SPOILED_UNTOLD);
}

int
ledger_end(struct ledger *ledger, int64_t bytes, int64_t files)
{
	struct slot slot;
	int r, fitted = 0;

	if (!ledger->is_locked)
		return -EINVAL;
	r = read_own_slot(ledger, &slot);
	if (r == 0) {
		fitted =
		    add_in_bounds(&slot.bytes, bytes) < 0 || add_in_bounds(&slot.files, files) < 0 ? -EOVERFLOW : 0;
		slot.reserved_bytes -=
		    slot.reserved_bytes < ledger->change_bytes ? slot.reserved_bytes : ledger->change_bytes;
		slot.reserved_files = 0;
		slot.flags &= ~(uint32_t)SLOT_IN_CHANGE;
		r = write_slot(ledger, ledger->slot, &slot);
	}
	if (r < 0 || fitted < 0)
		distrust_now(ledger);
	ledger->is_locked = false;
	unlock_account(ledger);
	return r < 0 ? r : fitted;
}

void
ledger_abandon(struct ledger *ledger)
{
	if (!ledger->is_locked)
		return;
	ledger->is_locked = false;
	unlock_account(ledger);
}

bool
ledger_is_awaited(const struct ledger *ledger)
{
	return is_byte_locked(ledger->fd, LOCK_AWAITED);
}

int
ledger_upload_begin(struct ledger *ledger, uint64_t key, uint64_t start_size)
{
	struct slot slot;
	int r = start_size > SLOT_MAX ? -EFBIG : read_own_slot(ledger, &slot);

	if (r < 0)
		return r;
	slot.key = key;
	slot.start_size = start_size;
	slot.reserved_bytes = 0;
	ledger->change_bytes = 0;
	slot.flags |= SLOT_UPLOADS;
	return write_slot(ledger, ledger->slot, &slot);
}

/* A share of what is left, so that sessions side by side leave each other some. */
static uint64_t
grant_of(uint64_t left)
{
	uint64_t grant = left / GRANT_SHARE;

	if (grant > GRANT_MOST)
		grant = GRANT_MOST;
	if (grant < GRANT_LEAST)
		grant = GRANT_LEAST;
	return grant < left ? grant : left;
}

static int
reserve_locked(struct ledger *ledger, const struct ledger_limits *limits, uint64_t wanted, uint64_t *granted,
    struct ledger_figure *figure)
{
	struct head head;
	struct slot slot;
	uint64_t left;
	int r = read_and_sum(ledger, &head, figure);

	if (r < 0)
		return r;
	left = figure->bytes >= limits->bytes ? 0 : limits->bytes - figure->bytes;
	if (left == 0 || wanted > left)
		return -EDQUOT;
	r = read_own_slot(ledger, &slot);
	if (r == 0 && (slot.flags & SLOT_UPLOADS) == 0)
		r = -EIO; /* the file was damaged in the meantime */
	if (r < 0)
		return r;
	*granted = wanted > 0 ? wanted : grant_of(left);
	if (*granted > SLOT_MAX - slot.reserved_bytes)
		return -EDQUOT;
	slot.reserved_bytes += *granted;
	return write_slot(ledger, ledger->slot, &slot);
}

int
ledger_upload_reserve(struct ledger *ledger, const struct ledger_limits *limits, uint64_t wanted, uint64_t *granted,
    struct ledger_figure *figure)
{
	bool was_locked = ledger->is_locked;
	int r = was_locked ? 0 : lock_account(ledger);

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	if (r < 0)
		return r;
	r = reserve_locked(ledger, limits, wanted, granted, figure);
	if (!was_locked)
		unlock_account(ledger);
	return r;
}

int
ledger_upload_end(struct ledger *ledger, uint64_t final_size)
{
	struct slot slot;
	int r, fitted = 0;

	if (!ledger->is_locked || final_size > INT64_MAX)
		return -EINVAL;
	r = read_own_slot(ledger, &slot);
	if (r == 0 && (slot.flags & SLOT_UPLOADS) == 0)
		r = -EUCLEAN; /* the file was damaged in the meantime */
	if (r == 0) {
		fitted = add_in_bounds(&slot.bytes, (int64_t)final_size - (int64_t)slot.start_size);
		slot.reserved_bytes = 0;
		slot.key = slot.start_size = 0;
		ledger->change_bytes = 0;
		slot.flags &= ~(uint32_t)SLOT_UPLOADS;
		r = write_slot(ledger, ledger->slot, &slot);
	}
	if (r < 0 || fitted < 0)
		distrust_now(ledger);
	return r < 0 ? r : fitted;
}

/* Counting. */

/* The slots as they are when the count begins. What is damaged is cleared: nobody knows its figure. */
static int
begin_slot_count(struct ledger *ledger, uint32_t number, struct slot *slot, void *arg)
{
	static const struct slot zeros;
	struct ledger_count *count = arg;
	struct ledger_upload *upload;

	if (!is_good_slot(slot)) {
		count->has_damage = true;
		*slot = zeros;
		return write_slot(ledger, number, slot);
	}
	count->was_left[number] = is_left_unsettled(ledger, number, slot);
	if ((slot->flags & SLOT_UPLOADS) == 0)
		return 0;
	upload = &count->uploads[count->upload_count++];
	*upload = (struct ledger_upload){slot->key, slot->start_size, count->was_left[number]};
	return 0;
}

/* A header that is damaged while it is in use: what slots are still good is kept. One of the former format becomes ours. */
static int
mend_header(struct ledger *ledger, struct header *header)
{
	int r = read_ledger_header(ledger, header);

	if (r == -EUCLEAN) {
		*header = (struct header){.slots = SLOTS_MAX};
		r = 0;
	}
	return r < 0 ? r : write_ledger_header(ledger, header);
}

static int
begin_count_locked(struct ledger *ledger, struct ledger_count *count)
{
	struct note note = {.is_running = 1};
	struct header header;
	int r = lock_table(ledger);

	if (r < 0)
		return r;
	memset(count, 0, sizeof(*count));
	r = mend_header(ledger, &header);
	if (r == 0)
		r = each_slot(ledger, header.slots, begin_slot_count, count);
	header.flags &= ~(uint32_t)(HEADER_ALARM | (count->has_damage ? HEADER_COUNTED : 0));
	if (r == 0)
		r = write_ledger_header(ledger, &header);
	if (r == 0)
		r = write_note(ledger, &note);
	unlock_table(ledger);
	return r;
}

static int
find_dying(struct ledger *ledger, uint32_t number, struct slot *slot, void *arg)
{
	(void)arg;
	return is_left_in_change(ledger, number, slot) && is_held(ledger, number) ? -EAGAIN : 0;
}

/* Lock the account when nobody is in the midst of a change, whose lock is gone already: what is being killed needs a moment. */
static int
lock_account_at_rest(struct ledger *ledger)
{
	uint64_t deadline = monotonic_ms() + DEATH_WAIT_MS;
	int r;

	for (;;) {
		r = lock_account(ledger);
		if (r < 0)
			return r;
		r = each_slot(ledger, SLOTS_MAX, find_dying, NULL);
		if (r == 0)
			return 0;
		unlock_account(ledger);
		if (r != -EAGAIN)
			return r;
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, DEATH_LOOK_MS);
	}
}

static int
lock_account_for_count(struct ledger *ledger)
{
	int r = -ETIMEDOUT;

	for (int waits = 0; r == -ETIMEDOUT && waits < COUNT_LOCK_WAITS; waits++)
		r = lock_account_at_rest(ledger);
	return r;
}

int
ledger_count_begin(struct ledger *ledger, struct ledger_count *count)
{
	int r = lock_byte(ledger->fd, LOCK_COUNTER, F_WRLCK);

	if (r < 0)
		return r == -EAGAIN || r == -EACCES ? -EBUSY : r;
	r = lock_account_at_rest(ledger);
	if (r == 0) {
		r = begin_count_locked(ledger, count);
		unlock_account(ledger);
	}
	if (r < 0)
		lock_byte(ledger->fd, LOCK_COUNTER, F_UNLCK);
	return r;
}

void
ledger_count_show(const struct ledger *ledger, uint64_t met)
{
	(void)!write_at(ledger->fd, &met, sizeof(met), PROGRESS_AT);
}

bool
ledger_count_is_under_way(const struct ledger *ledger, uint64_t *met)
{
	*met = 0;
	return is_byte_locked(ledger->fd, LOCK_COUNTER) && read_at(ledger->fd, met, sizeof(*met), PROGRESS_AT) == 0;
}

/*
 * What the slots have settled. A change by a session that died since the count began was never told: -EAGAIN. One that
 * was left before has come to its end.
 */
static int
look_at_slot(struct ledger *ledger, uint32_t number, struct slot *slot, void *arg)
{
	struct ledger_count *count = arg;

	if (!is_good_slot(slot) || (is_left_in_change(ledger, number, slot) && !count->was_left[number]))
		return -EAGAIN;
	/* bounded: see SLOT_MAX */
	count->settled_bytes += slot->bytes;
	count->settled_files += slot->files;
	return 0;
}

static int
note_moment(struct ledger *ledger, struct ledger_count *count)
{
	struct head head;
	int r = read_head(ledger, &head);

	if (r == -EUCLEAN ||
	    (r == 0 &&
		(head.header.magic != MAGIC || head.note.is_running == 0 || (head.note.spoiled & SPOILED_UNTOLD))))
		r = -EAGAIN;
	count->settled_bytes = count->settled_files = 0;
	if (r == 0)
		r = each_slot(ledger, head.header.slots, look_at_slot, count);
	count->events = head.note.events;
	count->moves = head.note.moves;
	if (r < 0 || head.note.spoiled == 0)
		return r;
	head.note.spoiled = 0; /* the home has what was lost so far */
	return write_note(ledger, &head.note);
}

int
ledger_count_look(struct ledger *ledger, struct ledger_count *count)
{
	int r = lock_account_for_count(ledger);

	if (r < 0)
		return r;
	r = note_moment(ledger, count);
	unlock_account(ledger);
	return r;
}

int
ledger_journal_read(int fd, uint32_t first, struct ledger_event *events, size_t count)
{
	ssize_t n = pread(fd, events, count * sizeof(events[0]), JOURNAL_AT + (off_t)first * (off_t)sizeof(events[0]));

	if (n < 0)
		return -errno;
	return (size_t)n == count * sizeof(events[0]) ? 0 : -EIO;
}

struct slot_end {
	const struct ledger_count *count;
	struct header *header;
};

/*
 * What was left before the count began is cleared, since the count has seen what came of it. What ended sessions have
 * settled goes to the base.
 */
static int
end_slot_count(struct ledger *ledger, uint32_t number, struct slot *slot, void *arg)
{
	static const struct slot zeros;
	const struct slot_end *end = arg;

	if (!is_good_slot(slot))
		return -EAGAIN;
	if (is_held(ledger, number) || memcmp(slot, &zeros, sizeof(zeros)) == 0)
		return 0;
	if (is_unsettled(slot) && !end->count->was_left[number])
		return 0;
	end->header->base_bytes += slot->bytes;
	end->header->base_files += slot->files;
	*slot = zeros;
	return write_slot(ledger, number, slot);
}

/* While slots and base do not fit each other, nobody believes them. */
static int
enter_counted(
    struct ledger *ledger, const struct ledger_count *count, const struct ledger_figure *counted, struct header *header)
{
	struct slot_end end = {count, header};
	int r;

	header->flags &=
	    ~(uint32_t)((header->flags & HEADER_ALARM) != 0 ? HEADER_COUNTED : HEADER_COUNTED | HEADER_UNSURE);
	r = write_ledger_header(ledger, header);
	/* what was settled after the look is in the slots, and comes on top */
	header->base_bytes = (int64_t)counted->bytes - count->settled_bytes;
	header->base_files = (int64_t)counted->files - count->settled_files;
	if (r == 0)
		r = each_slot(ledger, header->slots, end_slot_count, &end);
	header->flags |= HEADER_COUNTED;
	return r < 0 ? r : write_ledger_header(ledger, header);
}

static int
end_count_locked(struct ledger *ledger, const struct ledger_count *count, const struct ledger_figure *counted)
{
	struct note none = {.is_running = 0};
	struct head head;
	int r = lock_table(ledger);

	if (r < 0)
		return r;
	r = read_head(ledger, &head);
	/* made anew since the look, or a change since then is in no slot */
	if (r == -EUCLEAN || (r == 0 && (head.note.is_running == 0 || (head.note.spoiled & SPOILED_LOST) != 0)))
		r = -EAGAIN;
	if (r == 0)
		r = enter_counted(ledger, count, counted, &head.header);
	unlock_table(ledger);
	if (r == 0)
		(void)!write_note(ledger, &none);
	return r;
}

/* A note that is left is of no use to anybody without the lock of the counter. */
int
ledger_count_end(struct ledger *ledger, const struct ledger_count *count, const struct ledger_figure *counted)
{
	int r = 0;

	if (counted != NULL && (counted->bytes > LEDGER_FIGURE_MAX || counted->files > LEDGER_FIGURE_MAX)) {
		r = -EINVAL;
	} else if (counted != NULL) {
		r = lock_account_for_count(ledger);
		if (r == 0) {
			r = end_count_locked(ledger, count, counted);
			unlock_account(ledger);
		}
	}
	lock_byte(ledger->fd, LOCK_COUNTER, F_UNLCK);
	return r;
}

int
ledger_boot_id(uint8_t boot_id[16])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	static const char hex[] = "0123456789abcdef";
	char text[64] = "";
	unsigned digits = 0;
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = io_read_all(fd, text, sizeof(text));
	close_fd(&fd);
	memset(boot_id, 0, 16);
	for (ssize_t i = 0; i < len && digits < 32; i++) {
		const char *digit = strchr(hex, text[i]);

		if (digit == NULL || *digit == '\0')
			continue; /* a dash */
		boot_id[digits / 2] = (uint8_t)(boot_id[digits / 2] << 4 | (uint8_t)(digit - hex));
		digits++;
	}
	return digits == 32 ? 0 : -EIO;
}
