/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/ledger.h"
#include "accounts/users_file.h"
#include "admin/amount.h"
#include "admin/counting.h"
#include "admin/ctl.h"
#include "admin/quota.h"
#include "common/io.h"
#include "config/config.h"
#include "trusted/place.h"

#include "common/banned.h"

/* The figures of an account. */
struct told {
	struct ledger_figure used;
	uint64_t swept; /* partial files that were removed before */
};

static bool
has_quota(const struct account *account)
{
	return account->quota_bytes != ACCOUNT_NO_QUOTA || account->quota_files != ACCOUNT_NO_QUOTA;
}

static void
ledger_path(const struct ctl *ctl, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/ledger/%s", ctl->config->state_directory, name);
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
	char path[PATH_MAX];
	int state_fd = open_state(ctl);

	if (state_fd < 0)
		return;
	snprintf(path, sizeof(path), "ledger/%s", name);
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

/* A figure that is none, or only a bound, is counted first; what is a bound again is told as such: a session has just died. */
static int
read_figure(const struct ctl *ctl, const struct account *account, bool counts, struct told *told)
{
	uint64_t keep_s = counts ? ctl->config->partial_keep_s : COUNTING_SWEEPS_NOTHING;
	struct ledger_figure counted;
	struct ledger ledger;
	int r = open_account_ledger(ctl, account, &ledger);

	if (r < 0)
		return r;
	r = ledger_read(&ledger, &told->used);
	if (counts || r == -EUCLEAN || (r == 0 && told->used.state != LEDGER_EXACT)) {
		r = counting_run(account, &ledger, keep_s, &told->swept, &counted);
		if (r < 0)
			goto out;
		r = ledger_read(&ledger, &told->used);
	}
	if (r < 0)
		ctl_error("cannot read the quota ledger of '%s': %s", ctl_quote(account->name), strerror(-r));
out:
	ledger_close(&ledger);
	return r;
}

/* For an account without a quota nobody keeps a figure, so count now. */
static int
find_usage(const struct ctl *ctl, const struct account *account, bool counts, struct told *told)
{
	*told = (struct told){.swept = 0};
	if (has_quota(account))
		return read_figure(ctl, account, counts, told);
	return counting_run(
	    account, NULL, counts ? ctl->config->partial_keep_s : COUNTING_SWEEPS_NOTHING, &told->swept, &told->used);
}

static json_t *
limit_json(uint64_t limit)
{
	return limit == ACCOUNT_NO_QUOTA ? json_null() : json_integer((json_int_t)limit);
}

static json_t *
told_json(const struct account *account, bool counts, const struct told *told)
{
	json_t *json = json_pack("{s:s, s:I, s:o, s:I, s:o}", "name", ctl_quote(account->name), "bytes",
	    (json_int_t)told->used.bytes, "quota", limit_json(account->quota_bytes), "files",
	    (json_int_t)told->used.files, "quota_files", limit_json(account->quota_files));

	if (counts)
		json_object_set_new(json, "partials_removed", json_integer((json_int_t)told->swept));
	return json;
}

static void
percent_text(uint64_t used, uint64_t limit, char text[AMOUNT_SIZE])
{
	if (limit == ACCOUNT_NO_QUOTA)
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
print_figure(const struct account *account, const struct ledger_figure *figure)
{
	char limit[AMOUNT_SIZE] = "none", files[AMOUNT_SIZE] = "none";
	char percent[AMOUNT_SIZE], files_percent[AMOUNT_SIZE];

	if (account->quota_bytes != ACCOUNT_NO_QUOTA)
		snprintf(limit, sizeof(limit), "%llu", (unsigned long long)account->quota_bytes);
	if (account->quota_files != ACCOUNT_NO_QUOTA)
		snprintf(files, sizeof(files), "%llu", (unsigned long long)account->quota_files);
	percent_text(figure->bytes, account->quota_bytes, percent);
	percent_text(figure->files, account->quota_files, files_percent);
	printf("%-24s %15llu %15s %5s %9llu %9s %5s\n", ctl_quote(account->name), (unsigned long long)figure->bytes,
	    limit, percent, (unsigned long long)figure->files, files, files_percent);
}

/* One row of the table, or one object of the list. */
static enum ctl_exit
add_quota_row(const struct ctl *ctl, const struct account *account, bool counts, json_t *list)
{
	struct told told;

	if (find_usage(ctl, account, counts, &told) < 0)
		return CTL_FAILED;
	if (list != NULL) {
		json_array_append_new(list, told_json(account, counts, &told));
		return CTL_DONE;
	}
	print_figure(account, &told.used);
	if (told.swept > 0)
		printf("%-24s %llu expired partial files removed\n", "", (unsigned long long)told.swept);
	return CTL_DONE;
}

/* Accounts without a quota have no figure to show, but partial files to sweep. */
static enum ctl_exit
show_all(struct ctl *ctl, const struct users_file *file, bool counts)
{
	json_t *list = ctl->is_json ? json_array() : NULL;
	enum ctl_exit status = CTL_DONE;
	struct account account;

	if (list == NULL)
		print_head();
	for (size_t i = 0; i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);

		if (account_line_is_blank(line, len))
			continue;
		if (ctl_parse_line(ctl, file, i, &account) < 0 ||
		    ((counts || has_quota(&account)) && add_quota_row(ctl, &account, counts, list) != CTL_DONE))
			status = CTL_FAILED;
	}
	explicit_bzero(&account, sizeof(account));
	if (list != NULL && ctl_print_json(list) != CTL_DONE)
		status = CTL_FAILED;
	return status;
}

static enum ctl_exit
show_account_quota(const struct ctl *ctl, const struct account *account, bool counts)
{
	struct told told;

	if (!ctl->is_json) {
		print_head();
		return add_quota_row(ctl, account, counts, NULL);
	}
	if (find_usage(ctl, account, counts, &told) < 0)
		return CTL_FAILED;
	return ctl_print_json(told_json(account, counts, &told));
}

static enum ctl_exit
show_one(struct ctl *ctl, const struct users_file *file, bool counts)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account;
	size_t index;

	if (ctl_find_user(ctl, file, &index) == 0 && ctl_parse_line(ctl, file, index, &account) == 0)
		status = show_account_quota(ctl, &account, counts);
	explicit_bzero(&account, sizeof(account));
	return status;
}

static enum ctl_exit
show_quotas(struct ctl *ctl, bool counts)
{
	struct users_file *file = ctl_open_users(ctl, false);
	enum ctl_exit status;

	if (file == NULL)
		return CTL_FAILED;
	status = ctl->operand == NULL ? show_all(ctl, file, counts) : show_one(ctl, file, counts);
	users_file_free(file);
	return status;
}

enum ctl_exit
quota_show(struct ctl *ctl)
{
	return show_quotas(ctl, false);
}

enum ctl_exit
quota_recount(struct ctl *ctl)
{
	return show_quotas(ctl, true);
}
