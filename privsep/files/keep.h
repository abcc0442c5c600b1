/* SPDX-License-Identifier: ISC */
/*
 * What is kept of what a client replaces and removes (keep=30d): .sallyport-keep/DAY/HASH/STAMP.NUMBER in the root of the
 * home, where HASH is of the path that the client gave, and HASH/path holds that path. DAY is one of the keep's own
 * clock, which is in its file "state": it goes as the clock of the host does, but a jump forward moves it by a tenth of
 * the time of keeping at most. One lock on the directory makes each change of it one.
 *
 * Without the option home->keep is NULL, and every function here returns at once.
 */
#ifndef PRIVSEP_FILES_KEEP_H
#define PRIVSEP_FILES_KEEP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "privsep/files/home.h"

#define KEEP_ID_SIZE 26 /* "20787.20261130120000.0000" with NUL; the order of the texts is that of the times */
#define KEEP_DAY_SIZE 6
#define KEEP_HASH_SIZE 33
#define KEEP_PURGE_MAX 10000 /* entries that one purge looks at: what is old goes with the next ones, too */

/* The file "state", as it lies there. */
struct keep_state {
	char magic[8];
	uint64_t clock_s; /* the keep's own */
	uint64_t seen_s; /* by the clock of the host, when that was moved last */
	uint64_t bytes; /* of all that is kept; too high where a session was killed */
	uint64_t files; /* the same */
};

/* The keep in hand, locked. */
struct keep_hold {
	int fd, state_fd, hash_fd; /* -1: not open */
	struct keep_state state;
	char item[KEEP_ID_SIZE]; /* what was made in hash_fd; "": nothing */
	uint64_t size; /* of that */
};

/* A file of so many bytes is kept no more. */
void keep_forget(struct keep_state *state, uint64_t size);

/* No hold. */
void keep_init(struct keep_hold *hold);

/*
 * Open and lock the keep, and let its clock go on. Returns 0 (keep_end() must follow), -ENOENT where there is none,
 * -ETIMEDOUT while another session holds it, or -ENOLINK: it is damaged, or belongs to somebody else.
 */
int keep_open(struct keep_hold *hold, const struct home *home, bool makes);

/* Write the state. 0 or -errno. */
int keep_save(struct keep_hold *hold);

/*
 * What is called name in dir_fd is about to be replaced by a rename: give it a second name in the keep. path: as the
 * client gave it. Nothing is done for what is no plain file. Returns 0 (keep_end() must follow, after the rename); or
 * -ENOLINK: it cannot be kept, so it must stay; -ETIMEDOUT, -ENOSPC, -EDQUOT for the same.
 */
int keep_before_replacing(
    struct keep_hold *hold, const struct home *home, const struct home_path *path, int dir_fd, const char *name);

/* r: what came of the rename. After an error the second name goes again. Any hold ends. */
void keep_end(struct keep_hold *hold, int r);

/* As quota_unlink() of what is no directory; a plain file is moved to the keep. Errors as above, too. */
int keep_unlink(const struct home *home, const struct home_path *path, int dir_fd, const char *name);

/* The name of the directory of a path in each day. 0 or -errno. */
int keep_hash(const struct home_path *path, char hash[KEEP_HASH_SIZE]);

/* Open the directory called name in dir_fd, no link. The descriptor, or -errno. */
int keep_open_directory(int dir_fd, const char *name);

/* Is this the name of a day? Its number. */
bool keep_day_is(const char *name);
uint64_t keep_day_number(const char *name);

/*
 * Remove what is older than the account keeps it: whole days, by the keep's own clock. entries_max: those that are
 * looked at. Returns what it has removed, or -errno.
 */
int keep_purge(const struct home *home, unsigned entries_max);

/* The same of a keep that is open. */
int keep_purge_held(struct keep_hold *hold, const struct home *home, unsigned entries_max);

#endif
