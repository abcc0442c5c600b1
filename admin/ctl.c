/* SPDX-License-Identifier: ISC */
#include "admin/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "admin/server_option.h"
#include "admin/store_tool.h"
#include "common/options.h"
#include "config/config.h"

#include "common/banned.h"

#define OPERANDS_MAX 3 /* noun, verb, operand */
#define MEANINGS_MAX 8 /* of one option, in all commands */

#define STORE_OPTIONS (CTL_BIT(OPTION_STORE) | CTL_BIT(OPTION_STORE_CONF) | CTL_BIT(OPTION_SERVER))
#define DEFINITION_OPTIONS (CTL_BIT(OPTION_STORE_CONF) | CTL_BIT(OPTION_SERVER)) /* groups are in a users file alone */
#define USER_OPTIONS \
	(STORE_OPTIONS | GROUP_OPTIONS | CTL_BIT(OPTION_HOME) | CTL_BIT(OPTION_UID) | CTL_BIT(OPTION_GID) | \
	    CTL_BIT(OPTION_GROUP) | CTL_BIT(OPTION_PAM))
#define GROUP_OPTIONS \
	(CTL_BIT(OPTION_MAX_SESSIONS) | CTL_BIT(OPTION_READ_ONLY) | CTL_BIT(OPTION_ALLOW) | CTL_BIT(OPTION_DENY) | \
	    CTL_BIT(OPTION_RIGHTS) | CTL_BIT(OPTION_TLS) | CTL_BIT(OPTION_ALLOW_FROM) | CTL_BIT(OPTION_EXPIRES) | \
	    CTL_BIT(OPTION_HIDE) | CTL_BIT(OPTION_NO_HIDE) | CTL_BIT(OPTION_DENY_NAME) | \
	    CTL_BIT(OPTION_NO_DENY_NAME) | CTL_BIT(OPTION_QUOTA) | CTL_BIT(OPTION_QUOTA_FILES) | \
	    CTL_BIT(OPTION_RATE_DOWN) | CTL_BIT(OPTION_RATE_UP) | CTL_BIT(OPTION_FILE_MODE) | \
	    CTL_BIT(OPTION_DIRECTORY_MODE) | CTL_BIT(OPTION_KEEP) | CTL_BIT(OPTION_KEEP_QUOTA) | \
	    CTL_BIT(OPTION_KEEP_BRAKE) | CTL_BIT(OPTION_RETAIN))
#define FOLDER_OPTIONS \
	(CTL_BIT(OPTION_SERVER) | CTL_BIT(OPTION_DIRECTORY) | CTL_BIT(OPTION_GID) | CTL_BIT(OPTION_ALLOW) | \
	    CTL_BIT(OPTION_DENY) | CTL_BIT(OPTION_QUOTA) | CTL_BIT(OPTION_QUOTA_FILES) | CTL_BIT(OPTION_FILE_MODE) | \
	    CTL_BIT(OPTION_DIRECTORY_MODE))

/* Options that may repeat go to a list. */
static int
take_repeated(const char *value, const char **list, size_t *count, size_t max)
{
	if (*count == max)
		return -ENOMEM;
	list[(*count)++] = value;
	return 0;
}

static int
take_allow_from(void *targets, const char *value)
{
	struct ctl *ctl = targets;

	return take_repeated(value, ctl->allow_from, &ctl->allow_from_count, ACCOUNT_ALLOW_MAX);
}

static int
take_rights(void *targets, const char *value)
{
	struct ctl *ctl = targets;

	return take_repeated(value, ctl->rights, &ctl->rights_count, ZONES_MAX);
}

static int
take_name_pattern(struct ctl *ctl, const char *value, bool denies, bool ends)
{
	if (ctl->pattern_count == CTL_PATTERNS_MAX)
		return -ENOMEM;
	ctl->patterns[ctl->pattern_count++] = (struct ctl_pattern){.text = value, .denies = denies, .ends = ends};
	return 0;
}

static int
take_hide(void *targets, const char *value)
{
	return take_name_pattern(targets, value, false, false);
}

static int
take_no_hide(void *targets, const char *value)
{
	return take_name_pattern(targets, value, false, true);
}

static int
take_deny_name(void *targets, const char *value)
{
	return take_name_pattern(targets, value, true, false);
}

static int
take_no_deny_name(void *targets, const char *value)
{
	return take_name_pattern(targets, value, true, true);
}

static int
set_option_name(void *targets, const char *value)
{
	struct ctl *ctl = targets;

	return take_repeated(value, ctl->names, &ctl->name_count, CTL_NAMES_MAX);
}

#define VALUE(option) .target = offsetof(struct ctl, value[OPTION_##option])
#define GIVEN(option) .target = offsetof(struct ctl, given[OPTION_##option])
#define AT(member) .target = offsetof(struct ctl, member)

