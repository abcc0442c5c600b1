/* SPDX-License-Identifier: ISC */
#include "daemon/master/keep_errand.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "accounts/snapshot.h"
#include "common/io.h"
#include "common/libc.h"
#include "common/title.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/server.h"
#include "privsep/counter/keeper.h"
#include "privsep/ipc/log.h"
#include "trusted/place.h"

#include "common/banned.h"

#define LOOK_EVERY_MS (60 * 1000)
#define LOOK_SELDOM_MS (60 * LOOK_EVERY_MS) /* as long as no account has the option */
#define RUN_EVERY_S KEEP_DAY_S
#define RUN_SECONDS_MAX KEEP_DAY_S
#define ACCOUNT_MS (10 * 60 * 1000) /* a slow file system; the rest is for the next day */
#define ACCOUNT_ENTRIES_MAX 1000000
#define SUM_WORD "sum"

/* What an errand has found; the last line that it says. */
struct keep_sum {
	uint64_t accounts, files, bytes, purged_files, purged_bytes, held, held_max_s;
};

/* One errand. */
struct keep_run {
	const struct config *config;
	struct clock_watch watch; /* goes on: an errand may take long */
	bool is_clock_set;
	struct keep_sum sum;
};

static int64_t
clock_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec;
}

/* In the errand, as root. */

/* The clock of the host, and whether somebody has set it since the errand began. */
static uint64_t
look_at_time(struct keep_run *run)
{
	int64_t now_s = clock_seconds(CLOCK_REALTIME);

	if (clock_watch_look(&run->watch, now_s, clock_seconds(CLOCK_BOOTTIME)) != 0)
		run->is_clock_set = true;
	return now_s < 0 ? 0 : (uint64_t)now_s;
}

static void
log_tended(int r, const char *why, const struct keep_tended *tended)
{
	bool is_good = r == 0 && tended->purged.strange == 0;

	if (is_good && tended->purged.files == 0)
		return;
	log_begin(is_good ? LEVEL_INFO : LEVEL_WARNING, "keep-purged");
	if (r == 0) {
		log_field_u64("files", tended->purged.files);
		log_field_u64("bytes", tended->purged.bytes);
		log_field_u64("files_left", tended->files);
		log_field_u64("bytes_left", tended->bytes);
	} else {
		log_field_text("result", errno_name(-r) == NULL ? "error" : errno_name(-r));
	}
	if (tended->purged.strange > 0)
		log_field_u64("strange", tended->purged.strange);
	if (why[0] != '\0')
		log_field_text("message", why);
	log_end();
}

static int
tend_account(struct keep_run *run, const struct account *account, struct keep_tended *tended, char *why)
{
	const struct trust trust = {account->uid, account->gid};
	uint64_t now_s = look_at_time(run);
	const struct keep_order order = {
	    .rules = account->keep,
	    .wish = KEEP_BY_AGE,
	    .now_s = now_s,
	    .step_max_s = run->watch.sure_s + (run->is_clock_set ? 0 : keep_step_max_s(&account->keep)),
	    .entries_max = ACCOUNT_ENTRIES_MAX,
	};
	struct trust_problem problem;
	int home_fd = trusted_home_open(account->home, &trust, &problem);
	int r;

	*tended = (struct keep_tended){.is_there = false};
	if (home_fd < 0) {
		trust_explain(&problem, why, TRUST_TEXT_MAX);
		return home_fd;
	}
	r = keeper_run(account, home_fd, run->config, &order, ACCOUNT_MS, tended);
	if (r == -ENOLINK)
		snprintf(
		    why, TRUST_TEXT_MAX, "'.sallyport-keep' is damaged, or belongs to somebody else: nothing is kept");
	close_fd(&home_fd);
	return r;
}

static void
tend_next(void *arg, const struct account *account)
{
	struct keep_run *run = arg;
	struct keep_tended tended;
	char why[TRUST_TEXT_MAX] = "";
	int r;

	log_set_context(NULL, NULL, NULL, account->name);
	r = tend_account(run, account, &tended, why);
	run->sum.accounts++;
	run->sum.files += tended.files;
	run->sum.bytes += tended.bytes;
	run->sum.purged_files += tended.purged.files;
	run->sum.purged_bytes += tended.purged.bytes;
	run->sum.held += tended.held_s > 0;
	if (tended.held_s > run->sum.held_max_s)
		run->sum.held_max_s = tended.held_s;
	/* before the first login there may be no home */
	if (r != -ENOENT)
		log_tended(r, why, &tended);
}

static void
log_held(const struct keep_sum *sum)
{
	if (sum->held == 0)
		return;
	log_begin(LEVEL_WARNING, "keep-held");
	log_field_u64("accounts", sum->held);
	log_field_u64("seconds", sum->held_max_s);
	log_field_text("message",
	    "the clock of this machine was set, or the server did not run: what is kept stays for so much longer");
	log_end();
}

static int
run_keep_errand(const struct keep_errand *keep_errand)
{
	struct keep_run run = {
	    .config = keep_errand->server->config,
	    .watch = keep_errand->watch,
	    .is_clock_set = keep_errand->is_clock_set,
	};
	char line[256];
	int r = 0;

	for (size_t i = 0; i < keep_errand->errand.kept_count; i++) {
		int one = snapshot_each_keeping(keep_errand->errand.kept[i], tend_next, &run);

		r = r < 0 ? r : one;
	}
	log_set_context(NULL, NULL, NULL, "");
	log_held(&run.sum);
	snprintf(line, sizeof(line),
	    SUM_WORD " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
	    run.sum.accounts, run.sum.files, run.sum.bytes, run.sum.purged_files, run.sum.purged_bytes, run.sum.held,
	    run.sum.held_max_s);
	errand_say((void *)(uintptr_t)&keep_errand->errand, line);
	return r;
}

