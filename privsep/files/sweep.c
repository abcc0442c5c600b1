/* SPDX-License-Identifier: ISC */
#include "privsep/files/sweep.h"

#include <fcntl.h>
#include <stdbool.h>
#include <time.h>

#include "privsep/files/partial.h"
#include "privsep/files/partial_walk.h"

#include "common/banned.h"

struct sweep {
	const struct home *home;
	time_t limit;		/* older than this is old */
	uint64_t removed;
};

static int
sweep_partial(void *arg, const struct partial_met *met)
{
	struct sweep *sweep = arg;

	if (partial_is_older(met->dir_fd, met->name, sweep->limit) &&
	    partial_remove_counted(sweep->home, met->dir_fd, met->name) == 0)
		sweep->removed++;
	return 0;
}

uint64_t
sweep_home(const struct home *home, uint64_t keep_s, uint64_t entries_max)
{
	struct sweep sweep = {.home = home};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (keep_s >= (uint64_t)now.tv_sec)
		return 0;
	sweep.limit = now.tv_sec - (time_t)keep_s;
	(void)partial_walk(home, entries_max, NULL, sweep_partial, &sweep);
	return sweep.removed;
}
