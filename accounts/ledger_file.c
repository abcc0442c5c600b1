/* SPDX-License-Identifier: ISC */
#include "accounts/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

#define LOCK_AT (1LL << 40) /* of enum lock */
#define LOCK_WAIT_MS 3000

int
ledger_lock_byte(int fd, off_t offset, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = LOCK_AT + offset, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

bool
ledger_is_byte_locked(int fd, off_t offset)
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

	while ((r = ledger_lock_byte(fd, offset, F_WRLCK)) == -EAGAIN || r == -EACCES) {
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, pause_ms);
		pause_ms = pause_ms < 8 ? pause_ms + 1 : 8;
	}
	return r;
}

int
ledger_lock_account(struct ledger *ledger)
{
	int r = ledger_lock_byte(ledger->fd, LOCK_ACCOUNT, F_WRLCK);

	if (r != -EAGAIN && r != -EACCES)
		return r;
	ledger_lock_byte(ledger->fd, LOCK_AWAITED, F_RDLCK);
	r = wait_for_ledger_lock(ledger->fd, LOCK_ACCOUNT);
	ledger_lock_byte(ledger->fd, LOCK_AWAITED, F_UNLCK);
	return r;
}

void
ledger_unlock_account(struct ledger *ledger)
{
	ledger_lock_byte(ledger->fd, LOCK_ACCOUNT, F_UNLCK);
}

int
ledger_lock_table(struct ledger *ledger)
{
	return wait_for_ledger_lock(ledger->fd, LOCK_TABLE);
}

void
ledger_unlock_table(struct ledger *ledger)
{
	ledger_lock_byte(ledger->fd, LOCK_TABLE, F_UNLCK);
}

int
ledger_read_at(int fd, void *bytes, size_t len, off_t offset)
{
	ssize_t n = pread(fd, bytes, len, offset);

	if (n < 0)
		return -errno;
	memset((char *)bytes + n, 0, len - (size_t)n);
	return 0;
}

int
ledger_write_at(int fd, const void *bytes, size_t len, off_t offset)
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

uint64_t
ledger_check_of(const void *bytes, size_t len)
{
	return check_on(0xcbf29ce484222325ULL, bytes, len);
}

off_t
ledger_slot_at(uint32_t slot)
{
	return SLOTS_AT + (off_t)slot * (off_t)sizeof(struct ledger_slot);
}

static bool
is_good_header(const struct ledger *ledger, const struct ledger_header *header)
{
	return (header->magic == MAGIC || header->magic == FORMER_MAGIC) && header->slots <= SLOTS_MAX &&
	    header->check == check_on(ledger->name_check, header, offsetof(struct ledger_header, check));
}

/* A note that is damaged is none: the count that it belongs to finds that out at its end. */
static void
check_note(struct ledger_note *note)
{
	if (note->events > JOURNAL_MAX || note->check != ledger_check_of(note, offsetof(struct ledger_note, check)))
		*note = (struct ledger_note){.is_running = 0};
}

static bool
is_good_share(const struct ledger_share *share)
{
	return share->epoch == 0 || share->check == ledger_check_of(share, offsetof(struct ledger_share, check));
}

/* The header twice before it is called damaged: a session that begins may be writing it. */
int
ledger_read_head(const struct ledger *ledger, struct ledger_head *head)
{
	int r = ledger_read_at(ledger->fd, head, sizeof(*head), 0);

	if (r == 0 && (!is_good_header(ledger, &head->header) || !is_good_share(&head->share))) {
		poll(NULL, 0, 1);
		r = ledger_read_at(ledger->fd, head, sizeof(*head), 0);
	}
	check_note(&head->note);
	if (!is_good_share(&head->share))
		head->share = (struct ledger_share){.epoch = 0};
	return r == 0 && !is_good_header(ledger, &head->header) ? -EUCLEAN : r;
}

