/* SPDX-License-Identifier: ISC */
/* One account: a line of the users file (sallyport-users(5)) as a struct. */
#ifndef ACCOUNTS_ACCOUNT_H
#define ACCOUNTS_ACCOUNT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accounts/grants.h"
#include "accounts/keep_rules.h"
#include "accounts/patterns.h"
#include "accounts/rights.h"
#include "accounts/zones.h"
#include "common/address.h"
#include "common/bounds.h"

#define ACCOUNT_HASH_MAX 383	/* CRYPT_OUTPUT_SIZE - 1 */
#define ACCOUNT_ANY_PASSWORD "*any"
#define ACCOUNT_ANONYMOUS "anonymous"	/* the name that clients without an account give */
#define ACCOUNT_FTP "ftp"		/* and the other one */
#define ACCOUNT_ALLOW_MAX 32
#define ACCOUNT_NO_QUOTA UINT64_MAX
#define ACCOUNT_RATE_MIN 1024		/* bytes per second: less is a stall */
#define ACCOUNT_FILE_MODE_LOW 0600	/* bits that no such mode lacks, as in the configuration */
#define ACCOUNT_DIRECTORY_MODE_LOW 0700
#define ACCOUNT_MODE_HIGH 0777	/* and the only ones that it may have */
#define ACCOUNT_LINE_MAX 8192	/* without newline */

/* May the account log in without TLS? */
enum account_tls {
	ACCOUNT_TLS_AS_CONFIGURED,
	ACCOUNT_TLS_REQUIRED,
	ACCOUNT_TLS_OPTIONAL	/* where tls.require is set: only if it takes any password */
};

#define ACCOUNT_PASSWORDS_MAX 8	/* besides that of the hash field: a wrong one costs as many hashes */
#define ACCOUNT_LABEL_MAX 32
#define ACCOUNT_MAIN_LABEL "main"	/* of the hash field, in lists and logs */

/* A further password: the option password=LABEL,EXPIRES,HASH. */
struct account_password {
	char label[ACCOUNT_LABEL_MAX + 1];
	int64_t expires;	/* as that of the account */
	char hash[ACCOUNT_HASH_MAX + 1];
};

struct account {
	char name[ACCOUNT_NAME_MAX + 1];
	char hash[ACCOUNT_HASH_MAX + 1];	/* crypt(5), without the lock mark; its filler wipes it */
	bool takes_any;				/* password: the hash is ACCOUNT_ANY_PASSWORD, which is none */
	bool is_locked;
	uint32_t uid, gid;
	char group[ACCOUNT_NAME_MAX + 1];	/* of settings (groups.h); "": none */
	bool lacks_group;			/* nobody knows that group, so nobody logs in */
	const char *contradiction;		/* of what the account and its group say, without harm; NULL: none */
	uint64_t said, from_group;		/* by the line, and by the group: bits of account_option_source() */
	enum account_tls tls;
	bool is_read_only;
	unsigned rights;			/* enum account_right, as the line says; see account_rights() */
	bool has_zones;				/* zones has rules; otherwise it is not touched */
	bool has_patterns;			/* and patterns */
	uint32_t max_sessions;			/* 0: no limit of its own */
	uint64_t quota_bytes, quota_files;	/* ACCOUNT_NO_QUOTA: none */
	uint64_t rate_down, rate_up;		/* bytes per second, all sessions together; 0: no limit */
	uint32_t file_mode, directory_mode;	/* of what it makes; 0: as configured */
	struct keep_rules keep;
	bool has_grants;			/* grants has shared folders; otherwise it is not touched */
	size_t password_count;			/* of passwords; the others are not touched */
	int64_t expires;			/* seconds since the epoch (UTC): refused from then on; 0: never */
	size_t allow_from_count;		/* 0: from everywhere */
	struct address_block allow_from[ACCOUNT_ALLOW_MAX];
	char home[PATH_MAX];			/* absolute, no "." or ".." component; late: most are short */
	struct grants grants;			/* most accounts have none */
	struct zones zones;			/* most accounts have none */
	struct patterns patterns;		/* most accounts have none */
	struct account_password passwords[ACCOUNT_PASSWORDS_MAX];	/* last: most accounts have none */
};

