/* SPDX-License-Identifier: ISC */
#include "daemon/master/home_counts.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "accounts/folder.h"
#include "accounts/ledger.h"
#include "accounts/snapshot.h"
#include "common/io.h"
#include "common/libc.h"
#include "common/title.h"
#include "config/servers.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/server.h"
#include "privsep/counter/counter.h"
#include "privsep/ipc/log.h"
#include "trusted/place.h"

#include "common/banned.h"

#define QUICK_PLACES 4
#define QUICK_MS 5000 /* in one of them */
#define LARGE_PLACES 4
#define COUNT_SECONDS_MAX (24 * 3600) /* a home on a slow file system may have millions of names */
#define AGAIN_MS 1000 /* sessions or the child died, another one counts, memory is short */
#define FAILED_MS 60000 /* the home cannot be counted as it is */

static void home_counts_due(void *arg);

void
home_counts_init(struct home_counts *counts, struct server *server, const struct accounts_loader *accounts)
{
	*counts = (struct home_counts){
	    .server = server,
	    .accounts = accounts,
	    .next = {.due = home_counts_due, .arg = counts},
	};
	for (size_t i = 0; i < HOME_COUNTS_KNOWN; i++)
		counts->known[i].counts = counts;
}

/* In the errand, as root. */

static void
log_count(int result, const char *why, const struct ledger_figure *figure)
{
	enum log_level level = result == 0 ? LEVEL_INFO : LEVEL_WARNING;

	log_begin(level, "quota-counted");
	if (result == 0) {
		log_field_u64("bytes", figure->bytes);
		log_field_u64("files", figure->files);
	} else {
		log_field_text("result", errno_name(-result) == NULL ? "error" : errno_name(-result));
	}
	if (why[0] != '\0')
		log_field_text("message", why);
	log_end();
}

/* A shared folder (its name begins with '+') belongs to its group, and nobody but root may lead to it. */
static int
open_counted(const struct account *account, struct trust_problem *problem)
{
	if (account->name[0] == '+')
		return trusted_folder_open(account->home, (gid_t)account->gid, problem);
	return trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, problem);
}

static int
count_into(struct ledger *ledger, const struct account *account)
{
	struct counter_order order = {.account = account, .ledger = ledger};
	struct ledger_figure figure = {.state = LEDGER_UNKNOWN};
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX] = "";
	int r;

	order.home_fd = open_counted(account, &problem);
	if (order.home_fd < 0) {
		r = order.home_fd;
		trust_explain(&problem, why, sizeof(why));
	} else {
		r = counter_run(&order, &figure);
		close_fd(&order.home_fd);
	}
	/* the other counter logs its own result */
	if (r != -EBUSY)
		log_count(r, why, &figure);
	return r;
}

/* What is to be counted, in the book that has it. */
struct counted {
	int snapshot_fd;
	char name[ACCOUNT_NAME_MAX + 1]; /* as the users file has it */
};

static int
snapshot_of_count(const struct home_counts *counts, const char *user, size_t *len)
{
	return counts->accounts->books[servers_of_name(counts->server->config, user, len)].fd;
}

/* The service user walks a folder, with the folder's group. */
static int
find_counted_folder(const struct home_count *count, const struct counted *counted, struct account *account)
{
	struct folder folder;
	int r = snapshot_folder(counted->snapshot_fd, counted->name + 1, &folder);

	if (r == 0)
		folder_as_account(&folder, count->counts->server->service_uid, account);
	return r;
}

static int
find_counted(const struct home_count *count, struct account *account)
{
	const struct stored_home *stored = count->stored;
	struct counted counted;
	size_t len;
	int r;

	if (stored == NULL) {
		counted.snapshot_fd = snapshot_of_count(count->counts, count->user, &len);
		snprintf(counted.name, sizeof(counted.name), "%.*s", (int)len, count->user);
		if (count->user[0] == '+')
			return find_counted_folder(count, &counted, account);
		r = snapshot_lookup(counted.snapshot_fd, counted.name, account);
		explicit_bzero(account->hash, sizeof(account->hash));
		return r;
	}
	account_wipe(account);
	account->uid = stored->uid;
	account->gid = stored->gid;
	memcpy(account->name, count->user, sizeof(count->user));
	return snprintf(account->home, sizeof(account->home), "%s", stored->path) < (int)sizeof(account->home)
	    ? 0
	    : -ENAMETOOLONG;
}

