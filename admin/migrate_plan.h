/* SPDX-License-Identifier: ISC */
/*
 * What becomes of another server's configuration: directives as they were read, values of our keys, and notes about
 * what has no counterpart. Pure: no file is opened here.
 */
#ifndef ADMIN_MIGRATE_PLAN_H
#define ADMIN_MIGRATE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accounts/convert.h"
#include "common/buf.h"

struct config;
struct migrate_plan;

#define MIGRATE_LINE_MAX 4096 /* bytes of a line of a configuration */
#define MIGRATE_WORDS_MAX 32 /* words of a directive, without its name */
#define MIGRATE_DIRECTIVES_MAX 10000
#define MIGRATE_LISTS_MAX 4
#define MIGRATE_DEPTH_MAX 16 /* blocks within blocks */
#define MIGRATE_GROUP "migrated" /* the group of settings of the accounts */

/* Something that protects is missing in our configuration, or only something else. */
enum migrate_weight { MIGRATE_COMFORT, MIGRATE_PROTECTS };

struct directive {
	const char *file; /* borrowed */
	size_t line;
	char *shown; /* the line, for notes; owned */
	char *text; /* what name, value and words point into; owned */
	const char *name;
	const char *value; /* all behind the name; "": nothing */
	const char *words[MIGRATE_WORDS_MAX]; /* value, cut at blanks, without quotes */
	size_t count;
	bool is_apart; /* within a block that is not read: migrate_said() does not find it */
};

/* A directive of the other server; one table for each server. */
struct migrate_row {
	const char *name;
	void (*take)(struct migrate_plan *plan, const struct directive *directive, const struct migrate_row *row);
	const char *key; /* of sallyport.conf(5), "tls.minimum"; NULL: none */
	enum migrate_weight weight; /* if it cannot be carried */
	const char *why, *instead; /* the same; NULL: the value is refused by our key */
};

struct migrate_peer {
	const char *word, *title; /* of the command line; of messages */
	const struct migrate_row *rows;
	size_t row_count;
	/* Cut the line (in text) to name, value and words. 1, 0: it has no directive, or -EINVAL with problem. */
	int (*cut)(struct directive *out, const char **problem);
	/* Of blocks; NULL: there are none. 1: the directive is dealt with, 0: look it up in rows, or -errno with problem. */
	int (*enter)(struct migrate_plan *plan, struct directive *directive, const char **problem);
	/* What needs several directives, or their defaults. */
	void (*settle)(struct migrate_plan *plan);
};

/* A file of names that may not log in, or that alone may. */
struct migrate_list {
	const char *path;
	bool is_allowing, must_exist;
	const struct directive *by; /* NULL: a default */
};

struct migrate_value {
	char *text; /* as in our file, quotes included; NULL: the default stays */
	char *bare; /* without quotes */
	size_t directive; /* by index; SIZE_MAX: of a default of the other server */
};

struct migrate_plan {
	const struct migrate_peer *peer;
	struct directive *directives;
	size_t count, size;
	char *blocks[MIGRATE_DEPTH_MAX]; /* that are open; names, owned */
	size_t depth;
	struct migrate_value *values; /* by index of config_keys[] */
	struct config *scratch; /* takes values on trial */
	struct buf notes;
	size_t noted, lost; /* notes; those that protect */
	/* of all accounts: the group of settings */
	unsigned rights; /* enum account_right */
	uint64_t rate_down, rate_up, max_sessions, quota_bytes, quota_files; /* 0: none */
	/* of the accounts' files */
	enum convert_format format; /* of files that do not show it */
	const char *pam_service; /* of users of the system; NULL: there are none */
	const char *guest_user; /* whose ids accounts without any have; NULL: none */
	const char *home, *home_token; /* of accounts without one, or in place of theirs; NULL: none */
	const char *anonymous_user; /* of the system, whose ids and home anonymous users have; NULL: there are none */
	const char *anonymous_home; /* instead of its home; NULL: none */
	unsigned anonymous_rights; /* enum account_right */
	uint64_t anonymous_rate; /* bytes a second; 0: no limit */
	bool needs_shell; /* accounts of passwd(5) with nologin or false were refused */
	uint64_t uid_low; /* accounts below it were refused */
	struct migrate_list lists[MIGRATE_LISTS_MAX];
	size_t list_count;
	bool no_memory;
};

/* 0 or -ENOMEM; free it either way. */
int migrate_plan_init(struct migrate_plan *plan, const struct migrate_peer *peer);
void migrate_plan_free(struct migrate_plan *plan);

/*
 * Read the text of a configuration file into directives; each is looked up and taken when all files were read
 * (migrate_plan_settle()).
 *
 * file     its name for notes; borrowed.
 * line     on failure: where.
 * problem  on failure: what is wrong there, and what would be right; static text.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int migrate_plan_read(
    struct migrate_plan *plan, const char *file, const char *text, size_t len, size_t *line, const char **problem);

/* Take all directives. The same errors. */
int migrate_plan_settle(struct migrate_plan *plan, size_t *directive, const char **problem);

/* The last directive of that name, or NULL. */
const struct directive *migrate_said(const struct migrate_plan *plan, const char *name);

/* Its value, or fallback. */
const char *migrate_text_of(const struct migrate_plan *plan, const char *name, const char *fallback);
bool migrate_is_on(const struct migrate_plan *plan, const char *name, bool fallback);

/* Parse what the three servers take for yes and no. 0 or -EINVAL. */
int migrate_parse_bool(const char *text, bool *value);

/* Give key ("tls.minimum") this value, or note why not. by: NULL for a default. False: it was refused. */
bool migrate_set(struct migrate_plan *plan, const char *key, const char *text, const struct directive *by,
    enum migrate_weight weight);
bool migrate_setf(struct migrate_plan *plan, const char *key, const struct directive *by, enum migrate_weight weight,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Note what could not be carried. by: NULL: the other server's default, which shown names. */
void migrate_note(struct migrate_plan *plan, const struct directive *by, enum migrate_weight weight, const char *shown,
    const char *why, const char *instead);

/* The text of our configuration file. accounts: the value of that key. */
void migrate_write_config(const struct migrate_plan *plan, const char *accounts, struct buf *out);

/* The options of all accounts as those of a group of settings; empty: none. */
void migrate_group_options(const struct migrate_plan *plan, struct buf *out);

#endif
