/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "accounts/account.h"
#include "accounts/pam_services.h"
#include "accounts/password.h"
#include "accounts/users_file.h"
#include "accounts/zone_places.h"
#include "admin/book.h"
#include "admin/ctl.h"
#include "admin/home.h"
#include "admin/quota.h"
#include "admin/secret.h"
#include "admin/store_limits.h"
#include "admin/user_brake.h"
#include "admin/user_options.h"
#include "admin/user_passwords.h"
#include "admin/user_retained.h"
#include "admin/user_uid.h"
#include "common/buf.h"
#include "common/io.h"
#include "config/config.h"

#include "trusted/advice.h"

#include "common/banned.h"

static int
check_name(const char *name)
{
	const char *wrong;

	if (account_name_valid(name, strlen(name), &wrong))
		return 0;
	ctl_error("bad name '%s': %s", ctl_quote(name), wrong);
	return -EINVAL;
}

/* --- lines --- */

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

/* Put the edited form of a line in its place and save. */
static enum ctl_exit
edit_and_save(struct book *book, const char *name, const struct buf *before, const struct users_edit *edit)
{
	enum ctl_exit status = CTL_FAILED;
	struct buf line;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (edited_line(before->data, before->len, edit, &line) == 0 &&
	    book_set(book, name, line.data, line.len) == 0 && book_save(book) == 0)
		status = CTL_DONE;
	buf_free(&line);
	return status;
}

/* An account of a database that every server would refuse is no account. */
static int
check_store_limits(const struct ctl *ctl, const struct book *book, const struct buf *line)
{
	struct account account = {.name = ""};
	const char *problem = NULL;

	if (book_kind_of(book) == BOOK_STORE && account_parse(line->data, line->len, &account, &problem) == 0)
		problem = store_account_refusal(ctl->config, &account);
	if (problem != NULL)
		ctl_error("'%s': %s", ctl_quote(ctl->operand), problem);
	explicit_bzero(&account, sizeof(account));
	return problem == NULL ? 0 : -EINVAL;
}

/* --- ids --- */

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

/* An account, and what it is called where others are looked at. */
struct looked_at {
	const struct account *account;
	const char *name;
	bool is_shared;
};

static void
warn_shared(const char *line, size_t len, const struct account *other, void *arg)
{
	const struct looked_at *looked_at = arg;
	const struct account *account = looked_at->account;
	const char *name;

	(void)line;
	(void)len;
	if (other == NULL || strcmp(other->name, looked_at->name) == 0)
		return;
	name = ctl_quote(other->name);
	if (other->uid == account->uid)
		ctl_warning("account '%s' has uid %u too: the system does not keep the two apart", name, other->uid);
	if (strcmp(other->home, account->home) == 0)
		ctl_warning("account '%s' has the same home", name);
	else if (is_inside(account->home, other->home))
		ctl_warning("the home is inside that of account '%s'", name);
	else if (is_inside(other->home, account->home))
		ctl_warning("the home of account '%s' is inside this one", name);
}

/* Other accounts with its uid or home, in all books. */
static void
warn_of_sharing(struct book *book, const struct ctl *ctl, const struct account *account, const struct buf *line)
{
	struct looked_at looked_at = {.account = account, .name = account->name};
	char full[CTL_FULL_NAME_SIZE];

	(void)book_each_sharing(book, line->data, line->len, false, warn_shared, &looked_at);
	ctl_full_name(ctl, account->name, full);
	looked_at.name = full;
	if (book_each_elsewhere(book, line->data, line->len, false, warn_shared, &looked_at) == -EIO)
		ctl_warning("whether other accounts have the same uid or home is not known");
}

/* A home whose group may write to it is one that is shared: what is made there belongs to the group, not to its maker's. */
static mode_t
mode_of_home(const struct ctl *ctl, uint32_t directory_mode)
{
	mode_t mode = directory_mode != 0 ? directory_mode : ctl->config->directory_mode;

	return (mode & S_IWGRP) != 0 ? mode | S_ISGID : mode;
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

static void
warn_of_zone(void *arg, const char *directory, const char *problem)
{
	(void)arg;
	ctl_warning("rights for '%s': it %s", ctl_quote(directory), problem);
}

/* Rules for directories that are not what they seem; account has what its line and its group say. */
static void
warn_of_zones(const struct account *account)
{
	struct trust_problem problem;
	int fd;

	if (!account->has_zones)
		return;
	fd = trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, &problem);
	if (fd >= 0)
		zone_places_check(account, fd, warn_of_zone, NULL);
	close_fd(&fd);
}

