/* SPDX-License-Identifier: ISC */
/* Pieces of a line of LIST: words, numbers, names and dates, which the parsers of all families share. Pure. */
#ifndef CLIENT_ENGINE_LISTING_LINE_H
#define CLIENT_ENGINE_LISTING_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "client/engine/entry.h"

#define LIST_WORDS_MAX 16
#define LIST_NO_ENTRY 2	/* a parser's result: the line is known, and is no entry */

/* A piece of a line; not terminated. */
struct piece {
	const char *text;
	size_t len;
};

/* The last heading, and what the last line left open. */
enum list_heading { LIST_HEADING_NONE, LIST_HEADING_DATASETS, LIST_HEADING_MEMBERS };

struct list_state {
	int64_t now;	/* seconds since 1970 */
	size_t family;	/* that understood the last line */
	enum list_heading heading;
	char pending[256];	/* VMS: a name whose facts stand in the next line */
	bool has_entry;	/* an entry was read already */
	bool has_self;	/* "." or ".." was among the lines */
	bool has_proof;	/* a line shows that the server read the directory: an entry "." or "total 0" */
};

/* A line taken apart. */
struct list_line {
	const char *text;
	size_t len;
	struct piece words[LIST_WORDS_MAX];
	size_t count;
};

/* What every parser of a family is. Results as list_parse(). entry comes initialized. */
typedef int list_parser(const struct list_line *line, struct list_state *state, struct ftp_entry *entry);

list_parser list_unix, list_dos, list_eplf, list_vms, list_mvs, list_as400, list_netware, list_os9, list_vxworks,
    list_nonstop, list_numeric, list_os2, list_vshell, list_zvm, list_router;

void list_split(const char *text, size_t len, struct list_line *line);
void entry_init(struct ftp_entry *entry);

/* Compare without regard to case. */
bool piece_is(struct piece piece, const char *text);

/* Does it begin with text (case counts)? */
bool piece_begins(struct piece piece, const char *text);

/* Are all characters among these? False for an empty piece. */
bool piece_has_only(struct piece piece, const char *characters);

struct piece piece_from(struct piece piece, size_t at);
struct piece piece_first(struct piece piece, size_t len);

/* Decimal digits alone, at most INT64_MAX; -1 for anything else. */
int64_t piece_number(struct piece piece);

/* The same with commas or dots between groups of three: "1,234,567". */
int64_t piece_grouped_number(struct piece piece);

/* Escaped, cut to nothing where it does not fit. */
void piece_escape(struct piece piece, char *out, size_t size);

/* The rest of the line from word i on. */
struct piece list_rest(const struct list_line *line, size_t i);

/*
 * Set the entry's name. A slash at the end of a directory's name is dropped.
 * Returns 0, 1 for "." and "..", -EPERM for a name that would lead elsewhere, -ENOMEM.
 */
int entry_set_name(struct ftp_entry *entry, struct piece name);

/* --- dates: false or 0 where there is none; the parts go into a struct tm in UTC --- */

/* A month's name in one of many languages, or "04" as a word of its own with a sign behind it; 0 to 11, or -1. */
int month_number(struct piece word);

/* "12:34", "12:34:56", "1:05", "24:00", with fractions of a second. */
bool clock_time(struct piece word, struct tm *utc);

/* The same with AM, PM, A or P at the end, or nothing. */
bool clock_time_12(struct piece word, struct tm *utc);

/*
 * "2020-01-31", "31.01.2020", "01/31/20", "2-JUL-2003": numbers or a month's name between '-', '/' or '.'. Which is the
 * day, where both may be, is told by order: "MDY", "DMY" or "YMD".
 */
bool split_date(struct piece word, const char *order, struct tm *utc);

/* Seconds since 1970. A date that is none (31 February) is -1, unknown. */
int64_t utc_seconds(const struct tm *utc);

/*
 * The date of ls(1) at word i, in any of its forms. Returns how many words it takes, 0: there is none. Times are taken for
 * UTC, for want of knowing better, unless a zone stands there: *is_exact. A date without a year is the latest one that is
 * not more than a day ahead of now. *mtime is -1 for a date that is none.
 */
size_t unix_date(const struct list_line *line, size_t i, int64_t now, int64_t *mtime, bool *is_exact);

#endif