int
ledger_read_header(const struct ledger *ledger, struct ledger_header *header)
{
	struct ledger_head head;
	int r = ledger_read_head(ledger, &head);

	*header = head.header;
	return r;
}

int
ledger_write_header(const struct ledger *ledger, struct ledger_header *header)
{
	header->magic = MAGIC;
	header->check = check_on(ledger->name_check, header, offsetof(struct ledger_header, check));
	return ledger_write_at(ledger->fd, header, sizeof(*header), 0);
}

int
ledger_write_share(const struct ledger *ledger, struct ledger_share *share)
{
	share->check = ledger_check_of(share, offsetof(struct ledger_share, check));
	return ledger_write_at(ledger->fd, share, sizeof(*share), SHARE_AT);
}

int
ledger_write_note(const struct ledger *ledger, struct ledger_note *note)
{
	note->check = ledger_check_of(note, offsetof(struct ledger_note, check));
	return ledger_write_at(ledger->fd, note, sizeof(*note), NOTE_AT);
}

bool
ledger_is_in_bounds(int64_t figure)
{
	return figure >= -SLOT_MAX && figure <= SLOT_MAX;
}

/* Figures that no session writes are damage as well. */
bool
ledger_is_good_slot(const struct ledger_slot *slot)
{
	static const struct ledger_slot zeros;

	if (!ledger_is_in_bounds(slot->bytes) || !ledger_is_in_bounds(slot->files) || slot->reserved_bytes > SLOT_MAX ||
	    slot->reserved_files > SLOT_MAX || slot->start_size > SLOT_MAX)
		return false;
	return slot->check == ledger_check_of(slot, offsetof(struct ledger_slot, check)) ||
	    memcmp(slot, &zeros, sizeof(zeros)) == 0;
}

int
ledger_read_own_slot(const struct ledger *ledger, struct ledger_slot *slot)
{
	int r = ledger_read_at(ledger->fd, slot, sizeof(*slot), ledger_slot_at(ledger->slot));

	return r == 0 && !ledger_is_good_slot(slot) ? -EUCLEAN : r;
}

int
ledger_write_slot(const struct ledger *ledger, uint32_t number, struct ledger_slot *slot)
{
	slot->check = ledger_check_of(slot, offsetof(struct ledger_slot, check));
	return ledger_write_at(ledger->fd, slot, sizeof(*slot), ledger_slot_at(number));
}

int
ledger_each_slot(struct ledger *ledger, uint32_t count,
    int (*visit)(struct ledger *, uint32_t, struct ledger_slot *, void *), void *arg)
{
	struct ledger_slot slots[64];
	int r = 0;

	for (uint32_t first = 0; first < count && r == 0; first += 64) {
		uint32_t n = count - first < 64 ? count - first : 64;

		r = ledger_read_at(ledger->fd, slots, n * sizeof(slots[0]), ledger_slot_at(first));
		for (uint32_t i = 0; i < n && r == 0; i++)
			r = visit(ledger, first + i, &slots[i], arg);
	}
	return r;
}

bool
ledger_is_unsettled(const struct ledger_slot *slot)
{
	return slot->flags != 0 || slot->reserved_bytes != 0 || slot->reserved_files != 0;
}

bool
ledger_is_held(const struct ledger *ledger, uint32_t number)
{
	return number == ledger->slot || ledger_is_byte_locked(ledger->fd, LOCK_SLOTS + (off_t)number);
}

bool
ledger_is_left_in_change(const struct ledger *ledger, uint32_t number, const struct ledger_slot *slot)
{
	return number != ledger->slot && ledger_is_good_slot(slot) && (slot->flags & SLOT_IN_CHANGE) != 0;
}

bool
ledger_is_left_unsettled(const struct ledger *ledger, uint32_t number, const struct ledger_slot *slot)
{
	return ledger_is_left_in_change(ledger, number, slot) ||
	    (ledger_is_unsettled(slot) && !ledger_is_held(ledger, number));
}