/* Options of commands, by enum ctl_option; then those of the program. */
/* clang-format off */
static const struct opt_row ctl_options[OPTION_ALL] = {
    [OPTION_HOME] = {"home", 0, "DIR", OPT_TEXT, VALUE(HOME),
	.help = "the home; default: NAME in home-directory"},
    [OPTION_PASSWORD_STDIN] = {"password-stdin", 0, NULL, OPT_FLAG, GIVEN(PASSWORD_STDIN),
	.help = "read the password from standard input, one line"},
    [OPTION_UID] = {"uid", 0, "N", OPT_TEXT, VALUE(UID), .help = "the user id; default: a free one of uid-range"},
    [OPTION_GID] = {"gid", 0, "N", OPT_TEXT, VALUE(GID), .help = "the group id"},
    [OPTION_MAX_SESSIONS] = {"max-sessions", 0, "N", OPT_TEXT, VALUE(MAX_SESSIONS),
	.help = "sessions at once; 0: no limit of its own"},
    [OPTION_READ_ONLY] = {"read-only", 0, NULL, OPT_FLAG, GIVEN(READ_ONLY), .help = "the account can change nothing"},
    [OPTION_NO_READ_ONLY] = {"no-read-only", 0, NULL, OPT_FLAG, GIVEN(NO_READ_ONLY), .help = "end --read-only"},
    [OPTION_ALLOW] = {"allow", 0, "LIST", OPT_TEXT, VALUE(ALLOW),
	.help = "it may do this and no more: list,read,create,overwrite,delete,rename,mkdir,rmdir,chmod; 'all'"},
    [OPTION_DENY] = {"deny", 0, "LIST", OPT_TEXT, VALUE(DENY), .help = "it may no longer do this; words as for --allow"},
    [OPTION_RIGHTS] = {"rights", 0, "DIR=LIST", OPT_CALL, .take = take_rights,
	.help = "what it may do in this directory and below; may be repeated; 'DIR=none': nothing; 'DIR=inherit': as above it"},
    [OPTION_HIDE] = {"hide", 0, "PATTERN", OPT_CALL, .take = take_hide,
	.help = "names such as '*.tmp' that listings leave out; may be repeated"},
    [OPTION_NO_HIDE] = {"no-hide", 0, "PATTERN", OPT_CALL, .take = take_no_hide, .help = "end this --hide; may be repeated"},
    [OPTION_DENY_NAME] = {"deny-name", 0, "PATTERN", OPT_CALL, .take = take_deny_name,
	.help = "names such as '*.exe' that it may not use; may be repeated"},
    [OPTION_NO_DENY_NAME] = {"no-deny-name", 0, "PATTERN", OPT_CALL, .take = take_no_deny_name,
	.help = "end this --deny-name; may be repeated"},
    [OPTION_ANONYMOUS] = {"anonymous", 0, NULL, OPT_FLAG, GIVEN(ANONYMOUS),
	.help = "it takes any password, and has the rights list,read unless --allow says otherwise"},
    [OPTION_TLS] = {"tls", 0, "WORD", OPT_TEXT, VALUE(TLS),
	.help = "'required'; 'optional': in clear, too, if it takes any password; 'none': as tls.require says"},
    [OPTION_ALLOW_FROM] = {"allow-from", 0, "CIDR", OPT_CALL, .take = take_allow_from,
	.help = "it may log in only from there; may be repeated; 'any': from everywhere"},
    [OPTION_QUOTA] = {"quota", 0, "SIZE", OPT_TEXT, VALUE(QUOTA),
	.help = "bytes that the home may hold, such as 10G; 'none'"},
    [OPTION_QUOTA_FILES] = {"quota-files", 0, "N", OPT_TEXT, VALUE(QUOTA_FILES),
	.help = "files, directories and links that the home may hold; 'none'"},
    [OPTION_RATE_DOWN] = {"rate-down", 0, "SIZE", OPT_TEXT, VALUE(RATE_DOWN),
	.help = "bytes a second of all downloads together, such as 2M; 'none'"},
    [OPTION_RATE_UP] = {"rate-up", 0, "SIZE", OPT_TEXT, VALUE(RATE_UP),
	.help = "bytes a second of all uploads together; 'none'"},
    [OPTION_KEEP] = {"keep", 0, "DAYS", OPT_TEXT, VALUE(KEEP),
	.help = "keep files that are replaced or removed for this long, such as 30d; 'none'"},
    [OPTION_KEEP_QUOTA] = {"keep-quota", 0, "SIZE", OPT_TEXT, VALUE(KEEP_QUOTA),
	.help = "bytes that all that is kept may have, such as 10G; 'none'"},
    [OPTION_KEEP_BRAKE] = {"keep-brake", 0, "N/TIME", OPT_TEXT, VALUE(KEEP_BRAKE),
	.help = "more overwrites and removals in that time, such as 200/10m, make the account read-only; 'none'"},
    [OPTION_RETAIN] = {"retain", 0, "DAYS", OPT_TEXT, VALUE(RETAIN),
	.help = "what is uploaded or kept stays for this long, such as 365d, whoever wants it gone; 'none'"},
    [OPTION_FILE_MODE] = {"file-mode", 0, "MODE", OPT_TEXT, VALUE(FILE_MODE),
	.help = "the mode of new files, such as 0660; 'none': as configured"},
    [OPTION_DIRECTORY_MODE] = {"directory-mode", 0, "MODE", OPT_TEXT, VALUE(DIRECTORY_MODE),
	.help = "the mode of new directories, such as 0770; 'none': as configured"},
    [OPTION_DIRECTORY] = {"directory", 0, "DIR", OPT_TEXT, VALUE(DIRECTORY),
	.help = "the directory of the folder; it is made if it is missing"},
    [OPTION_AT] = {"at", 0, "PATH", OPT_TEXT, VALUE(AT), .help = "where the account sees the folder, such as /team"},
    [OPTION_EXPIRES] = {"expires", 0, "DATE", OPT_TEXT, VALUE(EXPIRES),
	.help = "refuse logins from the start of this day (YYYY-MM-DD, UTC); 'never'"},
    [OPTION_GROUP] = {"group", 0, "NAME", OPT_TEXT, VALUE(GROUP),
	.help = "take what the account does not say itself from this group of settings; 'none'"},
    [OPTION_PAM] = {"pam", 0, "SERVICE", OPT_TEXT, VALUE(PAM),
	.help = "no password here: PAM checks it by this service of /etc/pam.d"},
    [OPTION_LABEL] = {"label", 0, "LABEL", OPT_TEXT, VALUE(LABEL),
	.help = "which of several passwords; 'main': that of 'user passwd NAME'"},
    [OPTION_INHERIT] = {"inherit", 0, "LIST", OPT_TEXT, VALUE(INHERIT),
	.help = "forget these words of the account, such as quota,rate-up, so that those of its group count"},
    [OPTION_PURGE_HOME] = {"purge-home", 0, NULL, OPT_FLAG, GIVEN(PURGE_HOME),
	.help = "remove the home with all that is in it"},
    [OPTION_NAME] = {"name", 0, "HOST", OPT_CALL, .take = set_option_name,
	.help = "a host name or address of the server; may be repeated; default: this host's name, or those of --server"},
    [OPTION_DAYS] = {"days", 0, "N", OPT_TEXT, VALUE(DAYS),
	.help = "days for which the certificate is valid, 1 to 3650; default: 825"},
    [OPTION_FORCE] = {"force", 0, NULL, OPT_FLAG, GIVEN(FORCE),
	.help = "replace an existing certificate and key"},
    [OPTION_USER] = {"user", 0, "NAME", OPT_TEXT, VALUE(USER), .help = "this account, or its sessions"},
    [OPTION_ADDRESS] = {"address", 0, "ADDRESS", OPT_TEXT, VALUE(ADDRESS), .help = "the sessions from this address"},
    [OPTION_SESSION] = {"session", 0, "ID", OPT_TEXT, VALUE(SESSION), .help = "only this session"},
    [OPTION_FOR] = {"for", 0, "TIME", OPT_TEXT, VALUE(FOR),
	.help = "how long, such as 90s, 30m, 12h, 7d; default: limits.ban-time"},
    [OPTION_READY] = {"ready", 0, NULL, OPT_FLAG, GIVEN(READY),
	.help = "only say by the exit status whether it takes new clients"},
    [OPTION_PEER] = {"peer", 0, NULL, OPT_FLAG, GIVEN(PEER),
	.help = "with the same command on another node, within two minutes"},
    [OPTION_WAIT] = {"wait", 0, "TIME", OPT_TEXT, VALUE(WAIT),
	.help = "how long to wait while somebody else counts, such as 30s, 2h; default: 10m"},
    [OPTION_SERVER] = {"server", 0, "NAME", OPT_TEXT, VALUE(SERVER),
	.help = "the users file of this server, a section of the configuration; the same as an account NAME@SERVER"},
    [OPTION_STORE] = {"store", 0, "PLACE", OPT_TEXT, VALUE(STORE),
	.help = "'file' or 'postgresql'; default: where the account is; for a new one the database, where accounts names one"},
    [OPTION_STORE_CONF] = {"store-conf", 0, "FILE", OPT_TEXT, VALUE(STORE_CONF),
	.help = "how to reach the database as its administrator; default: " ADMIN_CONF_NAME " beside the file that accounts names"},
    [OPTION_AS] = {"as", 0, "USER", OPT_TEXT, VALUE(AS),
	.help = "connect as this system user, such as 'postgres', whom the database knows by its socket"},
    [OPTION_FROM] = {"from", 0, "FORMAT", OPT_TEXT, VALUE(FROM),
	.help = "what FILE is: users (the default), pure-ftpd, proftpd, vsftpd or passwd"},
    [OPTION_SKIP] = {"skip", 0, NULL, OPT_FLAG, GIVEN(SKIP),
	.help = "leave out accounts that cannot be taken, and take the others"},
    [OPTION_OUTPUT] = {"output", 0, "DIR", OPT_TEXT, VALUE(OUTPUT),
	.help = "the directory for the new files, which it makes if it is missing; files there are never replaced"},
    [OPTION_PATH] = {"path", 0, "PATH", OPT_TEXT, VALUE(PATH),
	.help = "a file of the account as its client names it, such as /docs/a.txt"},
    [OPTION_ID] = {"id", 0, "ID", OPT_TEXT, VALUE(ID), .help = "which version, by its id of 'keep list'; default: the youngest"},
    [OPTION_OLDER_THAN] = {"older-than", 0, "DAYS", OPT_TEXT, VALUE(OLDER_THAN),
	.help = "what was kept for longer than this, such as 10d; default: the account's keep"},
    [OPTION_ALL_KEPT] = {"all", 0, NULL, OPT_FLAG, GIVEN(ALL_KEPT), .help = "of any age"},
    [OPTION_WATCH] = {"watch", 0, NULL, OPT_FLAG, GIVEN(WATCH),
	.help = "show it again every second until Ctrl-C"},
    [OPTION_HERE] = {"here", 0, NULL, OPT_FLAG, GIVEN(HERE),
	.help = "on this server alone, not on the others that use the same database"},
    [OPTION_CONFIG] = {NULL, 'c', "FILE", OPT_TEXT, AT(config_path), .help = "the configuration; default: " CONFIG_FILE_DEFAULT},
    [OPTION_JSON] = {"json", 0, NULL, OPT_FLAG, AT(is_json), .help = "write the result as JSON"},
    [OPTION_VERSION] = {"version", 'V', NULL, OPT_FLAG, AT(wants_version), .help = "the version"},
    [OPTION_HELP] = {"help", 'h', NULL, OPT_FLAG, AT(wants_help), .help = "this text"},
};
/* clang-format on */

