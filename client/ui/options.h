/* SPDX-License-Identifier: ISC */
/* Options of the command line and of the shell's commands: one table for parsing and for help. */
#ifndef CLIENT_UI_OPTIONS_H
#define CLIENT_UI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/engine/ftp.h"
#include "client/ui/filter.h"
#include "client/ui/words.h"

#define PARALLEL_MAX 32
#define SEGMENTS_MAX 16

enum option_id {
	/* of a connection */
	OPTION_USER,
	OPTION_PASSWORD_FD,
	OPTION_PASSWORD_COMMAND,
	OPTION_KEYRING,
	OPTION_PLAINTEXT,
	OPTION_CA,
	OPTION_NO_TLS,
	OPTION_CUT_LISTINGS,
	OPTION_ACTIVE,
	OPTION_EPSV,
	OPTION_PASV,
	OPTION_PASV_ANYWHERE,
	OPTION_IPV4,
	OPTION_IPV6,
	OPTION_TIMEOUT,
	OPTION_RETRY,
	OPTION_CA_PATH,
	OPTION_CRL_FILE,
	OPTION_OCSP,
	OPTION_PIN,
	OPTION_CERT,
	OPTION_KEY,
	OPTION_TLS_MIN,
	OPTION_TLS_MAX,
	OPTION_CIPHERS,
	OPTION_CIPHERSUITES,
	OPTION_ACTIVE_ADDRESS,
	OPTION_ACTIVE_PORTS,
	OPTION_LIMIT_RATE,
	OPTION_ACCOUNT,
	OPTION_CHARSET,
	OPTION_SERVER_TIMEZONE,
	OPTION_PROXY,
	OPTION_SOURCE,
	/* of what is printed */
	OPTION_QUIET,
	OPTION_VERBOSE,
	OPTION_JSON,
	OPTION_PROGRESS,
	/* of transfers */
	OPTION_CONTINUE,
	OPTION_APPEND,
	OPTION_IN_PLACE,
	OPTION_VERIFY,
	OPTION_PARALLEL,
	OPTION_SEGMENTS,
	OPTION_TO_END,
	OPTION_RELAY,
	OPTION_ASCII,
	/* of single commands */
	OPTION_UPLOAD,
	OPTION_DELETE,
	OPTION_DELETE_BEFORE,
	OPTION_MAX_DELETE,
	OPTION_DRY_RUN,
	OPTION_CHECKSUM,
	OPTION_SIZE_ONLY,
	OPTION_IGNORE_TIMES,
	OPTION_EXCLUDE,
	OPTION_INCLUDE,
	OPTION_EXCLUDE_REGEX,
	OPTION_INCLUDE_REGEX,
	OPTION_FILTER_FROM,
	OPTION_NEWER,
	OPTION_MIN_AGE,
	OPTION_MAX_AGE,
	OPTION_MIN_SIZE,
	OPTION_MAX_SIZE,
	OPTION_BACKUP_DIR,
	OPTION_WATCH,
	OPTION_LINKS,
	OPTION_PERMS,
	OPTION_DIR_TIMES,
	OPTION_ONLY_MISSING,
	OPTION_EXISTING,
	OPTION_CLASSIFY,
	OPTION_COLOR,
	OPTION_LONG,
	OPTION_ONE,
	OPTION_RECURSIVE,
	OPTION_PARENTS,
	OPTION_LINES,
	OPTION_ALGORITHM,
	OPTION_NAME,
	OPTION_TYPE,
	OPTION_NULL,
	OPTION_SORT,
	OPTION_REVERSE,
	OPTION_SHOW_ALL,	/* after the other option of its letter, which is the one where no command has been named */
	OPTION_COUNT,
	/* these come before any command */
	OPTION_BATCH = OPTION_COUNT,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_ALL
};

/* What mirror does with symbolic links. */
enum link_choice { LINKS_SKIP, LINKS_COPY, LINKS_FOLLOW };

/* One bit for each option; there are more than 64. */
__extension__ typedef unsigned __int128 option_set;

#define OPTION_BIT(id) ((option_set)1 << (id))
#define OPTIONS_CONNECTION (OPTION_BIT(OPTION_QUIET) - 1)
#define OPTIONS_OUTPUT \
	(OPTION_BIT(OPTION_QUIET) | OPTION_BIT(OPTION_VERBOSE) | OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_PROGRESS))
#define OPTIONS_MIRROR_FILTER (OPTION_BIT(OPTION_EXISTING + 1) - OPTION_BIT(OPTION_EXCLUDE)) /* in the order above */
/* the same, as far as names and ranges go */
#define OPTIONS_FIND_FILTER (OPTION_BIT(OPTION_MAX_SIZE + 1) - OPTION_BIT(OPTION_EXCLUDE))
#define OPTIONS_START (OPTION_BIT(OPTION_BATCH) | OPTION_BIT(OPTION_VERSION) | OPTION_BIT(OPTION_HELP))

