/* SPDX-License-Identifier: ISC */
#include "admin/counting.h"

#include "admin/walled.h"
#include "privsep/files/sweep.h"

#include "common/banned.h"

struct count_order {
	struct count_uploads *uploads;
	uint64_t keep_s;
};

/* Sweep, then count. */
static int
count_job(int home_fd, const void *arg, void *result)
{
	const struct home home = {.fd = home_fd}; /* without a quota: this process has the ledger's lock already */
	const struct count_order *order = arg;
	struct counting *counting = result;

	if (order->keep_s != COUNTING_SWEEPS_NOTHING)
		counting->swept = sweep_home(&home, order->keep_s, UINT64_MAX);
	return count_home(home_fd, order->uploads, &counting->figure);
}

int
counting_run(const struct account *account, struct count_uploads *uploads, uint64_t keep_s, struct counting *counting)
{
	static struct count_uploads none;
	const struct count_order order = {uploads == NULL ? &none : uploads, keep_s};
	const struct walled_work work = {"count", count_job, &order, keep_s == COUNTING_SWEEPS_NOTHING};

	*counting = (struct counting){.swept = 0};
	return walled_run(account, &work, counting, sizeof(*counting));
}