/* clang-format off */
/* Options that mean something else with some commands. */
static const struct {
	const char *noun, *verb; /* verb NULL: all of the noun */
	enum ctl_option option;
	const char *value; /* NULL: none */
	const char *help;
} ctl_meanings[] = {
    {"node", NULL, OPTION_FORCE, NULL, "forget the node although it was heard just now"},
    {"group", NULL, OPTION_FORCE, NULL, "remove the group although accounts are of it, which cannot log in then"},
    {"keep", NULL, OPTION_FORCE, NULL, "let what is restored replace a file, which is kept in turn"},
    {"keep", NULL, OPTION_AS, "PATH", "restore it under this path, beside what is there"},
    {"user", "passwd add", OPTION_EXPIRES, "DATE", "the password is refused from the start of this day (YYYY-MM-DD, UTC); 'never'"},
    {"folder", NULL, OPTION_GID, "N", "the group of the folder; default: a number that no account and no folder has"},
    {"folder", NULL, OPTION_QUOTA, "SIZE", "bytes that the folder may hold, for all accounts together, such as 50G; 'none'"},
    {"folder", NULL, OPTION_QUOTA_FILES, "N", "files, directories and links that the folder may hold; 'none'"},
    {"folder", NULL, OPTION_FILE_MODE, "MODE", "the mode of new files; 'none': 0660"},
    {"folder", NULL, OPTION_DIRECTORY_MODE, "MODE", "the mode of new directories; 'none': 0770"},
    {"folder", NULL, OPTION_USER, "NAME", "this account"},
    {"session", NULL, OPTION_USER, "NAME", "the sessions of this account"},
    {"cert", NULL, OPTION_SERVER, "NAME", "the certificate of this server, a section of the configuration"},
};

