/* SPDX-License-Identifier: ISC */
#include "accounts/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/ledger_file.h"
#include "common/io.h"

#include "common/banned.h"

#define COUNT_LOCK_WAITS 6 /* a count has taken long: it outlasts a change that another session must give up */
#define DEATH_WAIT_MS 2000 /* a killed session needs a moment to be gone */
#define DEATH_LOOK_MS 5
#define SLOT_MAP_SIZE 1 /* no byte of it is ever read */
#define GRANT_LEAST (64 * 1024ULL)
#define GRANT_MOST (16 * 1024 * 1024ULL)
#define GRANT_SHARE 32 /* of what is left: sessions side by side leave each other some */

/* Add to a figure of a slot. -EOVERFLOW, and nothing is added, when it would be out of bounds. */
static int
add_in_bounds(int64_t *figure, int64_t more)
{
	int64_t sum;

	if (__builtin_add_overflow(*figure, more, &sum) || !ledger_is_in_bounds(sum))
		return -EOVERFLOW;
	*figure = sum;
	return 0;
}

struct sums {
	int64_t bytes, files;
	bool has_left; /* an upper bound: of a slot that was left unsettled */
};

static int
add_slot(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	struct sums *sums = arg;

	if (!ledger_is_good_slot(slot))
		return -EUCLEAN;
	if (ledger_is_left_unsettled(ledger, number, slot))
		sums->has_left = true;
	/* a good slot's own figures cannot overflow; the base is checked with the sum */
	if (__builtin_add_overflow(sums->bytes, slot->bytes + (int64_t)slot->reserved_bytes, &sums->bytes) ||
	    __builtin_add_overflow(sums->files, slot->files + (int64_t)slot->reserved_files, &sums->files))
		return -EUCLEAN;
	return 0;
}

/* What may be added yet. */
static uint64_t
room_in(int64_t used, uint64_t limit)
{
	uint64_t known = used < 0 ? 0 : (uint64_t)used;

	return known < limit ? limit - known : 0;
}

/* used: net, and what is left of dead sessions. */
static uint64_t
room_in_share(int64_t used, int64_t allow, uint64_t limit)
{
	int64_t room;

	if (limit == LEDGER_NO_LIMIT)
		return LEDGER_NO_LIMIT;
	return __builtin_sub_overflow(allow, used, &room) || room < 0 ? 0 : (uint64_t)room;
}

static uint64_t
figure_in_share(int64_t net, int64_t others)
{
	int64_t used;

	if (__builtin_add_overflow(net, others, &used) || used < 0)
		return 0;
	return (uint64_t)used > LEDGER_FIGURE_MAX ? LEDGER_FIGURE_MAX : (uint64_t)used;
}

/*
 * The slots add up to the net of the share. While the database may not know of the share, nothing grows, not even by what
 * was removed meanwhile: another node may have counted the home and may use that room.
 */
static int
judge_share(struct ledger *ledger, const struct ledger_share *share, const struct sums *sums,
    const struct ledger_limits *limits, struct ledger_figure *figure, struct ledger_limits *room)
{
	const struct ledger_use used = {sums->bytes + share->left.bytes, sums->files + share->left.files};
	bool is_known = share->id != 0 && (share->flags & SHARE_LAST_WORD) == 0;
	const struct ledger_use allow = is_known ? share->allow : used;
	bool has_left = sums->has_left || share->left.bytes > 0 || share->left.files > 0;

	*figure = (struct ledger_figure){
	    .bytes = figure_in_share(used.bytes, share->others.bytes),
	    .files = figure_in_share(used.files, share->others.files),
	    .state = (share->flags & SHARE_UNCOUNTED) != 0 ? LEDGER_UNKNOWN
		: has_left                                 ? LEDGER_BOUND
							   : LEDGER_EXACT,
	};
	ledger->can_count = share->count != LEDGER_NO_COUNT && (share->flags & SHARE_RESULT) == 0;
	if ((share->flags & SHARE_DISTRUSTED) != 0)
		return 0;
	*room = (struct ledger_limits){room_in_share(used.bytes, allow.bytes, limits->bytes),
	    room_in_share(used.files, allow.files, limits->files)};
	return 0;
}