static void
warn_of_boundless_keep(const struct account *account)
{
	if (keep_rules_are_boundless(&account->keep))
		ctl_warning("keep without keep-quota: what '%s' keeps may fill the disk; --keep-quota 10G sets a limit",
		    ctl_quote(account->name));
}

/* The same for the account of a new line. */
static void
warn_of_new_rules(struct book *book, const struct buf *line)
{
	struct account account;
	const char *problem;

	if (account_parse(line->data, line->len, &account, &problem) == 0) {
		book_join_group(book, &account);
		warn_of_zones(&account);
		warn_of_boundless_keep(&account);
	}
	explicit_bzero(&account, sizeof(account));
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

	if (ctl->given[OPTION_PAM])
		return asprintf(hash, "*pam:%s", ctl->value[OPTION_PAM]) < 0 ? -ENOMEM : 0;
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

/* Of a password that is asked for, or the word that says that there is none. */
static int
new_hash(const struct ctl *ctl, char **hash)
{
	if (!ctl->given[OPTION_ANONYMOUS])
		return read_hash(ctl, hash);
	*hash = strdup(ACCOUNT_ANY_PASSWORD);
	if (*hash == NULL)
		ctl_error("no memory");
	return *hash == NULL ? -ENOMEM : 0;
}

static int
refuse_existing(struct book *book, const char *name)
{
	struct buf line;
	int r;

	buf_init(&line, ACCOUNT_LINE_MAX);
	r = book_find(book, name, &line, NULL);
	buf_free(&line);
	if (r != 0)
		return r == -ENOENT ? 0 : r;
	if (book_kind_of(book) == BOOK_FILE)
		ctl_error("account '%s' exists already; change it with 'user set' or 'user passwd'", ctl_quote(name));
	else
		ctl_error("account '%s' exists already in the database; change it with 'user set' or 'user passwd'",
		    ctl_quote(name));
	return -EEXIST;
}

/* The file is asked before the database, so an account there would never be found in the database. */
static int
refuse_hidden(const struct book *book, const char *name)
{
	struct book *file = NULL;
	int r = 0;

	if (book_kind_of(book) != BOOK_STORE)
		return 0;
	r = book_open_other(book, &file);
	if (r == 0 && file != NULL)
		r = refuse_existing(file, name);
	book_close(file);
	return r;
}

static bool
names_group(const struct ctl *ctl)
{
	return ctl->given[OPTION_GROUP] && strcmp(ctl->value[OPTION_GROUP], "none") != 0;
}

/* The group that the command names must be there. rights: those of an account of it that has no word of its own. */
static int
check_named_group(const struct ctl *ctl, struct book *book, unsigned *rights)
{
	struct account account;
	const char *problem;
	char line[ACCOUNT_NAME_MAX + 32];
	int len = snprintf(line, sizeof(line), "x:!:1:1:/x:%s%s", names_group(ctl) ? "group=" : "",
	    names_group(ctl) ? ctl->value[OPTION_GROUP] : "");
	int r = account_parse(line, (size_t)len, &account, &problem);

	if (r == 0)
		r = book_check_group(book, &account);
	*rights = account.rights;
	return r;
}

/* Before a password is asked for: whether it would be in vain. */
static int
look_before_add(const struct ctl *ctl, enum book_kind kind)
{
	unsigned rights;
	struct book *book = book_open(ctl, kind, false);
	int r = book == NULL ? -EIO : refuse_existing(book, ctl->operand);

	if (r == 0)
		r = refuse_hidden(book, ctl->operand);
	if (r == 0)
		r = check_named_group(ctl, book, &rights);
	book_close(book);
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
design_account(const struct ctl *ctl, struct book *book, const struct user_options *options, struct account *account)
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
		r = user_free_uid(ctl, book, 0, 1, &account->uid);
	account->gid = options->has_gid ? options->gid : account->uid;
	if (r == 0 && options->has_uid && !options->has_gid)
		r = choose_gid(account->uid, &account->gid);
	return r < 0 ? r : check_not_service_user(ctl, account->uid);
}

/*
 * Make the home, then save the account: a login finds both or neither. What was made of the home is undone when that
 * fails.
 */
static enum ctl_exit
add_locked(const struct ctl *ctl, struct book *book, struct user_options *options, const char *hash)
{
	unsigned rights;
	enum ctl_exit status = CTL_FAILED;
	struct trusted_made made = TRUSTED_MADE_NOTHING;
	struct account account;
	struct buf line;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (refuse_existing(book, ctl->operand) < 0 || check_named_group(ctl, book, &rights) < 0 ||
	    user_options_settle_rights(options, rights, NULL) < 0 ||
	    user_patterns_settle(&options->patterns, NULL) < 0 || design_account(ctl, book, options, &account) < 0 ||
	    compose_line(ctl, options, hash, &account, &line) < 0 || check_store_limits(ctl, book, &line) < 0)
		goto out;
	warn_of_sharing(book, ctl, &account, &line);
	/* whether the home is in a folder says more than what is wrong with its directory then */
	if (book_add(book, line.data, line.len) < 0 || book_check_folders(book) < 0 ||
	    home_prepare(account.home, account.uid, account.gid, mode_of_home(ctl, options->directory_mode), &made) < 0)
		goto out;
	if (book_save(book) == 0)
		status = CTL_DONE;
	if (status == CTL_DONE)
		quota_forget(ctl, account.name);
	if (status == CTL_DONE)
		warn_of_new_rules(book, &line);
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
	struct book *book = NULL;
	struct user_options options;
	char *hash = NULL;
	int kind = book_kind_for_new(ctl);

	if (kind < 0 || check_name(ctl->operand) < 0 || user_options_parse(ctl, &options) < 0 ||
	    user_options_settle_rights(&options, MAY_ALL, NULL) < 0)
		return CTL_USAGE;
	if (ctl->given[OPTION_ANONYMOUS] && ctl->given[OPTION_PASSWORD_STDIN]) {
		ctl_error("--anonymous and --password-stdin together; keep one of them");
		return CTL_USAGE;
	}
	options.has_group = names_group(ctl);
	if (look_before_add(ctl, kind) < 0)
		goto out;
	/* the hash is slow by design: made before the lock is taken */
	if (new_hash(ctl, &hash) < 0)
		goto out;
	book = book_open(ctl, kind, true);
	if (book != NULL)
		status = add_locked(ctl, book, &options, hash);
out:
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
	free(hash);
	book_close(book);
	return status;
}

/* --- set --- */

/* The ids as they will be. */
static int
settle_ids(const struct ctl *ctl, const struct user_options *options, struct account *account)
{
	if (options->has_uid) {
		account->uid = options->uid;
		if (!options->has_gid && choose_gid(account->uid, &account->gid) < 0)
			return -EINVAL;
	}
	if (options->has_gid)
		account->gid = options->gid;
	return options->has_uid ? check_not_service_user(ctl, account->uid) : 0;
}

/* The home must fit the ids. account becomes the new one. */
static enum ctl_exit
set_locked(const struct ctl *ctl, struct book *book, const struct buf *before, struct account *account,
    struct user_options *options)
{
	enum ctl_exit status = CTL_FAILED;
	struct users_edit edit = {0};
	struct trusted_made made = TRUSTED_MADE_NOTHING;
	const char *problem;
	char uid[16], gid[16], hash[PAM_SERVICE_NAME_MAX + 16];
	struct account own = {.name = ""};
	unsigned rights;
	struct buf line;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (check_named_group(ctl, book, &rights) < 0 || account_parse(before->data, before->len, &own, &problem) < 0)
		goto out;
	options->has_group = ctl->given[OPTION_GROUP] ? names_group(ctl) : account->group[0] != '\0';
	if (!ctl->given[OPTION_GROUP] || account_option_said_by(account, "rights") == OPTION_BY_ACCOUNT)
		rights = account->rights;
	if (user_options_settle_rights(options, rights, &own) < 0 ||
	    user_patterns_settle(&options->patterns, &own) < 0 || settle_ids(ctl, options, account) < 0)
		goto out;
	snprintf(uid, sizeof(uid), "%u", account->uid);
	snprintf(gid, sizeof(gid), "%u", account->gid);
	edit.uid = uid;
	edit.gid = gid;
	edit.home = ctl->value[OPTION_HOME];
	if (ctl->given[OPTION_PAM]) {
		snprintf(hash, sizeof(hash), "%s*pam:%s", account->is_locked ? "!" : "", ctl->value[OPTION_PAM]);
		edit.hash = hash;
	}
	user_options_to_edit(ctl, options, &edit);
	if (edited_line(before->data, before->len, &edit, &line) < 0 ||
	    account_parse(line.data, line.len, account, &problem) < 0)
		goto out;
	book_join_group(book, account);
	if ((options->has_uid || options->has_gid || edit.home != NULL) && check_store_limits(ctl, book, &line) < 0)
		goto out;
	if (options->has_uid || edit.home != NULL) {
		warn_of_sharing(book, ctl, account, &line);
		if (home_prepare(account->home, account->uid, account->gid, mode_of_home(ctl, account->directory_mode),
			&made) < 0)
			goto out;
	}
	status = edit_and_save(book, account->name, before, &edit);
	if (status != CTL_DONE)
		trusted_made_undo(&made);
	else if (edit.home != NULL)
		warn_of_home(ctl, account->home);
	if (status == CTL_DONE && (ctl->rights_count > 0 || ctl->given[OPTION_GROUP] || edit.home != NULL))
		warn_of_zones(account);
	if (status == CTL_DONE &&
	    (ctl->given[OPTION_KEEP] || ctl->given[OPTION_KEEP_QUOTA] || ctl->given[OPTION_GROUP]))
		warn_of_boundless_keep(account);
	if (status == CTL_DONE)
		status = report_user_done(ctl, "changed");
out:
	explicit_bzero(&own, sizeof(own));
	trusted_made_keep(&made);
	buf_free(&line);
	return status;
}

static bool
may_have_new_quota(const struct ctl *ctl)
{
	return ctl->given[OPTION_QUOTA] || ctl->given[OPTION_QUOTA_FILES] || ctl->given[OPTION_GROUP] ||
	    ctl->given[OPTION_INHERIT];
}

enum ctl_exit
user_set(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct user_options options;
	struct account account = {.name = ""};
	struct buf line;
	struct book *book;
	bool wants_any = false, is_of_file;

	for (size_t i = 0; i < OPTION_COUNT; i++)
		wants_any =
		    wants_any || (ctl->given[i] && i != OPTION_STORE && i != OPTION_STORE_CONF && i != OPTION_SERVER);
	if (!wants_any) {
		ctl_error("'user set' without an option; 'sallyportctl user set --help' lists them");
		return CTL_USAGE;
	}
	if (check_name(ctl->operand) < 0 || user_options_parse(ctl, &options) < 0)
		return CTL_USAGE;
	buf_init(&line, ACCOUNT_LINE_MAX);
	book = book_with(ctl, true, &line, &account);
	if (book != NULL)
		status = set_locked(ctl, book, &line, &account, &options);
	/* the home of an account of the database is counted by the server that first needs room in it */
	is_of_file = book != NULL && book_kind_of(book) == BOOK_FILE;
	book_close(book); /* with its lock */
	buf_free(&line);
	if (status == CTL_DONE && is_of_file && may_have_new_quota(ctl))
		quota_begin_count(ctl, &account);
	explicit_bzero(&account, sizeof(account));
	return status;
}

/* --- passwd, lock, unlock --- */

static enum ctl_exit
change_hash(const struct ctl *ctl, struct book *book, const struct buf *line, bool is_locked, const char *hash,
    const char *what)
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
		status = edit_and_save(book, ctl->operand, line, &edit);
	buf_free(&field);
	return status == CTL_DONE ? report_user_done(ctl, what) : status;
}

