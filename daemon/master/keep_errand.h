/* SPDX-License-Identifier: ISC */
/*
 * What accounts of the users file keep (keep=30d) goes when it is old: an errand looks at one account after the other, at
 * the start and each day. Accounts of a database are tended by their sessions alone.
 *
 * A clock that was set makes nothing old. As long as it has gone as time does (clock_watch.h), the clocks of the keeps
 * follow it; beyond that by a tenth of the time of keeping, and not even that after it was seen to be set.
 */
#ifndef DAEMON_MASTER_KEEP_ERRAND_H
#define DAEMON_MASTER_KEEP_ERRAND_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/master/clock_watch.h"
#include "daemon/master/errand.h"

struct accounts_loader;
struct server;

struct keep_errand {
	struct server *server;
	const struct accounts_loader *accounts;
	struct errand errand;
	struct loop_timer look;
	struct clock_watch watch;
	bool has_looked; /* since an account has the option */
	bool is_clock_set; /* since the last errand */
	bool is_stopped; /* for good */
	int64_t ran_boot_s; /* CLOCK_BOOTTIME of the last errand */
};

/* Look at once, and from now on. All but keep_errand is borrowed. */
void keep_errand_init(struct keep_errand *keep_errand, struct server *server, const struct accounts_loader *accounts);

/* The accounts have changed, or the clock: look whether an errand is due. */
void keep_errand_look_soon(struct keep_errand *keep_errand);

/* End what runs, and look no more. */
void keep_errand_stop(struct keep_errand *keep_errand);

#endif
