/* SPDX-License-Identifier: ISC */
/* Accounts in the users file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/folder.h"
#include "accounts/full_name.h"
#include "accounts/layout.h"
#include "accounts/users_file.h"
#include "admin/book_kinds.h"
#include "common/buf.h"
#include "config/config.h"
#include "config/servers.h"

#include "common/banned.h"

#define PROBLEM_MAX 16384

/* One look at the shared folders of a file that is about to be saved. */
struct layout_check {
	struct layout layout;
	bool is_bad;
};

static int
file_open(struct book *book)
{
	book->file = ctl_open_users(book->ctl, book->is_writing);
	return book->file == NULL ? -EIO : 0;
}

static void
file_close(struct book *book)
{
	users_file_free(book->file);
}

static int
no_memory(void)
{
	ctl_error("no memory");
	return -EIO;
}

static int
file_find(struct book *book, const char *name, struct buf *line, struct account *account)
{
	const char *text;
	size_t index, len;

	/* the key of a definition is no name of an account */
	if (line_is_definition(name, strlen(name)) || users_file_find(book->file, name, &index) < 0)
		return -ENOENT;
	if (account != NULL && ctl_parse_line(book->ctl, book->file, index, account) < 0)
		return -EIO;
	if (account != NULL)
		book_join_group(book, account);
	text = users_file_line(book->file, index, &len);
	return buf_add(line, text, len) < 0 ? no_memory() : 0;
}

static int
file_each(struct book *book, bool tell_bad, book_line_fn each, void *arg)
{
	struct account account;
	const char *problem;
	int r = 0;

	for (size_t i = 0; i < users_file_count(book->file); i++) {
		size_t len;
		const char *line = users_file_line(book->file, i, &len);
		int parsed;

		if (!account_line_is_account(line, len))
			continue;
		parsed = tell_bad ? ctl_parse_line(book->ctl, book->file, i, &account)
				  : account_parse(line, len, &account, &problem);
		if (parsed < 0)
			r = -EINVAL;
		else
			book_join_group(book, &account);
		if (parsed == 0 && book->elsewhere != NULL)
			(void)!full_name_make(account.name, servers_suffix(book->ctl->config, book->ctl->server));
		each(line, len, parsed < 0 ? NULL : &account, arg);
	}
	explicit_bzero(&account, sizeof(account));
	return r;
}

static int
file_each_sharing(struct book *book, const char *line, size_t len, bool tell_bad, book_line_fn each, void *arg)
{
	(void)line;
	(void)len;
	return file_each(book, tell_bad, each, arg);
}

static int
file_add(struct book *book, const char *line, size_t len)
{
	return users_file_append(book->file, line, len) < 0 ? no_memory() : 0;
}

static int
file_set(struct book *book, const char *name, const char *line, size_t len)
{
	size_t index;

	if (users_file_find(book->file, name, &index) < 0)
		return -EIO;
	return users_file_replace(book->file, index, line, len) < 0 ? no_memory() : 0;
}

static int
file_remove(struct book *book, const char *name)
{
	size_t index;

	if (users_file_find(book->file, name, &index) < 0)
		return -EIO;
	users_file_remove(book->file, index);
	return 0;
}

static int
file_settle(struct book *book, void (*taken)(const char *name, void *arg), void *arg)
{
	(void)book;
	(void)taken;
	(void)arg;
	return 0;
}

static void
tell_layout(void *arg, uint64_t line, const char *problem)
{
	bool *is_bad = arg;

	(void)line;
	ctl_error("%s", ctl_quote(problem));
	*is_bad = true;
}

static void
tell_account_layout(const char *line, size_t len, const struct account *account, void *arg)
{
	struct layout_check *check = arg;
	const char *problem = account == NULL ? NULL : layout_account_problem(&check->layout, account);

	(void)line;
	(void)len;
	if (problem == NULL || check->is_bad)
		return;
	ctl_error("account '%s': %s", ctl_quote(account->name), ctl_quote(problem));
	check->is_bad = true;
}

/* The server refuses a file whose shared folders do not fit. */
int
book_check_folders(struct book *book)
{
	struct layout_check check = {.layout = {.state_directory = book->ctl->config->state_directory,
					 .runtime_directory = book->ctl->config->runtime_directory}};
	int r = book->file == NULL ? 0 : layout_of_file(&check.layout, book->file);

	if (r < 0)
		r = no_memory();
	if (r == 0)
		layout_check(&check.layout, tell_layout, &check.is_bad);
	if (r == 0 && book->file != NULL && !check.is_bad)
		(void)file_each(book, false, tell_account_layout, &check);
	layout_free(&check.layout);
	return check.is_bad ? -EIO : r;
}