/* Before a password is asked for: is there somebody to have it? */
static int
look_before_passwd(const struct ctl *ctl)
{
	struct buf line;
	struct book *book;

	buf_init(&line, ACCOUNT_LINE_MAX);
	book = book_with(ctl, false, &line, NULL);
	book_close(book);
	buf_free(&line);
	return book == NULL ? -ENOENT : 0;
}

enum ctl_exit
user_passwd(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account = {.name = ""};
	struct book *book = NULL;
	char *hash = NULL;
	struct buf line;

	if (check_name(ctl->operand) < 0)
		return CTL_USAGE;
	buf_init(&line, ACCOUNT_LINE_MAX);
	if (look_before_passwd(ctl) < 0) {
		status = ctl->half_verb != NULL ? CTL_USAGE : CTL_FAILED;
		goto out;
	}
	if (read_hash(ctl, &hash) < 0)
		goto out;
	book = book_with(ctl, true, &line, &account);
	if (book == NULL)
		goto out;
	status = change_hash(ctl, book, &line, account.is_locked, hash,
	    account.is_locked ? "password changed; still locked" : "password changed");
out:
	explicit_bzero(&account, sizeof(account));
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
	free(hash);
	book_close(book);
	buf_free(&line);
	return status;
}

static enum ctl_exit
set_lock(struct ctl *ctl, bool is_locked)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account = {.name = ""};
	struct buf line;
	struct book *book;

	if (check_name(ctl->operand) < 0)
		return CTL_USAGE;
	buf_init(&line, ACCOUNT_LINE_MAX);
	book = book_with(ctl, true, &line, &account);
	if (book == NULL)
		goto out;
	if (!is_locked && account.hash[0] == '\0')
		ctl_error("account '%s' has no password; give it one with 'user passwd' before it is unlocked",
		    ctl_quote(ctl->operand));
	else if (account.is_locked == is_locked)
		status = report_user_done(ctl, is_locked ? "locked already" : "not locked");
	else
		status = change_hash(ctl, book, &line, is_locked, account.hash, is_locked ? "locked" : "unlocked");
