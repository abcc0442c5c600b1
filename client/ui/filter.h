/* SPDX-License-Identifier: ISC */
/* Which names of a tree a mirror is about: rules for names, and ranges of sizes and times. Pure. */
#ifndef CLIENT_UI_FILTER_H
#define CLIENT_UI_FILTER_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/engine/entry.h"

enum filter_kind {
	FILTER_EXCLUDE,	/* a glob */
	FILTER_INCLUDE,
	FILTER_EXCLUDE_REGEX,	/* an extended regular expression, regex(7) */
	FILTER_INCLUDE_REGEX,
	FILTER_FROM	/* a file with rules; only in a struct filter_word */
};

/* A rule as it was given. */
struct filter_word {
	enum filter_kind kind;
	const char *text;	/* borrowed */
};

struct filter_rule {
	bool is_include;
	bool is_directory;	/* "name/": directories alone */
	bool is_of_path;	/* matched with the path below the top, not with the name */
	char *glob;	/* without the slashes around it; NULL: regex; owned */
	regex_t regex;
	char *why;	/* "is excluded by '- *.o'"; owned */
};

struct filter {
	struct filter_rule *rules;
	size_t count;
	bool has_exclude;	/* some rule excludes: then what no rule matches is included */
	bool has_include;
	int64_t newer_than, older_than;	/* seconds since 1970: times must lie between; INT64_MIN, INT64_MAX: any */
	uint64_t min_size, max_size;	/* bytes; 0, UINT64_MAX: any */
};

void filter_init(struct filter *filter);
void filter_free(struct filter *filter);

/*
 * Add a rule after the others. Returns 0, -ENOMEM, or -EINVAL with the reason in why: what is wrong with a regular
 * expression, or that the text is empty.
 */
int filter_add(struct filter *filter, enum filter_kind kind, const char *text, char *why, size_t why_size);

/*
 * Add the rules of a file's line: "- GLOB", "+ GLOB", "-~ REGEX", "+~ REGEX"; nothing, or "#" in front: no rule. Returns
 * as filter_add().
 */
int filter_add_line(struct filter *filter, const char *line, char *why, size_t why_size);

/*
 * Does a rule leave this name out? The first rule that matches decides. Where none does, the name is taken, unless all
 * rules are includes: then only directories are.
 *
 * path  of the directory that has the name, "" for the top.
 *
 * Returns NULL, or why: "is excluded by '- *.o'"; valid as long as the filter.
 */
const char *filter_of_name(const struct filter *filter, const char *path, const char *name, bool is_directory);

/* Whether any rule or range may leave something out. */
bool filter_is_used(const struct filter *filter);

/* The same with what is known of a file: its size and its time. An unknown one is outside of any range. */
const char *filter_of_entry(const struct filter *filter, const char *path, const struct ftp_entry *entry);

#endif
