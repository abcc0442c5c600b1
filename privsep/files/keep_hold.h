/* SPDX-License-Identifier: ISC */
/*
 * A keep in hand: found, locked, with its state. See keep.h for what is in it.
 */
#ifndef PRIVSEP_FILES_KEEP_HOLD_H
#define PRIVSEP_FILES_KEEP_HOLD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/files/home.h"

#define KEEP_ID_SIZE 26 /* "20787.20261130120000.0000" with NUL; the order of the texts is that of the times */
#define KEEP_DAY_SIZE 6
#define KEEP_HASH_SIZE 33
#define KEEP_DAY_MAX 99999
#define KEEP_PATH "path" /* the file that holds the path, beside what is kept of it */
#define KEEP_ID_FORM "ddddd.dddddddddddddd.dddd"

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
	const struct home *home; /* whose client gave path to it; NULL: nothing to report */
	const struct home_path *path;
	uint64_t held_s; /* of a jump of the host's clock, which do not pass here */
};

/* The clock of the host, and how far that of a keep may follow it at once. */
struct keep_clock {
	uint64_t now_s, step_max_s;
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

/* The same with this clock. */
int keep_open_at(struct keep_hold *hold, const struct home *home, bool makes, const struct keep_clock *clock);

/* How far the clock follows in keep_open(): a tenth of the time of keeping, or of retention (retain.h). Pure. */
uint64_t keep_step_max_s(const struct keep_rules *rules);

/* Long work: let those who wait for the lock have it for a moment. 0; or -errno, and the hold can only be ended. */
int keep_breathe(struct keep_hold *hold);

/* Write the state. 0 or -errno. */
int keep_save(struct keep_hold *hold);

/* Count anew what is kept: the state's sums are too high where sessions were killed. 0 or -errno. */
int keep_count(struct keep_hold *hold);

/* Unlock and close. */
void keep_release(struct keep_hold *hold);

/* What is in the way of keeping stays until an administrator looks (-ENOLINK); but for errors that pass, or say more. */
int keep_error(int r);

/* Open the directory called name in dir_fd, no link. The descriptor, or -errno. */
int keep_open_directory(int dir_fd, const char *name);

/* The same; it is made where it is missing. */
int keep_open_or_make(int dir_fd, const char *name, bool *made);

/* Has text the form, in which "d" is a digit? */
bool keep_has_form(const char *text, size_t len, const char *form);

/* Is this the name of something that is kept? */
bool keep_item_is(const char *name);

/* Does the error mean that something else is in the place of a directory of the keep, which is left alone? */
bool keep_is_strange(int r);

/* Is this the name of the directory of a path? */
bool keep_hash_is(const char *name);

/* Is this the name of a day? Its number. */
bool keep_day_is(const char *name);
uint64_t keep_day_number(const char *name);

/* The name of a day by its number. */
void keep_day_name(uint64_t number, char name[KEEP_DAY_SIZE]);

/* The days that a keep has, in their order. */
struct keep_days {
	uint64_t bits[(KEEP_DAY_MAX + 64) / 64];
};

/* Find them. keep_fd: its directory. 0 or -errno. */
int keep_find_days(int keep_fd, struct keep_days *days);

/* The first of them from number from on, or the last one up to it; KEEP_NO_DAY: there is none. */
#define KEEP_NO_DAY UINT64_MAX
uint64_t keep_day_from(const struct keep_days *days, uint64_t from);
uint64_t keep_day_until(const struct keep_days *days, uint64_t until);

#endif
