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
#include "admin/migrate_profile.h"
#include "common/buf.h"

struct config;
struct config_key;
struct migrate_blocks;
struct migrate_hosts;
struct migrate_plan;
struct migrate_who;

#define MIGRATE_LINE_MAX 4096 /* bytes of a line of a configuration */
#define MIGRATE_WORDS_MAX 32 /* words of a directive, without its name */
#define MIGRATE_DIRECTIVES_MAX 10000
#define MIGRATE_LISTS_MAX 4
#define MIGRATE_INCLUDE_MAX 8 /* files that name files */
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
	size_t place; /* of ProFTPD: what it is about; 0: the server */
	bool is_apart; /* within a block: migrate_said() does not find it */
	size_t host; /* of ProFTPD: the <VirtualHost> that it is in, from 1 on; 0: in none */
	bool is_global; /* in <Global>: of all hosts */
	bool is_read; /* it names another file, whose directives follow */
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
	/* Are all blocks closed? */
	bool (*is_complete)(const struct migrate_plan *plan);
	void (*forget)(struct migrate_plan *plan); /* free plan->blocks and plan->hosts */
	/* What needs several directives, or their defaults. */
	void (*settle)(struct migrate_plan *plan);
	/* The same for its virtual hosts, each a plan of its own. 0, -ENOMEM, or -EINVAL with directive and problem. NULL: there are none. */
	int (*settle_hosts)(struct migrate_plan *plan, size_t *directive, const char **problem);
	void (*write_hosts)(const struct migrate_plan *plan, struct buf *out); /* their sections */
	/* What is said of one account alone; NULL: nothing is. profile is a copy of that of all accounts. */
	void (*describe)(struct migrate_plan *plan, const struct migrate_who *who, struct migrate_profile *profile);
	const char *include; /* the directive that names another file; NULL: there is none */
	bool has_directory; /* the configuration may be a directory, a file for each directive */
};

/* An account of the old server. */
struct migrate_who {
	const char *name, *home;
	const char *own_file, *own; /* the file that plan->own_directory has of it, and its text; NULL: none */
	size_t own_len;
};

/* A file of names that may not log in, or that alone may. */
struct migrate_list {
	const char *path;
	const char *other; /* where it may be as well; NULL: nowhere */
	bool is_allowing, must_exist;
	const struct directive *by; /* NULL: a default */
};

struct migrate_value {
	char *text; /* as in our file, quotes included; NULL: the default stays */
	char *bare; /* without quotes */
	const struct directive *by; /* NULL: a default of the other server */
};

struct migrate_plan {
	const struct migrate_peer *peer;
	struct directive *directives;
	size_t count, size;
	const struct migrate_plan *of_server; /* of a branch or a virtual host: the server's; otherwise NULL */
	size_t borrowed; /* and how many directives are that one's */
	char **names; /* of files that others name; owned */
	size_t name_count;
	/* Read the file that a directive names. 1, 0: there is none, or -errno. */
	int (*include)(void *arg, const struct directive *directive);
	void *include_arg;
	unsigned include_depth;
	struct migrate_blocks *blocks; /* of ProFTPD, NULL: there are none; owned */
	struct migrate_hosts *hosts; /* its virtual hosts, NULL: there are none; owned */
	struct migrate_value *values; /* by index of config_keys[] */
	struct config *scratch; /* takes values on trial */
	struct buf notes;
	size_t noted, lost; /* notes; those that protect */
	struct migrate_profile all; /* of all accounts: the group of settings */
	/* of the accounts' files */
	enum convert_format format; /* of files that do not show it */
	const struct directive *accounts_file; /* of this server alone; NULL: none is named */
	const char *pam_service; /* of users of the system; NULL: there are none */
	const char *guest_user; /* whose ids accounts without any have; NULL: none */
	const char *home, *home_token; /* of accounts without one, or in place of theirs; NULL: none */
	bool is_by_user; /* something is said of single users, or of directories of homes */
	const char *own_directory; /* of files with the settings of single accounts; NULL: there is none */
	const char *anonymous_user; /* of the system, whose ids and home anonymous users have; NULL: there are none */
	bool anonymous_is_default; /* where the system has no such user, nobody misses it */
	const char *anonymous_home; /* instead of its home; NULL: none */
	const char *anonymous_home_of; /* the user whose home they have instead; NULL: the same */
	const char *anonymous_tls; /* the option; NULL: none */
	struct migrate_profile anonymous;
	bool needs_shell; /* accounts of passwd(5) with nologin or false were refused */
	bool is_anonymous_only; /* every account was refused */
	bool refuses_system; /* users of the system were refused; accounts of other files were not */
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

/* Take text, and forget it with plan. NULL: no memory. */
const char *migrate_plan_keep(struct migrate_plan *plan, const char *text);

/* A plan that begins with all directives of plan, which must stay. 0 or -ENOMEM; free it either way. */
int migrate_plan_branch(struct migrate_plan *plan, const struct migrate_plan *from);

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

/* The value of key ("tls.minimum"); its texts are NULL where there is none. */
struct migrate_value *migrate_value_of(const struct migrate_plan *plan, const char *key);

/* Give a list no value at all, instead of its default. */
void migrate_set_empty(struct migrate_plan *plan, const char *key, const struct directive *by);

/* Keep what key_set() has taken. A list grows. 0 or -ENOMEM. */
int migrate_value_keep(
    struct migrate_value *value, const struct config_key *key, const char *text, const struct directive *by);
void migrate_value_free(struct migrate_value *value);

/* "KEY = VALUE", with the line that it comes from. title: of the other server. */
void migrate_value_write(const struct migrate_value *value, const struct config_key *key, const char *title,
    const char *indent, struct buf *out);

/* "FILE:LINE: the directive", as comments have it. */
void migrate_write_place(const struct directive *by, struct buf *out);

/* Text in quotes that fit: a double quote keeps no "${". */
void migrate_write_quoted(struct buf *out, const char *text);

/*
 * Note what could not be carried. by: NULL: the other server's default, which shown names. What a virtual host has of
 * <Global> is noted for the server alone.
 */
void migrate_note(struct migrate_plan *plan, const struct directive *by, enum migrate_weight weight, const char *shown,
    const char *why, const char *instead);

/* Take over the notes of a branch. */
void migrate_plan_join_notes(struct migrate_plan *plan, const struct migrate_plan *branch);

/* The text of our configuration file. accounts: the value of that key. */
void migrate_write_config(const struct migrate_plan *plan, const char *accounts, struct buf *out);

/* Look a directive up and take it, as settle does. */
void migrate_take(struct migrate_plan *plan, const struct directive *directive);

/* The row of that name; NULL: there is none. */
const struct migrate_row *migrate_row_of(const struct migrate_peer *peer, const char *name);

#endif
