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
 * A change of the home is bracketed: ledger_begin() takes the account's lock and reserves in the slot what the change
 * may add, ledger_end() settles it. An upload reserves before bytes are written. An unsettled slot whose session has
 * ended keeps its reservation, and the figure is an upper bound (LEDGER_BOUND). After another boot of the machine and
 * after an alarm the last known figure holds, in the same state. Only a new ledger and a damaged one have no figure
 * (LEDGER_UNKNOWN): nothing may grow before the home was counted.
 *
 * A count does not hold the lock while it walks. Sessions report their changes meanwhile in a journal after the slots,
 * and the count corrects itself with them: see ledger_count_begin().
 */
#ifndef ACCOUNTS_LEDGER_H
#define ACCOUNTS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_SESSIONS_MAX 1024	/* of one account at once */
#define LEDGER_NO_LIMIT UINT64_MAX
#define LEDGER_NO_COUNT UINT64_MAX
#define LEDGER_FIGURE_MAX (1ULL << 61)	/* no figure is larger, and no sum of figures overflows */

/* Bytes and files, of which there may be fewer than before. */
struct ledger_use {
	int64_t bytes, files;
};

struct ledger {
	int fd;		/* -1: none is open */
	/*
	 * A lock marks the slot as used. It lasts as long as a process has this mapping of the file, which is no
	 * descriptor: nobody can lock anything with it.
	 */
	void *slot_map;
	int slot_fd;	/* -1; in place of slot_map where a mapping keeps no lock (overlayfs) */
	uint32_t slot;
	uint64_t name_check;	/* so that the file of another account is not believed */
	bool is_locked;	/* between ledger_begin() and ledger_end() */
	bool is_counted;	/* by somebody, as ledger_begin() saw it: tell the count what the change comes to */
	uint64_t change_bytes;	/* reserved for the change in hand */
	uint32_t epoch;	/* of the share of a quota that it uses: see ledger_share.h; 0: none */
	bool has_share;	/* as it was opened: the ledger counts one; */
	bool is_for_sessions;	/* and only for the sake of max-sessions: there is no quota */
	bool can_count;	/* a count would help, as the figure was read last */
};

/* Limits of an account; LEDGER_NO_LIMIT: none. */
struct ledger_limits {
	uint64_t bytes, files;
};

enum ledger_state {
	LEDGER_EXACT,
	LEDGER_BOUND,	/* a session is gone that had not settled, or the machine was started: to be counted */
	LEDGER_UNKNOWN	/* never counted, or damaged: to be counted before anything grows */
};

struct ledger_figure {
	uint64_t bytes, files;	/* used, with reservations */
	enum ledger_state state;
};

/* What a change came to, for a count that is under way. The last one of a key holds. */
enum ledger_event_kind {
	LEDGER_THERE,		/* one name, with bytes */
	LEDGER_GONE,
	LEDGER_MOVED,		/* as LEDGER_THERE, where nothing was told of the key before: an upload may go on in it */
	LEDGER_DIRECTORY_MOVED,	/* with all below it: the count looks for directories that it has not seen yet */
	LEDGER_UNTOLD,		/* cannot be told (a file of several names): the count is repeated */
	LEDGER_EVENT_KIND_COUNT
};

/* key: the inode, which files makes unique over mounts below a home (quota_key()). */
struct ledger_event {
	uint64_t key, bytes;
	uint64_t kind;	/* enum ledger_event_kind */
};

/* An upload that had begun before the count. */
struct ledger_upload {
	uint64_t key, start_size;
	bool is_dead;	/* its session is gone; the last bytes may still be on their way */
};

/* A count that is under way. */
struct ledger_count {
	size_t upload_count;
	struct ledger_upload uploads[LEDGER_SESSIONS_MAX];	/* live ones count with the size that they began with */
	uint32_t events, moves;	/* as ledger_count_look() saw them */
	int64_t settled_bytes, settled_files;	/* by all slots, at the same moment */
	uint32_t epoch;		/* of the share of a quota that several nodes have, as the count began; 0: there is none */
	uint64_t question;	/* of the database, which the count answers */
	bool has_damage;
	bool was_left[LEDGER_SESSIONS_MAX];	/* slots that were left unsettled before */
};

/* No ledger. */
void ledger_init(struct ledger *ledger);

/*
 * Open the ledger of an account and take a slot. Makes a missing file, and a damaged one anew.
 *
 * path      of the ledger's file; its last component is the account.
 * boot_id   of this boot of the machine; figures of another one hold until they are counted anew.
 *
 * Returns 0, -EUSERS when all slots are taken, -ENOTSUP for anything but a plain file, or -errno.
 */
int ledger_open(struct ledger *ledger, const char *path, const uint8_t boot_id[16]);