static bool
has_quota_to_count(const struct home_count *count, const struct account *account)
{
	return count->stored != NULL || account->quota_bytes != ACCOUNT_NO_QUOTA ||
	    account->quota_files != ACCOUNT_NO_QUOTA;
}

static int
count_account(const struct home_count *count)
{
	const struct server *server = count->counts->server;
	struct ledger_figure figure;
	struct account account = {.name = ""};
	struct ledger ledger;
	char path[PATH_MAX];
	bool is_exact;
	int r = find_counted(count, &account);

	if (r == -ENOENT) /* of the database, or gone */
		return 0;
	if (r < 0)
		return r;
	if (!has_quota_to_count(count, &account))
		return 0;
	snprintf(path, sizeof(path), "%s/ledger/%s", server->config->state_directory, count->user);
	r = ledger_open(&ledger, path, server->boot_id);
	if (r == 0) {
		/* somebody else may have counted it while it waited for a place */
		is_exact = ledger_read(&ledger, &figure) == 0 && figure.state == LEDGER_EXACT;
		if (count->stored != NULL ? ledger.can_count : !is_exact)
			r = count_into(&ledger, &account);
		ledger_close(&ledger);
	}
	return r == -EBUSY || r == -ECHILD || r == -ETIMEDOUT ? -EAGAIN : r;
}

/* In the master. */

static void
tell_home_count(void *arg, const char *line)
{
	const struct home_count *count = arg;

	log_message(LEVEL_WARNING, "quota-counted", "home of '%s': %s", count->user, line);
}

static void
leave_place(struct home_count *count)
{
	if (count->is_large)
		count->counts->large--;
	else
		count->counts->quick--;
}

/* At most half of the time of a large home is spent with its counts. */
static void
count_gone(void *arg, int status)
{
	struct home_count *count = arg;
	int r = errand_end(&count->errand, status, tell_home_count, count);
	uint64_t now = monotonic_ms(), took = now - count->began_ms;

	if (r == -EINTR && took < AGAIN_MS)
		took = AGAIN_MS;
	else if (r == -EINVAL && took < FAILED_MS)
		took = FAILED_MS;
	count->not_before_ms = now + took;
	leave_place(count);
	timer_set(count->counts->server->loop, &count->counts->next, 0);
}

/* The entry of user, or else the one that is of no use any more first. NULL: all run or wait. */
static struct home_count *
find_count(struct home_counts *counts, const char *user)
{
	struct home_count *free = NULL;

	for (size_t i = 0; i < HOME_COUNTS_KNOWN; i++) {
		struct home_count *count = &counts->known[i];

		if (strcmp(count->user, user) == 0)
			return count;
		if (count->errand.pid == 0 && !count->is_wanted &&
		    (free == NULL || count->not_before_ms < free->not_before_ms))
			free = count;
	}
	return free;
}

/* The count that has had its quick place the longest. Only where one runs. */
static struct home_count *
oldest_quick(struct home_counts *counts)
{
	struct home_count *oldest = NULL;

	for (size_t i = 0; i < HOME_COUNTS_KNOWN; i++) {
		struct home_count *count = &counts->known[i];

		if (count->errand.pid != 0 && !count->is_large &&
		    (oldest == NULL || count->began_ms < oldest->began_ms))
			oldest = count;
	}
	return oldest;
}

/* It has had its time in a quick place: it goes on in another one, or waits for that. */
static void
make_large(struct home_count *count)
{
	struct home_counts *counts = count->counts;

	leave_place(count);
	count->is_large = true;
	if (counts->large < LARGE_PLACES) {
		counts->large++;
		return;
	}
	/* its child ends with it */
	errand_drop(&count->errand, counts->server->loop);
	count->is_wanted = true;
}

