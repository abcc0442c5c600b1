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
#include "config/config.h"

#include "common/banned.h"

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

void
quota_forget(const struct ctl *ctl, const char *name)
{
	char path[PATH_MAX];

	ledger_path(ctl, name, path);
	if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
		ctl_warning("cannot remove '%s': %s", path, strerror(errno));
}

static int
open_ledger(const struct ctl *ctl, const struct account *account, struct ledger *ledger)
{
	char path[PATH_MAX];
	uint8_t boot_id[16];
	int r = ledger_boot_id(boot_id);

	snprintf(path, sizeof(path), "%s/ledger", ctl->config->state_directory);
	if (r == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	ledger_path(ctl, account->name, path);
	if (r == 0)
		r = ledger_open(ledger, path, boot_id);
	if (r < 0)
		ctl_error("cannot open the quota ledger '%s': %s", path, strerror(-r));
	return r;
}

/* Count, and enter it. Sessions of the account wait meanwhile with what they want to change. */
static int
count_again(struct ledger *ledger, const struct account *account)
{
	static struct ledger_uploads known;
	static struct count_uploads uploads;
	struct ledger_figure counted;
	struct count_figure figure;
	int r = ledger_count_begin(ledger, &known);
	int ended;

	if (r < 0) {
		ctl_error("cannot lock the quota ledger of '%s': %s", ctl_quote(account->name), strerror(-r));
		return r;
	}
	uploads.live_count = known.live_count;
	uploads.dead_count = known.dead_count;
	memcpy(uploads.live, known.live, sizeof(uploads.live));
	memcpy(uploads.dead, known.dead, sizeof(uploads.dead));
	r = counting_run(account, &uploads, &figure);
	if (r == 0)
		counted = (struct ledger_figure){figure.bytes, figure.files};
	ended = ledger_count_end(ledger, r == 0 ? &counted : NULL);
	return r < 0 ? r : ended;
}

/* The figure of an account with a quota; what is in doubt is counted first. */
static int
read_figure(const struct ctl *ctl, const struct account *account, bool counts, struct ledger_figure *figure)
{
	struct ledger ledger;
	int r = open_ledger(ctl, account, &ledger);

	if (r < 0)
		return r;
	r = counts ? count_again(&ledger, account) : 0;
	if (r == 0)
		r = ledger_read(&ledger, figure);
	if (r == -EUCLEAN && (r = count_again(&ledger, account)) == 0)
		r = ledger_read(&ledger, figure);
	ledger_close(&ledger);
	return r;
}

/* Of an account without a quota nobody keeps a figure: it is counted now. */
static int
figure_of(const struct ctl *ctl, const struct account *account, bool counts, struct ledger_figure *figure)
{
	struct count_figure counted;
	int r;

	if (has_quota(account))
		return read_figure(ctl, account, counts, figure);
	r = counting_run(account, NULL, &counted);
	if (r == 0)
		*figure = (struct ledger_figure){counted.bytes, counted.files};
	return r;
}

static json_t *
limit_json(uint64_t limit)
{
	return limit == ACCOUNT_NO_QUOTA ? json_null() : json_integer((json_int_t)limit);
}

static json_t *
figure_json(const struct account *account, const struct ledger_figure *figure)
{
	return json_pack("{s:s, s:I, s:o, s:I, s:o}", "name", ctl_quote(account->name), "bytes", (json_int_t)figure->bytes,
	    "quota", limit_json(account->quota_bytes), "files", (json_int_t)figure->files, "quota_files",
	    limit_json(account->quota_files));
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
	printf("%-24s %9s %9s %5s %9s %9s %5s\n", "NAME", "USED", "QUOTA", "", "FILES", "QUOTA", "");
}

static void
print_figure(const struct account *account, const struct ledger_figure *figure)
{
	char used[AMOUNT_SIZE], limit[AMOUNT_SIZE] = "none", files[AMOUNT_SIZE] = "none";
	char percent[AMOUNT_SIZE], files_percent[AMOUNT_SIZE];

	amount_bytes((long long)figure->bytes, used);
	if (account->quota_bytes != ACCOUNT_NO_QUOTA)
		amount_bytes((long long)account->quota_bytes, limit);
	if (account->quota_files != ACCOUNT_NO_QUOTA)
		snprintf(files, sizeof(files), "%llu", (unsigned long long)account->quota_files);
	percent_text(figure->bytes, account->quota_bytes, percent);
	percent_text(figure->files, account->quota_files, files_percent);
	printf("%-24s %9s %9s %5s %9llu %9s %5s\n", ctl_quote(account->name), used, limit, percent,
	    (unsigned long long)figure->files, files, files_percent);
}

static enum ctl_exit
add_row(const struct ctl *ctl, const struct account *account, json_t *list)
{
	struct ledger_figure figure;

	if (figure_of(ctl, account, false, &figure) < 0)
		return CTL_FAILED;
	if (list != NULL)
		json_array_append_new(list, figure_json(account, &figure));
	else
		print_figure(account, &figure);
	return CTL_DONE;
}

static enum ctl_exit
show_all(struct ctl *ctl, const struct users_file *file)
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
		    (has_quota(&account) && add_row(ctl, &account, list) != CTL_DONE))
			status = CTL_FAILED;
	}
	explicit_bzero(&account, sizeof(account));
	if (list != NULL && ctl_print_json(list) != CTL_DONE)
		status = CTL_FAILED;
	return status;
}

static enum ctl_exit
show_account(const struct ctl *ctl, const struct account *account, bool counts)
{
	struct ledger_figure figure;

	if (figure_of(ctl, account, counts, &figure) < 0)
		return CTL_FAILED;
	if (ctl->is_json)
		return ctl_print_json(figure_json(account, &figure));
	print_head();
	print_figure(account, &figure);
	return CTL_DONE;
}

static enum ctl_exit
show_one(struct ctl *ctl, const struct users_file *file, bool counts)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account;
	size_t index;

	if (users_file_find(file, ctl->operand, &index) < 0)
		ctl_error("no account '%s' in '%s'; 'sallyportctl user list' lists them", ctl_quote(ctl->operand),
		    ctl_quote(ctl->config->accounts));
	else if (ctl_parse_line(ctl, file, index, &account) == 0)
		status = show_account(ctl, &account, counts);
	explicit_bzero(&account, sizeof(account));
	return status;
}

static enum ctl_exit
show(struct ctl *ctl, bool counts)
{
	struct users_file *file = ctl_open_users(ctl, false);
	enum ctl_exit status;

	if (file == NULL)
		return CTL_FAILED;
	status = ctl->operand == NULL ? show_all(ctl, file) : show_one(ctl, file, counts);
	users_file_free(file);
	return status;
}

enum ctl_exit
quota_show(struct ctl *ctl)
{
	return show(ctl, false);
}

enum ctl_exit
quota_recount(struct ctl *ctl)
{
	return show(ctl, true);
}
