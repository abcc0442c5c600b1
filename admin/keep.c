/* SPDX-License-Identifier: ISC */
/* keep list, keep restore, keep purge: what is kept of files that were replaced or removed. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "accounts/account.h"
#include "admin/amount.h"
#include "admin/book.h"
#include "admin/ctl.h"
#include "admin/quota.h"
#include "admin/walled.h"
#include "common/buf.h"
#include "common/home_path.h"
#include "common/text.h"
#include "config/config.h"
#include "privsep/files/keep_list.h"
#include "privsep/files/keep_tend.h"

#include "common/banned.h"

#define STAMP_AT 6 /* in an id: "20787.20261130120000.0000" */
#define MOMENT_SIZE 20 /* "2026-11-30 12:00:00" */
#define NO_ACCOUNT_KEEPS "no account has the option keep; 'sallyportctl user set NAME --keep 30d' gives it one"

/* What a job needs to know; borrowed. */
struct keep_job {
	const struct account *account;
	const struct config *config;
	const struct home_path *only; /* NULL: all */
	const void *arg;
};

/* --- what is common --- */

/* The moment of an id: of keeping, by the clock of the host. */
static void
moment_of(const char *id, char text[MOMENT_SIZE])
{
	const char *stamp = id + STAMP_AT;

	snprintf(text, MOMENT_SIZE, "%.4s-%.2s-%.2s %.2s:%.2s:%.2s", stamp, stamp + 4, stamp + 6, stamp + 8, stamp + 10,
	    stamp + 12);
}

/* A path of the command line. 0 or -EINVAL, of which it says what is wrong. */
static int
take_kept_path(const struct ctl *ctl, enum ctl_option option, const char *name, struct home_path *path)
{
	const struct home_path root = {.text = "/", .len = 1};
	const char *text = ctl->value[option];

	if (text[0] == '/' && !has_control(text, strlen(text)) &&
	    home_path_resolve(&root, text, strlen(text), path) == 0 && path->len > 1)
		return 0;
	ctl_error("bad --%s '%s'; write the path of a file as the account's client names it, such as /docs/a.txt", name,
	    ctl_quote(text));
	return -EINVAL;
}

static void
warn_of_strange(const struct account *account, uint64_t strange)
{
	if (strange > 0)
		ctl_warning(
		    "'%s': names in .sallyport-keep are not the server's, or cannot be used: %llu; what has them stays, "
		    "and someone should look at it",
		    ctl_quote(account->name), (unsigned long long)strange);
}

/* What is in the place of the keep, for an error of a job. */
static enum ctl_exit
refuse_damaged(const struct account *account)
{
	ctl_error("'%s/.sallyport-keep' is damaged: it must be a directory of uid %u that nobody else may write to",
	    ctl_quote(account->home), (unsigned)account->uid);
	return CTL_FAILED;
}

/* --- list --- */

struct keep_listing {
	const struct account *account;
	bool is_json, is_bad;
	uint64_t rows;
};

static int
put_keep_item(void *arg, const struct keep_item *item)
{
	(void)arg;
	return walled_put_row(item, KEEP_ITEM_SIZE(item->path_len));
}

static int
list_kept_job(int home_fd, const void *arg, void *result)
{
	const struct keep_job *job = arg;
	struct tended_home tended;
	int r = tended_home_init(&tended, home_fd, job->account, job->config);

	return r < 0 ? r : keep_list(&tended.home, job->only, put_keep_item, NULL, result);
}

static void
print_item_json(const struct keep_item *item, bool is_first)
{
	char moment[MOMENT_SIZE];
	json_t *row;

	moment_of(item->id, moment);
	row = json_pack("{s:s+, s:I, s:s, s:s, s:o}", "kept", moment, "Z", "bytes", (json_int_t)item->size, "id",
	    item->id, "directory", item->hash, "path",
	    item->path_len == 0 ? json_null() : json_string(ctl_quote(item->path)));
	if (!is_first)
		putchar(',');
	(void)!ctl_put_json(row);
	json_decref(row);
}

