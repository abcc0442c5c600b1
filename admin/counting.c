/* SPDX-License-Identifier: ISC */
#include "admin/counting.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/amount.h"
#include "admin/ctl.h"
#include "admin/walled.h"
#include "common/io.h"
#include "privsep/counter/counter.h"
#include "privsep/files/sweep.h"

#include "common/banned.h"

#define SHOW_AFTER_MS 200 /* what is quicker needs no progress, */
#define SHOW_EVERY_MS 200 /* and no eye reads faster */
#define OTHER_LOOK_MS 50 /* does another one count yet? */

struct progress {
	const char *user;
	uint64_t next_ms;
	bool is_shown, is_wanted;
};

static int
sweep_job(int home_fd, const void *arg, void *result)
{
	const struct home home = {.fd = home_fd}; /* without a quota: the count that follows sees what is gone */

	*(uint64_t *)result = sweep_home(&home, *(const uint64_t *)arg, UINT64_MAX);
	return 0;
}

static void
begin_progress(struct progress *progress, const char *user)
{
	*progress = (struct progress){
	    .user = user, .next_ms = monotonic_ms() + SHOW_AFTER_MS, .is_wanted = isatty(STDERR_FILENO) == 1};
}

static bool
is_due(struct progress *progress)
{
	uint64_t now = monotonic_ms();

	if (!progress->is_wanted || now < progress->next_ms)
		return false;
	progress->next_ms = now + SHOW_EVERY_MS;
	progress->is_shown = true;
	return true;
}

static void
show_met(void *arg, uint64_t met)
{
	struct progress *progress = arg;

	if (is_due(progress))
		fprintf(stderr, "\r%s: %llu file%s counted\033[K", ctl_quote(progress->user), (unsigned long long)met,
		    amount_plural(met));
}

static void
end_progress(const struct progress *progress)
{
	if (progress->is_shown)
		fputs("\r\033[K", stderr);
}

/* Another one counts what the server needs; ours comes after it, since it is to see all that there is now. */
static int
count_after_others(
    const struct counter_order *order, struct progress *progress, uint64_t wait_s, struct ledger_figure *counted)
{
	uint64_t deadline_ms = monotonic_ms() + wait_s * 1000, met;
	int r;

	while ((r = counter_run(order, counted)) == -EBUSY && monotonic_ms() < deadline_ms) {
		(void)ledger_count_is_under_way(order->ledger, &met);
		if (is_due(progress))
			fprintf(stderr, "\r%s: the server counts, %llu file%s so far; waiting for that\033[K",
			    ctl_quote(progress->user), (unsigned long long)met, amount_plural(met));
		poll(NULL, 0, OTHER_LOOK_MS);
	}
	return r;
}

static void
report_count(const struct account *account, struct ledger *ledger, uint64_t wait_s, int r)
{
	char wait[AMOUNT_SIZE];
	uint64_t met;

	if (r == -EBUSY) {
		(void)ledger_count_is_under_way(ledger, &met);
		amount_duration((long long)wait_s, wait);
		ctl_error(
		    "'%s' is being counted by the server or another command, %llu file%s so far; that has not ended "
		    "within %s; try again later, or wait longer with 'quota recount --wait TIME'",
		    ctl_quote(account->name), (unsigned long long)met, amount_plural(met), wait);
	} else if (r == -EAGAIN) {
		ctl_error("'%s' was counted in vain several times, because its sessions died meanwhile; try again",
		    ctl_quote(account->name));
	} else if (r < 0) {
		walled_report(account, "count", r);
	}
}

int
counting_run(const struct account *account, struct ledger *ledger, uint64_t keep_s, uint64_t wait_s, uint64_t *swept,
    struct ledger_figure *counted)
{
	const struct walled_work sweep = {.verb = "count", .job = sweep_job, .arg = &keep_s};
	struct progress progress;
	struct counter_order order = {account, -1, ledger, show_met, &progress};
	int r = keep_s == COUNTING_SWEEPS_NOTHING ? 0 : walled_run(account, &sweep, swept, sizeof(*swept));

	if (r < 0)
		return r;
	order.home_fd = walled_open_home(account, "count");
	if (order.home_fd < 0)
		return order.home_fd;
	begin_progress(&progress, account->name);
	r = count_after_others(&order, &progress, wait_s, counted);
	end_progress(&progress);
	close_fd(&order.home_fd);
	report_count(account, ledger, wait_s, r);
	return r;
}
