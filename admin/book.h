/* SPDX-License-Identifier: ISC */
/*
 * Where accounts are kept: the users file, or a database. The commands of "user" work on either. Every function that fails
 * says on stderr what is wrong, unless its comment says otherwise.
 */
#ifndef ADMIN_BOOK_H
#define ADMIN_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct account;
struct book;
struct buf;
struct ctl;

enum book_kind { BOOK_FILE, BOOK_STORE, BOOK_KIND_COUNT };

/* "file" or "postgresql". */
const char *book_word(enum book_kind kind);

/* Is this kind configured, or named by --store? */
bool book_is_configured(const struct ctl *ctl, enum book_kind kind);

/* That of --store, else the last one that accounts names. -EINVAL for a --store that is none. */
int book_kind_for_new(const struct ctl *ctl);

/*
 * Open it. is_writing: nobody else changes it until book_close(), and changes are in force with book_save(). Returns NULL
 * when that fails.
 */
struct book *book_open(const struct ctl *ctl, enum book_kind kind, bool is_writing);

/* Close; what was not saved is undone. NULL is fine. */
void book_close(struct book *book);

enum book_kind book_kind_of(const struct book *book);

/* "'/etc/sallyport/users'" or "the database", for messages; static until the next call. */
const char *book_place(const struct book *book);

/*
 * Copy the line of an account to line, and what it says to account, which the caller wipes (NULL: a damaged one will do).
 * 0; -ENOENT, of which nothing is said; -EIO.
 */
int book_find(struct book *book, const char *name, struct buf *line, struct account *account);

/* The book of those that are configured that has the account: the file first. line and account as book_find(). */
struct book *book_with(const struct ctl *ctl, bool is_writing, struct buf *line, struct account *account);

/* The other book that is configured, to read; *other is NULL where there is none. 0 or -EIO. */
int book_open_other(const struct book *book, struct book **other);

/*
 * The account takes what its group says: of the users file, also for an account of a database. book_find() and book_each()
 * have done that already. lacks_group is set where no group of that name is known.
 */
void book_join_group(struct book *book, struct account *account);

/* Say on stderr that the account's group is not defined, if so. 0 or -ENOENT. */
int book_check_group(struct book *book, struct account *account);

/* Called with each line; account is NULL for one that account_parse() refuses. */
typedef void (*book_line_fn)(const char *line, size_t len, const struct account *account, void *arg);

/*
 * Call each for every account. tell_bad: say on stderr which lines are bad. Returns 0, -EINVAL when there was a bad line, or
 * -EIO.
 */
int book_each(struct book *book, bool tell_bad, book_line_fn each, void *arg);

/* The same for accounts that may share the uid or home of the account; more of them may be called. */
int book_each_sharing(struct book *book, const char *line, size_t len, bool tell_bad, book_line_fn each, void *arg);

#define BOOK_OTHERS_MAX (CONFIG_SERVERS_MAX + 1)

struct book_others {
	struct book *list[BOOK_OTHERS_MAX];
	size_t count;
};

/* All other books, those of all servers: accounts of any may have the same uid or home. To read. 0, or -EIO: none is open. */
int book_open_others(const struct book *book, struct book_others *others);
void book_close_others(struct book_others *others);

/* book_each_sharing() of all others. Their accounts have their names in full. */
int book_each_elsewhere(
    const struct book *book, const char *line, size_t len, bool tell_bad, book_line_fn each, void *arg);

/* The same for every definition line of a users file (definition.h); a database has none. */
void book_each_definition(const struct book *book, void (*each)(const char *line, size_t len, void *arg), void *arg);

/* The same for those of the users file, also where the book is the database beside it. 0 or -EIO. */
int book_each_known_definition(
    const struct book *book, void (*each)(const char *line, size_t len, void *arg), void *arg);

/* The line of a definition by its key "+KIND NAME", borrowed until the next change; NULL: it has none. */
const char *book_definition(const struct book *book, const char *key, size_t *len);

/* Change it: add a line, put one in place of that of its name (which is there), remove one. 0 or -EIO. */
int book_add(struct book *book, const char *line, size_t len);
int book_set(struct book *book, const char *name, const char *line, size_t len);
int book_remove(struct book *book, const char *name);

/*
 * After book_add() of several: call taken for each name that was there already; those were not changed. A users file has
 * none: it is asked before. 0 or -EIO.
 */
int book_settle(struct book *book, void (*taken)(const char *name, void *arg), void *arg);

/* Would the server take the shared folders of the file, as it is now? book_save() asks, too. 0 or -EIO. */
int book_check_folders(struct book *book);

/* What was changed is in force, all or nothing. 0 or -EIO. */
int book_save(struct book *book);

/*
 * count uids in a row, from low to high, that no account of the book has, and no group in it: the first ones, or later ones; *uid is the first of
 * them. 0, -ENOSPC (not said) or -EIO.
 */
int book_free_uid(struct book *book, uint32_t low, uint32_t high, uint32_t count, uint32_t *uid);

#endif