static void
print_item(const struct keep_item *item)
{
	char moment[MOMENT_SIZE];

	moment_of(item->id, moment);
	printf("%s %15llu %s ", moment, (unsigned long long)item->size, item->id);
	if (item->path_len > 0)
		printf("%s\n", ctl_quote(item->path));
	else
		printf("(its path is lost) .sallyport-keep/%.5s/%s\n", item->id, item->hash);
}

/* The child has read the home, so bound what it tells. */
static void
take_kept_row(void *arg, const void *row, size_t len)
{
	static struct keep_item item;
	struct keep_listing *listing = arg;

	if (len < KEEP_ITEM_SIZE(0) || len > sizeof(item)) {
		listing->is_bad = true;
		return;
	}
	memcpy(&item, row, len);
	item.hash[sizeof(item.hash) - 1] = '\0';
	if (len != KEEP_ITEM_SIZE(item.path_len) ||
	    !keep_has_form(item.id, strnlen(item.id, sizeof(item.id)), KEEP_ID_FORM) || !keep_hash_is(item.hash)) {
		listing->is_bad = true;
		return;
	}
	item.path[item.path_len] = '\0';
	if (listing->is_json)
		print_item_json(&item, listing->rows == 0);
	else
		print_item(&item);
	listing->rows++;
}

static void
begin_listing(const struct keep_listing *listing)
{
	if (listing->is_json) /* an account's name needs no escapes */
		printf("{\"name\":\"%s\",\"kept\":[\n", ctl_quote(listing->account->name));
	else
		printf("%-19s %15s %-25s %s\n", "KEPT (UTC)", "BYTES", "ID", "FILE");
}

static void
end_listing(const struct keep_listing *listing, const struct keep_listed *listed)
{
	if (listing->is_json)
		printf("],\"files\":%llu,\"bytes\":%llu,\"strange\":%llu}\n", (unsigned long long)listed->files,
		    (unsigned long long)listed->bytes, (unsigned long long)listed->strange);
	else
		printf("%15llu bytes in %llu file%s\n", (unsigned long long)listed->bytes,
		    (unsigned long long)listed->files, listed->files == 1 ? "" : "s");
}

static enum ctl_exit
show_kept(struct ctl *ctl, const struct account *account, const void *arg)
{
	struct keep_listing listing = {.account = account, .is_json = ctl->is_json};
	const struct keep_job job = {.account = account, .config = ctl->config, .only = arg};
	const struct walled_work work = {"look through", list_kept_job, &job, true, take_kept_row, &listing};
	struct keep_listed listed = {0};
	int r;

	begin_listing(&listing);
	r = walled_run(account, &work, &listed, sizeof(listed));
	if (r == -ENOLINK)
		return refuse_damaged(account);
	if (r < 0)
		return CTL_FAILED;
	end_listing(&listing, &listed);
	if (!listing.is_bad) {
		warn_of_strange(account, listed.strange);
		return CTL_DONE;
	}
	ctl_error("the process that searched '%s' sent nonsense", ctl_quote(account->home));
	return CTL_FAILED;
}

enum ctl_exit
keep_show(struct ctl *ctl)
{
	struct home_path only;

	if (!ctl->given[OPTION_PATH])
		return ctl_show_user(ctl, show_kept, NULL);
	return take_kept_path(ctl, OPTION_PATH, "path", &only) < 0 ? CTL_USAGE : ctl_show_user(ctl, show_kept, &only);
}

/* --- restore --- */

static int
restore_job(int home_fd, const void *arg, void *result)
{
	const struct keep_job *job = arg;
	struct tended_home tended;
	int r = tended_home_init(&tended, home_fd, job->account, job->config);

	return r < 0 ? r : keep_give(&tended.home, job->arg, result);
}

static enum ctl_exit
refuse_taken_name(const struct keep_wanted *wanted, const struct keep_given *given)
{
	char moment[MOMENT_SIZE], date[AMOUNT_SIZE], when[AMOUNT_SIZE];

	moment_of(given->id, moment);
	amount_date(given->taken_mtime_s, date);
	amount_time(given->taken_mtime_s, when);
	ctl_error(
	    "'%s' is there, with %llu byte%s, changed %s (%s), and the version was kept at %s; '--as PATH' restores it "
	    "beside, and --force in place of that, which is kept in turn",
	    ctl_quote(wanted->as.text), (unsigned long long)given->taken_size, amount_plural(given->taken_size), date,
	    when, moment);
	return CTL_FAILED;
}

