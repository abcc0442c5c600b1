/* SPDX-License-Identifier: ISC */
/* Accounts in a database, by way of sallyport-store. Every line of it is parsed as one of the users file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accounts/account.h"
#include "admin/book_kinds.h"
#include "admin/store_tool.h"
#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

static int
store_open_book(struct book *book)
{
	const struct store_way way = store_way_of(book->ctl);

	book->tool = store_tool_start(book->ctl, "accounts", &way);
	if (book->tool == NULL || store_tool_expect(book->tool, DIALOG_READY, NULL, NULL) < 0)
		return -EIO;
	if (!book->is_writing)
		return 0;
	if (store_tool_ask(book->tool, DIALOG_BEGIN, "", 0) < 0)
		return -EIO;
	return store_tool_expect(book->tool, DIALOG_DONE, NULL, NULL);
}

static void
store_close_book(struct book *book)
{
	store_tool_end(book->tool);
}

/* What a database calls an account is one, or the whole answer is not believed. */
static int
check_store_line(struct book *book, const char *line, size_t len, struct account *account)
{
	const char *problem;
	char text[256];

	if (account_parse(line, len, account, &problem) == 0)
		return 0;
	snprintf(text, sizeof(text), "the database has an account that is none: %s", problem);
	return store_tool_refuse(book->tool, text);
}

static int
store_find(struct book *book, const char *name, struct buf *line, struct account *out)
{
	struct account account = {.name = ""};
	const char *text = "";
	size_t len = 0;
	int r = store_tool_ask(book->tool, DIALOG_FIND, name, strlen(name));

	if (r == 0)
		r = store_tool_expect(book->tool, DIALOG_ACCOUNT, &text, &len);
	if (r == 0)
		r = check_store_line(book, text, len, &account);
	if (r == 0 && strcmp(account.name, name) != 0)
		r = store_tool_refuse(book->tool, "the database answered with another account than was asked for");
	if (r == 0 && buf_add(line, text, len) < 0)
		r = store_tool_refuse(book->tool, "no memory");
	if (r == 0)
		book_join_group(book, &account);
	if (r == 0 && out != NULL)
		*out = account;
	explicit_bzero(&account, sizeof(account));
	return r;
}

/* "account" lines up to "done"; is_sorted: each name once, in order, so that there is an end. */
static int
each_answer(struct book *book, bool is_sorted, book_line_fn each, void *arg)
{
	char before[ACCOUNT_NAME_MAX + 1] = "";
	struct account account = {.name = ""};
	const char *line;
	size_t len;
	int answer, r = 0;

	while (r == 0 && (answer = store_tool_answer(book->tool, &line, &len)) != DIALOG_DONE) {
		r = answer < 0                 ? -EIO
		    : answer != DIALOG_ACCOUNT ? store_tool_refuse(book->tool, "an answer to another question")
					       : check_store_line(book, line, len, &account);
		if (r == 0 && is_sorted && strcmp(account.name, before) <= 0)
			r = store_tool_refuse(book->tool, "the database lists accounts out of order");
		if (r < 0)
			break;
		memcpy(before, account.name, sizeof(before));
		book_join_group(book, &account);
		each(line, len, &account, arg);
	}
	explicit_bzero(&account, sizeof(account));
	return r;
}

static int
store_each(struct book *book, bool tell_bad, book_line_fn each, void *arg)
{
	int r = store_tool_ask(book->tool, DIALOG_LIST, "", 0);

	(void)tell_bad; /* a bad one is an error in any case */
	return r < 0 ? r : each_answer(book, true, each, arg);
}

static int
store_each_sharing(struct book *book, const char *line, size_t len, bool tell_bad, book_line_fn each, void *arg)
{
	int r = store_tool_ask(book->tool, DIALOG_SHARING, line, len);

	(void)tell_bad;
	return r < 0 ? r : each_answer(book, true, each, arg);
}

struct telling {
	struct store_tool *tool;
	int result;
};