/* Options that a command does not do without. */
static const struct {
	const char *noun, *verb; /* verb NULL: all of the noun */
	uint64_t options;
} ctl_needs[] = {
    {"user", "passwd add", CTL_BIT(OPTION_LABEL)},
    {"user", "passwd del", CTL_BIT(OPTION_LABEL)},
    {"keep", "restore", CTL_BIT(OPTION_PATH)},
    {"folder", "add", CTL_BIT(OPTION_DIRECTORY)},
    {"folder", "grant", CTL_BIT(OPTION_USER) | CTL_BIT(OPTION_AT)},
    {"folder", "revoke", CTL_BIT(OPTION_USER)},
    {"migrate", NULL, CTL_BIT(OPTION_OUTPUT)},
};
/* clang-format on */

/* clang-format off */
static const struct ctl_command ctl_commands[] = {
    {"user", "add", "NAME", USER_OPTIONS | CTL_BIT(OPTION_PASSWORD_STDIN) | CTL_BIT(OPTION_ANONYMOUS), true, user_add,
     "make an account and its home"},
    {"user", "set", "NAME", USER_OPTIONS | CTL_BIT(OPTION_NO_READ_ONLY) | CTL_BIT(OPTION_INHERIT), true, user_set, "change an account"},
    {"user", "passwd", "NAME", STORE_OPTIONS | CTL_BIT(OPTION_PASSWORD_STDIN), true, user_passwd, "set a new password"},
    {"user", "passwd add", "NAME",
     STORE_OPTIONS | CTL_BIT(OPTION_PASSWORD_STDIN) | CTL_BIT(OPTION_LABEL) | CTL_BIT(OPTION_EXPIRES), true, user_passwd_add,
     "add one more password under a label"},
    {"user", "passwd list", "NAME", STORE_OPTIONS, true, user_passwd_list,
     "show the passwords of an account: label, expiry, last use on this server"},
    {"user", "passwd del", "NAME", STORE_OPTIONS | CTL_BIT(OPTION_LABEL), true, user_passwd_del, "remove one of several passwords"},
    {"user", "lock", "NAME", STORE_OPTIONS, true, user_lock, "refuse logins, but keep the password"},
    {"user", "unlock", "NAME", STORE_OPTIONS, true, user_unlock, "allow logins again"},
    {"user", "unbrake", "NAME", STORE_OPTIONS, true, user_unbrake, "lift the brake of an account (--keep-brake) on this server"},
    {"user", "del", "NAME", STORE_OPTIONS | CTL_BIT(OPTION_PURGE_HOME), true, user_del, "remove an account; the home stays"},
    {"user", "list", NULL, STORE_OPTIONS, true, user_list, "list the accounts"},
    {"user", "import", "FILE", STORE_OPTIONS | CTL_BIT(OPTION_FROM) | CTL_BIT(OPTION_SKIP), true, user_import,
     "add the accounts of a file, all or none; '-': standard input"},
    {"user", "export", "[FILE]", STORE_OPTIONS, true, user_export, "write the accounts as a users file; default: standard output"},
    {"user", "show", "NAME", STORE_OPTIONS, true, user_show, "show one account"},
    {"user", "partials", "NAME", STORE_OPTIONS, true, user_partials, "show what interrupted uploads hold"},
    {"group", "add", "NAME", GROUP_OPTIONS | CTL_BIT(OPTION_SERVER), true, group_add, "make a group of settings; accounts join it with --group"},
    {"group", "set", "NAME", GROUP_OPTIONS | CTL_BIT(OPTION_NO_READ_ONLY) | DEFINITION_OPTIONS, true, group_set,
     "change a group, and the limits of its accounts in a database; without an option, only the latter"},
    {"group", "remove", "NAME", CTL_BIT(OPTION_FORCE) | DEFINITION_OPTIONS, true, group_remove,
     "remove a group that no account is of"},
    {"group", "list", NULL, DEFINITION_OPTIONS, true, group_list, "list the groups"},
    {"group", "show", "NAME", DEFINITION_OPTIONS, true, group_show, "show one group, and the accounts that are of it"},
    {"quota", "show", "[NAME]", STORE_OPTIONS, true, quota_show, "show how much of its quota an account, or +FOLDER, uses; one or all"},
    {"quota", "recount", "[NAME]", STORE_OPTIONS | CTL_BIT(OPTION_WAIT), true, quota_recount,
     "remove expired partial files, and count the home anew, of one account or of all"},
    {"keep", "list", "NAME", STORE_OPTIONS | CTL_BIT(OPTION_PATH), true, keep_show,
     "show what is kept of files that were replaced or removed, the youngest day first"},
    {"keep", "restore", "NAME",
     STORE_OPTIONS | CTL_BIT(OPTION_PATH) | CTL_BIT(OPTION_ID) | CTL_BIT(OPTION_AS) | CTL_BIT(OPTION_FORCE), true, keep_give_back,
     "give a file back that was replaced or removed; nothing that is there goes without --force"},
    {"keep", "purge", "[NAME]",
     STORE_OPTIONS | CTL_BIT(OPTION_PATH) | CTL_BIT(OPTION_OLDER_THAN) | CTL_BIT(OPTION_ALL_KEPT), true, keep_remove,
     "remove for good what is kept longer than it should be, of one account or all; with --path or --all of any age"},
    {"folder", "add", "NAME", FOLDER_OPTIONS, true, folder_add, "make a shared folder and its directory"},
    {"folder", "set", "NAME", FOLDER_OPTIONS, true, folder_set, "change a shared folder"},
    {"folder", "grant", "NAME", STORE_OPTIONS | CTL_BIT(OPTION_USER) | CTL_BIT(OPTION_AT) | CTL_BIT(OPTION_ALLOW), true,
     folder_grant, "let an account see it, at a path of its own"},
    {"folder", "revoke", "NAME", STORE_OPTIONS | CTL_BIT(OPTION_USER), true, folder_revoke, "take it away from an account"},
    {"folder", "list", NULL, CTL_BIT(OPTION_SERVER), true, folder_list, "list the shared folders"},
    {"folder", "show", "NAME", STORE_OPTIONS, true, folder_show, "show one, and who has it"},
    {"folder", "remove", "NAME", STORE_OPTIONS, true, folder_remove, "forget one that nobody has; the directory stays"},
    {"migrate", "vsftpd", "FILE...", CTL_BIT(OPTION_OUTPUT), false, migrate,
     "write sallyport.conf and users after vsftpd.conf(5), and further FILEs of accounts; tell what is lost"},
    {"migrate", "pure-ftpd", "FILE...", CTL_BIT(OPTION_OUTPUT), false, migrate,
     "the same after pure-ftpd.conf, or a file of pure-ftpd(8)'s options, one a line"},
    {"migrate", "proftpd", "FILE...", CTL_BIT(OPTION_OUTPUT), false, migrate, "the same after proftpd.conf(5)"},
    {"node", "list", NULL, CTL_BIT(OPTION_STORE_CONF), true, node_list,
     "show the servers that share the accounts of the database, and what they hold of its quotas"},
    {"node", "forget", "NODE", CTL_BIT(OPTION_STORE_CONF) | CTL_BIT(OPTION_FORCE), true, node_forget,
     "declare a server dead: nothing runs on it any more that was started before"},
    {"cert", "self-signed", NULL, CTL_BIT(OPTION_NAME) | CTL_BIT(OPTION_DAYS) | CTL_BIT(OPTION_FORCE) | CTL_BIT(OPTION_SERVER), true,
     cert_self_signed, "make a key and a self-signed certificate"},
    {"cert", "show", NULL, CTL_BIT(OPTION_SERVER), true, cert_show, "show the certificate and whether it can be used"},
    {"session", "list", NULL, CTL_BIT(OPTION_WATCH), false, session_list, "show the sessions and their transfers"},
    {"session", "watch", NULL, 0, false, session_watch, "print events as they happen, until Ctrl-C"},
    {"session", "kick", "[ID]", CTL_BIT(OPTION_USER) | CTL_BIT(OPTION_ADDRESS) | CTL_BIT(OPTION_HERE), false,
     session_kick, "end one session, or all of a user or an address, on all servers that use the same database"},
    {"session", "notify", "TEXT", CTL_BIT(OPTION_SESSION) | CTL_BIT(OPTION_USER), false, session_notify,
     "send all clients, or some, a line with their next reply"},
    {"ban", "list", NULL, 0, false, ban_list, "show the banned addresses"},
    {"ban", "add", "ADDRESS", CTL_BIT(OPTION_FOR), false, ban_add, "ban an address (IPv6: its /64)"},
    {"ban", "del", "ADDRESS", 0, false, ban_del, "end a ban"},
    {"status", NULL, NULL, CTL_BIT(OPTION_READY), false, server_status, "show the state of the server, its totals, the configuration in force"},
    {"reload", NULL, NULL, 0, false, server_reload, "read the configuration, the accounts and the certificate anew, and report how it went"},
    {"upgrade", NULL, NULL, 0, false, server_upgrade,
     "start the program anew and report how it went; it takes over, running sessions end with the old one"},
    {"drain", NULL, NULL, 0, false, server_drain, "let running transfers end, then stop the server"},
    {"stop", NULL, NULL, 0, false, server_stop, "stop the server at once"},
    {"log-level", NULL, "LEVEL", 0, false, server_log_level, "log from this level on, until the next reload"},
    {"metrics", NULL, NULL, 0, false, metrics_print, "print the metrics in the format of Prometheus"},
    {"config", "check", NULL, 0, false, config_check, "report what is wrong with the configuration and the accounts"},
    {"store", "check", "[DIR]", CTL_BIT(OPTION_PEER) | CTL_BIT(OPTION_STORE_CONF), false, store_check,
     "tell whether homes in DIR are safe with several servers: locks, renames, what one node sees of another; without DIR: "
     "whether the database of accounts can be used"},
    {"store", "init", "[CONNECT]", CTL_BIT(OPTION_STORE_CONF) | CTL_BIT(OPTION_AS), true, store_init,
     "make the roles and the schema of accounts in a PostgreSQL database, as its superuser; CONNECT is a connection string"},
    {"store", "upgrade", "[CONNECT]", CTL_BIT(OPTION_STORE_CONF) | CTL_BIT(OPTION_AS), true, store_upgrade,
     "bring the schema to the version of this program, as superuser of the database"},
    {"setup", NULL, NULL, CTL_BIT(OPTION_NAME) | CTL_BIT(OPTION_DAYS) | CTL_TAKES_PROGRAM, true, server_setup,
     "make what is missing of what the configuration names: directories, users file, certificate; then become the program"},
};
/* clang-format on */