/* In the master. */

static void
take_sum(struct board_head *head, const char *line)
{
	uint64_t value[sizeof(struct keep_sum) / sizeof(uint64_t)] = {0};
	struct keep_sum sum;
	char *end = NULL;

	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++, line = end)
		value[i] = strtoull(line, &end, 10);
	memcpy(&sum, value, sizeof(sum));
	head->kept_accounts = sum.accounts;
	head->kept_files = sum.files;
	head->kept_bytes = sum.bytes;
	head->kept_held = sum.held;
	head->purged_files += sum.purged_files;
	head->purged_bytes += sum.purged_bytes;
	head->kept_looked_s = (uint64_t)clock_seconds(CLOCK_REALTIME);
}

static void
hear_keep_errand(void *arg, const char *line)
{
	struct keep_errand *keep_errand = arg;

	if (strncmp(line, SUM_WORD " ", strlen(SUM_WORD) + 1) == 0)
		take_sum(keep_errand->server->board.head, line + strlen(SUM_WORD));
	else
		log_message(LEVEL_WARNING, "keep-purged", "not all accounts: %s", line);
}

static void
keep_errand_gone(void *arg, int status)
{
	struct keep_errand *keep_errand = arg;

	(void)errand_end(&keep_errand->errand, status, hear_keep_errand, keep_errand);
}

static void
start_keep_errand(struct keep_errand *keep_errand)
{
	struct server *server = keep_errand->server;
	pid_t pid;

	keep_errand->errand = (struct errand){
	    .child = {.gone = keep_errand_gone, .arg = keep_errand},
	};
	keep_errand->errand.kept_count = accounts_snapshots(keep_errand->accounts, keep_errand->errand.kept);
	pid = errand_start(&keep_errand->errand, server->loop, &server->board, "keep", RUN_SECONDS_MAX);
	if (pid == 0) {
		/* it may take long: it ends with the master, and its own child with it */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != server->pid)
			_exit(1);
		errand_exit(run_keep_errand(keep_errand));
	}
	if (pid < 0)
		return;
	keep_errand->has_looked = true;
	keep_errand->is_clock_set = false;
	keep_errand->ran_boot_s = keep_errand->watch.boot_s;
}

static void
look_at_clock(struct keep_errand *keep_errand)
{
	int64_t step_s =
	    clock_watch_look(&keep_errand->watch, clock_seconds(CLOCK_REALTIME), clock_seconds(CLOCK_BOOTTIME));

	if (step_s == 0)
		return;
	keep_errand->is_clock_set = true;
	if (step_s < 0)
		return;
	log_begin(LEVEL_WARNING, "keep-held");
	log_field_u64("seconds", (uint64_t)step_s);
	log_field_text(
	    "message", "the clock of this machine was set forward: nothing that is kept goes because of that");
	log_end();
}

static bool
is_errand_due(const struct keep_errand *keep_errand)
{
	return !keep_errand->has_looked || keep_errand->is_clock_set ||
	    keep_errand->watch.boot_s - keep_errand->ran_boot_s >= RUN_EVERY_S;
}

/* Has an account of some users file the option? */
static bool
has_keeping(const struct accounts_loader *accounts)
{
	int fds[ACCOUNTS_BOOKS_MAX];
	size_t count = accounts_snapshots(accounts, fds);

	for (size_t i = 0; i < count; i++)
		if (snapshot_has_keeping(fds[i]))
			return true;
	return false;
}

static void
keep_errand_due(void *arg)
{
	struct keep_errand *keep_errand = arg;

	if (!has_keeping(keep_errand->accounts)) {
		keep_errand->has_looked = false;
		timer_set(keep_errand->server->loop, &keep_errand->look, monotonic_ms() + LOOK_SELDOM_MS);
		return;
	}
	if (!keep_errand->has_looked)
		clock_watch_begin(&keep_errand->watch, clock_seconds(CLOCK_REALTIME), clock_seconds(CLOCK_BOOTTIME));
	look_at_clock(keep_errand);
	if (keep_errand->errand.pid == 0 && is_errand_due(keep_errand))
		start_keep_errand(keep_errand);
	timer_set(keep_errand->server->loop, &keep_errand->look, monotonic_ms() + LOOK_EVERY_MS);
}

void
keep_errand_init(struct keep_errand *keep_errand, struct server *server, const struct accounts_loader *accounts)
{
	*keep_errand = (struct keep_errand){
	    .server = server, .accounts = accounts, .look = {.due = keep_errand_due, .arg = keep_errand}};
	keep_errand_look_soon(keep_errand);
}

void
keep_errand_look_soon(struct keep_errand *keep_errand)
{
	if (!keep_errand->is_stopped)
		timer_set(keep_errand->server->loop, &keep_errand->look, 0);
}

void
keep_errand_stop(struct keep_errand *keep_errand)
{
	keep_errand->is_stopped = true;
	timer_stop(keep_errand->server->loop, &keep_errand->look);
	errand_drop(&keep_errand->errand, keep_errand->server->loop);
}
