/* SPDX-License-Identifier: ISC */
/* user passwd add, list and del: several passwords of one account, so that one can follow the other without an outage. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accounts/account.h"
#include "accounts/password.h"
#include "accounts/users_file.h"
#include "admin/book.h"
#include "admin/ctl.h"
#include "admin/secret.h"
#include "admin/user_passwords.h"
#include "common/buf.h"
#include "config/config.h"

#include "common/banned.h"

#define DATE_SIZE 32
#define LABEL_RULE "use 1 to 32 letters, digits, '.', '_' or '-', not 'main'"
#define WORDS_MAX ((size_t)(ACCOUNT_PASSWORDS_MAX + 1) * (ACCOUNT_HASH_MAX + ACCOUNT_LABEL_MAX + DATE_SIZE))

static const char *
day_text(int64_t seconds, char text[DATE_SIZE])
{
	time_t when = (time_t)seconds;
	struct tm day;

	if (seconds == 0 || gmtime_r(&when, &day) == NULL || strftime(text, DATE_SIZE, "%Y-%m-%d", &day) == 0)
		snprintf(text, DATE_SIZE, "never");
	return text;
}

static const char *
moment_text(int64_t seconds, char text[DATE_SIZE])
{
	time_t when = (time_t)seconds;
	struct tm day;

	if (seconds == 0 || gmtime_r(&when, &day) == NULL || strftime(text, DATE_SIZE, "%Y-%m-%d %H:%M:%SZ", &day) == 0)
		snprintf(text, DATE_SIZE, "never");
	return text;
}

/* Where the server notes the last use; see login_note_password(). */
static void
use_path(const struct ctl *ctl, const char *label, char path[PATH_MAX])
{
	char full[CTL_FULL_NAME_SIZE];

	ctl_full_name(ctl, ctl->operand, full);
	snprintf(path, PATH_MAX, "%s/passwords/%s:%s", ctl->config->state_directory, full, label);
}

void
passwords_forget_use(const struct ctl *ctl)
{
	char path[PATH_MAX], full[CTL_FULL_NAME_SIZE], prefix[CTL_FULL_NAME_SIZE + 1];
	const struct dirent *entry;
	size_t len;
	DIR *dir;

	ctl_full_name(ctl, ctl->operand, full);
	len = (size_t)snprintf(prefix, sizeof(prefix), "%s:", full);
	snprintf(path, sizeof(path), "%s/passwords", ctl->config->state_directory);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, prefix, len) == 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

/* 0: never, or nobody knows. */
static int64_t
last_use(const struct ctl *ctl, const char *label)
{
	char path[PATH_MAX];
	struct stat st;

	use_path(ctl, label, path);
	return lstat(path, &st) < 0 ? 0 : st.st_mtime;
}

static const struct account_password *
find_password(const struct account *account, const char *label)
{
	for (size_t i = 0; i < account->password_count; i++)
		if (strcmp(account->passwords[i].label, label) == 0)
			return &account->passwords[i];
	return NULL;
}

/* --- changing --- */

/* All further passwords of the account but that of left_out as words of one text, which edit borrows. */
static void
keep_passwords(const struct account *account, const char *left_out, struct buf *words, struct users_edit *edit)
{
	char date[DATE_SIZE];

	users_edit_option(edit, "password", NULL);
	for (size_t i = 0; i < account->password_count; i++) {
		const struct account_password *password = &account->passwords[i];

		if (strcmp(password->label, left_out) != 0)
			buf_addf(words, "%s,%s,%s%c", password->label,
			    password->expires == 0 ? "" : day_text(password->expires, date), password->hash, '\0');
	}
}

static void
words_to_edit(const struct buf *words, struct users_edit *edit)
{
	for (size_t at = 0; at < words->len; at += strlen(words->data + at) + 1)
		users_edit_option(edit, "password", words->data + at);
}

static enum ctl_exit
save_passwords(const struct ctl *ctl, struct book *book, const struct buf *before, const struct buf *words,
    struct users_edit *edit)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account = {.name = ""};
	const char *problem = "no memory";
	struct buf line;

	buf_init(&line, ACCOUNT_LINE_MAX);
	words_to_edit(words, edit);
	if (words->error < 0 || users_line_edit(before->data, before->len, edit, &line) < 0 ||
	    account_parse(line.data, line.len, &account, &problem) < 0)
		ctl_error("invalid account: %s", problem);
	else if (book_set(book, ctl->operand, line.data, line.len) == 0 && book_save(book) == 0)
		status = CTL_DONE;
	explicit_bzero(&account, sizeof(account));
	if (line.data != NULL)
		explicit_bzero(line.data, line.len);
	buf_free(&line);
	return status;
}

