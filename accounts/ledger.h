/* SPDX-License-Identifier: ISC */
/*
 * The quota ledger: how many bytes and files an account uses. It is one small file per account, which all its
 * sessions share.
 *
 * Every session holds a slot of its own and writes only that slot. So a kill at any moment leaves each slot as it was
 * before or after one write:
 *
 *     used = base + the sum of all slots' settled figures + their reservations
 *
 * A change of the home is bracketed: ledger_begin() takes the account's lock and marks the slot as changing,
 * ledger_end() settles it. An upload reserves before bytes are written. An unsettled slot whose session has ended
 * makes the figure doubtful; so do another boot of the machine, and a damaged file. A doubtful figure is never
 * reported: -EUCLEAN means that the home must be counted first, between ledger_count_begin() and ledger_count_end().
 */
#ifndef ACCOUNTS_LEDGER_H
#define ACCOUNTS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_SESSIONS_MAX 1024	/* of one account at once */
#define LEDGER_NO_LIMIT UINT64_MAX
#define LEDGER_FIGURE_MAX (1ULL << 61)	/* no figure is larger, and no sum of figures overflows */

struct ledger {
	int fd;		/* -1: none is open */
	int slot_fd;	/* read-only; its lock marks the slot as used while any process keeps it open */
	uint32_t slot;
	uint64_t name_check;	/* so that the file of another account is not believed */
	bool is_locked;	/* between ledger_begin() and ledger_end() */
};

/* Limits of an account; LEDGER_NO_LIMIT: none. */
struct ledger_limits {
	uint64_t bytes, files;
};

struct ledger_figure {
	uint64_t bytes, files;	/* used, with reservations */
};

/* The inodes of uploads that must be known while a home is counted. */
struct ledger_uploads {
	size_t live_count, dead_count;
	uint64_t live[LEDGER_SESSIONS_MAX];	/* still running: the count leaves their bytes out */
	uint64_t dead[LEDGER_SESSIONS_MAX];	/* of sessions that are gone; the last bytes may still be on their way */
};

/* No ledger. */
void ledger_init(struct ledger *ledger);

/*
 * Open the ledger of an account and take a slot. Makes a missing file, and a damaged one anew.
 *
 * path      of the ledger's file; its last component is the account.
 * boot_id   of this boot of the machine; the figures of another one are in doubt, and counted anew.
 *
 * Returns 0, -EUSERS when all slots are taken, -ENOTSUP for anything but a plain file, or -errno.
 */
int ledger_open(struct ledger *ledger, const char *path, const uint8_t boot_id[16]);

/* Give the slot back. Processes that keep slot_fd open hold it on. */
void ledger_close(struct ledger *ledger);

/* The bytes and files in use now. 0, -EUCLEAN, or -errno. */
int ledger_read(struct ledger *ledger, struct ledger_figure *figure);

/*
 * Take the account's lock for one change of the home that adds at most bytes and files.
 *
 * figure  the use now; filled when 0 or -EDQUOT is returned.
 *
 * Returns 0: make the change, then call ledger_end(), whatever came of it. -EDQUOT: it does not fit; nothing is held.
 * -EUCLEAN; -ETIMEDOUT when the lock does not become free within three seconds (a home is being counted); -errno.
 */
int ledger_begin(struct ledger *ledger, const struct ledger_limits *limits, uint64_t bytes, uint64_t files,
    struct ledger_figure *figure);

/*
 * Settle what the change came to, and give the lock back. 0, -errno, or -EOVERFLOW for figures that no home can have:
 * the account is counted before it is believed again.
 */
int ledger_end(struct ledger *ledger, int64_t bytes, int64_t files);

/* Give the lock back without an end: what the change came to is in doubt until the session is gone and the home counted. */
void ledger_abandon(struct ledger *ledger);

/* Does a session wait for the account's lock? */
bool ledger_is_awaited(const struct ledger *ledger);

/*
 * An upload begins: note the file and its size before the first byte. Within a bracket. 0, -EFBIG above 2 PiB, or
 * -errno.
 */
int ledger_upload_begin(struct ledger *ledger, uint64_t inode, uint64_t start_size);

/*
 * Reserve more bytes for the upload: wanted ones, all or nothing; or, where wanted is 0, as many as
 * sensible, but never past the limit. Within a bracket or without.
 * Returns 0 with granted > 0 added, -EDQUOT with figure filled, -EUCLEAN (not within a bracket), or -errno.
 */
int ledger_upload_reserve(struct ledger *ledger, const struct ledger_limits *limits, uint64_t wanted, uint64_t *granted,
    struct ledger_figure *figure);

/* The upload's file has final_size now: settle, give the rest of the reservation back. Within a bracket. As ledger_end(). */
int ledger_upload_end(struct ledger *ledger, uint64_t final_size);

/*
 * Begin to count the home. Takes the account's lock until ledger_count_end(); what sessions that are gone
 * have left is cleared, since the count sees what came of it. 0, -ETIMEDOUT as ledger_begin(), or -errno.
 */
int ledger_count_begin(struct ledger *ledger, struct ledger_uploads *uploads);

/*
 * The home was counted: bytes of its regular files without those of live uploads; files, directories and
 * links, those of live uploads too; both at most LEDGER_FIGURE_MAX. NULL: it could not be counted, and stays in doubt. 0 or -errno.
 */
int ledger_count_end(struct ledger *ledger, const struct ledger_figure *counted);

/* The id of this boot of the machine, from the kernel. 0 or -errno. */
int ledger_boot_id(uint8_t boot_id[16]);

#endif