/*
 * Parse one line of the users file, without its newline. Pure.
 *
 * error  on failure: what is wrong and what would be right; static text.
 *
 * Returns 0, or -EINVAL. Not for blank lines and comments; see account_line_is_blank().
 */
int account_parse(const char *line, size_t len, struct account *account, const char **error);

/* Wipe an account. Behind its home only what is used is touched, so call this before another one is parsed into it. */
void account_wipe(struct account *account);

/* The rights of the account where no zone has its own; of a read-only one, only those that change nothing. */
unsigned account_rights(const struct account *account);

/* The rights that the account has in some place of its home. */
unsigned account_rights_somewhere(const struct account *account);

/* Take options as an account has them, and nothing else, to account. Pure. 0, or -EINVAL with error. */
int account_take_options(struct account *account, const char *words, size_t len, const char **error);

/* Check the options of a group (definition.h), without those that only an account may have. Pure. 0, or -EINVAL with error. */
int account_group_check(const char *words, size_t len, const char **error);

/*
 * Take the options of the account's group, as far as the account does not say them itself. Pure. words: the body of
 * its definition; NULL: it has none, and lacks_group is set. Returns 0, or -EINVAL with error for bad words.
 */
int account_take_group(struct account *account, const char *words, size_t len, const char **error);

/* Who says the option number i: the account, its group, or nobody. key: gets its name; NULL behind the last option. */
enum option_source { OPTION_BY_NOBODY, OPTION_BY_ACCOUNT, OPTION_BY_GROUP };
enum option_source account_option_source(const struct account *account, size_t i, const char **key);

/* The same by its name, which must be one. */
enum option_source account_option_said_by(const struct account *account, const char *key);

/* True for an empty line, one of blanks only, or a comment ("#" first). */
bool account_line_is_blank(const char *line, size_t len);

/* True for a line that account_parse() is for: neither blank, nor a comment, nor a definition (definition.h). */
bool account_line_is_account(const char *line, size_t len);

/* What every line must be: not too long, and without control characters. False: error is set to static text. */
bool account_line_is_text(const char *line, size_t len, const char **error);

/*
 * Check a name for a new or existing account: 1 to 64 bytes; no colon, slash, white space,
 * control character or invalid UTF-8; not "." or "..", and no leading '-', '#', '!' or '+'.
 * Returns true, or false with error set to static text.
 */
bool account_name_valid(const char *name, size_t len, const char **error);

/*
 * Parse "YYYY-MM-DD" into the first second of that day, UTC. Pure.
 * Returns 0, or -EINVAL for another form, a day that does not exist, or one before 1970-01-02.
 */
int account_parse_date(const char *text, size_t len, int64_t *seconds);

/* The bytes of a HASH field that begins at text: up to a colon, but "*pam:SERVICE" has one itself. text + left: no colon. */
size_t account_hash_field_len(const char *text, size_t left);

/* Hash number i: 0 is that of the hash field, then those of further passwords. */
const char *account_hash(const struct account *account, size_t i);

/* 1 to 32 of a-z, A-Z, 0-9, '.', '_' and '-', no '.' first, and not "main". len: without NUL. */
bool account_label_valid(const char *label, size_t len);

/* The PAM service that checks the account's password, borrowed from its hash; NULL: the hash is one. */
const char *account_pam_service(const struct account *account);

/*
 * Step to the next word of an OPTIONS field.
 *
 * text, len  the rest; moved after the word.
 * word       the word found, within text.
 *
 * Returns the word's length, 0 at the end.
 */
size_t account_option_next(const char **text, size_t *len, const char **word);

/* True when the key of an option word has a meaning; others are kept and have no effect. */
bool account_option_known(const char *word, size_t len);

#endif