out:
	explicit_bzero(&account, sizeof(account));
	book_close(book);
	buf_free(&line);
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

static void
note_sharing(const char *line, size_t len, const struct account *other, void *arg)
{
	struct looked_at *sharing = arg;

	(void)line;
	(void)len;
	if (other == NULL || strcmp(other->name, sharing->name) == 0 || !is_inside(other->home, sharing->account->home))
		return;
	ctl_error("home '%s' holds the home of account '%s'; remove this account without --purge-home",
	    ctl_quote(sharing->account->home), ctl_quote(other->name));
	sharing->is_shared = true;
}

/* A home is removed only when all books say that no other account has it. */
static int
open_for_purge(struct book *book, const struct ctl *ctl, const struct buf *line, const struct account *account,
    struct home_place *place)
{
	struct looked_at sharing = {.account = account, .name = account->name};
	char full[CTL_FULL_NAME_SIZE];
	int r = book_each_sharing(book, line->data, line->len, true, note_sharing, &sharing);

	ctl_full_name(ctl, account->name, full);
	sharing.name = full;
	if (r == 0)
		r = book_each_elsewhere(book, line->data, line->len, true, note_sharing, &sharing);
	if (r == -EINVAL)
		ctl_error("a damaged users file does not say whose the home is; repair it, or omit --purge-home");
	else if (r < 0)
		ctl_error("it is not known whose the home is; omit --purge-home");
	if (r < 0)
		return r == -ENOENT ? -EIO : r;
	return sharing.is_shared ? -EBUSY : home_purge_open(account->home, account->uid, account->gid, place);
}