static void
tell_group(const char *line, size_t len, void *arg)
{
	struct telling *telling = arg;

	if (telling->result == 0)
		telling->result = store_tool_ask(telling->tool, DIALOG_GROUP, line, len);
}

/* The ledger of the database needs the limits of a group as those of the account, so the tool gets the groups once. */
static int
tell_groups(struct book *book, const char *line, size_t len)
{
	struct telling telling = {.tool = book->tool};
	struct account account = {.name = ""};
	const char *problem;

	if (book->has_told_groups || account_parse(line, len, &account, &problem) < 0 || account.group[0] == '\0')
		goto out;
	book->has_told_groups = true;
	if (book_each_known_definition(book, tell_group, &telling) < 0)
		telling.result = -EIO;
out:
	explicit_bzero(&account, sizeof(account));
	return telling.result;
}

static int
store_add_line(struct book *book, const char *line, size_t len)
{
	return tell_groups(book, line, len) < 0 ? -EIO : store_tool_ask(book->tool, DIALOG_ADD, line, len);
}

/* Whoever removes it meanwhile does not keep to the lock. */
static int
expect_changed(struct book *book)
{
	int r = store_tool_expect(book->tool, DIALOG_DONE, NULL, NULL);

	return r == -ENOENT ? store_tool_refuse(book->tool, "the account is gone; nothing was changed") : r;
}

static int
store_set(struct book *book, const char *name, const char *line, size_t len)
{
	(void)name; /* of the line */
	if (tell_groups(book, line, len) < 0)
		return -EIO;
	return store_tool_ask(book->tool, DIALOG_SET, line, len) < 0 ? -EIO : expect_changed(book);
}

static int
store_remove(struct book *book, const char *name)
{
	return store_tool_ask(book->tool, DIALOG_REMOVE, name, strlen(name)) < 0 ? -EIO : expect_changed(book);
}

static int
store_settle(struct book *book, void (*taken)(const char *name, void *arg), void *arg)
{
	const char *name;
	size_t len;
	int answer;

	if (store_tool_ask(book->tool, DIALOG_FLUSH, "", 0) < 0)
		return -EIO;
	while ((answer = store_tool_answer(book->tool, &name, &len)) == DIALOG_TAKEN)
		taken(name, arg);
	if (answer == DIALOG_DONE)
		return 0;
	return answer < 0 ? -EIO : store_tool_refuse(book->tool, "an answer to another question");
}

static void
count_taken(const char *name, void *arg)
{
	(void)name;
	++*(size_t *)arg;
}

static int
store_save(struct book *book)
{
	size_t taken = 0;
	int r = store_settle(book, count_taken, &taken);

	if (r == 0 && taken > 0)
		r = store_tool_refuse(book->tool, "an account exists already; nothing was changed");
	if (r == 0)
		r = store_tool_ask(book->tool, DIALOG_COMMIT, "", 0);
	if (r == 0)
		r = store_tool_expect(book->tool, DIALOG_DONE, NULL, NULL);
	return r;
}

static int
store_free_uid(struct book *book, uint32_t low, uint32_t high, uint32_t count, uint32_t *uid)
{
	char range[48];
	const char *text;
	uint64_t value;
	size_t len;
	int r;

	snprintf(range, sizeof(range), "%u %u %u", low, high, count);
	if (store_tool_ask(book->tool, DIALOG_FREE_UID, range, strlen(range)) < 0)
		return -EIO;
	r = store_tool_expect(book->tool, DIALOG_DONE, &text, &len);
	if (r < 0)
		return r == -ENOENT ? -ENOSPC : r;
	if (parse_u64(text, high, &value) < 0 || value < low || high - value < count - 1)
		return store_tool_refuse(book->tool, "the database gave a uid that was not asked for");
	*uid = (uint32_t)value;
	return 0;
}

const struct book_ops book_store_ops = {
    .open = store_open_book,
    .close = store_close_book,
    .find = store_find,
    .each = store_each,
    .each_sharing = store_each_sharing,
    .add = store_add_line,
    .set = store_set,
    .remove = store_remove,
    .settle = store_settle,
    .save = store_save,
    .free_uid = store_free_uid,
};
