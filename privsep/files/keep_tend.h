/* SPDX-License-Identifier: ISC */
/* The keep of an account for those who tend it without a session: the administrator's tool, and the server's errand. */
#ifndef PRIVSEP_FILES_KEEP_TEND_H
#define PRIVSEP_FILES_KEEP_TEND_H

#include <stdbool.h>
#include <stdint.h>

#include "accounts/account.h"
#include "common/home_path.h"
#include "privsep/files/keep_purge.h"

/* A home that no session has, and what its functions borrow. */
struct tended_home {
	struct home home;
	struct files_session session;
};

/*
 * Fill it, in a process behind the walls of files, which has the account's uid. account and config are borrowed while it is used.
 * An account that has no keep any more still has what it kept, which is never too old. 0 or -errno.
 */
int tended_home_init(
    struct tended_home *tended, int home_fd, const struct account *account, const struct config *config);

struct keep_order {
	struct keep_rules rules;	/* of the account, or with another age: keep_may_go() decides by them */
	enum keep_wish wish;
	const struct home_path *only;	/* to remove what is kept of this path; NULL: of all */
	uint64_t now_s;	/* by the clock of the host */
	uint64_t step_max_s;	/* how far the keep's clock may follow that */
	unsigned entries_max;
};

struct keep_tended {
	bool is_there;	/* is there a keep? */
	bool is_cut;	/* entries_max was not enough */
	struct keep_purged purged;
	uint64_t files, bytes;	/* that are kept still */
	uint64_t held_s;	/* of a jump of the host's clock, which did not pass for the keep */
};

/* Remove what the order chooses, and say what is left. Sessions may work meanwhile. 0 or -errno, as of keep_open(). */
int keep_tend(const struct home *home, const struct keep_order *order, struct keep_tended *tended);

struct keep_wanted {
	struct home_path path, as;	/* of what was kept; the name that it gets */
	char id[KEEP_ID_SIZE];	/* "": the youngest */
	bool may_replace;
};

struct keep_given {
	enum { KEEP_GIVEN, KEEP_NO_VERSION, KEEP_NAME_TAKEN, KEEP_NAME_OWN, KEEP_NAME_RETAINED } outcome;
	char id[KEEP_ID_SIZE];
	uint64_t size;
	int64_t taken_mtime_s;	/* KEEP_NAME_TAKEN: of what bears the name, which stays */
	uint64_t taken_size;
	uint64_t retained_until_s;	/* KEEP_NAME_RETAINED, on the host's calendar */
};

/* Restore a version. Directories on the way to its name that are missing are made. 0 or -errno, as of keep_restore(). */
int keep_give(const struct home *home, const struct keep_wanted *wanted, struct keep_given *given);

#endif
