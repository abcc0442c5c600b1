/* SPDX-License-Identifier: ISC */
/* The two kinds of books behind book.h: one row of functions each, as book.h describes them. */
#ifndef ADMIN_BOOK_KINDS_H
#define ADMIN_BOOK_KINDS_H

#include "accounts/groups.h"
#include "admin/book.h"
#include "admin/ctl.h"

struct store_tool;
struct users_file;

/* What a book of another server than that of the command goes by: copies that own nothing. */
struct book_elsewhere {
	struct ctl ctl;
	struct config config;
};

struct book {
	const struct ctl *ctl;
	struct book_elsewhere *elsewhere;	/* NULL: the book is that of the command. Ours */
	const struct book_ops *ops;
	enum book_kind kind;
	bool is_writing;
	struct users_file *file;	/* of BOOK_FILE */
	struct store_tool *tool;	/* of BOOK_STORE */
	struct groups groups;	/* of the users file; see book_join_group() */
	bool has_groups;
	bool has_told_groups;	/* to the tool */
};

struct book_ops {
	int (*open)(struct book *book);
	void (*close)(struct book *book);
	int (*find)(struct book *book, const char *name, struct buf *line, struct account *account);
	int (*each)(struct book *book, bool tell_bad, book_line_fn each, void *arg);
	int (*each_sharing)(
	    struct book *book, const char *line, size_t len, bool tell_bad, book_line_fn each, void *arg);
	int (*add)(struct book *book, const char *line, size_t len);
	int (*set)(struct book *book, const char *name, const char *line, size_t len);
	int (*remove)(struct book *book, const char *name);
	int (*settle)(struct book *book, void (*taken)(const char *name, void *arg), void *arg);
	int (*save)(struct book *book);
	int (*free_uid)(struct book *book, uint32_t low, uint32_t high, uint32_t count, uint32_t *uid);
};

extern const struct book_ops book_file_ops;
extern const struct book_ops book_store_ops;

#endif