#define COMMAND_COUNT (sizeof(ctl_commands) / sizeof(ctl_commands[0]))

/* --- usage, all from the tables --- */

static bool
may_repeat(size_t option)
{
	switch (option) {
	case OPTION_ALLOW_FROM:
	case OPTION_RIGHTS:
	case OPTION_HIDE:
	case OPTION_NO_HIDE:
	case OPTION_DENY_NAME:
	case OPTION_NO_DENY_NAME:
	case OPTION_NAME:
		return true;
	default:
		return false;
	}
}

/* Is a row with this noun and verb, NULL for any, about the command? */
static bool
names_command(const struct ctl_command *command, const char *noun, const char *verb)
{
	return strcmp(command->noun, noun) == 0 &&
	    (verb == NULL || (command->verb != NULL && strcmp(command->verb, verb) == 0));
}

static bool
is_option_needed(const struct ctl_command *command, size_t option)
{
	for (size_t i = 0; i < sizeof(ctl_needs) / sizeof(ctl_needs[0]); i++)
		if (names_command(command, ctl_needs[i].noun, ctl_needs[i].verb) &&
		    (ctl_needs[i].options & CTL_BIT(option)) != 0)
			return true;
	return false;
}

/* What an option is with this command: its help, and the name of its value or NULL. */
static const char *
meaning_of(const struct ctl_command *command, size_t option, const char **value)
{
	*value = ctl_options[option].value;
	for (size_t i = 0; i < sizeof(ctl_meanings) / sizeof(ctl_meanings[0]); i++) {
		if ((size_t)ctl_meanings[i].option != option ||
		    !names_command(command, ctl_meanings[i].noun, ctl_meanings[i].verb))
			continue;
		*value = ctl_meanings[i].value;
		return ctl_meanings[i].help;
	}
	return ctl_options[option].help;
}