static enum ctl_exit
report_given(const struct ctl *ctl, const struct account *account, const struct keep_wanted *wanted,
    const struct keep_given *given)
{
	char until[AMOUNT_SIZE];

	if (given->outcome == KEEP_NO_VERSION) {
		ctl_error("nothing%s%s is kept of '%s'; 'sallyportctl keep list %s%s' shows what is",
		    wanted->id[0] == '\0' ? "" : " with the id ", wanted->id, ctl_quote(wanted->path.text),
		    ctl_quote(account->name), ctl_server_words(ctl));
		return CTL_FAILED;
	}
	if (given->outcome == KEEP_NAME_OWN) {
		ctl_error("'%s' is a name of the server's own, which no client could see; use another one",
		    ctl_quote(wanted->as.text));
		return CTL_FAILED;
	}
	if (given->outcome == KEEP_NAME_TAKEN)
		return refuse_taken_name(wanted, given);
	if (given->outcome == KEEP_NAME_RETAINED) {
		amount_moment((long long)(given->retained_until_s & INT64_MAX), until);
		ctl_error(
		    "'%s' is retained (retain=%ud) until %s, so nobody replaces it before; '--as PATH' restores the "
		    "version beside",
		    ctl_quote(wanted->as.text), (unsigned)account->keep.retain_days, until);
		return CTL_FAILED;
	}
	if (ctl->is_json)
		return ctl_print_json(json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", ctl_quote(account->name), "path",
		    ctl_quote(wanted->path.text), "as", ctl_quote(wanted->as.text), "id", given->id, "bytes",
		    (json_int_t)given->size));
	printf("restored '%s', %llu byte%s, of %s\n", ctl_quote(wanted->as.text), (unsigned long long)given->size,
	    amount_plural(given->size), given->id);
	return CTL_DONE;
}

static enum ctl_exit
give_back_kept(struct ctl *ctl, const struct account *account, bool is_stored, const struct keep_wanted *wanted)
{
	const struct keep_job job = {.account = account, .config = ctl->config, .arg = wanted};
	const struct walled_work work = {.verb = "restore into", .job = restore_job, .arg = &job};
	struct keep_given given = {.outcome = KEEP_GIVEN};
	enum ctl_exit status;
	int r = walled_run(account, &work, &given, sizeof(given));

	if (r == -ENOLINK && wanted->may_replace) {
		ctl_error(
		    "'%s' cannot be kept, so it stays: keep-quota has no room, or '%s/.sallyport-keep' is damaged",
		    ctl_quote(wanted->as.text), ctl_quote(account->home));
		return CTL_FAILED;
	}
	if (r < 0)
		return r == -ENOLINK ? refuse_damaged(account) : CTL_FAILED;
	/* the child has read the home */
	given.id[sizeof(given.id) - 1] = '\0';
	if (given.outcome == KEEP_GIVEN && !keep_has_form(given.id, strlen(given.id), KEEP_ID_FORM)) {
		ctl_error("the process that restored into '%s' sent nonsense", ctl_quote(account->home));
		return CTL_FAILED;
	}
	status = report_given(ctl, account, wanted, &given);
	/* no session has told the ledger */
	if (given.outcome == KEEP_GIVEN && quota_count_changed(ctl, account, is_stored) < 0)
		status = CTL_FAILED;
	return status;
}

