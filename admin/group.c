/* SPDX-License-Identifier: ISC */
/* The commands of "group": groups of settings, which are definition lines of the users file. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/users_file.h"
#include "admin/amount.h"
#include "admin/book.h"
#include "admin/ctl.h"
#include "admin/quota.h"
#include "admin/user_options.h"
#include "common/buf.h"
#include "config/config.h"

#include "common/banned.h"

#define GROUP_LINES_MAX ((size_t)1 << 32) /* bytes of the lines of all accounts of a group */

static int
key_of_operand(const struct ctl *ctl, char key[DEFINITION_KEY_MAX + 1])
{
	const char *wrong;

	if (account_name_valid(ctl->operand, strlen(ctl->operand), &wrong)) {
		definition_key(DEFINITION_GROUP, ctl->operand, key);
		return 0;
	}
	ctl_error("bad name '%s': %s", ctl_quote(ctl->operand), wrong);
	return -EINVAL;
}

/* The options of the group. 0, or -ENOENT (said). */
static int
find_group_words(const struct ctl *ctl, const struct book *book, const char *key, struct definition *group)
{
	const char *problem;
	size_t len;
	const char *line = book_definition(book, key, &len);

	if (line == NULL) {
		ctl_error("no group '%s' in %s; 'sallyportctl group list%s' lists them", ctl_quote(ctl->operand),
		    book_place(book), ctl_server_words(ctl));
		return -ENOENT;
	}
	if (definition_parse(line, len, group, &problem) == 0)
		return 0;
	ctl_error("group '%s': %s", ctl_quote(ctl->operand), problem);
	return -EINVAL;
}

static enum ctl_exit
report_group_done(const struct ctl *ctl, const char *what)
{
	if (ctl->is_json)
		return ctl_print_json(json_pack("{s:s, s:s}", "name", ctl_quote(ctl->operand), "result", what));
	printf("%s: %s\n", ctl_quote(ctl->operand), what);
	return CTL_DONE;
}

/* --- the accounts of a group --- */

/* One run over the accounts of all books. */
struct members {
	const char *group;
	void (*each)(const char *line, size_t len, const struct account *account, void *arg);
	void *arg;
	size_t count;
};

static void
pass_member(const char *line, size_t len, const struct account *account, void *arg)
{
	struct members *members = arg;

	if (account == NULL || strcmp(account->group, members->group) != 0)
		return;
	members->count++;
	if (members->each != NULL)
		members->each(line, len, account, members->arg);
}

/* Those of one book; -EIO: not all are known. */
static int
each_member(struct book *book, struct members *members)
{
	return book_each(book, false, pass_member, members) == -EIO ? -EIO : 0;
}

/* Those of the users file and of the database. */
static int
each_member_anywhere(struct book *file, struct members *members)
{
	struct book *store = NULL;
	int r = each_member(file, members);

	if (r == 0)
		r = book_open_other(file, &store);
	if (r == 0 && store != NULL)
		r = each_member(store, members);
	book_close(store);
	return r;
}

/* --- what a group may say --- */

#define CONTRADICTIONS_TOLD_MAX 10

/* A line of the group as it is to be, before it is written. */
struct regrouping {
	const struct ctl *ctl;
	const struct definition *group;
	size_t contradictions;
};

static void
look_for_contradiction(const char *line, size_t len, const struct account *member, void *arg)
{
	struct regrouping *run = arg;
	struct account account;
	const char *problem;

	(void)member;
	if (account_parse(line, len, &account, &problem) == 0 &&
	    account_take_group(&account, run->group->body, run->group->body_len, &problem) == 0 &&
	    account.contradiction != NULL && ++run->contradictions <= CONTRADICTIONS_TOLD_MAX)
		ctl_error("account '%s' contradicts its group '%s' then: %s", ctl_quote(account.name),
		    ctl_quote(run->ctl->operand), account.contradiction);
	explicit_bzero(&account, sizeof(account));
}

/* No account may contradict the group as line has it: it would lose what it asks for. 0 or -EINVAL, said. */
static int
check_members(const struct ctl *ctl, struct book *book, const struct buf *line)
{
	struct definition group;
	struct regrouping run = {.ctl = ctl, .group = &group};
	struct members members = {.group = ctl->operand, .each = look_for_contradiction, .arg = &run};
	const char *problem;

	if (definition_parse(line->data, line->len, &group, &problem) < 0)
		return -EINVAL;
	/* a database that does not answer is said, and holds up no change of the file */
	(void)!each_member_anywhere(book, &members);
	if (run.contradictions > CONTRADICTIONS_TOLD_MAX)
		ctl_error("and so do %zu more", run.contradictions - CONTRADICTIONS_TOLD_MAX);
	if (run.contradictions > 0)
		ctl_error("the group '%s' stays as it is; change %s with 'user set' first", ctl_quote(ctl->operand),
		    run.contradictions == 1 ? "that account" : "those accounts");
	return run.contradictions > 0 ? -EINVAL : 0;
}

