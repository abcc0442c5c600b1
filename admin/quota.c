/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/definition.h"
#include "accounts/folder.h"
#include "accounts/ledger.h"
#include "admin/amount.h"
#include "admin/book.h"
#include "admin/control.h"
#include "admin/counting.h"
#include "admin/ctl.h"
#include "admin/quota.h"
#include "admin/store_tool.h"
#include "admin/store_usage.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "config/config.h"
#include "trusted/place.h"

#include "common/banned.h"

#define WAIT_DEFAULT_S 600 /* for the end of another count */
#define WAIT_MAX_S (24 * 3600ULL)
#define SHOW_WAIT_MS 1000 /* to show a figure that is about to be exact */
#define SHOW_LOOK_MS 20
#define NOBODY 65534 /* without the service user no server runs */

/* What a command is to do with each account. */
struct asked {
	bool counts;
	uint64_t wait_s;
	struct store_tool *tool; /* of the accounts in a database; NULL: they are in the file */
};

/* The figures of an account. */
struct told {
	struct ledger_figure used;
	uint64_t swept; /* partial files that were removed before */
	bool is_counting; /* somebody else, */
	uint64_t met; /* so many files so far */
	bool is_asked_for; /* the database will have the home counted */
	bool is_shared; /* with other servers: */
	struct shared_usage shared;
};

static const char *const state_names[] = {
    [LEDGER_EXACT] = "exact", [LEDGER_BOUND] = "at most", [LEDGER_UNKNOWN] = "unknown"};

static bool
has_quota(const struct account *account)
{
	return account->quota_bytes != ACCOUNT_NO_QUOTA || account->quota_files != ACCOUNT_NO_QUOTA;
}

static void
ledger_path(const struct ctl *ctl, const char *name, char path[PATH_MAX])
{
	char full[CTL_FULL_NAME_SIZE];

	ctl_full_name(ctl, name, full);
	snprintf(path, PATH_MAX, "%s/ledger/%s", ctl->config->state_directory, full);
}

/* Open state-directory, which only root can change. Reports an error, except that it does not exist. */
static int
open_state(const struct ctl *ctl)
{
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX];
	int fd = trusted_dir_open(ctl->config->state_directory, TRUST_ROOT_ALONE, &problem);

	if (fd < 0 && fd != -ENOENT) {
		trust_explain(&problem, why, sizeof(why));
		ctl_error("state-directory '%s': %s", ctl_quote(ctl->config->state_directory), ctl_quote(why));
	}
	return fd;
}

