/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/password.h"
#include "accounts/users_file.h"
#include "admin/ctl.h"
#include "admin/home.h"
#include "admin/quota.h"
#include "admin/secret.h"
#include "admin/user_options.h"
#include "common/buf.h"
#include "config/config.h"

#include "trusted/advice.h"

#include "common/banned.h"

#define PROBLEM_MAX 16384

static int
check_name(const char *name)
{
	const char *wrong;

	if (account_name_valid(name, strlen(name), &wrong))
		return 0;
	ctl_error("bad name '%s': %s", ctl_quote(name), wrong);
	return -EINVAL;
}

/* --- the users file --- */

static enum ctl_exit
save_users(struct users_file *file)
{
	struct buf problem;
	int r;

	buf_init(&problem, PROBLEM_MAX);
	r = users_file_save(file, &problem);
	if (r < 0)
		ctl_error("%s", problem.data == NULL ? "no memory" : ctl_quote(problem.data));
	buf_free(&problem);
	return r < 0 ? CTL_FAILED : CTL_DONE;
}

/* Edit a line, and check that what comes out is a good one. */
static int
edited_line(const char *line, size_t len, const struct users_edit *edit, struct buf *out)
{
	struct account account;
	const char *problem = "no memory";
	int r;

	r = users_line_edit(line, len, edit, out);
	if (r == 0)
		r = account_parse(out->data, out->len, &account, &problem);
	if (r < 0)
		ctl_error("invalid account: %s", problem);
	explicit_bzero(&account, sizeof(account));
	return r;
}

/* Replace line i by its edited form and save. */
static enum ctl_exit
edit_and_save(struct users_file *file, size_t i, const struct users_edit *edit)
{
	enum ctl_exit status = CTL_FAILED;
	struct buf line;
	const char *before;
	size_t len;

	buf_init(&line, ACCOUNT_LINE_MAX);
	before = users_file_line(file, i, &len);
	if (edited_line(before, len, edit, &line) < 0)
		goto out;
	if (users_file_replace(file, i, line.data, line.len) < 0) {
		ctl_error("no memory");
		goto out;
	}
	status = save_users(file);
out:
	buf_free(&line);
	return status;
}

/* --- what accounts share --- */

typedef void (*each_account_fn)(const struct account *account, void *arg);

/* Call each for every good line but that of skip. Returns -EINVAL when there was a bad one. */
static int
for_each_account(const struct ctl *ctl, const struct users_file *file, const char *skip, bool tell_bad,
    each_account_fn each, void *arg)
{
	struct account account;
	const char *problem;
	int r = 0;

	for (size_t i = 0; i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);
		int parsed;

		if (account_line_is_blank(line, len))
			continue;
		parsed =
		    tell_bad ? ctl_parse_line(ctl, file, i, &account) : account_parse(line, len, &account, &problem);
		if (parsed < 0)
			r = -EINVAL;
		else if (strcmp(account.name, skip) != 0)
			each(&account, arg);
	}
	explicit_bzero(&account, sizeof(account));
	return r;
}

struct uid_list {
	uint32_t low, high;
	uint32_t *uids;
	size_t count, size;
	bool failed;
};

static void
collect_uid(const struct account *account, void *arg)
{
	struct uid_list *list = arg;
	uint32_t *uids;

	if (account->uid < list->low || account->uid > list->high || list->failed)
		return;
	if (list->count == list->size) {
		list->size = list->size == 0 ? 1024 : list->size * 2;
		uids = reallocarray(list->uids, list->size, sizeof(*uids));
		if (uids == NULL) {
			list->failed = true;
			return;
		}
		list->uids = uids;
	}
	list->uids[list->count++] = account->uid;
}