static void
print_command_option(FILE *out, const struct ctl_command *command, size_t option)
{
	bool needed = is_option_needed(command, option);
	const char *value;

	meaning_of(command, option, &value);
	fprintf(out, " %s--%s%s%s%s%s", needed ? "" : "[", ctl_options[option].name, value == NULL ? "" : " ",
	    value == NULL ? "" : value, needed ? "" : "]", may_repeat(option) ? "..." : "");
}

/* What the command needs comes first. */
static void
print_command(FILE *out, const struct ctl_command *command)
{
	fprintf(out, "  %s%s%s%s%s", command->noun, command->verb == NULL ? "" : " ",
	    command->verb == NULL ? "" : command->verb, command->operand == NULL ? "" : " ",
	    command->operand == NULL ? "" : command->operand);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if ((command->options & CTL_BIT(i)) != 0 && is_option_needed(command, i))
			print_command_option(out, command, i);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if ((command->options & CTL_BIT(i)) != 0 && !is_option_needed(command, i))
			print_command_option(out, command, i);
	fprintf(out, "%s\n        %s\n",
	    (command->options & CTL_TAKES_PROGRAM) != 0 ? " [-- PROGRAM [ARGUMENT]...]" : "", command->help);
}

static void
print_option(FILE *out, const char *name, const char *help)
{
	fprintf(out, "  %-24s %s\n", name, help); /* as wide as the longest */
}

/* Of a verb of two words the second one may be missing, or stand where the operand of others does. */
static bool
is_verb_about(const char *verb, const struct ctl *ctl)
{
	size_t len = strlen(ctl->verb);

	if (strncmp(verb, ctl->verb, len) != 0)
		return false;
	return verb[len] == '\0' ||
	    (verb[len] == ' ' && (ctl->operand == NULL || strcmp(verb + len + 1, ctl->operand) == 0));
}

static bool
is_about(const struct ctl_command *command, const struct ctl *ctl)
{
	return (ctl->noun == NULL || strcmp(ctl->noun, command->noun) == 0) &&
	    (ctl->verb == NULL || command->verb == NULL || is_verb_about(command->verb, ctl));
}