void
quota_forget(const struct ctl *ctl, const char *name)
{
	char path[PATH_MAX], full[CTL_FULL_NAME_SIZE];
	int state_fd = open_state(ctl);

	if (state_fd < 0)
		return;
	ctl_full_name(ctl, name, full);
	snprintf(path, sizeof(path), "ledger/%s", full);
	if (unlinkat(state_fd, path, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		ctl_warning("cannot remove '%s' in '%s': %s", path, ctl->config->state_directory, strerror(errno));
	close_fd(&state_fd);
}

static int
open_account_ledger(const struct ctl *ctl, const struct account *account, struct ledger *ledger)
{
	char path[PATH_MAX];
	uint8_t boot_id[16];
	int state_fd = open_state(ctl);
	int r = state_fd < 0 ? state_fd : ledger_boot_id(boot_id);

	if (r == 0 && mkdirat(state_fd, "ledger", 0700) < 0 && errno != EEXIST)
		r = -errno;
	/* by its path: only root can change where that leads */
	ledger_path(ctl, account->name, path);
	if (r == 0)
		r = ledger_open(ledger, path, boot_id);
	if (r < 0 && (state_fd >= 0 || state_fd == -ENOENT))
		ctl_error("cannot open the quota ledger '%s': %s", path, strerror(-r));
	close_fd(&state_fd);
	return r;
}

/* Wait for a moment while somebody else counts: most homes are counted then. True: it goes on. */
static bool
is_being_counted(struct ledger *ledger, struct told *told)
{
	uint64_t deadline_ms = monotonic_ms() + SHOW_WAIT_MS;

	while (ledger_count_is_under_way(ledger, &told->met)) {
		if (monotonic_ms() >= deadline_ms)
			return true;
		poll(NULL, 0, SHOW_LOOK_MS);
	}
	return false;
}

/*
 * A figure that is none, or only a bound, is counted first, unless somebody else does so. One that is a bound again is
 * told as such: a session has just died.
 */
static int
read_figure(const struct ctl *ctl, const struct account *account, const struct asked *asked, struct told *told)
{
	uint64_t keep_s = asked->counts ? ctl->config->partial_keep_s : COUNTING_SWEEPS_NOTHING;
	struct ledger_figure counted;
	struct ledger ledger;
	int r = open_account_ledger(ctl, account, &ledger);

	if (r < 0)
		return r;
	r = ledger_read(&ledger, &told->used);
	if (!asked->counts && told->used.state != LEDGER_EXACT && (r == 0 || r == -EUCLEAN)) {
		told->is_counting = is_being_counted(&ledger, told);
		r = ledger_read(&ledger, &told->used);
	}
	if (asked->counts || (!told->is_counting && told->used.state != LEDGER_EXACT && (r == 0 || r == -EUCLEAN))) {
		r = counting_run(account, &ledger, keep_s, asked->wait_s, &told->swept, &counted);
		if (r < 0)
			goto out;
		r = ledger_read(&ledger, &told->used);
	}
	if (r == -EUCLEAN && told->is_counting)
		r = 0;
	if (r < 0)
		ctl_error("cannot read the quota ledger of '%s': %s", ctl_quote(account->name), strerror(-r));
out:
	ledger_close(&ledger);
	return r;
}

/* The database knows what all servers have told, once one of them has counted the home. */
static int
read_shared_figure(const struct account *account, const struct asked *asked, struct told *told)
{
	int r = shared_usage_find(asked->tool, account->name, &told->shared);

	told->is_shared = r == 0 && told->shared.settled.is_counted;
	if (!told->is_shared)
		return r == -ENOENT ? 0 : r;
	shared_usage_sum(&told->shared, &told->used.bytes, &told->used.files);
	told->used.state =
	    told->shared.settled.slack_bytes > 0 || told->shared.settled.slack_files > 0 ? LEDGER_BOUND : LEDGER_EXACT;
	return 0;
}

/* The sum is shown. What the database believes is counted by a server, with what its sessions change meanwhile. */
static int
recount_shared(const struct ctl *ctl, const struct account *account, const struct asked *asked, struct told *told)
{
	int r = counting_run(account, NULL, ctl->config->partial_keep_s, 0, &told->swept, &told->used);

	if (r == 0)
		r = shared_usage_recount(asked->tool, account->name);
	told->is_asked_for = r == 0;
	return r;
}

/*
 * Where nobody keeps a figure, count now: of an account without a quota, and of one of the database whose home no server
 * has counted yet.
 */
static int
find_usage(const struct ctl *ctl, const struct account *account, const struct asked *asked, struct told *told)
{
	int r;

	*told = (struct told){.swept = 0};
	if (has_quota(account) && asked->tool == NULL)
		return read_figure(ctl, account, asked, told);
	if (has_quota(account) && asked->counts)
		return recount_shared(ctl, account, asked, told);
	if (has_quota(account)) {
		r = read_shared_figure(account, asked, told);
		if (r < 0 || told->is_shared)
			return r;
	}
	return counting_run(account, NULL, asked->counts ? ctl->config->partial_keep_s : COUNTING_SWEEPS_NOTHING, 0,
	    &told->swept, &told->used);
}

/* Is there a ledger that waits for the first count? Open then. */
static bool
open_uncounted(const struct ctl *ctl, const struct account *account, struct ledger *ledger, struct ledger_figure *used)
{
	struct stat st;

	/* without the directory no server has run yet */
	if (!has_quota(account) || stat(ctl->config->state_directory, &st) < 0 ||
	    open_account_ledger(ctl, account, ledger) < 0)
		return false;
	if (ledger_read(ledger, used) == -EUCLEAN)
		return true;
	ledger_close(ledger);
	return false;
}

static bool
ask_server_to_count(const struct ctl *ctl, const struct account *account)
{
	char full[CTL_FULL_NAME_SIZE];
	const char *const request[] = {"count-home", full, NULL};
	json_t *last;

	ctl_full_name(ctl, account->name, full);
	last = control_ask(ctl, request, NULL, NULL);
	json_decref(last);
	return last != NULL;
}

enum quota_asking
quota_ask_count(const struct ctl *ctl, const struct account *account)
{
	struct ledger_figure used;
	struct ledger ledger;

	if (!open_uncounted(ctl, account, &ledger, &used))
		return QUOTA_IS_KNOWN;
	ledger_close(&ledger);
	return control_is_served(ctl) && ask_server_to_count(ctl, account) ? QUOTA_IS_ASKED : QUOTA_IS_UNKNOWN;
}

void
quota_begin_count(const struct ctl *ctl, const struct account *account)
{
	struct told told = {.swept = 0};
	struct ledger ledger;
	uint64_t deadline_ms = monotonic_ms() + SHOW_WAIT_MS;

	if (!open_uncounted(ctl, account, &ledger, &told.used))
		return;
	if (!control_is_served(ctl)) {
		ctl_warning(
		    "the home of '%s' is not counted yet; 'sallyportctl quota recount %s%s' counts it, or the server "
		    "when it is used, and until that has ended its uploads are refused",
		    ctl_quote(account->name), ctl_quote(account->name), ctl_server_words(ctl));
		goto out;
	}
	if (!ask_server_to_count(ctl, account))
		goto out;
	while (ledger_read(&ledger, &told.used) == -EUCLEAN && monotonic_ms() < deadline_ms)
		poll(NULL, 0, SHOW_LOOK_MS);
	if (told.used.state == LEDGER_UNKNOWN)
		ctl_warning("the server counts the home of '%s'; until that has ended its uploads are refused (450); "
			    "'sallyportctl quota show %s%s' shows how far it is",
		    ctl_quote(account->name), ctl_quote(account->name), ctl_server_words(ctl));
out:
	ledger_close(&ledger);
}

int
quota_count_changed(const struct ctl *ctl, const struct account *account, bool is_stored)
{
	struct asked asked = {.counts = true, .wait_s = WAIT_DEFAULT_S};
	struct stat st;
	struct told told;
	int r;

	/* without the directory no server has run yet, and the first count is to come */
	if (!has_quota(account) || stat(ctl->config->state_directory, &st) < 0)
		return 0;
	asked.tool = is_stored ? store_tool_open(ctl) : NULL;
	r = is_stored && asked.tool == NULL ? -EIO : find_usage(ctl, account, &asked, &told);
	if (r == 0)
		shared_usage_free(&told.shared);
	else
		ctl_error("the quota of '%s' is not up to date; 'sallyportctl quota recount %s%s' counts it",
		    ctl_quote(account->name), ctl_quote(account->name), ctl_server_words(ctl));
	store_tool_end(asked.tool);
	return r;
}

static json_t *
limit_json(uint64_t limit)
{
	return limit == ACCOUNT_NO_QUOTA ? json_null() : json_integer((json_int_t)limit);
}

static json_t *
figure_json(const struct ledger_figure *figure, uint64_t value)
{
	return figure->state == LEDGER_UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static json_t *
told_json(const struct account *account, bool counts, const struct told *told)
{
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "name", ctl_quote(account->name), "bytes",
	    figure_json(&told->used, told->used.bytes), "quota", limit_json(account->quota_bytes), "files",
	    figure_json(&told->used, told->used.files), "quota_files", limit_json(account->quota_files), "figure",
	    state_names[told->used.state]);

	if (told->is_shared)
		shared_usage_json(&told->shared, json);
	if (told->is_counting)
		json_object_set_new(json, "counted_files", json_integer((json_int_t)told->met));
	if (counts)
		json_object_set_new(json, "partials_removed", json_integer((json_int_t)told->swept));
	return json;
}

static void
percent_text(const struct ledger_figure *figure, uint64_t used, uint64_t limit, char text[AMOUNT_SIZE])
{
	if (limit == ACCOUNT_NO_QUOTA || figure->state == LEDGER_UNKNOWN)
		snprintf(text, AMOUNT_SIZE, "-");
	else
		snprintf(text, AMOUNT_SIZE, "%u%%", limit == 0 ? 100 : (unsigned)((double)used * 100 / (double)limit));
}

static void
print_head(void)
{
	printf("%-24s %15s %15s %5s %9s %9s %5s\n", "NAME", "BYTES", "QUOTA", "", "FILES", "QUOTA", "");
}

static void
used_text(const struct ledger_figure *figure, uint64_t used, char text[AMOUNT_SIZE])
{
	if (figure->state == LEDGER_UNKNOWN)
		snprintf(text, AMOUNT_SIZE, "?");
	else
		snprintf(text, AMOUNT_SIZE, "%llu", (unsigned long long)used);
}

static void
print_figure(const struct account *account, const struct ledger_figure *figure)
{
	char limit[AMOUNT_SIZE] = "none", files[AMOUNT_SIZE] = "none";
	char percent[AMOUNT_SIZE], files_percent[AMOUNT_SIZE];
	char bytes_used[AMOUNT_SIZE], files_used[AMOUNT_SIZE];

	if (account->quota_bytes != ACCOUNT_NO_QUOTA)
		snprintf(limit, sizeof(limit), "%llu", (unsigned long long)account->quota_bytes);
	if (account->quota_files != ACCOUNT_NO_QUOTA)
		snprintf(files, sizeof(files), "%llu", (unsigned long long)account->quota_files);
	used_text(figure, figure->bytes, bytes_used);
	used_text(figure, figure->files, files_used);
	percent_text(figure, figure->bytes, account->quota_bytes, percent);
	percent_text(figure, figure->files, account->quota_files, files_percent);
	printf("%-24s %15s %15s %5s %9s %9s %5s\n", ctl_quote(account->name), bytes_used, limit, percent, files_used,
	    files, files_percent);
}

/* What the row alone does not say. */
static void
print_notes(const struct told *told)
{
	if (told->is_shared)
		shared_usage_print(&told->shared);
	else if (told->used.state == LEDGER_BOUND)
		printf(
		    "%-24s at most: a session ended without a report, or the machine was started, and the home is to be "
		    "counted\n",
		    "");
	if (told->is_asked_for)
		printf(
		    "%-24s the server that needs room next counts the home for the database; while several servers hold a "
		    "part of the quota, more than that is refused\n",
		    "");
	if (told->is_counting)
		printf("%-24s counting, %llu file%s so far%s\n", "", (unsigned long long)told->met,
		    amount_plural(told->met),
		    told->used.state == LEDGER_UNKNOWN ? "; until that has ended uploads are refused" : "");
	if (told->swept > 0)
		printf("%-24s %llu expired partial file%s removed\n", "", (unsigned long long)told->swept,
		    amount_plural(told->swept));
}

/* One row of the table, or one object of the list. */
static enum ctl_exit
add_quota_row(const struct ctl *ctl, const struct account *account, const struct asked *asked, json_t *list)
{
	struct told told;

	enum ctl_exit status = find_usage(ctl, account, asked, &told) < 0 ? CTL_FAILED : CTL_DONE;

	if (status == CTL_DONE && list != NULL) {
		json_array_append_new(list, told_json(account, asked->counts, &told));
	} else if (status == CTL_DONE) {
		print_figure(account, &told.used);
		print_notes(&told);
	}
	shared_usage_free(&told.shared);
	return status;
}

/* One run over all accounts. */
struct quota_run {
	const struct ctl *ctl;
	const struct asked *asked;
	json_t *list;
	enum ctl_exit status;
};

/* Accounts without a quota have no figure to show, but partial files to sweep. */
static void
show_next(const char *line, size_t len, const struct account *account, void *arg)
{
	struct quota_run *run = arg;

	(void)line;
	(void)len;
	if (account != NULL && (run->asked->counts || has_quota(account)) &&
	    add_quota_row(run->ctl, account, run->asked, run->list) != CTL_DONE)
		run->status = CTL_FAILED;
}

static void
show_book(struct quota_run *run, enum book_kind kind)
{
	const struct asked *general = run->asked;
	struct asked asked = *general;
	struct book *book = book_open(run->ctl, kind, false);

	run->asked = &asked;
	asked.tool = book != NULL && kind == BOOK_STORE ? store_tool_open(run->ctl) : NULL;
	if (book == NULL || (kind == BOOK_STORE && asked.tool == NULL) || book_each(book, true, show_next, run) < 0)
		run->status = CTL_FAILED;
	run->asked = general;
	store_tool_end(asked.tool);
	book_close(book);
}

/* What walks a folder: the service user, with the folder's group. */
static uint32_t
folder_walker(const struct ctl *ctl)
{
	const struct passwd *entry = getpwnam(ctl->config->service_user);

	return entry == NULL ? NOBODY : entry->pw_uid;
}

/* Folders are shown behind the accounts, as "+NAME". */
static void
show_next_folder(const char *line, size_t len, void *arg)
{
	static struct account like;
	struct quota_run *run = arg;
	struct definition definition;
	const char *problem;
	struct folder folder;

	if (definition_parse(line, len, &definition, &problem) < 0 || definition.kind != DEFINITION_FOLDER ||
	    folder_parse(&definition, &folder, &problem) < 0)
		return;
	folder_as_account(&folder, folder_walker(run->ctl), &like);
	if ((run->asked->counts || has_quota(&like)) &&
	    add_quota_row(run->ctl, &like, run->asked, run->list) != CTL_DONE)
		run->status = CTL_FAILED;
}

static void
show_folders(struct quota_run *run)
{
	struct book *book = book_is_configured(run->ctl, BOOK_FILE) ? book_open(run->ctl, BOOK_FILE, false) : NULL;

	if (book != NULL)
		book_each_definition(book, show_next_folder, run);
	book_close(book);
}

static enum ctl_exit
show_all(struct ctl *ctl, const struct asked *asked)
{
	struct quota_run run = {.ctl = ctl, .asked = asked, .list = ctl->is_json ? json_array() : NULL};
	bool has_store = book_is_configured(ctl, BOOK_STORE);

	if (run.list == NULL)
		print_head();
	if (book_is_configured(ctl, BOOK_FILE) || !has_store)
		show_book(&run, BOOK_FILE);
	if (has_store)
		show_book(&run, BOOK_STORE);
	show_folders(&run);
	if (run.list != NULL && ctl_print_json(run.list) != CTL_DONE)
		run.status = CTL_FAILED;
	return run.status;
}

static enum ctl_exit
show_account_quota(struct ctl *ctl, const struct account *account, const struct asked *asked)
{
	enum ctl_exit status = CTL_FAILED;
	struct told told;

	if (!ctl->is_json) {
		print_head();
		return add_quota_row(ctl, account, asked, NULL);
	}
	if (find_usage(ctl, account, asked, &told) == 0)
		status = ctl_print_json(told_json(account, asked->counts, &told));
	shared_usage_free(&told.shared);
	return status;
}

static enum ctl_exit
show_one(struct ctl *ctl, const struct asked *general)
{
	enum ctl_exit status = CTL_FAILED;
	struct asked asked = *general;
	struct account account = {.name = ""};
	struct book *book;
	struct buf line;
	bool is_in_store;

	buf_init(&line, ACCOUNT_LINE_MAX);
	book = book_with(ctl, false, &line, &account);
	is_in_store = book != NULL && book_kind_of(book) == BOOK_STORE;
	if (is_in_store)
		asked.tool = store_tool_open(ctl);
	if (book != NULL && (!is_in_store || asked.tool != NULL))
		status = show_account_quota(ctl, &account, &asked);
	store_tool_end(asked.tool);
	book_close(book);
	explicit_bzero(&account, sizeof(account));
	buf_free(&line);
	return status;
}

/* "+NAME" */
static enum ctl_exit
show_one_folder(struct ctl *ctl, const struct asked *asked)
{
	struct account like = {.name = ""};
	struct definition definition;
	char key[DEFINITION_KEY_MAX + 1];
	const char *line = NULL, *problem;
	struct folder folder;
	struct book *book = book_open(ctl, BOOK_FILE, false);
	enum ctl_exit status = CTL_FAILED;
	size_t len;

	if (book != NULL && definition_key(DEFINITION_FOLDER, ctl->operand + 1, key))
		line = book_definition(book, key, &len);
	if (book != NULL && line == NULL)
		ctl_error("no folder '%s'; 'sallyportctl folder list%s' lists them", ctl_quote(ctl->operand + 1),
		    ctl_server_words(ctl));
	if (line != NULL && definition_parse(line, len, &definition, &problem) == 0 &&
	    folder_parse(&definition, &folder, &problem) == 0) {
		folder_as_account(&folder, folder_walker(ctl), &like);
		status = show_account_quota(ctl, &like, asked);
	}
	book_close(book);
	return status;
}

static enum ctl_exit
show_quotas(struct ctl *ctl, const struct asked *asked)
{
	if (book_kind_for_new(ctl) < 0)
		return CTL_USAGE;
	if (ctl->operand != NULL && ctl->operand[0] == '+')
		return show_one_folder(ctl, asked);
	return ctl->operand == NULL ? show_all(ctl, asked) : show_one(ctl, asked);
}

enum ctl_exit
quota_show(struct ctl *ctl)
{
	const struct asked asked = {.wait_s = WAIT_DEFAULT_S};

	return show_quotas(ctl, &asked);
}

enum ctl_exit
quota_recount(struct ctl *ctl)
{
	struct asked asked = {.counts = true, .wait_s = WAIT_DEFAULT_S};

	if (ctl->given[OPTION_WAIT] && parse_duration(ctl->value[OPTION_WAIT], WAIT_MAX_S, &asked.wait_s) < 0) {
		ctl_error(
		    "'%s' is not a time for --wait, which is a day at most; use seconds, or a number with s, m or h, "
		    "such as 2h",
		    ctl_quote(ctl->value[OPTION_WAIT]));
		return CTL_USAGE;
	}
	return show_quotas(ctl, &asked);
}