/* What the command line wants. */
static int
take_wanted(const struct ctl *ctl, struct keep_wanted *wanted)
{
	const char *id = ctl->given[OPTION_ID] ? ctl->value[OPTION_ID] : "";

	*wanted = (struct keep_wanted){.may_replace = ctl->given[OPTION_FORCE]};
	if (!ctl->given[OPTION_PATH]) {
		ctl_error("'keep restore' needs --path PATH, the file to restore");
		return -EINVAL;
	}
	if (id[0] != '\0' && !keep_has_form(id, strlen(id), KEEP_ID_FORM)) {
		ctl_error("bad --id '%s'; 'sallyportctl keep list' shows ids, such as 20787.20261130120000.0000",
		    ctl_quote(id));
		return -EINVAL;
	}
	snprintf(wanted->id, sizeof(wanted->id), "%s", id);
	if (take_kept_path(ctl, OPTION_PATH, "path", &wanted->path) < 0)
		return -EINVAL;
	wanted->as = wanted->path;
	return ctl->given[OPTION_AS] ? take_kept_path(ctl, OPTION_AS, "as", &wanted->as) : 0;
}

enum ctl_exit
keep_give_back(struct ctl *ctl)
{
	static struct keep_wanted wanted;
	enum ctl_exit status = CTL_FAILED;
	struct account account = {.name = ""};
	struct book *book;
	struct buf line;

	if (take_wanted(ctl, &wanted) < 0)
		return CTL_USAGE;
	buf_init(&line, ACCOUNT_LINE_MAX);
	book = book_with(ctl, false, &line, &account);
	if (book != NULL)
		status = give_back_kept(ctl, &account, book_kind_of(book) == BOOK_STORE, &wanted);
	book_close(book);
	explicit_bzero(&account, sizeof(account));
	buf_free(&line);
	return status;
}

/* --- purge --- */

struct purge_run {
	const struct ctl *ctl;
	uint32_t days; /* what is older; 0: than the account keeps it, */
	bool is_any_age; /* or of any age */
	json_t *list; /* NULL: rows on standard output */
	uint64_t accounts; /* that keep something */
	enum ctl_exit status;
};

static int
purge_job(int home_fd, const void *arg, void *result)
{
	const struct keep_job *job = arg;
	const struct keep_order *order = job->arg;
	struct tended_home tended;
	int r = tended_home_init(&tended, home_fd, job->account, job->config);

	return r < 0 ? r : keep_tend(&tended.home, order, result);
}

static json_t *
purged_json(const struct account *account, const struct keep_tended *tended)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", ctl_quote(account->name), "files_removed",
	    (json_int_t)tended->purged.files, "bytes_removed", (json_int_t)tended->purged.bytes, "files",
	    (json_int_t)tended->files, "bytes", (json_int_t)tended->bytes, "strange",
	    (json_int_t)tended->purged.strange, "clock_held_seconds", (json_int_t)tended->held_s);
}

static void
print_purged(const struct account *account, const struct keep_tended *tended)
{
	char held[AMOUNT_SIZE];

	printf("%-24s %15llu byte%s in %llu file%s removed, %llu in %llu left\n", ctl_quote(account->name),
	    (unsigned long long)tended->purged.bytes, amount_plural(tended->purged.bytes),
	    (unsigned long long)tended->purged.files, amount_plural(tended->purged.files),
	    (unsigned long long)tended->bytes, (unsigned long long)tended->files);
	if (tended->held_s >= KEEP_DAY_S) {
		amount_duration((long long)tended->held_s, held);
		printf("%-24s the clock of this host has moved far since the last look: %s of that do not count\n", "",
		    held);
	}
}

static enum ctl_exit
purge_account(struct purge_run *run, const struct account *account, const struct home_path *only)
{
	struct keep_order order = {
	    .rules = account->keep,
	    .wish = run->is_any_age ? KEEP_BY_ADMINISTRATOR : KEEP_BY_AGE,
	    .only = only,
	    .now_s = (uint64_t)time(NULL),
	    .step_max_s = keep_step_max_s(&account->keep),
	    .entries_max = UINT_MAX,
	};
	const struct keep_job job = {.account = account, .config = run->ctl->config, .arg = &order};
	const struct walled_work work = {.verb = "purge the keep of", .job = purge_job, .arg = &job};
	struct keep_tended tended = {.is_there = false};
	int r;

	if (run->days > 0)
		order.rules.days = run->days;
	r = walled_run(account, &work, &tended, sizeof(tended));
	if (r < 0)
		return r == -ENOLINK ? refuse_damaged(account) : CTL_FAILED;
	if (run->list != NULL)
		json_array_append_new(run->list, purged_json(account, &tended));
	else
		print_purged(account, &tended);
	warn_of_strange(account, tended.purged.strange);
	return CTL_DONE;
}

