/* SPDX-License-Identifier: ISC */
#include "admin/user_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accounts/pam_services.h"
#include "accounts/users_file.h"
#include "admin/ctl.h"
#include "common/bounds.h"
#include "common/buf.h"
#include "common/home_path.h"
#include "common/text.h"

#include "common/banned.h"

/* Options whose value goes into the line as it is, and the word for having none of it. */
static const struct {
	enum ctl_option option;
	const char *key, *none;
} plain_options[] = {
    {OPTION_QUOTA, "quota", "none"},
    {OPTION_QUOTA_FILES, "quota-files", "none"},
    {OPTION_RATE_DOWN, "rate-down", "none"},
    {OPTION_RATE_UP, "rate-up", "none"},
    {OPTION_KEEP, "keep", "none"},
    {OPTION_KEEP_QUOTA, "keep-quota", "none"},
    {OPTION_KEEP_BRAKE, "keep-brake", "none"},
    {OPTION_RETAIN, "retain", "none"},
    {OPTION_FILE_MODE, "file-mode", "none"},
    {OPTION_DIRECTORY_MODE, "directory-mode", "none"},
    {OPTION_EXPIRES, "expires", "never"},
    {OPTION_TLS, "tls", "none"},
};

static int
parse_id_option(const struct ctl *ctl, enum ctl_option option, const char *name, bool *has, uint32_t *id)
{
	uint64_t value;

	*has = ctl->given[option];
	if (!*has)
		return 0;
	if (parse_u64(ctl->value[option], ID_MAX, &value) < 0 || value == 0) {
		ctl_error("bad --%s '%s'; use a number from 1 to %u (root cannot log in)", name,
		    ctl_quote(ctl->value[option]), ID_MAX);
		return -EINVAL;
	}
	*id = (uint32_t)value;
	return 0;
}

static int
parse_max_sessions(const struct ctl *ctl, struct user_options *options)
{
	const char *text = ctl->value[OPTION_MAX_SESSIONS];
	uint64_t value;

	if (!ctl->given[OPTION_MAX_SESSIONS])
		return 0;
	if (parse_u64(text, SESSIONS_MAX, &value) < 0) {
		ctl_error("bad --max-sessions '%s'; use a number from 1 to %d, or 0 for no limit of its own",
		    ctl_quote(text), SESSIONS_MAX);
		return -EINVAL;
	}
	if (value > 0)
		snprintf(options->max_sessions, sizeof(options->max_sessions), "%u", (unsigned)value);
	return 0;
}

/* A list of rights; 0 where the option is not given. */
static int
parse_rights(const struct ctl *ctl, enum ctl_option option, const char *name, unsigned *rights)
{
	const char *text = ctl->value[option];

	*rights = 0;
	if (!ctl->given[option] || rights_parse(text, strlen(text), rights) == 0)
		return 0;
	ctl_error(
	    "bad --%s '%s'; use list, read, create, overwrite, delete, rename, mkdir, rmdir and chmod separated by ',', or 'all'",
	    name, ctl_quote(text));
	return -EINVAL;
}

/* One --rights: a rule, or its end. That of "/" is --allow. */
static int
parse_zone_option(struct user_options *options, const char *text)
{
	static const char inherit[] = "=inherit";
	size_t len = strlen(text), end = len - (sizeof(inherit) - 1);
	bool ends = len >= sizeof(inherit) - 1 && strcmp(text + end, inherit) == 0;
	char rule[PATH_MAX * 3];
	const char *problem = "write --rights /DIRECTORY=LIST";
	int r = -EINVAL;

	if (zone_is_rule(text, len) && len < sizeof(rule)) {
		snprintf(rule, sizeof(rule), "%.*s%s", (int)(ends ? end : len), text, ends ? "=none" : "");
		r = zones_add(&options->zones, rule, strlen(rule), &options->allowed, &problem);
	}
	if (r == 0 && ends)
		options->ends[options->zones.count - 1] = true;
	if (r > 0 && (ends || options->has_allowed)) {
		problem = "the rights of '/' are those of --allow; give them once";
		r = -EINVAL;
	}
	if (r > 0)
		options->has_allowed = true;
	if (r < 0)
		ctl_error("bad --rights '%s': %s", ctl_quote(text), problem);
	return r < 0 ? r : 0;
}