/* --- add --- */

/* The edited options as a line. */
static int
compose_group(const struct ctl *ctl, const struct user_options *options, const char *key, const char *words,
    size_t words_len, struct buf *line)
{
	struct users_edit edit = {0};
	struct definition group;
	const char *problem = "the line is too long; at most 8192 bytes";
	int r;

	user_options_to_edit(ctl, options, &edit);
	buf_addf(line, "%s:", key);
	r = users_options_edit(words, words_len, &edit, line);
	if (r == 0)
		r = definition_parse(line->data, line->len, &group, &problem);
	if (r < 0)
		ctl_error("invalid group: %s", problem);
	return r;
}

static enum ctl_exit
add_group(const struct ctl *ctl, struct book *book, const struct user_options *options, const char *key)
{
	enum ctl_exit status = CTL_FAILED;
	struct buf line;
	size_t len;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (book_definition(book, key, &len) != NULL)
		ctl_error("group '%s' exists already; change it with 'group set'", ctl_quote(ctl->operand));
	else if (compose_group(ctl, options, key, "", 0, &line) == 0 && check_members(ctl, book, &line) == 0 &&
	    book_add(book, line.data, line.len) == 0 && book_save(book) == 0)
		status = CTL_DONE;
	buf_free(&line);
	return status;
}

enum ctl_exit
group_add(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	char key[DEFINITION_KEY_MAX + 1];
	struct user_options options;
	struct book *book;

	if (key_of_operand(ctl, key) < 0 || user_options_parse(ctl, &options) < 0 ||
	    user_options_settle_rights(&options, MAY_ALL, NULL) < 0 ||
	    user_patterns_settle(&options.patterns, NULL) < 0)
		return CTL_USAGE;
	book = book_open(ctl, BOOK_FILE, true);
	if (book != NULL)
		status = add_group(ctl, book, &options, key);
	book_close(book);
	return status == CTL_DONE ? report_group_done(ctl, "added") : status;
}

/* --- set --- */

/* What changed limits of a group lead to. */
struct regroup {
	const struct ctl *ctl;
	struct buf lines; /* of accounts in the database, each ended by a newline */
	size_t counting, uncounted; /* homes that the server counts now; that nobody counts */
};

static void
collect_member(const char *line, size_t len, const struct account *account, void *arg)
{
	struct regroup *run = arg;

	(void)account;
	buf_add(&run->lines, line, len);
	buf_add(&run->lines, "\n", 1);
}

static void
count_member(const char *line, size_t len, const struct account *account, void *arg)
{
	struct regroup *run = arg;

	(void)line;
	(void)len;
	switch (quota_ask_count(run->ctl, account)) {
	case QUOTA_IS_KNOWN:
		break;
	case QUOTA_IS_ASKED:
		run->counting++;
		break;
	case QUOTA_IS_UNKNOWN:
		run->uncounted++;
		break;
	}
}

/* The ledger of the database gets the limits as with a change of each account. */
static int
set_stored_members(struct regroup *run, struct book *store)
{
	int r = run->lines.error;

	if (r < 0)
		ctl_error("no memory");
	for (char *line = run->lines.data; r == 0 && line != NULL && *line != '\0';) {
		size_t len = strcspn(line, "\n");
		char name[ACCOUNT_NAME_MAX + 1];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, ":"), line);
		r = book_set(store, name, line, len);
		line += len + 1;
	}
	return r == 0 ? book_save(store) : r;
}

static int
regroup_store(struct regroup *run, size_t *count)
{
	struct members members = {.group = run->ctl->operand, .each = collect_member, .arg = run};
	struct book *store;
	int r = 0;

	*count = 0;
	if (!config_has_store(run->ctl->config))
		return 0;
	store = book_open(run->ctl, BOOK_STORE, true);
	if (store == NULL || each_member(store, &members) < 0 || buf_add(&run->lines, "", 1) < 0 ||
	    (members.count > 0 && set_stored_members(run, store) < 0))
		r = -EIO;
	book_close(store);
	if (r < 0)
		ctl_error("the group is changed, but not the limits of its accounts in the database; try again with "
			  "'sallyportctl group set %s'",
		    ctl_quote(run->ctl->operand));
	*count = members.count;
	return r;
}

static void
warn_of_counts(const struct regroup *run)
{
	if (run->counting > 0)
		ctl_warning(
		    "the server counts the homes of %zu account%s; until that has ended their uploads are refused "
		    "(450); 'sallyportctl quota show' shows how far it is",
		    run->counting, amount_plural(run->counting));
	if (run->uncounted > 0)
		ctl_warning(
		    "the homes of %zu account%s are not counted yet; 'sallyportctl quota recount' counts them, or "
		    "the server when they are used, and until that has ended their uploads are refused",
		    run->uncounted, amount_plural(run->uncounted));
}

