/* SPDX-License-Identifier: ISC */
#include "admin/book.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/account.h"
#include "admin/book_kinds.h"
#include "common/buf.h"
#include "config/config.h"
#include "config/servers.h"

#include "common/banned.h"

static const struct {
	const char *word; /* of --store */
	const struct book_ops *ops;
} kinds[BOOK_KIND_COUNT] = {
    [BOOK_FILE] = {"file", &book_file_ops},
    [BOOK_STORE] = {"postgresql", &book_store_ops},
};

const char *
book_word(enum book_kind kind)
{
	return kinds[kind].word;
}

/* A further server has a users file alone. */
static bool
has_store(const struct ctl *ctl)
{
	return ctl->server == 0 && !ctl->given[OPTION_SERVER] && config_has_store(ctl->config);
}

bool
book_is_configured(const struct ctl *ctl, enum book_kind kind)
{
	const char *named = ctl->value[OPTION_STORE];

	if (named != NULL)
		return strcmp(named, kinds[kind].word) == 0;
	return kind == BOOK_STORE ? has_store(ctl) : ctl->config->accounts[0] != '\0';
}

int
book_kind_for_new(const struct ctl *ctl)
{
	const char *named = ctl->value[OPTION_STORE];

	if (named == NULL)
		return has_store(ctl) ? BOOK_STORE : BOOK_FILE;
	for (int i = 0; i < BOOK_KIND_COUNT; i++)
		if (strcmp(named, kinds[i].word) == 0)
			return i;
	ctl_error("bad --store '%s'; use 'file' or 'postgresql'", ctl_quote(named));
	return -EINVAL;
}

/* elsewhere: see struct book; the book's from here on. */
static struct book *
open_book(const struct ctl *ctl, enum book_kind kind, bool is_writing, struct book_elsewhere *elsewhere)
{
	struct book *book = calloc(1, sizeof(*book));

	if (book == NULL) {
		ctl_error("no memory");
		free(elsewhere);
		return NULL;
	}
	*book = (struct book){
	    .ctl = ctl, .ops = kinds[kind].ops, .kind = kind, .is_writing = is_writing, .elsewhere = elsewhere};
	if (book->ops->open(book) < 0) {
		book_close(book);
		return NULL;
	}
	return book;
}

struct book *
book_open(const struct ctl *ctl, enum book_kind kind, bool is_writing)
{
	return open_book(ctl, kind, is_writing, NULL);
}

/* The users file of another server, to read. What the copies point to stays the command's. */
static struct book *
open_elsewhere(const struct ctl *ctl, size_t server)
{
	struct book_elsewhere *elsewhere = calloc(1, sizeof(*elsewhere));

	if (elsewhere == NULL) {
		ctl_error("no memory");
		return NULL;
	}
	elsewhere->config = *ctl->config;
	elsewhere->config.accounts = ctl->config->servers[server].accounts;
	elsewhere->ctl = *ctl;
	elsewhere->ctl.config = &elsewhere->config;
	elsewhere->ctl.server = server;
	return open_book(&elsewhere->ctl, BOOK_FILE, false, elsewhere);
}

/* Has this server a users file, and is it another one than the book? */
static bool
is_another_file(const struct book *book, size_t server)
{
	const struct config *config = book->ctl->config;

	if (servers_book(config, server) != server || config->servers[server].accounts[0] == '\0')
		return false;
	return book->kind != BOOK_FILE || server != book->ctl->server;
}

int
book_open_others(const struct book *book, struct book_others *others)
{
	const struct config *config = book->ctl->config;
	struct book *other;

	others->count = 0;
	for (size_t i = 0; i <= config->server_count; i++) {
		bool is_store = i == config->server_count;

		if (is_store ? book->kind == BOOK_STORE || !config_has_store(config) : !is_another_file(book, i))
			continue;
		other = is_store ? book_open(book->ctl, BOOK_STORE, false) : open_elsewhere(book->ctl, i);
		if (other == NULL) {
			book_close_others(others);
			return -EIO;
		}
		others->list[others->count++] = other;
	}
	return 0;
}

void
book_close_others(struct book_others *others)
{
	while (others->count > 0)
		book_close(others->list[--others->count]);
}

int
book_each_elsewhere(const struct book *book, const char *line, size_t len, bool tell_bad, book_line_fn each, void *arg)
{
	struct book_others others;
	int r = book_open_others(book, &others);

	for (size_t i = 0; r == 0 && i < others.count; i++)
		r = book_each_sharing(others.list[i], line, len, tell_bad, each, arg);
	if (r != -EIO || others.count > 0)
		book_close_others(&others);
	return r;
}

