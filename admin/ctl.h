/* SPDX-License-Identifier: ISC */
/* sallyportctl: what the parts of the tool share. */
#ifndef ADMIN_CTL_H
#define ADMIN_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accounts/account.h"
#include "admin/messages.h"

struct config;
struct json_t;
struct users_file;

enum ctl_exit { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

/* Options of commands; one row each in ctl_options[]. */
enum ctl_option {
	OPTION_HOME,
	OPTION_PASSWORD_STDIN,
	OPTION_UID,
	OPTION_GID,
	OPTION_MAX_SESSIONS,
	OPTION_READ_ONLY,
	OPTION_NO_READ_ONLY,
	OPTION_ALLOW,
	OPTION_DENY,
	OPTION_RIGHTS,
	OPTION_HIDE,
	OPTION_NO_HIDE,
	OPTION_DENY_NAME,
	OPTION_NO_DENY_NAME,
	OPTION_ANONYMOUS,
	OPTION_TLS,
	OPTION_ALLOW_FROM,
	OPTION_QUOTA,
	OPTION_QUOTA_FILES,
	OPTION_RATE_DOWN,
	OPTION_RATE_UP,
	OPTION_KEEP,
	OPTION_KEEP_QUOTA,
	OPTION_KEEP_BRAKE,
	OPTION_RETAIN,
	OPTION_FILE_MODE,
	OPTION_DIRECTORY_MODE,
	OPTION_DIRECTORY,
	OPTION_AT,
	OPTION_EXPIRES,
	OPTION_GROUP,
	OPTION_PAM,
	OPTION_LABEL,
	OPTION_INHERIT,
	OPTION_PURGE_HOME,
	OPTION_NAME,
	OPTION_DAYS,
	OPTION_FORCE,
	OPTION_USER,
	OPTION_ADDRESS,
	OPTION_SESSION,
	OPTION_WATCH,
	OPTION_HERE,
	OPTION_FOR,
	OPTION_READY,
	OPTION_PEER,
	OPTION_WAIT,
	OPTION_SERVER,
	OPTION_STORE,
	OPTION_STORE_CONF,
	OPTION_AS,
	OPTION_FROM,
	OPTION_SKIP,
	OPTION_OUTPUT,
	OPTION_PATH,
	OPTION_ID,
	OPTION_OLDER_THAN,
	OPTION_ALL_KEPT,
	OPTION_COUNT,
	/* of the program */
	OPTION_CONFIG = OPTION_COUNT,
	OPTION_JSON,
	OPTION_VERSION,
	OPTION_HELP,
	OPTION_ALL
};

#define CTL_NAMES_MAX 32
#define CTL_FILES_MAX 32
#define CTL_PATTERNS_MAX (2 * PATTERNS_MAX)	/* added and ended */
#define CTL_FULL_NAME_SIZE (ACCOUNT_NAME_MAX + SERVER_NAME_MAX + 3)

#define CTL_BIT(option) (UINT64_C(1) << (option))
#define CTL_TAKES_PROGRAM CTL_BIT(OPTION_COUNT) /* "-- PROGRAM ARGUMENT..." at the end */

/* One --hide or --deny-name, or the end of one. */
struct ctl_pattern {
	const char *text;
	bool denies, ends;
};

/* The command line, parsed. Texts are borrowed from argv. */
struct ctl {
	const char *config_path;
	bool is_json, wants_help, wants_version;
	const char *noun, *verb, *operand;
	const char *half_verb;	/* "passwd list", where its name is missing, or "list" is one; or NULL */
	bool given[OPTION_COUNT];
	const char *value[OPTION_COUNT];	/* the last one; for those that may be repeated see below */
	const char *allow_from[ACCOUNT_ALLOW_MAX];
	size_t allow_from_count;
	const char *rights[ZONES_MAX];
	size_t rights_count;
	struct ctl_pattern patterns[CTL_PATTERNS_MAX];
	size_t pattern_count;
	const char *names[CTL_NAMES_MAX];
	size_t name_count;
	const char *files[CTL_FILES_MAX];	/* of a command of "FILE...": all of them, operand first */
	size_t file_count;
	char **program;	/* the words after "--", NULL-terminated; NULL: there is no "--" */
	struct config *config;	/* loaded before the command runs, if the command needs it */
	size_t server;	/* whose users file the command is about, by its number in config; see server_option.h */
	char short_names[2][ACCOUNT_NAME_MAX + 1];	/* operand and --user, where they were given in full */
};

struct ctl_command {
	const char *noun, *verb;	/* verb NULL: the noun says it all */
	const char *operand;	/* "NAME"; "[ID]": may be left out; "FILE...": see files; NULL: none */
	uint64_t options;	/* CTL_BIT()s, CTL_TAKES_PROGRAM */
	bool wants_config;
	enum ctl_exit (*run)(struct ctl *ctl);
	const char *help;
};

/* Run sallyportctl; main() does nothing else. Returns the exit status. */
int ctl_run(int argc, char **argv);

/* Read the configuration; for a command that needs it only sometimes. Says what is wrong. 0 or -errno. */
int ctl_load_config(struct ctl *ctl);

/* Say that a command of two verbs lacks its name: ctl->half_verb. */
void ctl_say_half(const struct ctl *ctl);

/* What the server calls an account, or "+FOLDER", of the users file in hand: NAME, or NAME@SERVER. */
void ctl_full_name(const struct ctl *ctl, const char *name, char full[CTL_FULL_NAME_SIZE]);

/* " --server NAME", for a command that an error names; "" where the command in hand is about the main server. Static. */
const char *ctl_server_words(const struct ctl *ctl);

/* Open the users file of the configuration; says on stderr what is wrong, and returns NULL. */
struct users_file *ctl_open_users(const struct ctl *ctl, bool is_writing);

/* Parse line i of the users file; says what is wrong with it. The caller wipes account. 0 or -EINVAL. */
int ctl_parse_line(const struct ctl *ctl, const struct users_file *file, size_t i, struct account *account);

/* Find the account that the command names, in the users file or the database, and show it; says what is wrong. arg is for show. */
enum ctl_exit ctl_show_user(struct ctl *ctl,
    enum ctl_exit (*show)(struct ctl *ctl, const struct account *account, const void *arg), const void *arg);

/* Print value and release it. */
enum ctl_exit ctl_print_json(struct json_t *value);

/* Print value on one line, in ASCII without control characters. It stays the caller's. 0, or -1: not printed. */
int ctl_put_json(const struct json_t *value);

/* The commands. */
enum ctl_exit user_add(struct ctl *ctl);
enum ctl_exit user_set(struct ctl *ctl);
enum ctl_exit user_passwd(struct ctl *ctl);
enum ctl_exit user_passwd_add(struct ctl *ctl);
enum ctl_exit user_passwd_list(struct ctl *ctl);
enum ctl_exit user_passwd_del(struct ctl *ctl);
enum ctl_exit user_lock(struct ctl *ctl);
enum ctl_exit user_unbrake(struct ctl *ctl);
enum ctl_exit user_unlock(struct ctl *ctl);
enum ctl_exit user_del(struct ctl *ctl);
enum ctl_exit user_list(struct ctl *ctl);
enum ctl_exit user_import(struct ctl *ctl);
enum ctl_exit user_export(struct ctl *ctl);
enum ctl_exit user_show(struct ctl *ctl);
enum ctl_exit user_partials(struct ctl *ctl);
enum ctl_exit folder_add(struct ctl *ctl);
enum ctl_exit folder_set(struct ctl *ctl);
enum ctl_exit folder_grant(struct ctl *ctl);
enum ctl_exit folder_revoke(struct ctl *ctl);
enum ctl_exit folder_list(struct ctl *ctl);
enum ctl_exit folder_show(struct ctl *ctl);
enum ctl_exit folder_remove(struct ctl *ctl);
enum ctl_exit group_add(struct ctl *ctl);
enum ctl_exit group_set(struct ctl *ctl);
enum ctl_exit group_remove(struct ctl *ctl);
enum ctl_exit group_list(struct ctl *ctl);
enum ctl_exit group_show(struct ctl *ctl);
enum ctl_exit migrate(struct ctl *ctl);
enum ctl_exit node_list(struct ctl *ctl);
enum ctl_exit node_forget(struct ctl *ctl);
enum ctl_exit quota_show(struct ctl *ctl);
enum ctl_exit quota_recount(struct ctl *ctl);
enum ctl_exit keep_show(struct ctl *ctl);
enum ctl_exit keep_give_back(struct ctl *ctl);
enum ctl_exit keep_remove(struct ctl *ctl);
enum ctl_exit cert_self_signed(struct ctl *ctl);
enum ctl_exit cert_show(struct ctl *ctl);
enum ctl_exit config_check(struct ctl *ctl);
enum ctl_exit store_check(struct ctl *ctl);
enum ctl_exit store_init(struct ctl *ctl);
enum ctl_exit store_upgrade(struct ctl *ctl);
enum ctl_exit metrics_print(struct ctl *ctl);
enum ctl_exit session_list(struct ctl *ctl);
enum ctl_exit session_watch(struct ctl *ctl);
enum ctl_exit session_kick(struct ctl *ctl);
enum ctl_exit session_notify(struct ctl *ctl);
enum ctl_exit ban_list(struct ctl *ctl);
enum ctl_exit ban_add(struct ctl *ctl);
enum ctl_exit ban_del(struct ctl *ctl);
enum ctl_exit server_status(struct ctl *ctl);
enum ctl_exit server_setup(struct ctl *ctl);
enum ctl_exit server_reload(struct ctl *ctl);
enum ctl_exit server_upgrade(struct ctl *ctl);
enum ctl_exit server_drain(struct ctl *ctl);
enum ctl_exit server_stop(struct ctl *ctl);
enum ctl_exit server_log_level(struct ctl *ctl);

#endif