static enum ctl_exit
report_password_done(const struct ctl *ctl, const char *what)
{
	const char *label = ctl->value[OPTION_LABEL];

	if (ctl->is_json)
		return ctl_print_json(json_pack(
		    "{s:s, s:s, s:s}", "name", ctl_quote(ctl->operand), "label", ctl_quote(label), "result", what));
	printf("%s: password '%s' %s\n", ctl_quote(ctl->operand), ctl_quote(label), what);
	return CTL_DONE;
}

/* The end of a change of one label: what was noted of a password that had it is nobody's now. */
static enum ctl_exit
end_password_change(const struct ctl *ctl, enum ctl_exit status, const char *what, struct buf *words)
{
	char path[PATH_MAX];

	if (words->data != NULL)
		explicit_bzero(words->data, words->len);
	buf_free(words);
	if (status != CTL_DONE)
		return status;
	use_path(ctl, ctl->value[OPTION_LABEL], path);
	(void)unlink(path);
	return report_password_done(ctl, what);
}

/* --- add --- */

static int
check_new_label(const struct ctl *ctl)
{
	const char *label = ctl->value[OPTION_LABEL], *expires = ctl->value[OPTION_EXPIRES];
	int64_t seconds;

	if (label == NULL) {
		ctl_error("'user passwd add' needs --label; " LABEL_RULE);
		return -EINVAL;
	}
	if (!account_label_valid(label, strlen(label))) {
		ctl_error("bad --label '%s'; " LABEL_RULE, ctl_quote(label));
		return -EINVAL;
	}
	if (expires == NULL || strcmp(expires, "never") == 0)
		return 0;
	if (account_parse_date(expires, strlen(expires), &seconds) == 0) {
		if (seconds <= (int64_t)time(NULL))
			ctl_warning("--expires '%s' has passed, so the password '%s' logs nobody in", expires, label);
		return 0;
	}
	ctl_error("bad --expires '%s'; use YYYY-MM-DD, a day after 1970-01-01, or 'never'", ctl_quote(expires));
	return -EINVAL;
}

static enum ctl_exit
add_password(
    const struct ctl *ctl, struct book *book, const struct account *account, const struct buf *line, const char *hash)
{
	const char *label = ctl->value[OPTION_LABEL], *expires = ctl->value[OPTION_EXPIRES];
	enum ctl_exit status = CTL_FAILED;
	struct users_edit edit = {0};
	struct buf words;

	buf_init(&words, WORDS_MAX);
	keep_passwords(account, "", &words, &edit);
	buf_addf(
	    &words, "%s,%s,%s%c", label, expires == NULL || strcmp(expires, "never") == 0 ? "" : expires, hash, '\0');
	if (find_password(account, label) != NULL)
		ctl_error("'%s' has a password '%s' already; remove it first, or use another label",
		    ctl_quote(ctl->operand), label);
	else
		status = save_passwords(ctl, book, line, &words, &edit);
	return end_password_change(ctl, status, "added", &words);
}

enum ctl_exit
user_passwd_add(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account = {.name = ""};
	struct book *book = NULL;
	char secret[SECRET_SIZE];
	char *hash = NULL;
	struct buf line;

	if (check_new_label(ctl) < 0)
		return CTL_USAGE;
	buf_init(&line, ACCOUNT_LINE_MAX);
	/* before a password is asked for: is there somebody to have it? The hash is slow, so no lock is held meanwhile */
	book = book_with(ctl, false, &line, NULL);
	if (book == NULL)
		goto out;
	book_close(book);
	book = NULL;
	buf_clear(&line);
	if (secret_read(ctl->given[OPTION_PASSWORD_STDIN], ctl->operand, secret) < 0)
		goto out;
	if (password_hash(secret, &hash) < 0)
		ctl_error("cannot hash the password");
	else
		book = book_with(ctl, true, &line, &account);
	if (book != NULL)
		status = add_password(ctl, book, &account, &line, hash);
out:
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(&account, sizeof(account));
	if (hash != NULL)
		explicit_bzero(hash, strlen(hash));
	free(hash);
	book_close(book);
	buf_free(&line);
	return status;
}