static void
purge_next(const char *line, size_t len, const struct account *account, void *arg)
{
	struct purge_run *run = arg;

	(void)line;
	(void)len;
	if (account == NULL || account->keep.days == 0)
		return;
	run->accounts++;
	if (purge_account(run, account, NULL) != CTL_DONE)
		run->status = CTL_FAILED;
}

static enum ctl_exit
purge_all_accounts(struct purge_run *run)
{
	for (int kind = 0; kind < BOOK_KIND_COUNT; kind++) {
		struct book *book;

		if (!book_is_configured(run->ctl, kind))
			continue;
		book = book_open(run->ctl, kind, false);
		if (book == NULL || book_each(book, true, purge_next, run) < 0)
			run->status = CTL_FAILED;
		book_close(book);
	}
	if (run->accounts == 0 && run->status == CTL_DONE && run->list == NULL)
		ctl_warning(NO_ACCOUNT_KEEPS);
	if (run->list != NULL && ctl_print_json(run->list) != CTL_DONE)
		run->status = CTL_FAILED;
	return run->status;
}

/* One account, of any age where that was said. */
static enum ctl_exit
purge_one(struct ctl *ctl, const struct account *account, const void *arg)
{
	struct purge_run run = {.ctl = ctl, .days = *(const uint32_t *)arg, .list = ctl->is_json ? json_array() : NULL};
	bool is_of_path = ctl->given[OPTION_PATH];
	struct home_path only;
	enum ctl_exit status;

	if (is_of_path && take_kept_path(ctl, OPTION_PATH, "path", &only) < 0)
		return CTL_USAGE;
	run.is_any_age = run.days == 0 && (is_of_path || ctl->given[OPTION_ALL_KEPT]);
	if (run.days == 0 && !run.is_any_age && account->keep.days == 0) {
		ctl_error("'%s' has no option keep, so nothing is too old; use --older-than DAYS, --path PATH or --all",
		    ctl_quote(account->name));
		json_decref(run.list);
		return CTL_FAILED;
	}
	status = purge_account(&run, account, is_of_path ? &only : NULL);
	if (run.list == NULL || status != CTL_DONE) {
		json_decref(run.list);
		return status;
	}
	status = ctl_print_json(json_incref(json_array_get(run.list, 0)));
	json_decref(run.list);
	return status;
}

/* The options of "keep purge". */
static int
take_age(const struct ctl *ctl, uint32_t *age)
{
	const char *days = ctl->given[OPTION_OLDER_THAN] ? ctl->value[OPTION_OLDER_THAN] : NULL;
	bool is_of_path = ctl->given[OPTION_PATH];

	*age = 0;
	if (days != NULL && keep_days_parse(days, strlen(days), age) < 0) {
		ctl_error("bad --older-than '%s'; use days from 1d to %dd", ctl_quote(days), KEEP_DAYS_MAX);
		return -EINVAL;
	}
	if (ctl->given[OPTION_ALL_KEPT] && (days != NULL || is_of_path)) {
		ctl_error("--all and --%s together; keep one of them", days != NULL ? "older-than" : "path");
		return -EINVAL;
	}
	if (ctl->operand == NULL && (ctl->given[OPTION_ALL_KEPT] || is_of_path)) {
		ctl_error("--%s needs the NAME of an account", is_of_path ? "path" : "all");
		return -EINVAL;
	}
	return 0;
}

enum ctl_exit
keep_remove(struct ctl *ctl)
{
	struct purge_run run = {.ctl = ctl};

	if (take_age(ctl, &run.days) < 0 || book_kind_for_new(ctl) < 0)
		return CTL_USAGE;
	if (ctl->operand != NULL)
		return ctl_show_user(ctl, purge_one, &run.days);
	run.list = ctl->is_json ? json_array() : NULL;
	return purge_all_accounts(&run);
}
