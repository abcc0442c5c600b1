/* SPDX-License-Identifier: ISC */
/*
 * The keys of the configuration file: one table, and one for the sections "server", of which there may be several.
 * The rows of the first have their values in struct config, those of the second in struct config_server.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum key_type {
	KEY_LISTEN,	/* a list of HOST:PORT; field and the count after it */
	KEY_BLOCKS,	/* a list of networks (CIDR); field and the count after it */
	KEY_LOCALS,	/* a list of numeric addresses of this host; field and the count after it */
	KEY_TEXT,	/* one line of UTF-8 */
	KEY_BANNER,	/* the same, with variables that have a value before the login */
	KEY_NAME,	/* a user name of the system */
	KEY_PATH,	/* absolute */
	KEY_PATH_OR_NONE,
	KEY_ACCOUNTS,	/* "PATH,postgresql:PATH,pam:SERVICE", or some of these parts */
	KEY_LOG_TARGET,	/* "syslog", "journal", "stderr" or a path */
	KEY_ADDRESS,	/* "auto", a numeric address or a host name */
	KEY_LOCAL,	/* "", a loopback address and port, or "unix:/PATH" */
	KEY_SERVICES,	/* names of PAM services with ',' between them, or "" */
	KEY_HOSTS,	/* host names and addresses with ',' between them, or "" */
	KEY_BOOL,
	KEY_NUMBER,
	KEY_SIZE,	/* bytes */
	KEY_DURATION,	/* seconds */
	KEY_MODE,	/* low: bits that must be set; high: bits that may be set */
	KEY_RANGE,	/* "LOW-HIGH" into two fields, one after the other */
	KEY_CHOICE,	/* the index of a word of choices */
	KEY_TYPE_COUNT
};

#define KEY_CHOICES_MAX 8

struct config_key {
	const char *section;	/* NULL: at the top */
	const char *name;
	enum key_type type;
	const char *initial;	/* the default, as in the file, without quotes */
	uint64_t low, high;	/* range, both included; for texts high is the longest length */
	const char *choices[KEY_CHOICES_MAX];
	size_t offset, size;	/* of the field (the first field) in its struct */
	const char *help;	/* for the sample; lines separated by '\n' */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

#define CONFIG_SERVER_SECTION "server"

/* The keys of the sections "server". Their defaults are what holds for the main server. */
extern const struct config_key config_server_keys[];
extern const size_t config_server_key_count;

/* The sections in the order of the file, ended by NULL. */
extern const char *const config_sections[];

/*
 * Parse the value of one key into its field. values: the struct config or struct config_server of the key's table. A text is replaced and the old one freed, a
 * listen address is appended.
 *
 * problem  on -EINVAL: "what is wrong with 'VALUE'; what would be right" is added.
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int key_set(const struct config_key *key, const char *text, void *values, struct buf *problem);

/* Add what key accepts: "a number from 1 to 1000". */
void key_describe(const struct config_key *key, struct buf *out);

/* Add the value in force, as the file would have it, without quotes; of a list, with ", " between. */
void key_value(const struct config_key *key, const void *values, struct buf *out);

/* True for the types that take "{VALUE, VALUE}". */
bool key_is_list(const struct config_key *key);

/* True for the types whose field is an owned text. */
bool key_is_text(const struct config_key *key);

#endif
