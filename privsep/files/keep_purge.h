/* SPDX-License-Identifier: ISC */
/*
 * Removing what is kept: because it is old, or because somebody chose it. What has not the form of a keep's own names
 * stays where it is.
 */
#ifndef PRIVSEP_FILES_KEEP_PURGE_H
#define PRIVSEP_FILES_KEEP_PURGE_H

#include <stdbool.h>
#include <stdint.h>

#include "privsep/files/keep_hold.h"

#define KEEP_PURGE_MAX \
	10000 /* entries that one purge of a session looks at: what is old goes with the next ones, too */

/* Which of what is kept. */
struct keep_choice {
	const struct keep_rules *rules;	/* of the account; borrowed */
	enum keep_wish wish;	/* why: keep_may_go() decides */
	bool is_of_path;	/* only of the path with this hash */
	char hash[KEEP_HASH_SIZE];
};

struct keep_purged {
	uint64_t files, bytes;	/* that were removed */
	uint64_t strange;	/* names that no keep has given, or that cannot be removed: left alone */
};

/*
 * Remove what was chosen, of a keep that is open, the oldest days first. entries_max: those that are looked at. breathes:
 * let others have the lock now and then. Returns 0, -E2BIG where entries_max was not enough, or another -errno, of
 * keep_breathe() as well.
 */
int keep_purge_chosen(struct keep_hold *hold, const struct keep_choice *choice, unsigned entries_max, bool breathes,
    struct keep_purged *purged);

/* What is older than the account keeps it, of a keep that is open. As above. */
int keep_purge_old(struct keep_hold *hold, const struct home *home, unsigned entries_max);

/* The same at the beginning of a session. Returns 0, also without a keep, or -errno. */
int keep_purge(const struct home *home, unsigned entries_max);

#endif