static enum ctl_exit
del_locked(const struct ctl *ctl, struct book *book, const struct buf *line, const struct account *account)
{
	enum ctl_exit status = CTL_FAILED;
	bool purges = ctl->given[OPTION_PURGE_HOME];
	struct home_place place = {.dir_fd = -1, .home_fd = -1};
	int r = 0;

	if (purges)
		r = open_for_purge(book, ctl, line, account, &place);
	if (purges && r == 0)
		r = user_retained_permit_purge(account);
	if (r < 0 && r != -ENOENT)
		goto out;
	if (book_remove(book, ctl->operand) < 0 || book_save(book) < 0)
		goto out;
	quota_forget(ctl, ctl->operand);
	passwords_forget_use(ctl);
	user_brake_forget(ctl, ctl->operand);
	if (!purges)
		status = report_user_done(ctl, "removed; its home is kept");
	else if (r == -ENOENT)
		status = report_user_done(ctl, "removed; there was no home");
	else if (home_purge(account->home, &place) == 0)
		status = report_user_done(ctl, "removed with its home");
out:
	home_place_close(&place);
	return status;
}

enum ctl_exit
user_del(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account = {.name = ""};
	struct buf line;
	struct book *book;

	buf_init(&line, ACCOUNT_LINE_MAX);
	/* without --purge-home a damaged line can be removed as well */
	book = book_with(ctl, true, &line, ctl->given[OPTION_PURGE_HOME] ? &account : NULL);
	if (book != NULL)
		status = del_locked(ctl, book, &line, &account);
	book_close(book);
	buf_free(&line);
	explicit_bzero(&account, sizeof(account));
	return status;
}