static int
parse_zone_options(const struct ctl *ctl, struct user_options *options)
{
	int r = 0;

	options->has_allowed = ctl->given[OPTION_ALLOW] || ctl->given[OPTION_ANONYMOUS];
	if (ctl->given[OPTION_ANONYMOUS] && !ctl->given[OPTION_ALLOW])
		options->allowed = MAY_ONLY_LOOK;
	for (size_t i = 0; i < ctl->rights_count && r == 0; i++)
		r = parse_zone_option(options, ctl->rights[i]);
	return r;
}

static int
parse_expires(const struct ctl *ctl)
{
	const char *text = ctl->value[OPTION_EXPIRES];
	int64_t seconds;

	if (!ctl->given[OPTION_EXPIRES] || strcmp(text, "never") == 0)
		return 0;
	if (account_parse_date(text, strlen(text), &seconds) < 0) {
		ctl_error("bad --expires '%s'; use YYYY-MM-DD, a day after 1970-01-01, or 'never'", ctl_quote(text));
		return -EINVAL;
	}
	return 0;
}

static int
parse_allow_from(const struct ctl *ctl, struct user_options *options)
{
	struct address_block block;
	size_t len = 0;

	if (ctl->allow_from_count == 1 && strcmp(ctl->allow_from[0], "any") == 0)
		return 0;
	for (size_t i = 0; i < ctl->allow_from_count; i++) {
		if (address_block_parse(ctl->allow_from[i], &block) < 0) {
			ctl_error(
			    "bad --allow-from '%s'; use an address or NETWORK/BITS without bits after the network, or only 'any'",
			    ctl_quote(ctl->allow_from[i]));
			return -EINVAL;
		}
		len += (size_t)snprintf(options->allow_from + len, sizeof(options->allow_from) - len, "%s%s",
		    i == 0 ? "" : ",", ctl->allow_from[i]);
	}
	return 0;
}

/* The number of an option of the users file, or 'none'. */
static int
parse_amount(const struct ctl *ctl, enum ctl_option option, const char *name, bool is_size, uint64_t least)
{
	const char *text = ctl->value[option];
	uint64_t value;
	int r;

	if (!ctl->given[option] || strcmp(text, "none") == 0)
		return 0;
	r = is_size ? parse_size(text, INT64_MAX, &value) : parse_u64(text, INT64_MAX, &value);
	if (r == 0 && value >= least)
		return 0;
	ctl_error("bad --%s '%s'; use %s%s, or 'none'", name, ctl_quote(text),
	    is_size ? "bytes, optionally with K, M, G or T" : "a number", least > 0 ? ", at least 1K" : "");
	return -EINVAL;
}

/* Days, or 'none'. */
static int
parse_days(const struct ctl *ctl, enum ctl_option option, const char *name)
{
	const char *text = ctl->value[option];
	uint32_t days;

	if (!ctl->given[option] || strcmp(text, "none") == 0 || keep_days_parse(text, strlen(text), &days) == 0)
		return 0;
	ctl_error("bad --%s '%s'; use days from 1d to %dd, or 'none'", name, ctl_quote(text), KEEP_DAYS_MAX);
	return -EINVAL;
}