void
book_close(struct book *book)
{
	if (book == NULL)
		return;
	book->ops->close(book);
	groups_free(&book->groups);
	free(book->elsewhere);
	free(book);
}

enum book_kind
book_kind_of(const struct book *book)
{
	return book->kind;
}

const char *
book_place(const struct book *book)
{
	static char place[PATH_MAX + 3];

	if (book->kind == BOOK_STORE)
		return "the database";
	snprintf(place, sizeof(place), "'%s'", ctl_quote(book->ctl->config->accounts));
	return place;
}

int
book_find(struct book *book, const char *name, struct buf *line, struct account *account)
{
	return book->ops->find(book, name, line, account);
}

static void
say_not_found(const struct ctl *ctl)
{
	bool has_file = book_is_configured(ctl, BOOK_FILE), has_store = book_is_configured(ctl, BOOK_STORE);

	if (ctl->half_verb != NULL)
		ctl_say_half(ctl);
	else
		ctl_error("no account '%s' in %s%s%s%s; 'sallyportctl user list%s' lists them", ctl_quote(ctl->operand),
		    has_file ? "'" : "", has_file ? ctl_quote(ctl->config->accounts) : "",
		    has_file ? (has_store ? "' or in " : "'") : "", has_store ? "the database" : "",
		    ctl_server_words(ctl));
}

struct book *
book_with(const struct ctl *ctl, bool is_writing, struct buf *line, struct account *account)
{
	bool has_store = book_is_configured(ctl, BOOK_STORE);
	struct book *book;
	int r = -ENOENT;

	if (book_kind_for_new(ctl) < 0)
		return NULL;
	for (int kind = 0; kind < BOOK_KIND_COUNT && r == -ENOENT; kind++) {
		/* without any, it is the missing users file that is worth a word */
		if (!book_is_configured(ctl, kind) && (kind != BOOK_FILE || has_store))
			continue;
		book = book_open(ctl, kind, is_writing);
		r = book == NULL ? -EIO : book_find(book, ctl->operand, line, account);
		if (r == 0)
			return book;
		book_close(book);
	}
	if (r == -ENOENT)
		say_not_found(ctl);
	return NULL;
}

int
book_open_other(const struct book *book, struct book **other)
{
	enum book_kind kind = book->kind == BOOK_FILE ? BOOK_STORE : BOOK_FILE;
	bool is_there = kind == BOOK_STORE ? has_store(book->ctl) : book->ctl->config->accounts[0] != '\0';

	*other = is_there ? book_open(book->ctl, kind, false) : NULL;
	return is_there && *other == NULL ? -EIO : 0;
}

int
book_each(struct book *book, bool tell_bad, book_line_fn each, void *arg)
{
	return book->ops->each(book, tell_bad, each, arg);
}

int
book_each_sharing(struct book *book, const char *line, size_t len, bool tell_bad, book_line_fn each, void *arg)
{
	return book->ops->each_sharing(book, line, len, tell_bad, each, arg);
}

int
book_add(struct book *book, const char *line, size_t len)
{
	return book->ops->add(book, line, len);
}

int
book_set(struct book *book, const char *name, const char *line, size_t len)
{
	return book->ops->set(book, name, line, len);
}

int
book_remove(struct book *book, const char *name)
{
	return book->ops->remove(book, name);
}

int
book_settle(struct book *book, void (*taken)(const char *name, void *arg), void *arg)
{
	return book->ops->settle(book, taken, arg);
}

int
book_save(struct book *book)
{
	return book->ops->save(book);
}

int
book_free_uid(struct book *book, uint32_t low, uint32_t high, uint32_t count, uint32_t *uid)
{
	return book->ops->free_uid(book, low, high, count, uid);
}

enum ctl_exit
ctl_show_user(struct ctl *ctl, enum ctl_exit (*show)(struct ctl *ctl, const struct account *account, const void *arg),
    const void *arg)
{
	enum ctl_exit status = CTL_FAILED;
	struct account account = {.name = ""};
	struct book *book;
	struct buf line;

	buf_init(&line, ACCOUNT_LINE_MAX);
	book = book_with(ctl, false, &line, &account);
	book_close(book);
	if (book != NULL)
		status = show(ctl, &account, arg);
	explicit_bzero(&account, sizeof(account));
	buf_free(&line);
	return status;
}