/* Is there a place for it? due_ms: if not, when there may be one. */
static bool
find_place(struct home_count *count, uint64_t now, uint64_t *due_ms)
{
	struct home_counts *counts = count->counts;
	struct home_count *oldest;

	if (count->is_large)
		return counts->large < LARGE_PLACES;
	if (counts->quick < QUICK_PLACES)
		return true;
	oldest = oldest_quick(counts);
	if (now >= oldest->began_ms + QUICK_MS) {
		make_large(oldest);
		return true;
	}
	if (oldest->began_ms + QUICK_MS < *due_ms)
		*due_ms = oldest->began_ms + QUICK_MS;
	return false;
}

static void
start_count(struct home_count *count, uint64_t now)
{
	struct home_counts *counts = count->counts;
	size_t len;
	pid_t pid;

	count->began_ms = now;
	count->errand = (struct errand){
	    .child = {.gone = count_gone, .arg = count},
	    .kept = {snapshot_of_count(counts, count->user, &len)},
	    .kept_count = 1,
	};
	pid = errand_start(&count->errand, counts->server->loop, &counts->server->board, "count", COUNT_SECONDS_MAX);
	if (pid == 0) { /* without the table of sessions, which user may lie in */
		/* it may take long: it ends with the master, and its own child with it */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != counts->server->pid)
			_exit(1);
		log_set_context(NULL, NULL, NULL, count->user);
		title_set("count", count->user, NULL);
		errand_exit(count_account(count));
	}
	if (pid < 0) {
		count->not_before_ms = now + AGAIN_MS;
		return;
	}
	count->is_wanted = false;
	counts->quick += !count->is_large;
	counts->large += count->is_large;
}

static void
try_count(struct home_count *count, uint64_t now, uint64_t *due_ms)
{
	if (count->errand.pid != 0)
		return; /* count_gone() looks again */
	if (now >= count->not_before_ms && find_place(count, now, due_ms))
		start_count(count, now);
	if (count->is_wanted && count->not_before_ms > now && count->not_before_ms < *due_ms)
		*due_ms = count->not_before_ms;
}

void
home_counts_go_on(struct home_counts *counts)
{
	uint64_t now = monotonic_ms(), due_ms = UINT64_MAX;

	if (counts->accounts->load.errand.pid != 0)
		return; /* a quota may be new: it is in the accounts that are being loaded */
	for (size_t i = 0; i < HOME_COUNTS_KNOWN; i++)
		if (counts->known[i].is_wanted)
			try_count(&counts->known[i], now, &due_ms);
	if (due_ms != UINT64_MAX)
		timer_set(counts->server->loop, &counts->next, due_ms);
}

static void
home_counts_due(void *arg)
{
	home_counts_go_on(arg);
}

struct stored_home *
stored_home_copy(const struct stored_home *home)
{
	size_t size = home == NULL ? 0 : sizeof(*home) + strlen(home->path) + 1;
	struct stored_home *copy = home == NULL ? NULL : malloc(size);

	if (copy != NULL)
		memcpy(copy, home, size);
	return copy;
}

/* What was wrong with one home says nothing of another. */
static bool
is_same_home(const struct stored_home *one, const struct stored_home *other)
{
	if (one == NULL || other == NULL)
		return one == other;
	return one->uid == other->uid && one->gid == other->gid && strcmp(one->path, other->path) == 0;
}

void
home_counts_want(struct home_counts *counts, const char *user, const struct stored_home *home)
{
	struct home_count *count = find_count(counts, user);

	if (count == NULL)
		return;
	if (strcmp(count->user, user) != 0) {
		snprintf(count->user, sizeof(count->user), "%s", user);
		count->is_large = false;
		count->not_before_ms = 0;
	}
	if (!is_same_home(count->stored, home))
		count->not_before_ms = 0;
	/* also while it runs: what it has seen may be of before, and one that finds the figure exact ends at once */
	free(count->stored);
	count->stored = stored_home_copy(home);
	count->is_wanted = true;
	home_counts_go_on(counts);
}