static int
parse_brake(const struct ctl *ctl)
{
	const char *text = ctl->value[OPTION_KEEP_BRAKE];
	uint32_t changes, seconds;

	if (!ctl->given[OPTION_KEEP_BRAKE] || strcmp(text, "none") == 0 ||
	    keep_brake_parse(text, strlen(text), &changes, &seconds) == 0)
		return 0;
	ctl_error(
	    "bad --keep-brake '%s'; use NUMBER/TIME, from 1 to %d removals in 1s to 7d, such as 200/10m, or 'none'",
	    ctl_quote(text), KEEP_BRAKE_CHANGES_MAX);
	return -EINVAL;
}

static int
check_home_option(const struct ctl *ctl)
{
	const char *home = ctl->value[OPTION_HOME];

	if (home == NULL || home[0] == '/')
		return 0;
	ctl_error("bad --home '%s'; use an absolute path", ctl_quote(home));
	return -EINVAL;
}

static int
parse_keep(const struct ctl *ctl)
{
	if (parse_days(ctl, OPTION_KEEP, "keep") < 0 || parse_days(ctl, OPTION_RETAIN, "retain") < 0 ||
	    parse_brake(ctl) < 0)
		return -EINVAL;
	return parse_amount(ctl, OPTION_KEEP_QUOTA, "keep-quota", true, 0);
}

/* An octal mode with the bits of low, or 'none'. */
static int
parse_mode_option(const struct ctl *ctl, enum ctl_option option, const char *name, uint32_t low, uint32_t *mode)
{
	const char *text = ctl->value[option];

	*mode = 0;
	if (!ctl->given[option] || strcmp(text, "none") == 0)
		return 0;
	if (parse_mode(text, mode) == 0 && (*mode & low) == low && (*mode & ~(uint32_t)ACCOUNT_MODE_HIGH) == 0)
		return 0;
	ctl_error("bad --%s '%s'; use an octal mode with %04o and at most 0777, or 'none'", name, ctl_quote(text),
	    (unsigned)low);
	return -EINVAL;
}

static int
parse_modes(const struct ctl *ctl, struct user_options *options)
{
	uint32_t file_mode;

	if (parse_mode_option(ctl, OPTION_FILE_MODE, "file-mode", ACCOUNT_FILE_MODE_LOW, &file_mode) < 0)
		return -EINVAL;
	return parse_mode_option(
	    ctl, OPTION_DIRECTORY_MODE, "directory-mode", ACCOUNT_DIRECTORY_MODE_LOW, &options->directory_mode);
}

static int
parse_amounts(const struct ctl *ctl)
{
	if (parse_amount(ctl, OPTION_QUOTA, "quota", true, 0) < 0 ||
	    parse_amount(ctl, OPTION_QUOTA_FILES, "quota-files", false, 0) < 0 || parse_keep(ctl) < 0 ||
	    parse_amount(ctl, OPTION_RATE_DOWN, "rate-down", true, ACCOUNT_RATE_MIN) < 0 ||
	    parse_amount(ctl, OPTION_RATE_UP, "rate-up", true, ACCOUNT_RATE_MIN) < 0)
		return -EINVAL;
	return 0;
}

/* The group may not be inherited, and nothing that is set by the same command. */
static int
check_inherited(const struct ctl *ctl, const struct user_options *options, const char *key)
{
	const char *wrong = NULL;

	for (size_t i = 0; i < sizeof(plain_options) / sizeof(plain_options[0]); i++)
		if (strcmp(plain_options[i].key, key) == 0 && ctl->given[plain_options[i].option])
			wrong = "is set by the same command";
	if (user_patterns_change(&options->patterns, key))
		wrong = "is set by the same command";
	if (!account_option_known(key, strlen(key)) || strcmp(key, "group") == 0)
		wrong = "is no option that a group can have";
	if (wrong != NULL)
		ctl_error("bad --inherit: '%s' %s; use keys of sallyport-users(5), such as quota,rate-up",
		    ctl_quote(key), wrong);
	return wrong == NULL ? 0 : -EINVAL;
}