/* No home has less than nothing: such a figure is wrong. */
static void
judge_figure_of_node(const struct ledger_header *header, const struct sums *sums, const struct ledger_limits *limits,
    struct ledger_figure *figure, struct ledger_limits *room)
{
	figure->bytes = sums->bytes < 0 ? 0 : (uint64_t)sums->bytes;
	figure->files = sums->files < 0 ? 0 : (uint64_t)sums->files;
	figure->state = sums->has_left || (header->flags & HEADER_UNSURE) != 0 || sums->bytes < 0 || sums->files < 0
	    ? LEDGER_BOUND
	    : LEDGER_EXACT;
	*room = (struct ledger_limits){room_in(sums->bytes, limits->bytes), room_in(sums->files, limits->files)};
}

static const struct ledger_limits no_limits = {LEDGER_NO_LIMIT, LEDGER_NO_LIMIT};

/*
 * The figure, and what may be added; with the account locked. -EUCLEAN: nobody knows it. -ESTALE: the share that the
 * session uses is no longer there.
 */
static int
read_and_sum(struct ledger *ledger, const struct ledger_limits *limits, struct ledger_head *head,
    struct ledger_figure *figure, struct ledger_limits *room)
{
	struct sums sums;
	bool is_shared;
	int r = ledger_read_head(ledger, head);

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	*room = (struct ledger_limits){0, 0};
	ledger->can_count = true;
	is_shared = ledger->epoch != 0 || (r == 0 && head->share.epoch != 0);
	if (ledger->epoch != 0 &&
	    (r == -EUCLEAN || head->share.epoch != ledger->epoch || (head->share.flags & SHARE_GONE) != 0))
		return -ESTALE;
	if (r == 0 && !is_shared && (head->header.flags & HEADER_COUNTED) == 0)
		r = -EUCLEAN;
	if (r < 0)
		return r;
	sums = (struct sums){head->header.base_bytes, head->header.base_files, false};
	r = ledger_each_slot(ledger, head->header.slots, add_slot, &sums);
	if (r < 0)
		return r == -EUCLEAN && ledger->epoch != 0 ? -ESTALE : r;
	if (is_shared)
		return judge_share(ledger, &head->share, &sums, limits, figure, room);
	judge_figure_of_node(&head->header, &sums, limits, figure, room);
	return 0;
}

/*
 * Take the first settled slot that nobody holds; one that a dead session left unsettled stays as it is until the home
 * has been counted. The caller holds the lock of the table, so that nobody else takes it meanwhile.
 */
static int
take_slot(struct ledger *ledger, struct ledger_header *header)
{
	struct ledger_slot slot;
	int r;

	for (uint32_t number = 0; number < SLOTS_MAX; number++) {
		if (ledger_is_byte_locked(ledger->fd, LOCK_SLOTS + (off_t)number))
			continue;
		r = number < header->slots ? ledger_read_at(ledger->fd, &slot, sizeof(slot), ledger_slot_at(number))
					   : 0;
		if (r < 0)
			return r;
		if (number < header->slots && (!ledger_is_good_slot(&slot) || ledger_is_unsettled(&slot)))
			continue;
		r = ledger_lock_byte(ledger->slot_fd, LOCK_SLOTS + (off_t)number, F_RDLCK);
		if (r < 0)
			return r;
		ledger->slot = number;
		if (number < header->slots && slot.epoch == 0)
			return 0;
		if (number < header->slots) { /* of who held it before */
			slot.epoch = 0;
			return ledger_write_slot(ledger, number, &slot);
		}
		header->slots = number + 1;
		/* whatever the file has there is no session's */
		slot = (struct ledger_slot){.bytes = 0};
		return ledger_write_slot(ledger, number, &slot);
	}
	return -EUSERS;
}