/* After the group was changed: its accounts have other limits. */
static enum ctl_exit
apply_group(const struct ctl *ctl)
{
	struct regroup run = {.ctl = ctl};
	struct members members = {.group = ctl->operand, .each = count_member, .arg = &run};
	enum ctl_exit status = CTL_FAILED;
	size_t stored = 0;
	struct book *file = book_open(ctl, BOOK_FILE, false);
	char done[64];

	buf_init(&run.lines, GROUP_LINES_MAX);
	if (file != NULL && each_member(file, &members) == 0 && regroup_store(&run, &stored) == 0)
		status = CTL_DONE;
	warn_of_counts(&run);
	snprintf(done, sizeof(done), "changed; %zu account%s", members.count + stored,
	    amount_plural(members.count + stored));
	if (run.lines.data != NULL)
		explicit_bzero(run.lines.data, run.lines.len);
	buf_free(&run.lines);
	book_close(file);
	return status == CTL_DONE ? report_group_done(ctl, done) : status;
}

/* An account that says only that it is of the group. */
static void
account_of_words(const struct definition *group, struct account *account)
{
	static const char plain[] = "x:!:1:1:/x:";
	const char *problem;

	(void)!account_parse(plain, sizeof(plain) - 1, account, &problem);
	(void)!account_take_group(account, group->body, group->body_len, &problem);
}

static int
settle_group_words(struct user_options *options, const struct definition *group)
{
	struct account account;

	account_of_words(group, &account);
	if (user_patterns_settle(&options->patterns, &account) < 0)
		return -EINVAL;
	return user_options_settle_rights(options, account.rights, &account);
}

static enum ctl_exit
set_group_words(const struct ctl *ctl, struct book *book, struct user_options *options, const char *key)
{
	enum ctl_exit status = CTL_FAILED;
	struct definition group;
	struct buf line;

	buf_init(&line, ACCOUNT_LINE_MAX);
	if (find_group_words(ctl, book, key, &group) == 0 && settle_group_words(options, &group) == 0 &&
	    compose_group(ctl, options, key, group.body, group.body_len, &line) == 0 &&
	    check_members(ctl, book, &line) == 0 && book_set(book, key, line.data, line.len) == 0 &&
	    book_save(book) == 0)
		status = CTL_DONE;
	buf_free(&line);
	return status;
}

enum ctl_exit
group_set(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	char key[DEFINITION_KEY_MAX + 1];
	struct user_options options;
	struct book *book;

	if (key_of_operand(ctl, key) < 0 || user_options_parse(ctl, &options) < 0)
		return CTL_USAGE;
	book = book_open(ctl, BOOK_FILE, true);
	if (book != NULL)
		status = set_group_words(ctl, book, &options, key);
	book_close(book);
	return status == CTL_DONE ? apply_group(ctl) : status;
}

/* --- remove --- */

/* May it go? Its accounts could no longer log in. */
static int
check_group_unused(const struct ctl *ctl, struct book *book, size_t *count)
{
	struct members members = {.group = ctl->operand};
	int r = each_member_anywhere(book, &members);

	*count = members.count;
	if (ctl->given[OPTION_FORCE])
		return 0;
	if (r < 0)
		ctl_error("whether accounts are of the group is not known; --force removes it all the same");
	else if (members.count > 0)
		ctl_error("%zu %s of the group '%s', and could not log in without it; 'group show' names them, "
			  "'user set --group' gives them another one, --force removes it all the same",
		    members.count, members.count == 1 ? "account is" : "accounts are", ctl_quote(ctl->operand));
	return r < 0 || members.count > 0 ? -EBUSY : 0;
}

enum ctl_exit
group_remove(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	char key[DEFINITION_KEY_MAX + 1];
	struct definition group;
	struct book *book;
	size_t count = 0;

	if (key_of_operand(ctl, key) < 0)
		return CTL_USAGE;
	book = book_open(ctl, BOOK_FILE, true);
	if (book != NULL && find_group_words(ctl, book, key, &group) == 0 &&
	    check_group_unused(ctl, book, &count) == 0 && book_remove(book, key) == 0 && book_save(book) == 0)
		status = CTL_DONE;
	book_close(book);
	if (status == CTL_DONE && count > 0)
		ctl_warning("%zu account%s of the group cannot log in any more", count, amount_plural(count));
	return status == CTL_DONE ? report_group_done(ctl, "removed") : status;
}

/* --- list, show --- */