static int
parse_inherit(const struct ctl *ctl, struct user_options *options)
{
	const char *text = ctl->value[OPTION_INHERIT];
	int r = 0;

	if (!ctl->given[OPTION_INHERIT])
		return 0;
	if (strlen(text) >= sizeof(options->inherited)) {
		ctl_error("bad --inherit; at most %d bytes", USER_INHERIT_MAX - 1);
		return -EINVAL;
	}
	memcpy(options->inherited, text, strlen(text) + 1);
	for (char *key = options->inherited; r == 0; key += strlen(key) + 1) {
		char *comma = strchr(key, ',');

		if (comma != NULL)
			*comma = '\0';
		r = check_inherited(ctl, options, key);
		if (comma == NULL)
			break;
	}
	return r;
}

static int
parse_group(const struct ctl *ctl)
{
	const char *name = ctl->value[OPTION_GROUP], *wrong;

	if (!ctl->given[OPTION_GROUP] || account_name_valid(name, strlen(name), &wrong))
		return 0;
	ctl_error("bad --group '%s': %s", ctl_quote(name), wrong);
	return -EINVAL;
}

static int
parse_pam(const struct ctl *ctl)
{
	if (!ctl->given[OPTION_PAM])
		return 0;
	if (!pam_service_valid(ctl->value[OPTION_PAM]))
		ctl_error("bad --pam '%s'; use the name of a file in /etc/pam.d", ctl_quote(ctl->value[OPTION_PAM]));
	else if (ctl->given[OPTION_PASSWORD_STDIN])
		ctl_error("--pam and --password-stdin together; keep one of them");
	else
		return 0;
	return -EINVAL;
}

int
user_options_parse(const struct ctl *ctl, struct user_options *options)
{
	memset(options, 0, sizeof(*options));
	if (check_home_option(ctl) < 0 ||
	    parse_id_option(ctl, OPTION_UID, "uid", &options->has_uid, &options->uid) < 0 ||
	    parse_id_option(ctl, OPTION_GID, "gid", &options->has_gid, &options->gid) < 0 ||
	    parse_rights(ctl, OPTION_ALLOW, "allow", &options->allowed) < 0 ||
	    parse_rights(ctl, OPTION_DENY, "deny", &options->denied) < 0 || parse_zone_options(ctl, options) < 0 ||
	    user_patterns_parse(ctl, &options->patterns) < 0 || parse_max_sessions(ctl, options) < 0 ||
	    parse_amounts(ctl) < 0 || parse_modes(ctl, options) < 0 || parse_expires(ctl) < 0 ||
	    parse_allow_from(ctl, options) < 0 || parse_group(ctl) < 0 || parse_pam(ctl) < 0 ||
	    parse_inherit(ctl, options) < 0)
		return -EINVAL;
	if (ctl->given[OPTION_READ_ONLY] && ctl->given[OPTION_NO_READ_ONLY]) {
		ctl_error("--read-only and --no-read-only together; keep one of them");
		return -EINVAL;
	}
	return 0;
}

/* The rules that the account has now, without those that --rights changes, and then these. */
static int
merge_zones(const struct user_options *options, const struct zones *now, struct zones *merged)
{
	const char *problem = NULL;
	struct home_path path;
	int r = 0;

	merged->count = merged->text_len = 0;
	for (size_t i = 0; now != NULL && i < now->count && r == 0; i++)
		if (zones_find(&options->zones, zone_path(now, i)) == options->zones.count &&
		    home_path_check(zone_path(now, i), now->rule[i].len, &path) == 0)
			r = zones_put(merged, &path, now->rule[i].rights, &problem);
	for (size_t i = 0; i < options->zones.count && r == 0; i++)
		if (!options->ends[i] &&
		    home_path_check(zone_path(&options->zones, i), options->zones.rule[i].len, &path) == 0)
			r = zones_put(merged, &path, options->zones.rule[i].rights, &problem);
	if (r < 0)
		ctl_error("bad --rights: %s", problem);
	return r;
}

