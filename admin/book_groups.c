/* SPDX-License-Identifier: ISC */
/* Definition lines beside the accounts of a book: its own, or those of the users file for a database. */
#include <errno.h>

#include "accounts/account.h"
#include "accounts/definition.h"
#include "accounts/users_file.h"
#include "admin/book_kinds.h"
#include "config/config.h"

#include "common/banned.h"

static void
each_definition_of(const struct users_file *file, void (*each)(const char *line, size_t len, void *arg), void *arg)
{
	for (size_t i = 0; file != NULL && i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);

		if (line_is_definition(line, len))
			each(line, len, arg);
	}
}

void
book_each_definition(const struct book *book, void (*each)(const char *line, size_t len, void *arg), void *arg)
{
	each_definition_of(book->file, each, arg);
}

int
book_each_known_definition(const struct book *book, void (*each)(const char *line, size_t len, void *arg), void *arg)
{
	struct users_file *file = book->file;

	if (file == NULL && book->ctl->config->accounts[0] == '\0')
		return 0;
	if (file == NULL)
		file = ctl_open_users(book->ctl, false);
	each_definition_of(file, each, arg);
	if (file != book->file)
		users_file_free(file);
	return file == NULL ? -EIO : 0;
}

const char *
book_definition(const struct book *book, const char *key, size_t *len)
{
	size_t i;

	if (book->file == NULL || users_file_find(book->file, key, &i) < 0)
		return NULL;
	return users_file_line(book->file, i, len);
}

static void
add_group_of_book(const char *line, size_t len, void *arg)
{
	struct book *book = arg;

	if (groups_add(&book->groups, line, len) < 0)
		ctl_error("no memory");
}

void
book_join_group(struct book *book, struct account *account)
{
	if (account->group[0] == '\0')
		return;
	if (!book->has_groups)
		(void)!book_each_known_definition(book, add_group_of_book, book);
	book->has_groups = true;
	groups_join(&book->groups, account);
}

int
book_check_group(struct book *book, struct account *account)
{
	book_join_group(book, account);
	if (account->contradiction != NULL) {
		ctl_error(
		    "the account contradicts its group '%s': %s", ctl_quote(account->group), account->contradiction);
		return -EINVAL;
	}
	if (!account->lacks_group)
		return 0;
	ctl_error("no group '%s' in '%s'; 'sallyportctl group list%s' lists them, 'group add' makes one",
	    ctl_quote(account->group), ctl_quote(book->ctl->config->accounts), ctl_server_words(book->ctl));
	return -ENOENT;
}