/* One option, with each of its meanings in the commands that the words so far name. */
static void
print_meanings(FILE *out, const struct ctl *ctl, size_t option)
{
	const char *said[MEANINGS_MAX] = {NULL}, *help, *value;
	size_t count = 0, i;
	char name[64];

	for (size_t c = 0; c < COMMAND_COUNT; c++) {
		if (!is_about(&ctl_commands[c], ctl) || (ctl_commands[c].options & CTL_BIT(option)) == 0)
			continue;
		help = meaning_of(&ctl_commands[c], option, &value);
		for (i = 0; i < count && said[i] != help; i++)
			;
		if (i < count || count == MEANINGS_MAX)
			continue;
		said[count++] = help;
		snprintf(name, sizeof(name), "--%s %s", ctl_options[option].name, value == NULL ? "" : value);
		print_option(out, name, help);
	}
}

/* The usage of the commands that the words so far name. */
static void
print_ctl_usage(FILE *out, const struct ctl *ctl)
{
	fprintf(out, "usage: sallyportctl [-c FILE] [--json] NOUN VERB ...\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (is_about(&ctl_commands[i], ctl))
			print_command(out, &ctl_commands[i]);
	fprintf(out, "\n");
	for (size_t i = 0; i < OPTION_COUNT; i++)
		print_meanings(out, ctl, i);
	print_option(out, "-c FILE", ctl_options[OPTION_CONFIG].help);
	print_option(out, "--json", ctl_options[OPTION_JSON].help);
	print_option(out, "--version, --help", "the version; this text");
}

/* --- the command line --- */

struct arguments {
	struct ctl *ctl;
	char **next; /* NULL-terminated */
	const char *operands[OPERANDS_MAX];
	size_t operand_count;
};

static const char *
next_ctl_argument(void *arg)
{
	struct arguments *arguments = arg;

	return *arguments->next == NULL ? NULL : *arguments->next++;
}

static bool
accept_option(void *arg, size_t row)
{
	struct arguments *arguments = arg;

	if (row >= OPTION_COUNT)
		return true;
	if (arguments->ctl->given[row] && !may_repeat(row))
		return false;
	arguments->ctl->given[row] = true;
	return true;
}

/* How often an option may be repeated. */
static int
most_of(size_t option)
{
	switch (option) {
	case OPTION_NAME:
		return CTL_NAMES_MAX;
	case OPTION_ALLOW_FROM:
		return ACCOUNT_ALLOW_MAX;
	case OPTION_RIGHTS:
		return ZONES_MAX;
	default:
		return CTL_PATTERNS_MAX;
	}
}

static void
say_problem(const struct opt_parser *parser, enum opt_problem problem)
{
	const struct opt_row *row = &ctl_options[parser->row];

	switch (problem) {
	case OPT_UNKNOWN:
		ctl_error("unknown option '%s'; 'sallyportctl --help' lists the options", ctl_quote(parser->text));
		break;
	case OPT_TAKES_NO_VALUE:
		ctl_error("option '%s' takes no value", parser->shown);
		break;
	case OPT_NEEDS_VALUE:
		ctl_error("option '%s' needs a value: %s %s", parser->shown, parser->shown, row->value);
		break;
	case OPT_NOT_ACCEPTED:
		ctl_error("option '%s' is given twice; keep one of them", parser->shown);
		break;
	case OPT_BAD_VALUE:
		ctl_error("option '%s' is empty; it needs a value: %s", parser->shown, row->value);
		break;
	case OPT_NO_MEMORY:
		ctl_error("too many values with '%s'; at most %d", parser->shown, most_of(parser->row));
		break;
	case OPT_FINE:
		break;
	}
}

static int
take_command_words(struct arguments *arguments)
{
	struct opt_parser parser = {.rows = ctl_options,
	    .count = OPTION_ALL,
	    .targets = arguments->ctl,
	    .takes_empty = true,
	    .next = next_ctl_argument,
	    .accept = accept_option,
	    .arg = arguments};
	const char *word;

	while ((word = next_ctl_argument(arguments)) != NULL) {
		enum opt_problem problem = OPT_FINE;

		if (strcmp(word, "--") == 0) {
			arguments->ctl->program = arguments->next;
			while (next_ctl_argument(arguments) != NULL)
				;
		} else if (opt_is_option(word)) {
			problem = opt_take(&parser, word);
		} else if (arguments->operand_count == OPERANDS_MAX &&
		    arguments->ctl->file_count == CTL_FILES_MAX - 1) {
			ctl_error("one word too many: '%s'", ctl_quote(word));
			return -1;
		} else if (arguments->operand_count == OPERANDS_MAX) {
			/* the first is the operand */
			arguments->ctl->files[++arguments->ctl->file_count] = word;
		} else {
			arguments->operands[arguments->operand_count++] = word;
		}
		say_problem(&parser, problem);
		if (problem != OPT_FINE)
			return -1;
	}
	return 0;
}

/* Does the command take several files? */
static bool
takes_files(const struct ctl_command *command)
{
	return command->operand != NULL && strcmp(command->operand, "FILE...") == 0;
}

static int
check_words(const struct ctl *ctl, const struct ctl_command *command)
{
	if (ctl->file_count == 0 || command == NULL || takes_files(command))
		return 0; /* an unknown command is the mistake to tell of */
	ctl_error("one word too many for '%s%s%s': '%s'", command->noun, command->verb == NULL ? "" : " ",
	    command->verb == NULL ? "" : command->verb, ctl_quote(ctl->files[1]));
	return -1;
}

static const struct ctl_command *
find_ctl_command(const struct ctl *ctl)
{
	if (ctl->noun == NULL)
		return NULL;
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (is_about(&ctl_commands[i], ctl) && (ctl->verb != NULL || ctl_commands[i].verb == NULL))
			return &ctl_commands[i];
	return NULL;
}

/* Says what would be right: the verbs of the noun, if it is one. */
static void
tell_unknown_command(const struct ctl *ctl)
{
	char verbs[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(ctl_commands[i].noun, ctl->noun) == 0 && ctl_commands[i].verb != NULL && len < sizeof(verbs))
			len += (size_t)snprintf(
			    verbs + len, sizeof(verbs) - len, "%s%s", len == 0 ? "" : ", ", ctl_commands[i].verb);
	if (len == 0)
		ctl_error("unknown command '%s%s%s'; 'sallyportctl --help' lists the commands", ctl_quote(ctl->noun),
		    ctl->verb == NULL ? "" : " ", ctl->verb == NULL ? "" : ctl_quote(ctl->verb));
	else if (ctl->verb == NULL)
		ctl_error("'%s' needs a verb: %s", ctl->noun, verbs);
	else
		ctl_error("unknown command '%s %s'; the verbs of '%s' are %s", ctl->noun, ctl_quote(ctl->verb),
		    ctl->noun, verbs);
}

/* Check the words and options of command. */
static int
check_command(const struct ctl *ctl, const struct ctl_command *command)
{
	char name[64] = "";

	if (command == NULL) {
		if (ctl->noun == NULL)
			ctl_error("no command; 'sallyportctl --help' lists the commands");
		else
			tell_unknown_command(ctl);
		return -1;
	}
	snprintf(name, sizeof(name), "%s%s%s", command->noun, command->verb == NULL ? "" : " ",
	    command->verb == NULL ? "" : command->verb);
	if (command->operand != NULL && ctl->operand == NULL && command->operand[0] != '[') {
		ctl_error("'%s' needs a %s: %s %s", name,
		    strcmp(command->operand, "NAME") == 0 ? "name" : command->operand, name, command->operand);
		return -1;
	}
	if (command->operand == NULL && ctl->operand != NULL) {
		ctl_error("'%s' takes no '%s'", name, ctl_quote(ctl->operand));
		return -1;
	}
	if (ctl->program != NULL && (command->options & CTL_TAKES_PROGRAM) == 0) {
		ctl_error("'%s' takes no '--'", name);
		return -1;
	}
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (ctl->given[i] && (command->options & CTL_BIT(i)) == 0) {
			if (ctl->half_verb != NULL) {
				ctl_say_half(ctl);
				return -1;
			}
			ctl_error("'%s' takes no option '--%s'", name, ctl_options[i].name);
			return -1;
		}
	}
	return 0;
}

