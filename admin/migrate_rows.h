/* SPDX-License-Identifier: ISC */
/* What most directives of other servers need: the functions of struct migrate_row that their tables share. */
#ifndef ADMIN_MIGRATE_ROWS_H
#define ADMIN_MIGRATE_ROWS_H

#include "admin/migrate_plan.h"

#define TAKES struct migrate_plan *plan, const struct directive *directive, const struct migrate_row *row

void take_same(TAKES); /* the value is that of our key */
void take_first_word(TAKES); /* the same of the first word, without its quotes */
void take_switch(TAKES);
void take_seconds(TAKES);
void take_minutes(TAKES);
void take_ceiling(TAKES); /* a number; 0 and "none" are no limit: the highest that our key takes */
void take_needless(TAKES); /* nothing to carry: sallyport does so always, or has no such thing to protect */
void take_later(TAKES); /* settle() looks at it */
void take_lost(TAKES); /* noted */
void take_lost_yes(TAKES); /* noted, if it is switched on */
void take_lost_no(TAKES); /* noted, if it is switched off */
void take_named_file(TAKES); /* noted, if the file was not read */

/* Rows of the tables. */
#define NEEDLESS(name) \
	{ \
		name, take_needless, NULL, MIGRATE_COMFORT, NULL, NULL \
	}
#define LATER(name) \
	{ \
		name, take_later, NULL, MIGRATE_PROTECTS, NULL, NULL \
	}

/* What sallyport has not, and what to do instead: of rows and notes. */
#define HAS_CONFINED "every account is confined to its home", "give the account a home further up, or a shared folder"
#define HAS_OWN_ADDRESS "a data connection is one with the client's own address", "copy by way of the client"
#define HAS_OWN_CIPHERS "the ciphers are those that OpenSSL takes for safe", "use tls.minimum"
#define HAS_BANNER_LINE "the banner is one line", "use banner, or login-message"
#define HAS_SYSLOG "the log goes to syslog", "set log.target"
#define NO_CLIENT_CERTIFICATES \
	"certificates of clients are not asked for", "let in known networks only: allow-from= of sallyport-users(5)"
#define NO_HOSTS_ACCESS "hosts_access(5) is not asked", "use the packet filter, or allow-from= of sallyport-users(5)"
#define NO_RATIO "there are no ratios", "give the accounts a quota, or rate-down="
#define NO_SOURCE \
	"accounts of this source are not read", "export them as passwd(5), and name that file as a further FILE"
#define NO_NEW_HOMES "a login makes no home", "make them before"
#define NO_SUCH_PATTERN \
	"the pattern has no counterpart", "say it with hide= and deny= of sallyport-users(5), as far as they can"
#define LIKE_A_DROP_BOX \
	"what anonymous users upload, others could download", \
	    "name the directory for it: rights=/incoming=create of the account 'anonymous'"

/* Word number i of directive, or fallback; directive may be NULL. */
const char *migrate_word(const struct directive *directive, size_t i, const char *fallback);

/* The first word of directive as a number; value stays where it is none. */
void migrate_word_number(const struct directive *directive, uint64_t *value);

/* Modes for files and directories out of octal masks, which take bits away. 0, or -EINVAL where one is no mask. */
int migrate_masks(const char *files, const char *directories, uint32_t *file_mode, uint32_t *directory_mode);

/* The same as keys; noted where one is none. */
void migrate_set_masks(
    struct migrate_plan *plan, const struct directive *by, const char *files, const char *directories);

/* The key listen, or listen-tls, of an address of len bytes, with or without brackets. */
void migrate_set_address(struct migrate_plan *plan, const char *key, const struct directive *by, const char *address,
    size_t len, const char *port);

/* The certificate and its key; the key is in the file of the certificate if it is NULL. fallback: where both are. */
void migrate_set_certificate(
    struct migrate_plan *plan, const struct directive *certificate, const struct directive *key, const char *fallback);

/* Rights that go with a directive. */
struct migrate_switch {
	const char *name;
	bool fallback, keeps; /* its default; they go where it is off, not on */
	unsigned rights;
};

/* rights without those of switches that say so. */
unsigned migrate_take_away(
    const struct migrate_plan *plan, const struct migrate_switch *switches, size_t count, unsigned rights);

/* A rate of bytes a second; 0: no limit. Noted, and 0 or the least, where it cannot be had. */
uint64_t migrate_rate(struct migrate_plan *plan, const struct directive *by, const char *text, uint64_t unit);

/* Add a pattern to profile; noted where it cannot be had. */
void migrate_add_pattern(struct migrate_plan *plan, const struct directive *by, struct migrate_profile *profile,
    bool denies, const char *pattern, size_t len);

/*
 * Cut text at blanks to words, in place; a quoted one is one word, without its quotes. The first is the name, and
 * value is the rest of the line. 1, 0: there is none, or -EINVAL with problem.
 */
int migrate_cut_words(struct directive *out, const char **problem);

#endif