struct name_check {
	const struct ctl *ctl;
	bool is_bad;
};

/* The server refuses a name that is not one of its own in full, or too long. */
static void
check_full_name_of(const char *line, size_t len, const struct account *account, void *arg)
{
	struct name_check *check = arg;
	const struct ctl *ctl = check->ctl;
	char full[CTL_FULL_NAME_SIZE];
	size_t before;

	(void)line;
	(void)len;
	if (account == NULL || check->is_bad)
		return;
	ctl_full_name(ctl, account->name, full);
	check->is_bad = true;
	if (strlen(full) > ACCOUNT_NAME_MAX)
		ctl_error("the name of the account in full, '%s', is too long; at most %d bytes", ctl_quote(full),
		    ACCOUNT_NAME_MAX);
	else if (ctl->server == 0 && servers_of_name(ctl->config, account->name, &before) != 0)
		ctl_error(
		    "'%s' is the name of an account of another server; use another one", ctl_quote(account->name));
	else
		check->is_bad = false;
}

static int
check_full_names(struct book *book)
{
	struct name_check check = {.ctl = book->ctl};

	if (book->ctl->config->server_count > 1)
		(void)file_each(book, false, check_full_name_of, &check);
	return check.is_bad ? -EINVAL : 0;
}

static int
file_save(struct book *book)
{
	struct buf problem;
	int r = check_full_names(book);

	if (r == 0)
		r = book_check_folders(book);

	if (r < 0)
		return r;
	buf_init(&problem, PROBLEM_MAX);
	r = users_file_save(book->file, &problem);
	if (r < 0)
		ctl_error("%s", problem.data == NULL ? "no memory" : ctl_quote(problem.data));
	buf_free(&problem);
	return r < 0 ? -EIO : 0;
}

/* --- a free uid --- */

struct uid_list {
	uint32_t low, high;
	uint32_t *uids;
	size_t count, size;
	bool failed;
};

static void
add_uid(struct uid_list *list, uint32_t uid)
{
	uint32_t *uids;

	if (uid < list->low || uid > list->high || list->failed)
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
	list->uids[list->count++] = uid;
}

/* A new account gets a gid of the same number: it must not be in the group of another account or of a folder. */
static void
collect_uid(const char *line, size_t len, const struct account *account, void *arg)
{
	(void)line;
	(void)len;
	if (account == NULL)
		return;
	add_uid(arg, account->uid);
	if (account->gid != account->uid)
		add_uid(arg, account->gid);
}

static void
collect_folder_gid(const char *line, size_t len, void *arg)
{
	struct definition definition;
	struct folder folder;
	const char *problem;

	if (definition_parse(line, len, &definition, &problem) == 0 && definition.kind == DEFINITION_FOLDER &&
	    folder_parse(&definition, &folder, &problem) == 0)
		add_uid(arg, folder.gid);
}

static int
compare_uids(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* The lowest ones. */
static int
file_free_uid(struct book *book, uint32_t low, uint32_t high, uint32_t count, uint32_t *uid)
{
	struct uid_list list = {.low = low, .high = high};
	uint64_t candidate = low;
	int r = file_each(book, true, collect_uid, &list);

	book_each_definition(book, collect_folder_gid, &list);
	if (r < 0 || list.failed) {
		ctl_error("cannot find a free uid in a damaged users file; repair it, or use --uid N");
		r = -EIO;
		goto out;
	}
	if (list.count > 0)
		qsort(list.uids, list.count, sizeof(*list.uids), compare_uids);
	for (size_t i = 0; i < list.count && list.uids[i] < candidate + count; i++)
		if (list.uids[i] >= candidate)
			candidate = (uint64_t)list.uids[i] + 1;
	if (candidate + count - 1 > high)
		r = -ENOSPC;
	*uid = (uint32_t)candidate;
out:
	free(list.uids);
	return r;
}

const struct book_ops book_file_ops = {
    .open = file_open,
    .close = file_close,
    .find = file_find,
    .each = file_each,
    .each_sharing = file_each_sharing,
    .add = file_add,
    .set = file_set,
    .remove = file_remove,
    .settle = file_settle,
    .save = file_save,
    .free_uid = file_free_uid,
};