/* --- del --- */

/* Of what is left without this label, does a password log in today? Without the first one these are the further ones. */
static void
warn_of_no_password(const struct ctl *ctl, const struct account *account, const char *left_out)
{
	bool has_one = strcmp(left_out, ACCOUNT_MAIN_LABEL) != 0 &&
	    (account->takes_any || account_pam_service(account) != NULL || password_hash_usable(account->hash));
	size_t left = 0;

	for (size_t i = 0; i < account->password_count && !has_one; i++) {
		if (strcmp(account->passwords[i].label, left_out) == 0)
			continue;
		left++;
		has_one = account->passwords[i].expires == 0 || account->passwords[i].expires > (int64_t)time(NULL);
	}
	if (!has_one)
		ctl_warning("'%s' cannot log in: %s; 'user passwd add' adds one", ctl_quote(ctl->operand),
		    left == 0 ? "it has no password left" : "all passwords that are left have expired");
}

static enum ctl_exit
del_password(const struct ctl *ctl, struct book *book, const struct account *account, const struct buf *line)
{
	const char *label = ctl->value[OPTION_LABEL];
	bool is_main = strcmp(label, ACCOUNT_MAIN_LABEL) == 0;
	enum ctl_exit status = CTL_FAILED;
	struct users_edit edit = {0};
	struct buf words;

	buf_init(&words, WORDS_MAX);
	keep_passwords(account, label, &words, &edit);
	if (is_main)
		edit.hash = account->is_locked ? "!*" : "*";
	if (is_main && account->password_count == 0)
		ctl_error(
		    "'%s' has no other password; lock it with 'user lock', or add one first", ctl_quote(ctl->operand));
	else if (!is_main && find_password(account, label) == NULL)
		ctl_error("'%s' has no password '%s'; 'user passwd list' shows them", ctl_quote(ctl->operand),
		    ctl_quote(label));
	else
		status = save_passwords(ctl, book, line, &words, &edit);
	if (status == CTL_DONE)
		warn_of_no_password(ctl, account, label);
	return end_password_change(ctl, status, "removed", &words);
}

enum ctl_exit
user_passwd_del(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account = {.name = ""};
	struct book *book;
	struct buf line;

	if (ctl->value[OPTION_LABEL] == NULL || strchr(ctl->value[OPTION_LABEL], '/') != NULL) {
		ctl_error("'user passwd del' needs --label; 'user passwd list' shows the labels");
		return CTL_USAGE;
	}
	buf_init(&line, ACCOUNT_LINE_MAX);
	book = book_with(ctl, true, &line, &account);
	if (book != NULL)
		status = del_password(ctl, book, &account, &line);
	book_close(book);
	explicit_bzero(&account, sizeof(account));
	buf_free(&line);
	return status;
}

/* --- list --- */

/* One row, or one object of the list. */
static void
tell_password(const struct ctl *ctl, const char *label, int64_t expires, json_t *list)
{
	char date[DATE_SIZE], used[DATE_SIZE];
	int64_t use = last_use(ctl, label);

	day_text(expires, date);
	moment_text(use, used);
	if (list == NULL)
		printf("%-32s %-10s  %s\n", label, date, used);
	else
		json_array_append_new(list,
		    json_pack("{s:s, s:o, s:o}", "label", label, "expires",
			expires == 0 ? json_null() : json_string(date), "last_use",
			use == 0 ? json_null() : json_string(used)));
}

static enum ctl_exit
show_passwords(struct ctl *ctl, const struct account *account, const void *arg)
{
	json_t *list = ctl->is_json ? json_array() : NULL;

	(void)arg;
	if (list == NULL)
		printf("%-32s %-10s  %s\n", "LABEL", "EXPIRES", "LAST USE");
	if (account_pam_service(account) != NULL || password_hash_usable(account->hash))
		tell_password(ctl, ACCOUNT_MAIN_LABEL, 0, list);
	for (size_t i = 0; i < account->password_count; i++)
		tell_password(ctl, account->passwords[i].label, account->passwords[i].expires, list);
	return list == NULL ? CTL_DONE : ctl_print_json(list);
}

enum ctl_exit
user_passwd_list(struct ctl *ctl)
{
	return ctl_show_user(ctl, show_passwords, NULL);
}