static bool
takes_name(const struct ctl_command *command)
{
	return command->operand != NULL && strstr(command->operand, "NAME") != NULL;
}

static enum ctl_exit
run_command(struct ctl *ctl, const struct ctl_command *command)
{
	enum ctl_exit status;

	if (command->wants_config && ctl_load_config(ctl) < 0)
		return CTL_FAILED;
	if ((command->options & CTL_BIT(OPTION_SERVER)) != 0 && server_option_take(ctl, takes_name(command)) < 0)
		status = CTL_USAGE;
	else
		status = command->run(ctl);
	config_free(ctl->config);
	ctl->config = NULL;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_error("cannot write to standard output");
		return CTL_FAILED;
	}
	return status;
}

/* "user passwd add NAME": a verb of two words, where there is a command with it. */
static void
take_second_verb(struct ctl *ctl)
{
	char verb[64];

	if (ctl->file_count > 1 || ctl->operand == NULL)
		return;
	snprintf(verb, sizeof(verb), "%s %s", ctl->verb, ctl->operand);
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (ctl_commands[i].verb == NULL || strcmp(ctl_commands[i].verb, verb) != 0 ||
		    strcmp(ctl_commands[i].noun, ctl->noun) != 0)
			continue;
		if (ctl->file_count == 0) {
			ctl->half_verb = ctl_commands[i].verb;
			return;
		}
		ctl->verb = ctl_commands[i].verb;
		ctl->operand = ctl->files[1];
		ctl->file_count = 0;
		return;
	}
}

int
ctl_run(int argc, char **argv)
{
	struct ctl ctl = {.config_path = CONFIG_FILE_DEFAULT};
	struct arguments arguments = {.ctl = &ctl, .next = argv + (argc > 0)};
	const struct ctl_command *command;

	umask(022);
	if (take_command_words(&arguments) < 0)
		return CTL_USAGE;
	ctl.noun = arguments.operands[0];
	ctl.verb = arguments.operands[1];
	ctl.operand = arguments.operands[2];
	take_second_verb(&ctl);
	if (ctl.wants_version) {
		printf("sallyportctl %s\n", SALLYPORT_VERSION);
		return CTL_DONE;
	}
	if (ctl.wants_help) {
		print_ctl_usage(stdout, &ctl);
		return CTL_DONE;
	}
	command = find_ctl_command(&ctl);
	if (command != NULL && command->verb == NULL && ctl.operand == NULL) {
		ctl.operand = ctl.verb; /* a command of one word */
		ctl.verb = NULL;
	}
	if (check_words(&ctl, command) < 0 || check_command(&ctl, command) < 0)
		return CTL_USAGE;
	ctl.files[0] = ctl.operand;
	ctl.file_count += ctl.operand != NULL;
	return (int)run_command(&ctl, command);
}
