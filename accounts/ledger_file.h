/* SPDX-License-Identifier: ISC */
/* The file of a ledger: its format, its locks. For ledger.c, ledger_share.c and brake.c alone; what it is for is in ledger.h. */
#ifndef ACCOUNTS_LEDGER_FILE_H
#define ACCOUNTS_LEDGER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "accounts/ledger.h"

#define MAGIC 0x32524744454c5053ULL /* "SPLEDGR2" */
#define FORMER_MAGIC 0x31524744454c5053ULL /* "SPLEDGR1": the same without a note and a journal */
#define SLOTS_MAX LEDGER_SESSIONS_MAX
#define NOTE_AT 64
#define PROGRESS_AT 128			/* of a count: the names that it has met */
#define SHARE_AT 192
#define SLOTS_AT 4096
#define JOURNAL_AT (SLOTS_AT + SLOTS_MAX * 64)
#define JOURNAL_MAX (1U << 17) /* events; a count that meets more is repeated */
#define SLOT_MAX (1LL << 51) /* bytes or files of one slot: all slots and the base add up without an overflow */

/* Bytes that are locked, far after the content; then one a slot. */
enum lock {
	LOCK_CREDIT = -4, /* held by the session that asks the database about the share */
	LOCK_COUNTER = -3, /* held by the process that counts the home, from beginning to end */
	LOCK_AWAITED = -2, /* shared by sessions that wait for LOCK_ACCOUNT */
	LOCK_TABLE = -1, /* the header, and which slots are in use: held while that is written */
	LOCK_ACCOUNT = 0, /* a change of the home, the note of a count and its journal, and the share */
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
	SLOT_SEEN = 4, /* left unsettled, and a count of a shared quota has seen what came of it */
};

struct ledger_header {
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
struct ledger_note {
	uint32_t is_running;
	uint32_t events; /* in the journal */
	uint32_t moves; /* of directories */
	uint32_t spoiled; /* enum note_spoiled */
	uint64_t check; /* of all before it; a note of zeros is good as well */
};

enum share_flag {
	SHARE_GONE = 1, /* the database has it no longer: whoever uses it must end */
	SHARE_UNCOUNTED = 2, /* the home must be counted before the database grants anything */
	SHARE_RESULT = 4, /* it was counted: counted_, of the question count */
	SHARE_HAS_QUOTA = 8, /* else it is there for max-sessions alone */
	SHARE_DISTRUSTED = 16, /* net may be wrong: the database is told a figure that nobody believes */
	SHARE_LAST_WORD = 32 /* the last word about it was sent: the database may have closed it */
};

/* What this node may use of a quota that several nodes share. While it is there, the base and the slots add up to net. */
struct ledger_share {
	uint32_t epoch; /* 0: there is none; else another one whenever net begins anew */
	uint32_t flags; /* enum share_flag */
	uint64_t id; /* in the database; 0: not open yet */
	uint64_t seq; /* of the last message about it */
	struct ledger_use allow; /* what net may come to */
	struct ledger_use others; /* used by all, as the database said last, without what was told then */
	struct ledger_use told; /* net, in the last message */
	struct ledger_use span; /* that was asked for last */
	uint64_t count; /* what the database wants to hear with a count that begins now; LEDGER_NO_COUNT: none */
	struct ledger_use counted, counted_net;
	struct ledger_use left; /* removed before the share was open; a count of another node may know of it already */
	uint64_t check; /* of all before it; a share of zeros is good as well */
};

/* What is read at once. */
struct ledger_head {
	struct ledger_header header;
	uint64_t unused;
	struct ledger_note note;
	uint8_t progress_and_room[SHARE_AT - NOTE_AT - sizeof(struct ledger_note)];
	struct ledger_share share;
};

struct ledger_slot {
	int64_t bytes, files; /* settled */
	uint64_t reserved_bytes, reserved_files;
	uint64_t key, start_size; /* of the running upload */
	uint32_t flags;
	uint32_t epoch; /* of the share that its holder uses; 0: none */
	uint64_t check; /* of all before it; a slot of zeros is good as well */
};

_Static_assert(offsetof(struct ledger_head, note) == NOTE_AT, "the note lies where it is written");
_Static_assert(offsetof(struct ledger_head, share) == SHARE_AT, "the share lies where it is written");
_Static_assert(sizeof(struct ledger_head) <= SLOTS_AT, "the slots come after it");
_Static_assert(sizeof(struct ledger_slot) == 64, "a slot never crosses a page");
_Static_assert(sizeof(struct ledger_event) == 24, "events have no gaps");

/* Locks of bytes of the file: 0, -EAGAIN or -EACCES (taken), or -errno. */
int ledger_lock_byte(int fd, off_t offset, short type);
bool ledger_is_byte_locked(int fd, off_t offset);

/* LOCK_ACCOUNT and LOCK_TABLE. -ETIMEDOUT after three seconds. Whoever takes both takes the account's first. */
int ledger_lock_account(struct ledger *ledger);
void ledger_unlock_account(struct ledger *ledger);
int ledger_lock_table(struct ledger *ledger);
void ledger_unlock_table(struct ledger *ledger);

/* 0 or -errno. What is not there reads as zeros. */
int ledger_read_at(int fd, void *bytes, size_t len, off_t offset);
int ledger_write_at(int fd, const void *bytes, size_t len, off_t offset);

/* FNV-1a. */
uint64_t ledger_check_of(const void *bytes, size_t len);

/* 0, -EUCLEAN for a damaged header, or -errno. A damaged note or share is read as none. */
int ledger_read_head(const struct ledger *ledger, struct ledger_head *head);
int ledger_read_header(const struct ledger *ledger, struct ledger_header *header);

/* They fill in what makes it good. 0 or -errno. */
int ledger_write_header(const struct ledger *ledger, struct ledger_header *header);
int ledger_write_note(const struct ledger *ledger, struct ledger_note *note);
int ledger_write_share(const struct ledger *ledger, struct ledger_share *share);
int ledger_write_slot(const struct ledger *ledger, uint32_t number, struct ledger_slot *slot);

bool ledger_is_in_bounds(int64_t figure);
bool ledger_is_good_slot(const struct ledger_slot *slot);

/* 0, -EUCLEAN for a damaged one, or -errno. */
int ledger_read_own_slot(const struct ledger *ledger, struct ledger_slot *slot);

off_t ledger_slot_at(uint32_t slot);

/* Call visit for every slot ever used. Stops at an error. */
int ledger_each_slot(struct ledger *ledger, uint32_t count,
    int (*visit)(struct ledger *, uint32_t, struct ledger_slot *, void *), void *arg);

bool ledger_is_unsettled(const struct ledger_slot *slot);
bool ledger_is_held(const struct ledger *ledger, uint32_t number);

/*
 * Only the holder of the account's lock changes the home. We hold it, so a session that is still in a change has lost
 * the lock, or is being killed.
 */
bool ledger_is_left_in_change(const struct ledger *ledger, uint32_t number, const struct ledger_slot *slot);

/* Left unsettled by a session that has ended, or has lost the lock: it added at most what it had reserved. */
bool ledger_is_left_unsettled(const struct ledger *ledger, uint32_t number, const struct ledger_slot *slot);

#endif