/* Words of OPTIONS; users_edit_option() puts "rights=" before the first one. own: those of the whole home, too. */
static int
write_rights(struct user_options *options, unsigned rights, bool has_own, const struct zones *zones)
{
	struct buf words = {.data = options->rights, .size = sizeof(options->rights), .max = ACCOUNT_LINE_MAX};
	char own[RIGHTS_TEXT_MAX];

	rights_text(rights, own);
	if (has_own)
		buf_add_text(&words, rights == 0 ? "/=none" : own);
	for (size_t i = 0; i < zones->count; i++) {
		buf_add_text(&words, words.len == 0 ? "" : " rights=");
		zone_text(zones, i, &words);
	}
	if (words.error < 0)
		ctl_error("the rights of the account are too long; name fewer directories");
	return words.error;
}

int
user_options_settle_rights(struct user_options *options, unsigned now, const struct account *own)
{
	unsigned rights = (options->has_allowed ? options->allowed : now) & ~options->denied;
	bool has_own = options->has_allowed || options->denied != 0 ||
	    (own != NULL && account_option_said_by(own, "rights") != OPTION_BY_NOBODY);
	struct zones merged;

	if (merge_zones(options, own != NULL && own->has_zones ? &own->zones : NULL, &merged) < 0)
		return -EINVAL;
	if ((rights | zones_rights_of_any(&merged)) == 0) {
		ctl_error("the account could do nothing; lock it with 'user lock', or allow 'list'");
		return -EINVAL;
	}
	return write_rights(options, rights, has_own, &merged);
}

/* value NULL: no such limit; then an account of a group needs the word that says so. */
static void
edit_limit(
    const struct user_options *options, const char *key, const char *value, const char *none, struct users_edit *edit)
{
	users_edit_option(edit, key, value != NULL ? value : options->has_group ? none : NULL);
}

static void
inherited_to_edit(const struct user_options *options, struct users_edit *edit)
{
	for (const char *key = options->inherited; *key != '\0'; key += strlen(key) + 1)
		users_edit_option(edit, key, NULL);
}

void
user_options_to_edit(const struct ctl *ctl, const struct user_options *options, struct users_edit *edit)
{
	if (ctl->given[OPTION_GROUP])
		users_edit_option(
		    edit, "group", strcmp(ctl->value[OPTION_GROUP], "none") == 0 ? NULL : ctl->value[OPTION_GROUP]);
	if (ctl->given[OPTION_READ_ONLY])
		users_edit_option(edit, "read-only", "");
	if (ctl->given[OPTION_NO_READ_ONLY])
		edit_limit(options, "read-only", NULL, "no", edit);
	if (options->rights[0] == '\0' && ctl->rights_count > 0)
		users_edit_option(edit, "rights", NULL);
	else if (ctl->given[OPTION_ALLOW] || ctl->given[OPTION_DENY] || ctl->given[OPTION_ANONYMOUS] ||
	    ctl->rights_count > 0)
		edit_limit(
		    options, "rights", strcmp(options->rights, "all") == 0 ? NULL : options->rights, "all", edit);
	if (ctl->given[OPTION_MAX_SESSIONS])
		edit_limit(options, "max-sessions", options->max_sessions[0] == '\0' ? NULL : options->max_sessions,
		    "none", edit);
	if (ctl->given[OPTION_ALLOW_FROM])
		edit_limit(
		    options, "allow-from", options->allow_from[0] == '\0' ? NULL : options->allow_from, "any", edit);
	for (size_t i = 0; i < sizeof(plain_options) / sizeof(plain_options[0]); i++) {
		const char *value = ctl->value[plain_options[i].option];

		if (ctl->given[plain_options[i].option])
			edit_limit(options, plain_options[i].key,
			    strcmp(value, plain_options[i].none) == 0 ? NULL : value, "none", edit);
	}
	user_patterns_to_edit(&options->patterns, edit);
	inherited_to_edit(options, edit);
}