static int
compare_uids(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* The lowest uid of the range that neither an account nor the system has. */
static int
choose_uid(const struct ctl *ctl, const struct users_file *file, uint32_t *uid)
{
	struct uid_list list = {.low = ctl->config->uid_low, .high = ctl->config->uid_high};
	uint64_t candidate = list.low;
	size_t next = 0;
	int r;

	r = for_each_account(ctl, file, "", true, collect_uid, &list);
	if (r < 0 || list.failed) {
		ctl_error("cannot find a free uid in a damaged users file; repair it, or use --uid N");
		r = -EINVAL;
		goto out;
	}
	if (list.count > 0)
		qsort(list.uids, list.count, sizeof(*list.uids), compare_uids);
	for (; candidate <= list.high; candidate++) {
		while (next < list.count && list.uids[next] < candidate)
			next++;
		if ((next == list.count || list.uids[next] != candidate) && getpwuid((uid_t)candidate) == NULL)
			break;
	}
	if (candidate > list.high) {
		ctl_error("no uid is free in uid-range %u-%u; widen it in '%s', or use --uid N", list.low, list.high,
		    ctl_quote(ctl->config_path));
		r = -ENOSPC;
		goto out;
	}
	*uid = (uint32_t)candidate;
out:
	free(list.uids);
	return r;
}

/* A gid for a uid that was named: that system user's own group, or the same number. */
static int
choose_gid(uint32_t uid, uint32_t *gid)
{
	const struct passwd *entry = getpwuid(uid);

	*gid = entry == NULL ? uid : entry->pw_gid;
	if (*gid != 0)
		return 0;
	ctl_error("the group of uid %u is root's; name another one with --gid N", uid);
	return -EINVAL;
}

/* The service user owns what belongs to all sessions, so nobody logs in as it. */
static int
check_not_service_user(const struct ctl *ctl, uint32_t uid)
{
	const struct passwd *entry = getpwnam(ctl->config->service_user);

	if (entry == NULL || entry->pw_uid != uid)
		return 0;
	ctl_error("uid %u is that of the service user '%s'; an account needs another one", uid,
	    ctl_quote(ctl->config->service_user));
	return -EINVAL;
}

static bool
is_inside(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return strncmp(path, directory, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static void
warn_shared(const struct account *other, void *arg)
{
	const struct account *account = arg;
	const char *name = ctl_quote(other->name);

	if (other->uid == account->uid)
		ctl_warning("account '%s' has uid %u too: the system does not keep the two apart", name, other->uid);
	if (strcmp(other->home, account->home) == 0)
		ctl_warning("account '%s' has the same home", name);
	else if (is_inside(account->home, other->home))
		ctl_warning("the home is inside that of account '%s'", name);
	else if (is_inside(other->home, account->home))
		ctl_warning("the home of account '%s' is inside this one", name);
}

/* --- results --- */

static enum ctl_exit
report_user_done(const struct ctl *ctl, const char *what)
{
	if (ctl->is_json)
		return ctl_print_json(json_pack("{s:s, s:s}", "name", ctl_quote(ctl->operand), "result", what));
	printf("%s: %s\n", ctl_quote(ctl->operand), what);
	return CTL_DONE;
}

/* Uploads and logins would fail, and only the server would see why. */
static void
warn_of_home(const struct ctl *ctl, const char *home)
{
	const char *advice = advice_for_present_home(home, ctl->config->runtime_directory);

	if (advice != NULL)
		fprintf(stderr, "sallyportctl: home '%s': %s (warning)\n", ctl_quote(home), advice);
}

static enum ctl_exit
tell_added(const struct ctl *ctl, const struct account *account)
{
	warn_of_home(ctl, account->home);
	if (ctl->is_json)
		return ctl_print_json(
		    json_pack("{s:s, s:s, s:I, s:I, s:s}", "name", ctl_quote(account->name), "result", "added", "uid",
			(json_int_t)account->uid, "gid", (json_int_t)account->gid, "home", ctl_quote(account->home)));
	printf("%s: added; uid %u, gid %u, home %s\n", ctl_quote(account->name), account->uid, account->gid,
	    ctl_quote(account->home));
	return CTL_DONE;
}

/* --- add --- */

static int
read_hash(const struct ctl *ctl, char **hash)
{
	char secret[SECRET_SIZE];
	int r;

	r = secret_read(ctl->given[OPTION_PASSWORD_STDIN], ctl->operand, secret);
	if (r < 0)
		goto out;
	r = password_hash(secret, hash);
	if (r < 0)
		ctl_error("cannot hash the password: %s", strerror(-r));
out:
	explicit_bzero(secret, sizeof(secret));
	return r;
}

static int
refuse_existing(const struct ctl *ctl, const struct users_file *file)
{
	size_t index;

	if (users_file_find(file, ctl->operand, &index) < 0)
		return 0;
	ctl_error("account '%s' exists already; change it with 'user set' or 'user passwd'", ctl_quote(ctl->operand));
	return -EEXIST;
}

/* Before a password is asked for: whether it would be in vain. */
static int
look_before_add(const struct ctl *ctl)
{
	struct users_file *file = ctl_open_users(ctl, false);
	int r = file == NULL ? -EIO : refuse_existing(ctl, file);

	users_file_free(file);
	return r;
}

static int
compose_line(const struct ctl *ctl, const struct user_options *options, const char *hash, const struct account *account,
    struct buf *out)
{
	struct users_edit edit = {0};
	struct buf plain;
	int r;

	buf_init(&plain, ACCOUNT_LINE_MAX);
	buf_addf(&plain, "%s:%s:%u:%u:%s:", account->name, hash, account->uid, account->gid, account->home);
	r = plain.error;
	if (r < 0)
		ctl_error("the line of the account is too long; use a shorter home");
	user_options_to_edit(ctl, options, &edit);
	if (r == 0)
		r = edited_line(plain.data, plain.len, &edit, out);
	buf_free(&plain);
	return r;
}

/* Name, ids and home of the account to be. */
static int
design_account(
    const struct ctl *ctl, const struct users_file *file, const struct user_options *options, struct account *account)
{
	const char *home = ctl->value[OPTION_HOME];
	int len;
	int r = 0;

	memset(account, 0, sizeof(*account));
	snprintf(account->name, sizeof(account->name), "%s", ctl->operand);
	if (home != NULL)
		len = snprintf(account->home, sizeof(account->home), "%s", home);
	else
		len =
		    snprintf(account->home, sizeof(account->home), "%s/%s", ctl->config->home_directory, ctl->operand);
	if (len < 0 || (size_t)len >= sizeof(account->home)) {
		ctl_error("the home is too long; at most %d bytes", PATH_MAX - 1);
		return -ENAMETOOLONG;
	}
	account->uid = options->uid;
	if (!options->has_uid)
		r = choose_uid(ctl, file, &account->uid);
	account->gid = options->has_gid ? options->gid : account->uid;
	if (r == 0 && options->has_uid && !options->has_gid)
		r = choose_gid(account->uid, &account->gid);
	return r < 0 ? r : check_not_service_user(ctl, account->uid);
}

static enum ctl_exit
add_locked(const struct ctl *ctl, struct users_file *file, const struct user_options *options, const char *hash)
{
	enum ctl_exit status = CTL_FAILED;
	struct trusted_made made = TRUSTED_MADE_NOTHING;
	struct account account;
	struct buf line;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (refuse_existing(ctl, file) < 0 || design_account(ctl, file, options, &account) < 0 ||
	    compose_line(ctl, options, hash, &account, &line) < 0)
		goto out;
	(void)for_each_account(ctl, file, account.name, false, warn_shared, &account);
	if (home_prepare(account.home, account.uid, account.gid, ctl->config->directory_mode, &made) < 0)
		goto out;
	if (users_file_append(file, line.data, line.len) < 0)
		ctl_error("no memory");
	else
		status = save_users(file);
	if (status == CTL_DONE)
		quota_forget(ctl, account.name);
	if (status != CTL_DONE)
		trusted_made_undo(&made);
	else
		status = tell_added(ctl, &account);
out:
	trusted_made_keep(&made);
	buf_free(&line);
	return status;
}

enum ctl_exit
user_add(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct users_file *file = NULL;
	struct user_options options;
	char *hash = NULL;

	if (check_name(ctl->operand) < 0 || user_options_parse(ctl, &options) < 0 ||
	    user_options_settle_rights(&options, MAY_ALL) < 0)
		return CTL_USAGE;
	if (look_before_add(ctl) < 0)
		goto out;
	/* the hash is slow by design: made before the lock is taken */
	if (read_hash(ctl, &hash) < 0)
		goto out;
	file = ctl_open_users(ctl, true);
	if (file != NULL)
		status = add_locked(ctl, file, &options, hash);
out:
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
	free(hash);
	users_file_free(file);
	return status;
}

/* --- set --- */

/* The ids and the home as they will be; the home must fit them. */
static enum ctl_exit
set_locked(const struct ctl *ctl, struct users_file *file, size_t index, struct user_options *options)
{
	enum ctl_exit status = CTL_FAILED;
	struct users_edit edit = {0};
	struct trusted_made made = TRUSTED_MADE_NOTHING;
	struct account account;
	char uid[16], gid[16];
	struct buf line;
	const char *before;
	size_t len;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (ctl_parse_line(ctl, file, index, &account) < 0 || user_options_settle_rights(options, account.rights) < 0)
		goto out;
	if (options->has_uid) {
		account.uid = options->uid;
		if (!options->has_gid && choose_gid(account.uid, &account.gid) < 0)
			goto out;
	}
	if (options->has_gid)
		account.gid = options->gid;
	if (options->has_uid && check_not_service_user(ctl, account.uid) < 0)
		goto out;
	snprintf(uid, sizeof(uid), "%u", account.uid);
	snprintf(gid, sizeof(gid), "%u", account.gid);
	edit.uid = uid;
	edit.gid = gid;
	edit.home = ctl->value[OPTION_HOME];
	user_options_to_edit(ctl, options, &edit);
	before = users_file_line(file, index, &len);
	if (edited_line(before, len, &edit, &line) < 0)
		goto out;
	if (edit.home != NULL)
		snprintf(account.home, sizeof(account.home), "%s", edit.home); /* edited_line() checked it */
	if (options->has_uid || edit.home != NULL) {
		(void)for_each_account(ctl, file, account.name, false, warn_shared, &account);
		if (home_prepare(account.home, account.uid, account.gid, ctl->config->directory_mode, &made) < 0)
			goto out;
	}
	status = edit_and_save(file, index, &edit);
	if (status != CTL_DONE)
		trusted_made_undo(&made);
	else if (edit.home != NULL)
		warn_of_home(ctl, account.home);
	if (status == CTL_DONE)
		status = report_user_done(ctl, "changed");
out:
	trusted_made_keep(&made);
	explicit_bzero(&account, sizeof(account));
	buf_free(&line);
	return status;
}

enum ctl_exit
user_set(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct users_file *file;
	struct user_options options;
	struct account account;
	bool wants_any = false, has_new_quota = false;
	size_t index;

	for (size_t i = 0; i < OPTION_COUNT; i++)
		wants_any = wants_any || ctl->given[i];
	if (!wants_any) {
		ctl_error("'user set' without an option; 'sallyportctl user set --help' lists them");
		return CTL_USAGE;
	}
	if (check_name(ctl->operand) < 0 || user_options_parse(ctl, &options) < 0)
		return CTL_USAGE;
	file = ctl_open_users(ctl, true);
	if (file != NULL && ctl_find_user(ctl, file, &index) == 0)
		status = set_locked(ctl, file, index, &options);
	if (status == CTL_DONE && (ctl->given[OPTION_QUOTA] || ctl->given[OPTION_QUOTA_FILES]))
		has_new_quota = ctl_parse_line(ctl, file, index, &account) == 0;
	users_file_free(file); /* with its lock */
	if (has_new_quota)
		quota_begin_count(ctl, &account);
	explicit_bzero(&account, sizeof(account));
	return status;
}

/* --- passwd, lock, unlock --- */

static enum ctl_exit
change_hash(
    const struct ctl *ctl, struct users_file *file, size_t index, bool is_locked, const char *hash, const char *what)
{
	enum ctl_exit status = CTL_FAILED;
	struct users_edit edit = {0};
	struct buf field;

	buf_init(&field, ACCOUNT_HASH_MAX + 1);
	buf_addf(&field, "%s%s", is_locked ? "!" : "", hash);
	edit.hash = field.data;
	if (field.error < 0)
		ctl_error("no memory");
	else
		status = edit_and_save(file, index, &edit);
	buf_free(&field);
	return status == CTL_DONE ? report_user_done(ctl, what) : status;
}

enum ctl_exit
user_passwd(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct users_file *file = NULL;
	struct account account;
	char *hash = NULL;
	size_t index;

	if (check_name(ctl->operand) < 0)
		return CTL_USAGE;
	/* looked up twice: before the password is asked for, and under the lock */
	file = ctl_open_users(ctl, false);
	if (file == NULL || ctl_find_user(ctl, file, &index) < 0 || read_hash(ctl, &hash) < 0)
		goto out;
	users_file_free(file);
	file = ctl_open_users(ctl, true);
	if (file == NULL || ctl_find_user(ctl, file, &index) < 0 || ctl_parse_line(ctl, file, index, &account) < 0)
		goto out;
	status = change_hash(ctl, file, index, account.is_locked, hash,
	    account.is_locked ? "password changed; still locked" : "password changed");
out:
	explicit_bzero(&account, sizeof(account));
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
	free(hash);
	users_file_free(file);
	return status;
}

static enum ctl_exit
set_lock(struct ctl *ctl, bool is_locked)
{
	enum ctl_exit status = CTL_FAILED;
	struct users_file *file;
	struct account account;
	size_t index;

	if (check_name(ctl->operand) < 0)
		return CTL_USAGE;
	file = ctl_open_users(ctl, true);
	if (file == NULL || ctl_find_user(ctl, file, &index) < 0 || ctl_parse_line(ctl, file, index, &account) < 0)
		goto out;
	if (!is_locked && account.hash[0] == '\0')
		ctl_error("account '%s' has no password; give it one with 'user passwd' before it is unlocked",
		    ctl_quote(ctl->operand));
	else if (account.is_locked == is_locked)
		status = report_user_done(ctl, is_locked ? "locked already" : "not locked");
	else
		status = change_hash(ctl, file, index, is_locked, account.hash, is_locked ? "locked" : "unlocked");
out:
	explicit_bzero(&account, sizeof(account));
	users_file_free(file);
	return status;
}

enum ctl_exit
user_lock(struct ctl *ctl)
{
	return set_lock(ctl, true);
}

enum ctl_exit
user_unlock(struct ctl *ctl)
{
	return set_lock(ctl, false);
}

/* --- del --- */

struct sharing {
	const char *home;
	bool is_shared;
};

static void
note_sharing(const struct account *other, void *arg)
{
	struct sharing *sharing = arg;

	if (is_inside(other->home, sharing->home)) {
		ctl_error("home '%s' holds the home of account '%s'; remove this account without --purge-home",
		    ctl_quote(sharing->home), ctl_quote(other->name));
		sharing->is_shared = true;
	}
}

static int
open_for_purge(
    const struct ctl *ctl, const struct users_file *file, const struct account *account, struct home_place *place)
{
	struct sharing sharing = {.home = account->home};

	if (for_each_account(ctl, file, account->name, true, note_sharing, &sharing) < 0) {
		ctl_error("a damaged users file does not say whose the home is; repair it, or omit --purge-home");
		return -EINVAL;
	}
	return sharing.is_shared ? -EBUSY : home_purge_open(account->home, account->uid, account->gid, place);
}

static enum ctl_exit
del_locked(const struct ctl *ctl, struct users_file *file, size_t index)
{
	enum ctl_exit status = CTL_FAILED;
	bool purges = ctl->given[OPTION_PURGE_HOME];
	struct home_place place = {.dir_fd = -1, .home_fd = -1};
	struct account account = {.home = ""};
	int r = 0;

	/* without --purge-home a damaged line can be removed as well */
	if (purges && ctl_parse_line(ctl, file, index, &account) < 0)
		goto out;
	if (purges)
		r = open_for_purge(ctl, file, &account, &place);
	if (r < 0 && r != -ENOENT)
		goto out;
	users_file_remove(file, index);
	status = save_users(file);
	if (status != CTL_DONE)
		goto out;
	quota_forget(ctl, ctl->operand);
	if (!purges)
		status = report_user_done(ctl, "removed; its home is kept");
	else if (r == -ENOENT)
		status = report_user_done(ctl, "removed; there was no home");
	else if (home_purge(account.home, &place) == 0)
		status = report_user_done(ctl, "removed with its home");
	else
		status = CTL_FAILED;
out:
	home_place_close(&place);
	explicit_bzero(&account, sizeof(account));
	return status;
}

enum ctl_exit
user_del(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct users_file *file;
	size_t index;

	file = ctl_open_users(ctl, true);
	if (file != NULL && ctl_find_user(ctl, file, &index) == 0)
		status = del_locked(ctl, file, index);
	users_file_free(file);
	return status;
}