/* Give the slot back. Processes that were forked before hold it on, by slot_map, or by slot_fd where it is kept. */
void ledger_close(struct ledger *ledger);

/* The bytes and files in use now. 0, -EUCLEAN when nobody knows (LEDGER_UNKNOWN), or -errno. */
int ledger_read(struct ledger *ledger, struct ledger_figure *figure);

/*
 * Take the account's lock for one change of the home that adds at most bytes and files.
 *
 * figure  the use now; its state is filled with errors, too.
 *
 * Returns 0: make the change, then call ledger_end(), whatever came of it. -EDQUOT: it does not
 * fit; nothing is held. -EUCLEAN: nobody knows the figure, which is no obstacle for changes that add
 * nothing. -ETIMEDOUT when the lock does not become free within three seconds; -errno.
 */
int ledger_begin(struct ledger *ledger, const struct ledger_limits *limits, uint64_t bytes, uint64_t files,
    struct ledger_figure *figure);

/*
 * Within a bracket, where ledger->is_counted: report to the count what the change came to. Events that the journal cannot
 * take make the count begin anew.
 */
void ledger_tell_count(struct ledger *ledger, const struct ledger_event *events, size_t count);

/*
 * Settle what the change came to, and give the lock back. 0, -errno, or -EOVERFLOW for figures that no home can have:
 * the account is counted before it is believed again.
 */
int ledger_end(struct ledger *ledger, int64_t bytes, int64_t files);

/* Give the lock back without an end: what was reserved for the change bounds it until the home is counted. */
void ledger_abandon(struct ledger *ledger);

/*
 * The account's session raised an alarm: what it reported may be wrong. The figure holds until the home is counted anew.
 * A count that is under way does not suffice, because the session may have reported to it.
 */
void ledger_suspect(struct ledger *ledger);

/* Does a session wait for the account's lock? */
bool ledger_is_awaited(const struct ledger *ledger);

/*
 * An upload begins: note the file and its size before the first byte. Within a bracket. 0, -EFBIG above 2 PiB, or
 * -errno.
 */
int ledger_upload_begin(struct ledger *ledger, uint64_t key, uint64_t start_size);

/*
 * Reserve more bytes for the upload: wanted ones, all or nothing; or, where wanted is 0, as many as
 * sensible, but never past the limit. Within a bracket or without.
 * Returns 0 with granted > 0 added, -EDQUOT with figure filled, -EUCLEAN when nobody knows the figure, or -errno.
 */
int ledger_upload_reserve(struct ledger *ledger, const struct ledger_limits *limits, uint64_t wanted, uint64_t *granted,
    struct ledger_figure *figure);

/* The upload's file has final_size now: settle, give the rest of the reservation back. Within a bracket. As ledger_end(). */
int ledger_upload_end(struct ledger *ledger, uint64_t final_size);

/*
 * Begin to count the home; one at a time does. The sessions go on, and their changes are told from here on.
 *
 * Then walk the home: what is seen counts, but of an upload that is live the size that it began with, in place of its
 * file's. ledger_count_look() notes a moment; the events in the journal before it replace what was seen of their keys
 * (ledger_journal_read()). Where directories have moved since the walk began, those that were not seen are walked, and
 * the count looks again. ledger_count_end() enters the sum as that of the last look.
 *
 * The account's lock is held only at the beginning, the look and the end, each time for a pass over the slots: no
 * session waits for a walk, a journal or a sum.
 *
 * Where nodes share the quota, the sum is for the database: see ledger_counted_begin().
 *
 * Returns 0; -EBUSY: another one counts. -ETIMEDOUT: a session is in the midst of a change and does not end; or -errno.
 */
int ledger_count_begin(struct ledger *ledger, struct ledger_count *count);

/* Tell whoever asks how many names the walk has met. The counter only. */
void ledger_count_show(const struct ledger *ledger, uint64_t met);

/* Is the home being counted, by somebody else? met: the names so far. */
bool ledger_count_is_under_way(const struct ledger *ledger, uint64_t *met);

/* Events, moves, and what slots have settled so far. 0; -EAGAIN: the count is in vain, begin anew; or -errno. */
int ledger_count_look(struct ledger *ledger, struct ledger_count *count);

/* Read count events of the journal, from the first on. 0 or -errno. */
int ledger_journal_read(int fd, uint32_t first, struct ledger_event *events, size_t count);

/*
 * The home was counted, as it was at the last ledger_count_look(): both figures at most LEDGER_FIGURE_MAX. NULL: it could
 * not be counted, and all is as it was before. 0; -EAGAIN: the count is in vain; or -errno.
 */
int ledger_count_end(struct ledger *ledger, struct ledger_count *count, const struct ledger_figure *counted);

/* The id of this boot of the machine, from the kernel. 0 or -errno. */
int ledger_boot_id(uint8_t boot_id[16]);

#endif