static int
open_locked(struct ledger *ledger, const uint8_t boot_id[16])
{
	struct ledger_header header;
	struct ledger_head head;
	int r = ledger_read_head(ledger, &head);

	header = head.header;
	if (r == -EUCLEAN) { /* new, or damaged: not counted yet */
		header = (struct ledger_header){.flags = 0};
		head.share.epoch = 0;
		r = ftruncate(ledger->fd, 0) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = take_slot(ledger, &header);
	if (r < 0)
		return r;
	/* the last writes before the machine went down may be lost; so nothing is ever synced to the disk */
	if (memcmp(header.boot_id, boot_id, 16) != 0) {
		header.flags |= HEADER_UNSURE;
		/* the database, too, has another boot of this node then */
		head.share.flags |= SHARE_GONE;
		if (head.share.epoch != 0 && (r = ledger_write_share(ledger, &head.share)) < 0)
			return r;
	}
	ledger->has_share = head.share.epoch != 0;
	ledger->is_for_sessions = ledger->has_share && (head.share.flags & SHARE_HAS_QUOTA) == 0;
	memcpy(header.boot_id, boot_id, 16);
	return ledger_write_header(ledger, &header);
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
	if (ledger_is_byte_locked(ledger->fd, lock)) {
		ledger->slot_map = map;
		return 0;
	}
	munmap(map, SLOT_MAP_SIZE);
	r = open_state_file(path, O_RDONLY, &ledger->slot_fd);
	return r < 0 ? r : ledger_lock_byte(ledger->slot_fd, lock, F_RDLCK);
}

int
ledger_open(struct ledger *ledger, const char *path, const uint8_t boot_id[16])
{
	const char *name;
	int r;

	ledger_init(ledger);
	ledger->slot = SLOTS_MAX;
	name = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
	ledger->name_check = ledger_check_of(name, strlen(name));
	r = open_state_file(path, O_RDWR | O_CREAT, &ledger->fd);
	if (r == 0)
		r = open_state_file(path, O_RDONLY, &ledger->slot_fd);
	/* not the account's: a login does not wait until a home is counted */
	if (r == 0)
		r = ledger_lock_table(ledger);
	if (r == 0) {
		r = open_locked(ledger, boot_id);
		if (r == 0)
			r = map_slot(ledger, path);
		ledger_unlock_table(ledger);
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
	int r = was_locked ? 0 : ledger_lock_account(ledger);
	struct ledger_limits room;
	struct ledger_head head;

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	if (r < 0)
		return r;
	r = read_and_sum(ledger, &no_limits, &head, figure, &room);
	if (!was_locked)
		ledger_unlock_account(ledger);
	return r == 0 && figure->state == LEDGER_UNKNOWN ? -EUCLEAN : r;
}

/* Without a known figure, only a change passes that adds nothing to what has a limit. */
static int
check_room(
    int summed, const struct ledger_limits *limits, uint64_t bytes, uint64_t files, const struct ledger_limits *room)
{
	bool needs_figure =
	    (bytes > 0 && limits->bytes != LEDGER_NO_LIMIT) || (files > 0 && limits->files != LEDGER_NO_LIMIT);

	if (summed == -EUCLEAN)
		return needs_figure ? -EUCLEAN : 0;
	if (summed < 0)
		return summed;
	return (bytes == 0 || bytes <= room->bytes) && (files == 0 || files <= room->files) ? 0 : -EDQUOT;
}

/* Is the home being counted? A counter that died left its note, which is cleared here. */
static bool
is_counter_alive(const struct ledger *ledger, struct ledger_note *note)
{
	if (note->is_running == 0)
		return false;
	if (ledger_is_byte_locked(ledger->fd, LOCK_COUNTER))
		return true;
	note->is_running = 0;
	(void)!ledger_write_note(ledger, note);
	return false;
}

/* What the change may add is reserved while it is made: should we die, it is a bound of what came of it. */
static int
enter_change(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	struct ledger_slot slot;
	int r = ledger_read_own_slot(ledger, &slot);

	if (r < 0)
		return r;
	if (bytes > SLOT_MAX - slot.reserved_bytes || files > SLOT_MAX)
		return -EDQUOT;
	slot.reserved_bytes += bytes;
	slot.reserved_files = files;
	slot.flags |= SLOT_IN_CHANGE;
	ledger->change_bytes = bytes;
	return ledger_write_slot(ledger, ledger->slot, &slot);
}

int
ledger_begin(struct ledger *ledger, const struct ledger_limits *limits, uint64_t bytes, uint64_t files,
    struct ledger_figure *figure)
{
	int r = ledger_lock_account(ledger);
	struct ledger_limits room;
	struct ledger_head head;

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	if (r < 0)
		return r;
	r = check_room(read_and_sum(ledger, limits, &head, figure, &room), limits, bytes, files, &room);
	if (r == 0)
		r = enter_change(ledger, bytes, files);
	if (r < 0) {
		ledger_unlock_account(ledger);
		return r;
	}
	ledger->is_locked = true;
	ledger->is_counted = is_counter_alive(ledger, &head.note);
	return 0;
}

static void
change_header_flags(struct ledger *ledger, uint32_t clear, uint32_t set)
{
	struct ledger_header header;

	if (ledger_lock_table(ledger) < 0)
		return;
	if (ledger_read_header(ledger, &header) == 0) { /* a damaged one is distrusted already */
		header.flags = (header.flags & ~clear) | set;
		(void)!ledger_write_header(ledger, &header);
	}
	ledger_unlock_table(ledger);
}

/* With the account locked. */
static void
distrust_share(struct ledger *ledger)
{
	struct ledger_head head;

	if (ledger_read_head(ledger, &head) < 0 || head.share.epoch != ledger->epoch)
		return;
	head.share.flags |= SHARE_DISTRUSTED;
	(void)!ledger_write_share(ledger, &head.share);
}

void
ledger_suspect(struct ledger *ledger)
{
	bool was_locked = ledger->is_locked;

	if (ledger->fd < 0)
		return;
	change_header_flags(ledger, 0, HEADER_UNSURE | HEADER_ALARM);
	if (ledger->epoch == 0 || (!was_locked && ledger_lock_account(ledger) < 0))
		return;
	distrust_share(ledger);
	if (!was_locked)
		ledger_unlock_account(ledger);
}

static void
spoil_count(struct ledger *ledger, struct ledger_note *note, enum note_spoiled how)
{
	note->spoiled |= how;
	(void)!ledger_write_note(ledger, note);
}

/*
 * The file does not say what this session has done to the home: nobody knows the figure until it is counted. Within a
 * bracket.
 */
static void
distrust_now(struct ledger *ledger)
{
	struct ledger_head head;

	change_header_flags(ledger, HEADER_COUNTED, 0);
	if (ledger->epoch != 0)
		distrust_share(ledger);
	(void)!ledger_read_head(ledger, &head);
	if (head.note.is_running != 0)
		spoil_count(ledger, &head.note, SPOILED_LOST);
}

/* Journal first, then the note that says how long it is. */
static int
append_events(struct ledger *ledger, struct ledger_note *note, const struct ledger_event *events, size_t count)
{
	int r;

	if (count > JOURNAL_MAX - note->events)
		return -ENOSPC;
	r = ledger_write_at(
	    ledger->fd, events, count * sizeof(events[0]), JOURNAL_AT + (off_t)note->events * (off_t)sizeof(events[0]));
	for (size_t i = 0; i < count; i++) {
		if (events[i].kind >= LEDGER_EVENT_KIND_COUNT || events[i].kind == LEDGER_UNTOLD)
			r = -EINVAL;
		note->moves += events[i].kind == LEDGER_DIRECTORY_MOVED;
	}
	note->events += (uint32_t)count;
	return r < 0 ? r : ledger_write_note(ledger, note);
}

void
ledger_tell_count(struct ledger *ledger, const struct ledger_event *events, size_t count)
{
	struct ledger_head head;

	if (!ledger->is_locked || !ledger->is_counted || count == 0)
		return;
	(void)!ledger_read_head(ledger, &head);
	if (head.note.is_running != 0 && append_events(ledger, &head.note, events, count) < 0)
		spoil_count(ledger, &head.note, SPOILED_UNTOLD);
}

int
ledger_end(struct ledger *ledger, int64_t bytes, int64_t files)
{
	struct ledger_slot slot;
	int r, fitted = 0;

	if (!ledger->is_locked)
		return -EINVAL;
	r = ledger_read_own_slot(ledger, &slot);
	if (r == 0) {
		fitted =
		    add_in_bounds(&slot.bytes, bytes) < 0 || add_in_bounds(&slot.files, files) < 0 ? -EOVERFLOW : 0;
		slot.reserved_bytes -=
		    slot.reserved_bytes < ledger->change_bytes ? slot.reserved_bytes : ledger->change_bytes;
		slot.reserved_files = 0;
		slot.flags &= ~(uint32_t)SLOT_IN_CHANGE;
		r = ledger_write_slot(ledger, ledger->slot, &slot);
	}
	if (r < 0 || fitted < 0)
		distrust_now(ledger);
	ledger->is_locked = false;
	ledger_unlock_account(ledger);
	return r < 0 ? r : fitted;
}

void
ledger_abandon(struct ledger *ledger)
{
	if (!ledger->is_locked)
		return;
	ledger->is_locked = false;
	ledger_unlock_account(ledger);
}

bool
ledger_is_awaited(const struct ledger *ledger)
{
	return ledger_is_byte_locked(ledger->fd, LOCK_AWAITED);
}

int
ledger_upload_begin(struct ledger *ledger, uint64_t key, uint64_t start_size)
{
	struct ledger_slot slot;
	int r = start_size > SLOT_MAX ? -EFBIG : ledger_read_own_slot(ledger, &slot);

	if (r < 0)
		return r;
	slot.key = key;
	slot.start_size = start_size;
	slot.reserved_bytes = 0;
	ledger->change_bytes = 0;
	slot.flags |= SLOT_UPLOADS;
	return ledger_write_slot(ledger, ledger->slot, &slot);
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
	struct ledger_limits room;
	struct ledger_head head;
	struct ledger_slot slot;
	int r = read_and_sum(ledger, limits, &head, figure, &room);

	if (r < 0)
		return r;
	if (room.bytes == 0 || wanted > room.bytes)
		return -EDQUOT;
	r = ledger_read_own_slot(ledger, &slot);
	if (r == 0 && (slot.flags & SLOT_UPLOADS) == 0)
		r = -EIO; /* the file was damaged in the meantime */
	if (r < 0)
		return r;
	*granted = wanted > 0 ? wanted : grant_of(room.bytes);
	if (*granted > SLOT_MAX - slot.reserved_bytes)
		return -EDQUOT;
	slot.reserved_bytes += *granted;
	return ledger_write_slot(ledger, ledger->slot, &slot);
}

int
ledger_upload_reserve(struct ledger *ledger, const struct ledger_limits *limits, uint64_t wanted, uint64_t *granted,
    struct ledger_figure *figure)
{
	bool was_locked = ledger->is_locked;
	int r = was_locked ? 0 : ledger_lock_account(ledger);

	*figure = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	if (r < 0)
		return r;
	r = reserve_locked(ledger, limits, wanted, granted, figure);
	if (!was_locked)
		ledger_unlock_account(ledger);
	return r;
}

int
ledger_upload_end(struct ledger *ledger, uint64_t final_size)
{
	struct ledger_slot slot;
	int r, fitted = 0;

	if (!ledger->is_locked || final_size > INT64_MAX)
		return -EINVAL;
	r = ledger_read_own_slot(ledger, &slot);
	if (r == 0 && (slot.flags & SLOT_UPLOADS) == 0)
		r = -EUCLEAN; /* the file was damaged in the meantime */
	if (r == 0) {
		fitted = add_in_bounds(&slot.bytes, (int64_t)final_size - (int64_t)slot.start_size);
		slot.reserved_bytes = 0;
		slot.key = slot.start_size = 0;
		ledger->change_bytes = 0;
		slot.flags &= ~(uint32_t)SLOT_UPLOADS;
		r = ledger_write_slot(ledger, ledger->slot, &slot);
	}
	if (r < 0 || fitted < 0)
		distrust_now(ledger);
	return r < 0 ? r : fitted;
}

/* Counting. */

/* The slots as they are when the count begins. What is damaged is cleared: nobody knows its figure. */
static int
begin_slot_count(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	static const struct ledger_slot zeros;
	struct ledger_count *count = arg;
	struct ledger_upload *upload;

	if (!ledger_is_good_slot(slot)) {
		if (count->epoch != 0) /* net is not known any more: who joins next begins a share anew */
			return -EUCLEAN;
		count->has_damage = true;
		*slot = zeros;
		return ledger_write_slot(ledger, number, slot);
	}
	count->was_left[number] = ledger_is_left_unsettled(ledger, number, slot);
	if ((slot->flags & SLOT_UPLOADS) == 0)
		return 0;
	upload = &count->uploads[count->upload_count++];
	*upload = (struct ledger_upload){slot->key, slot->start_size, count->was_left[number]};
	return 0;
}

/* A header that is damaged while it is in use: what slots are still good is kept. One of the former format becomes ours. */
static int
mend_header(struct ledger *ledger, struct ledger_header *header)
{
	int r = ledger_read_header(ledger, header);

	if (r == -EUCLEAN) {
		*header = (struct ledger_header){.slots = SLOTS_MAX};
		r = ledger_write_share(ledger, &(struct ledger_share){.epoch = 0});
	}
	return r < 0 ? r : ledger_write_header(ledger, header);
}

/* Which share is counted, and why. */
static int
note_question(const struct ledger *ledger, struct ledger_count *count)
{
	struct ledger_head head;
	int r = ledger_read_head(ledger, &head);

	count->epoch = head.share.epoch;
	count->question = head.share.count;
	return r;
}

static int
begin_count_locked(struct ledger *ledger, struct ledger_count *count)
{
	struct ledger_note note = {.is_running = 1};
	struct ledger_header header;
	int r = ledger_lock_table(ledger);

	if (r < 0)
		return r;
	memset(count, 0, sizeof(*count));
	r = mend_header(ledger, &header);
	if (r == 0)
		r = note_question(ledger, count);
	if (r == 0)
		r = ledger_each_slot(ledger, header.slots, begin_slot_count, count);
	header.flags &= ~(uint32_t)(HEADER_ALARM | (count->has_damage ? HEADER_COUNTED : 0));
	if (r == 0)
		r = ledger_write_header(ledger, &header);
	if (r == 0)
		r = ledger_write_note(ledger, &note);
	ledger_unlock_table(ledger);
	return r;
}

static int
find_dying(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	(void)arg;
	return ledger_is_left_in_change(ledger, number, slot) && ledger_is_held(ledger, number) ? -EAGAIN : 0;
}

/* Lock the account when nobody is in the midst of a change, whose lock is gone already: what is being killed needs a moment. */
static int
lock_account_at_rest(struct ledger *ledger)
{
	uint64_t deadline = monotonic_ms() + DEATH_WAIT_MS;
	int r;

	for (;;) {
		r = ledger_lock_account(ledger);
		if (r < 0)
			return r;
		r = ledger_each_slot(ledger, SLOTS_MAX, find_dying, NULL);
		if (r == 0)
			return 0;
		ledger_unlock_account(ledger);
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
	int r = ledger_lock_byte(ledger->fd, LOCK_COUNTER, F_WRLCK);

	if (r < 0)
		return r == -EAGAIN || r == -EACCES ? -EBUSY : r;
	r = lock_account_at_rest(ledger);
	if (r == 0) {
		r = begin_count_locked(ledger, count);
		ledger_unlock_account(ledger);
	}
	if (r < 0)
		ledger_lock_byte(ledger->fd, LOCK_COUNTER, F_UNLCK);
	return r;
}

void
ledger_count_show(const struct ledger *ledger, uint64_t met)
{
	(void)!ledger_write_at(ledger->fd, &met, sizeof(met), PROGRESS_AT);
}

bool
ledger_count_is_under_way(const struct ledger *ledger, uint64_t *met)
{
	*met = 0;
	return ledger_is_byte_locked(ledger->fd, LOCK_COUNTER) &&
	    ledger_read_at(ledger->fd, met, sizeof(*met), PROGRESS_AT) == 0;
}

/*
 * What the slots have settled. A change by a session that died since the count began was never told: -EAGAIN. One that
 * was left before has come to its end.
 */
static int
look_at_slot(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	struct ledger_count *count = arg;

	if (!ledger_is_good_slot(slot) || (ledger_is_left_in_change(ledger, number, slot) && !count->was_left[number]))
		return -EAGAIN;
	/* bounded: see SLOT_MAX */
	count->settled_bytes += slot->bytes;
	count->settled_files += slot->files;
	return 0;
}

static int
note_moment(struct ledger *ledger, struct ledger_count *count)
{
	struct ledger_head head;
	int r = ledger_read_head(ledger, &head);

	if (r == -EUCLEAN ||
	    (r == 0 &&
		(head.header.magic != MAGIC || head.note.is_running == 0 || (head.note.spoiled & SPOILED_UNTOLD))))
		r = -EAGAIN;
	count->settled_bytes = count->settled_files = 0;
	if (r == 0)
		r = ledger_each_slot(ledger, head.header.slots, look_at_slot, count);
	count->events = head.note.events;
	count->moves = head.note.moves;
	if (r < 0 || head.note.spoiled == 0)
		return r;
	head.note.spoiled = 0; /* the home has what was lost so far */
	return ledger_write_note(ledger, &head.note);
}

int
ledger_count_look(struct ledger *ledger, struct ledger_count *count)
{
	int r = lock_account_for_count(ledger);

	if (r < 0)
		return r;
	r = note_moment(ledger, count);
	ledger_unlock_account(ledger);
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
	struct ledger_header *header;
};

/*
 * What was left before the count began is cleared, since the count has seen what came of it. What ended sessions have
 * settled goes to the base.
 */
static int
end_slot_count(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	static const struct ledger_slot zeros;
	const struct slot_end *end = arg;

	if (!ledger_is_good_slot(slot))
		return -EAGAIN;
	if (ledger_is_held(ledger, number) || memcmp(slot, &zeros, sizeof(zeros)) == 0)
		return 0;
	if (ledger_is_unsettled(slot) && !end->count->was_left[number])
		return 0;
	end->header->base_bytes += slot->bytes;
	end->header->base_files += slot->files;
	*slot = zeros;
	return ledger_write_slot(ledger, number, slot);
}

/* While slots and base do not fit each other, nobody believes them. */
static int
enter_counted(struct ledger *ledger, const struct ledger_count *count, const struct ledger_figure *counted,
    struct ledger_header *header)
{
	struct slot_end end = {count, header};
	int r;

	header->flags &=
	    ~(uint32_t)((header->flags & HEADER_ALARM) != 0 ? HEADER_COUNTED : HEADER_COUNTED | HEADER_UNSURE);
	r = ledger_write_header(ledger, header);
	/* what was settled after the look is in the slots, and comes on top */
	header->base_bytes = (int64_t)counted->bytes - count->settled_bytes;
	header->base_files = (int64_t)counted->files - count->settled_files;
	if (r == 0)
		r = ledger_each_slot(ledger, header->slots, end_slot_count, &end);
	header->flags |= HEADER_COUNTED;
	return r < 0 ? r : ledger_write_header(ledger, header);
}

struct seen {
	const struct ledger_count *count;
	struct ledger_use reserved;
};

static int
mark_seen(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	struct seen *seen = arg;

	if (!seen->count->was_left[number] || !ledger_is_good_slot(slot) || ledger_is_held(ledger, number))
		return 0;
	seen->reserved.bytes += (int64_t)slot->reserved_bytes;
	seen->reserved.files += (int64_t)slot->reserved_files;
	slot->flags |= SLOT_SEEN;
	return ledger_write_slot(ledger, number, slot);
}

/*
 * The database gets the sum, and net as it was at the same moment. It alone says whether that is believed. What dead
 * sessions had reserved is in net: allow has room for it, which nobody else may have as well.
 */
static int
keep_for_database(
    struct ledger *ledger, struct ledger_count *count, const struct ledger_figure *counted, struct ledger_head *head)
{
	struct seen seen = {.count = count, .reserved = head->share.left};
	int r;

	if (head->share.epoch != count->epoch || head->share.count != count->question)
		return -EAGAIN;
	if (count->question == LEDGER_NO_COUNT)
		return 0;
	r = ledger_each_slot(ledger, head->header.slots, mark_seen, &seen);
	head->share.counted = (struct ledger_use){(int64_t)counted->bytes, (int64_t)counted->files};
	head->share.counted_net =
	    (struct ledger_use){head->header.base_bytes + count->settled_bytes + seen.reserved.bytes,
		head->header.base_files + count->settled_files + seen.reserved.files};
	head->share.flags |= SHARE_RESULT;
	return r < 0 ? r : ledger_write_share(ledger, &head->share);
}

static int
end_count_locked(struct ledger *ledger, struct ledger_count *count, const struct ledger_figure *counted)
{
	struct ledger_note none = {.is_running = 0};
	struct ledger_head head;
	int r = ledger_lock_table(ledger);

	if (r < 0)
		return r;
	r = ledger_read_head(ledger, &head);
	/* made anew since the look, or a change since then is in no slot */
	if (r == -EUCLEAN || (r == 0 && (head.note.is_running == 0 || (head.note.spoiled & SPOILED_LOST) != 0)))
		r = -EAGAIN;
	if (r == 0)
		r = count->epoch != 0 ? keep_for_database(ledger, count, counted, &head)
				      : enter_counted(ledger, count, counted, &head.header);
	ledger_unlock_table(ledger);
	if (r == 0)
		(void)!ledger_write_note(ledger, &none);
	return r;
}

/* A note that is left is of no use to anybody without the lock of the counter. */
int
ledger_count_end(struct ledger *ledger, struct ledger_count *count, const struct ledger_figure *counted)
{
	int r = 0;

	if (counted != NULL && (counted->bytes > LEDGER_FIGURE_MAX || counted->files > LEDGER_FIGURE_MAX)) {
		r = -EINVAL;
	} else if (counted != NULL) {
		r = lock_account_for_count(ledger);
		if (r == 0) {
			r = end_count_locked(ledger, count, counted);
			ledger_unlock_account(ledger);
		}
	}
	ledger_lock_byte(ledger->fd, LOCK_COUNTER, F_UNLCK);
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