/* Whether names have the colours of LS_COLORS. */
enum sort_by {
	SORT_NAME,
	SORT_SIZE,	/* the largest first */
	SORT_TIME	/* the newest first */
};

enum color_when {
	COLOR_AUTO,	/* on a terminal, unless NO_COLOR is set */
	COLOR_ALWAYS,
	COLOR_NEVER
};

/* How the progress of transfers is shown. */
enum progress_form {
	PROGRESS_BAR,	/* a line that is drawn again and again; without a terminal: lines */
	PROGRESS_LINES,	/* a line now and then */
	PROGRESS_NONE
};

/*
 * The options given; a copy of the shell's own is the start for each of its commands. Texts are borrowed from the
 * words.
 */
struct options {
	const char *proxy, *source;
	struct ftp_tls_wishes tls;
	struct ftp_active active;
	uint64_t limit_rate;	/* bytes a second; 0 none */
	const char *account;
	const char *charset;
	bool is_ascii, is_zone_given, is_zone_auto;
	int zone_s;
	bool is_relayed;
	const char *user, *ca_file, *algorithm, *batch;
	const char *password_command;
	bool asks_keyring;
	const char *kept_password;	/* of the configuration file; borrowed; NULL: none */
	int password_fd;	/* -1: none */
	int family;
	bool may_plaintext, no_tls, may_be_cut, is_active, is_epsv_only, is_pasv_only, may_go_elsewhere;
	bool is_quiet, is_verbose, is_json;
	enum progress_form progress;
	uint64_t timeout_s, retries, parallel, segments, lines, max_delete;
	bool is_continue, is_to_end, is_append, is_in_place;
	enum ftp_verify verify;
	bool is_upload, is_delete, is_delete_before, is_dry_run, is_checksum, is_size_only, is_ignoring_times;
	struct filter_word *filters;	/* rules, in the order in which they were given; owned */
	size_t filter_count;
	int64_t newer_than;	/* seconds since 1970; INT64_MIN: not given */
	uint64_t min_age_s, max_age_s, min_size, max_size;	/* given, where the bits say so */
	bool is_only_missing, is_existing;
	bool shows_all, is_classify;
	const char *find_name;	/* a glob; NULL: any */
	char find_type;	/* 'f', 'd', 'l'; 0: any */
	bool ends_by_nul;
	enum color_when color;
	enum sort_by sort;
	bool is_reversed;	/* ls: the last one first */
	const char *backup_dir;
	bool is_watch;
	enum link_choice links;
	bool is_perms, is_dir_times;
	bool is_long, is_one, is_recursive, makes_parents;
	bool wants_version, wants_help;
	option_set given;	/* OPTION_BIT()s of what was given */
};

void options_init(struct options *options);
void options_free(struct options *options);

/* Copy options; the copy has lists of its own. Returns 0, or -ENOMEM with nothing to free. */
int options_copy(struct options *to, const struct options *from);

/*
 * Take the options out of words; what remains is put into operands (room for count), in order. Options may stand
 * anywhere; everything after "--", and "-" itself, is an operand. An option that takes no value may have "=no" or "=yes".
 *
 * allowed   OPTION_BIT()s; another option is an error that says so.
 *
 * Returns 0, -EINVAL with the text of what is wrong in why (escaped), -ENOMEM.
 */
int options_parse(struct options *options, const struct word *words, size_t count, option_set allowed,
    const struct word **operands, size_t *operand_count, char *why, size_t why_size);

/* Which word is the first that is neither an option nor an option's value? count: none. Bad options are passed over. */
size_t options_first_operand(const struct word *words, size_t count);

/* Print a table of these options. */
void options_help(FILE *out, option_set ids);

/* The long name, "verify"; for the configuration file, completion, and the test of the man page. */
const char *options_name(enum option_id id);

/* The option of a long name; OPTION_ALL: there is none. */
enum option_id options_find(const char *name);

bool options_takes_value(enum option_id id);

/* Whether the option's value is the name of a local file or directory. */
bool options_takes_path(enum option_id id);

/* Whether several values of the option may all hold, as far as one can tell from its row. */
bool options_may_collect(enum option_id id);

/* The value that the option wants: "1 to 32". */
void options_wanted(enum option_id id, char *text, size_t size);

/*
 * Take "--NAME" or "--NAME=VALUE"; the word is borrowed as long as options are used. Returns 0, -EINVAL for a value that is not
 * options_wanted(), -ENOMEM.
 */
int options_take_word(struct options *options, enum option_id id, const char *word);

/* The options that words switch off: --NAME=no, for options that take no value. */
option_set options_denied(const struct word *words, size_t count);

/* "auto", "always", "never". Returns 0 or -EINVAL. */
int options_parse_verify(const char *text, enum ftp_verify *verify);
const char *options_verify_name(enum ftp_verify verify);

#endif