/* {"quota": "10G", "read-only": true, "allow-from": ["...", "..."]} */
static json_t *
words_json(const struct definition *group)
{
	json_t *object = json_object();
	const char *rest = group->body, *word;
	size_t left = group->body_len, len;

	while ((len = account_option_next(&rest, &left, &word)) > 0) {
		const char *equals = memchr(word, '=', len);
		size_t key_len = equals == NULL ? len : (size_t)(equals - word);
		char key[128], value[1024];
		json_t *before, *now;

		snprintf(key, sizeof(key), "%.*s", (int)key_len, word);
		snprintf(value, sizeof(value), "%.*s", equals == NULL ? 0 : (int)(len - key_len - 1),
		    equals == NULL ? "" : equals + 1);
		now = equals == NULL ? json_true() : json_string(ctl_quote(value));
		before = json_object_get(object, key);
		if (before == NULL) {
			json_object_set_new(object, key, now);
			continue;
		}
		if (!json_is_array(before)) {
			json_object_set_new(object, key, json_pack("[O]", before));
			before = json_object_get(object, key);
		}
		json_array_append_new(before, now);
	}
	return object;
}

struct group_rows {
	struct book *file;
	json_t *list; /* NULL: rows on standard output */
	bool has_failed;
};

static void
add_group_row(const char *line, size_t len, void *arg)
{
	struct group_rows *rows = arg;
	struct members members = {.group = ""};
	struct definition group;
	const char *problem;
	char name[ACCOUNT_NAME_MAX + 1], words[ACCOUNT_LINE_MAX + 1];

	if (definition_parse(line, len, &group, &problem) < 0 || group.kind != DEFINITION_GROUP)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)group.name_len, group.name);
	members.group = name;
	if (each_member_anywhere(rows->file, &members) < 0)
		rows->has_failed = true;
	if (rows->list != NULL) {
		json_array_append_new(rows->list,
		    json_pack("{s:s, s:I, s:o}", "name", ctl_quote(name), "accounts", (json_int_t)members.count,
			"options", words_json(&group)));
		return;
	}
	snprintf(words, sizeof(words), "%.*s", (int)group.body_len, group.body);
	printf("%-24s %9zu  ", ctl_quote(name), members.count);
	printf("%s\n", ctl_quote(words));
}

enum ctl_exit
group_list(struct ctl *ctl)
{
	struct group_rows rows = {.file = book_open(ctl, BOOK_FILE, false), .list = ctl->is_json ? json_array() : NULL};
	enum ctl_exit status = CTL_DONE;

	if (rows.list == NULL && rows.file != NULL)
		printf("%-24s %9s  %s\n", "NAME", "ACCOUNTS", "OPTIONS");
	if (rows.file != NULL)
		book_each_definition(rows.file, add_group_row, &rows);
	if (rows.list != NULL && ctl_print_json(rows.list) != CTL_DONE)
		status = CTL_FAILED;
	if (rows.file == NULL || rows.has_failed)
		status = CTL_FAILED;
	book_close(rows.file);
	return status;
}

static void
add_member_name(const char *line, size_t len, const struct account *account, void *arg)
{
	(void)line;
	(void)len;
	json_array_append_new(arg, json_string(ctl_quote(account->name)));
}

static void
print_group(const struct ctl *ctl, const struct definition *group, const json_t *names)
{
	const char *rest = group->body, *word;
	size_t left = group->body_len, len, i;
	const json_t *name;
	char text[ACCOUNT_LINE_MAX + 1];

	printf("name:         %s\n", ctl_quote(ctl->operand));
	while ((len = account_option_next(&rest, &left, &word)) > 0) {
		snprintf(text, sizeof(text), "%.*s", (int)len, word);
		printf("option:       %s\n", ctl_quote(text));
	}
	printf("accounts:     %zu\n", json_array_size(names));
	json_array_foreach(names, i, name)
		printf("account:      %s\n", json_string_value(name));
}

enum ctl_exit
group_show(struct ctl *ctl)
{
	enum ctl_exit status = CTL_FAILED;
	char key[DEFINITION_KEY_MAX + 1];
	struct definition group;
	json_t *names = json_array();
	struct members members = {.group = ctl->operand, .each = add_member_name, .arg = names};
	struct book *file = NULL;

	if (key_of_operand(ctl, key) < 0) {
		json_decref(names);
		return CTL_USAGE;
	}
	file = book_open(ctl, BOOK_FILE, false);
	if (file == NULL || find_group_words(ctl, file, key, &group) < 0 || each_member_anywhere(file, &members) < 0)
		goto out;
	status = CTL_DONE;
	if (ctl->is_json)
		status = ctl_print_json(json_pack("{s:s, s:o, s:O}", "name", ctl_quote(ctl->operand), "options",
		    words_json(&group), "accounts", names));
	else
		print_group(ctl, &group, names);
out:
	json_decref(names);
	book_close(file);
	return status;
}
