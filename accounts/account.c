/* SPDX-License-Identifier: ISC */
#include "accounts/account.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "accounts/definition.h"
#include "accounts/pam_services.h"
#include "common/character.h"
#include "common/home_path.h"
#include "common/text.h"

#include "common/banned.h"

#define FIELDS 6 /* NAME:HASH:UID:GID:HOME:OPTIONS */
#define OPTION_VALUE_MAX 1023 /* bytes */

/* Bytes of a line; not NUL-terminated. */
struct field {
	const char *text;
	size_t len;
};

static int
reject_field(const char **error, const char *text)
{
	*error = text;
	return -EINVAL;
}

static bool
field_is(const struct field *field, const char *text)
{
	return field->len == strlen(text) && memcmp(field->text, text, field->len) == 0;
}

/* Copy a field without a NUL in it to where a text is wanted. */
static int
field_copy(const struct field *field, char *out, size_t size)
{
	if (field->len >= size)
		return -EINVAL;
	memcpy(out, field->text, field->len);
	out[field->len] = '\0';
	return 0;
}

static const char pam_mark[] = "*pam:";

#define PAM_MARK_LEN (sizeof(pam_mark) - 1)

size_t
account_hash_field_len(const char *text, size_t left)
{
	const char *end = text + left, *hash = text, *colon;

	while (hash < end && *hash == '!')
		hash++;
	if ((size_t)(end - hash) >= PAM_MARK_LEN && memcmp(hash, pam_mark, PAM_MARK_LEN) == 0)
		hash += PAM_MARK_LEN;
	colon = memchr(hash, ':', (size_t)(end - hash));
	return (size_t)((colon == NULL ? end : colon) - text);
}

const char *
account_pam_service(const struct account *account)
{
	return strncmp(account->hash, pam_mark, PAM_MARK_LEN) == 0 ? account->hash + PAM_MARK_LEN : NULL;
}

/* Options are the last field and keep their colons (IPv6 addresses). */
static bool
split_fields(const char *line, size_t len, struct field fields[FIELDS])
{
	const char *end = line + len;

	for (size_t i = 0; i < FIELDS - 1; i++) {
		const char *colon = memchr(line, ':', (size_t)(end - line));

		if (i == 1)
			colon = line + account_hash_field_len(line, (size_t)(end - line));
		if (colon == NULL || colon == end)
			return false;
		fields[i] = (struct field){line, (size_t)(colon - line)};
		line = colon + 1;
	}
	fields[FIELDS - 1] = (struct field){line, (size_t)(end - line)};
	return true;
}

bool
account_line_is_blank(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len && (is_blank(line[i]) || line[i] == '\r'))
		i++;
	return i == len || line[0] == '#';
}

bool
account_line_is_account(const char *line, size_t len)
{
	return !account_line_is_blank(line, len) && !line_is_definition(line, len);
}

/* U+0080 to U+009F: terminals take them for commands. */
static bool
has_c1_control(const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
		if ((unsigned char)text[i] == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
			return true;
	return false;
}

bool
account_name_valid(const char *name, size_t len, const char **error)
{
	const char *wrong = NULL;

	if (len == 0)
		wrong = "the name is empty; give it 1 to 64 bytes";
	else if (len > ACCOUNT_NAME_MAX)
		wrong = "the name is too long; at most 64 bytes";
	else if (has_control(name, len) || !utf8_valid(name, len) || has_c1_control(name, len))
		wrong = "the name has a control character or is not UTF-8; use printable characters";
	else if (memchr(name, ':', len) != NULL || memchr(name, '/', len) != NULL || memchr(name, ' ', len) != NULL)
		wrong = "the name has a colon, a slash or a blank; use other characters";
	else if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		wrong = "the name is '.' or '..'; use another one";
	else if (strchr("-#!+", name[0]) != NULL)
		wrong = "the name begins with '-', '#', '!' or '+'; begin it with another character";
	if (wrong == NULL)
		return true;
	*error = wrong;
	return false;
}

static int
parse_hash(const struct field *field, struct account *account, const char **error)
{
	struct field hash = *field;

	account->is_locked = hash.len > 0 && hash.text[0] == '!';
	while (hash.len > 0 && hash.text[0] == '!') {
		hash.text++;
		hash.len--;
	}
	if (hash.len == 0 && !account->is_locked)
		return reject_field(
		    error, "the password hash is empty; set one with 'sallyportctl user passwd', or lock with '!'");
	for (size_t i = 0; i < hash.len; i++)
		if ((unsigned char)hash.text[i] <= ' ' || (unsigned char)hash.text[i] > '~')
			return reject_field(
			    error, "the password hash is damaged; set one with 'sallyportctl user passwd'");
	if (field_copy(&hash, account->hash, sizeof(account->hash)) < 0)
		return reject_field(error, "the password hash is too long; set one with 'sallyportctl user passwd'");
	account->takes_any = field_is(&hash, ACCOUNT_ANY_PASSWORD);
	if (account_pam_service(account) != NULL && !pam_service_valid(account_pam_service(account)))
		return reject_field(error,
		    "bad PAM service; write *pam:SERVICE, the name of a file in /etc/pam.d with 1 to 63 of a-z, A-Z, "
		    "0-9, '.', '_' and '-', no '.' or '-' first");
	return 0;
}

static int
parse_id(const struct field *field, uint32_t *id)
{
	char text[16];
	uint64_t value;

	if (field_copy(field, text, sizeof(text)) < 0 || parse_u64(text, ID_MAX, &value) < 0 || value == 0)
		return -EINVAL;
	*id = (uint32_t)value;
	return 0;
}

static int
parse_home(const struct field *field, struct account *account, const char **error)
{
	if (field->len == 0 || field->text[0] != '/')
		return reject_field(error, "the home is not an absolute path; begin it with '/'");
	if (field->len == 1)
		return reject_field(error, "the home is '/'; give the account a directory of its own");
	if (has_control(field->text, field->len))
		return reject_field(error, "the home has a control character; rename the directory");
	if (field->len >= sizeof(account->home))
		return reject_field(error, "the home is too long; at most 4095 bytes");
	if (home_path_test(field->text, field->len) < 0)
		return reject_field(error, "the home has '.', '..', '//' or a '/' at its end; write it without them");
	memcpy(account->home, field->text, field->len);
	account->home[field->len] = '\0';
	return 0;
}

/* --- options --- */

/* The options that a line has had already; only allow-from, folder and rights of directories may come again. */
enum {
	SEEN_READ_ONLY = 1,
	SEEN_MAX_SESSIONS = 2,
	SEEN_EXPIRES = 4,
	SEEN_RIGHTS = 8,
	SEEN_QUOTA = 16,
	SEEN_QUOTA_FILES = 32,
	SEEN_RATE_DOWN = 64,
	SEEN_RATE_UP = 128,
	SEEN_FILE_MODE = 256,
	SEEN_DIRECTORY_MODE = 512,
	SEEN_GROUP = 1024,
	SEEN_TLS = 2048,
	SEEN_KEEP = 4096,
	SEEN_KEEP_QUOTA = 8192,
	SEEN_RETAIN = 16384,
	SEEN_KEEP_BRAKE = 32768
};

#define FOR_ACCOUNTS (1U << 31) /* no group has it */
#define FOR_DIRECTORIES (1U << 30) /* said by directory: a group's word holds where the account has none of its own */
#define SEEN_MASK (~(FOR_ACCOUNTS | FOR_DIRECTORIES))

/* "none": the account has no such limit, though its group may have one. */
static bool
says_none(const struct field *value)
{
	return value->text != NULL && field_is(value, "none");
}

static int
set_read_only(const struct field *value, struct account *account, const char **error)
{
	if (value->text != NULL && !field_is(value, "no"))
		return reject_field(error, "read-only takes no value but 'no'; write 'read-only', or 'read-only=no'");
	account->is_read_only = value->text == NULL;
	return 0;
}

static int
set_rights(const struct field *value, struct account *account, const char **error)
{
	if (value->text != NULL && zone_is_rule(value->text, value->len)) /* that of "/" */
		return zones_add(&account->zones, value->text, value->len, &account->rights, error) < 0 ? -EINVAL : 0;
	if (value->text == NULL || rights_parse(value->text, value->len, &account->rights) < 0)
		return reject_field(error,
		    "bad rights; write rights=WORD,WORD of list, read, create, overwrite, delete, rename, "
		    "mkdir, rmdir and chmod, or lock the account");
	return 0;
}

/* The rights of a directory. */
static int
set_zone(const struct field *value, struct account *account, const char **error)
{
	if (!account->has_zones)
		account->zones.count = account->zones.text_len = 0;
	account->has_zones = true;
	return zones_add(&account->zones, value->text, value->len, &account->rights, error);
}

static int
set_max_sessions(const struct field *value, struct account *account, const char **error)
{
	char text[16];
	uint64_t sessions;

	account->max_sessions = 0;
	if (says_none(value))
		return 0;
	if (value->text == NULL || field_copy(value, text, sizeof(text)) < 0 ||
	    parse_u64(text, SESSIONS_MAX, &sessions) < 0 || sessions == 0)
		return reject_field(error, "bad max-sessions; write max-sessions=N, from 1 to 100000, or 'none'");
	account->max_sessions = (uint32_t)sessions;
	return 0;
}

int
account_parse_date(const char *text, size_t len, int64_t *seconds)
{
	static const char form[] = "dddd-dd-dd";
	struct tm day = {0}, again;
	time_t start;

	if (len != sizeof(form) - 1)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (form[i] == 'd' ? (text[i] < '0' || text[i] > '9') : text[i] != form[i])
			return -EINVAL;
	day.tm_year = (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0') - 1900;
	day.tm_mon = (text[5] - '0') * 10 + (text[6] - '0') - 1;
	day.tm_mday = (text[8] - '0') * 10 + (text[9] - '0');
	again = day;
	start = timegm(&again); /* a day that does not exist becomes another one */
	if (again.tm_year != day.tm_year || again.tm_mon != day.tm_mon || again.tm_mday != day.tm_mday || start <= 0)
		return -EINVAL;
	*seconds = start;
	return 0;
}

static int
set_expires(const struct field *value, struct account *account, const char **error)
{
	account->expires = 0;
	if (says_none(value))
		return 0;
	if (value->text == NULL || account_parse_date(value->text, value->len, &account->expires) < 0)
		return reject_field(error, "bad expires; write expires=YYYY-MM-DD, a day after 1970-01-01, or 'none'");
	return 0;
}

static int
set_allow_from(const struct field *value, struct account *account, const char **error)
{
	static const char bad[] = "bad allow-from; write allow-from=ADDRESS or allow-from=NETWORK/BITS "
				  "(no bits after the network), separated by ',', or only 'any'";
	const char *next = value->text;
	const char *end;

	if (next == NULL)
		return reject_field(error, bad);
	if (field_is(value, "any") && account->allow_from_count == 0)
		return 0;
	end = next + value->len;
	for (;;) {
		const char *comma = memchr(next, ',', (size_t)(end - next));
		struct field item = {next, (size_t)((comma == NULL ? end : comma) - next)};
		char text[ADDRESS_TEXT_MAX];

		if (account->allow_from_count == ACCOUNT_ALLOW_MAX)
			return reject_field(error, "too many networks in allow-from; at most 32, so take larger ones");
		if (field_copy(&item, text, sizeof(text)) < 0 ||
		    address_block_parse(text, &account->allow_from[account->allow_from_count]) < 0)
			return reject_field(error, bad);
		account->allow_from_count++;
		if (comma == NULL)
			return 0;
		next = comma + 1;
	}
}

/* A number, a size with its letter, or "none" for the value none; ACCOUNT_NO_QUOTA is not one of the numbers. */
static int
option_number(
    const struct field *value, int (*parse)(const char *, uint64_t, uint64_t *), uint64_t none, uint64_t *number)
{
	char text[32];

	*number = none;
	if (says_none(value))
		return 0;

	if (value->text == NULL || field_copy(value, text, sizeof(text)) < 0)
		return -EINVAL;
	return parse(text, INT64_MAX, number);
}

static int
set_quota(const struct field *value, struct account *account, const char **error)
{
	if (option_number(value, parse_size, ACCOUNT_NO_QUOTA, &account->quota_bytes) < 0)
		return reject_field(error, "bad quota; write quota=BYTES, optionally with K, M, G or T, or 'none'");
	return 0;
}

static int
set_quota_files(const struct field *value, struct account *account, const char **error)
{
	if (option_number(value, parse_u64, ACCOUNT_NO_QUOTA, &account->quota_files) < 0)
		return reject_field(error, "bad quota-files; write quota-files=NUMBER, or 'none'");
	return 0;
}

static int
option_rate(const struct field *value, uint64_t *rate)
{
	int r = option_number(value, parse_size, 0, rate);

	return r == 0 && *rate < ACCOUNT_RATE_MIN && !says_none(value) ? -EINVAL : r;
}

static int
set_rate_down(const struct field *value, struct account *account, const char **error)
{
	if (option_rate(value, &account->rate_down) < 0)
		return reject_field(error, "bad rate-down; write rate-down=BYTES per second, at least 1K, or 'none'");
	return 0;
}

static int
set_rate_up(const struct field *value, struct account *account, const char **error)
{
	if (option_rate(value, &account->rate_up) < 0)
		return reject_field(error, "bad rate-up; write rate-up=BYTES per second, at least 1K, or 'none'");
	return 0;
}

bool
account_label_valid(const char *label, size_t len)
{
	static const char main_label[] = ACCOUNT_MAIN_LABEL;

	if (len == 0 || len > ACCOUNT_LABEL_MAX || label[0] == '.' ||
	    (len == sizeof(main_label) - 1 && memcmp(label, main_label, len) == 0))
		return false;
	for (size_t i = 0; i < len; i++)
		if (memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", label[i], 65) == NULL)
			return false;
	return true;
}

/* LABEL,EXPIRES,HASH; a hash may have commas. */
static bool
split_password(const struct field *value, struct field parts[3])
{
	const char *next = value->text;
	const char *end = next + value->len;

	for (size_t i = 0; i < 2; i++) {
		const char *comma = memchr(next, ',', (size_t)(end - next));

		if (comma == NULL)
			return false;
		parts[i] = (struct field){next, (size_t)(comma - next)};
		next = comma + 1;
	}
	parts[2] = (struct field){next, (size_t)(end - next)};
	return parts[2].len > 0 && next[0] != '*' && next[0] != '!';
}

static int
set_password(const struct field *value, struct account *account, const char **error)
{
	static const char bad[] =
	    "bad password; write password=LABEL,YYYY-MM-DD,HASH or password=LABEL,,HASH, with 1 to "
	    "32 letters, digits, '.', '_' or '-' as LABEL, not 'main'";
	struct account_password *password = &account->passwords[account->password_count];
	struct field parts[3];

	if (account->password_count == ACCOUNT_PASSWORDS_MAX)
		return reject_field(error, "too many passwords; at most 8 besides the first");
	if (value->text == NULL || !split_password(value, parts) || !account_label_valid(parts[0].text, parts[0].len))
		return reject_field(error, bad);
	password->expires = 0;
	if (parts[1].len > 0 && account_parse_date(parts[1].text, parts[1].len, &password->expires) < 0)
		return reject_field(error, bad);
	for (size_t i = 0; i < parts[2].len; i++)
		if ((unsigned char)parts[2].text[i] <= ' ' || (unsigned char)parts[2].text[i] > '~')
			return reject_field(error, bad);
	if (field_copy(&parts[0], password->label, sizeof(password->label)) < 0 ||
	    field_copy(&parts[2], password->hash, sizeof(password->hash)) < 0)
		return reject_field(error, bad);
	for (size_t i = 0; i < account->password_count; i++)
		if (strcmp(account->passwords[i].label, password->label) == 0)
			return reject_field(error, "two passwords have the same label; give one of them another");
	account->password_count++;
	return 0;
}

const char *
account_hash(const struct account *account, size_t i)
{
	return i == 0 ? account->hash : account->passwords[i - 1].hash;
}

static int
set_pattern(const struct field *value, bool denies, struct account *account, const char **error)
{
	if (!account->has_patterns)
		account->patterns.count = account->patterns.text_len = 0;
	account->has_patterns = true;
	return patterns_add(&account->patterns, denies, value->text == NULL ? "" : value->text, value->len, error);
}

static int
set_hide(const struct field *value, struct account *account, const char **error)
{
	return set_pattern(value, false, account, error);
}

static int
set_deny(const struct field *value, struct account *account, const char **error)
{
	return set_pattern(value, true, account, error);
}

static int
set_tls(const struct field *value, struct account *account, const char **error)
{
	if (value->text != NULL && field_is(value, "required"))
		account->tls = ACCOUNT_TLS_REQUIRED;
	else if (value->text != NULL && field_is(value, "optional"))
		account->tls = ACCOUNT_TLS_OPTIONAL;
	else if (says_none(value))
		account->tls = ACCOUNT_TLS_AS_CONFIGURED;
	else
		return reject_field(
		    error, "bad tls; write tls=required or tls=optional, or 'none' for what tls.require says");
	return 0;
}

static int
set_group(const struct field *value, struct account *account, const char **error)
{
	if (value->text == NULL || !account_name_valid(value->text, value->len, error) ||
	    field_copy(value, account->group, sizeof(account->group)) < 0)
		return reject_field(error, "bad group; write group=NAME, with the name of a line '+group NAME:'");
	return 0;
}

static int
option_mode(const struct field *value, uint32_t low, uint32_t *mode)
{
	char text[8];

	*mode = 0;
	if (says_none(value))
		return 0;
	if (value->text == NULL || field_copy(value, text, sizeof(text)) < 0 || parse_mode(text, mode) < 0)
		return -EINVAL;
	return (*mode & low) != low || (*mode & ~(uint32_t)ACCOUNT_MODE_HIGH) != 0 ? -EINVAL : 0;
}

static int
set_file_mode(const struct field *value, struct account *account, const char **error)
{
	if (option_mode(value, ACCOUNT_FILE_MODE_LOW, &account->file_mode) < 0)
		return reject_field(error,
		    "bad file-mode; write file-mode=MODE, octal, with 0600 and at most 0777, such as 0660, or 'none'");
	return 0;
}

static int
set_directory_mode(const struct field *value, struct account *account, const char **error)
{
	if (option_mode(value, ACCOUNT_DIRECTORY_MODE_LOW, &account->directory_mode) < 0)
		return reject_field(error,
		    "bad directory-mode; write directory-mode=MODE, octal, with 0700 and at most 0777, such as 0770, or 'none'");
	return 0;
}

static int
set_keep(const struct field *value, struct account *account, const char **error)
{
	account->keep.days = 0;
	if (says_none(value) ||
	    (value->text != NULL && keep_days_parse(value->text, value->len, &account->keep.days) == 0))
		return 0;
	return reject_field(error, "bad keep; write keep=DAYSd, from 1d to 3650d, such as keep=30d, or 'none'");
}

static int
set_keep_quota(const struct field *value, struct account *account, const char **error)
{
	if (option_number(value, parse_size, KEEP_NO_QUOTA, &account->keep.quota_bytes) < 0)
		return reject_field(
		    error, "bad keep-quota; write keep-quota=BYTES, optionally with K, M, G or T, or 'none'");
	return 0;
}

static int
set_retain(const struct field *value, struct account *account, const char **error)
{
	account->keep.retain_days = 0;
	if (says_none(value) ||
	    (value->text != NULL && keep_days_parse(value->text, value->len, &account->keep.retain_days) == 0))
		return 0;
	return reject_field(error, "bad retain; write retain=DAYSd, from 1d to 3650d, such as retain=365d, or 'none'");
}

static int
set_keep_brake(const struct field *value, struct account *account, const char **error)
{
	struct keep_rules *keep = &account->keep;

	keep->brake_changes = keep->brake_s = 0;
	if (says_none(value) ||
	    (value->text != NULL &&
		keep_brake_parse(value->text, value->len, &keep->brake_changes, &keep->brake_s) == 0))
		return 0;
	return reject_field(error,
	    "bad keep-brake; write keep-brake=NUMBER/TIME, from 1 to 10000 removals in 1s to 7d, such as "
	    "keep-brake=200/10m, or 'none'");
}

static int
set_folder(const struct field *value, struct account *account, const char **error)
{
	const char *equals = value->text == NULL ? NULL : memchr(value->text, '=', value->len);

	if (equals != NULL && !account_name_valid(value->text, (size_t)(equals - value->text), error))
		return -EINVAL;
	if (!account->has_grants)
		account->grants.count = account->grants.text_len = 0;
	account->has_grants = true;
	return grants_add(&account->grants, value->text == NULL ? "" : value->text, value->len, error);
}

static const struct {
	const char *key;
	unsigned seen; /* bit, 0: may be repeated */
	int (*set)(const struct field *value, struct account *account, const char **error);
} options[] = {
    /* clang-format off */
    {"read-only",    SEEN_READ_ONLY,    set_read_only},
    {"rights",       SEEN_RIGHTS,       set_rights},
    {"rights",       FOR_DIRECTORIES,   set_zone},
    {"max-sessions", SEEN_MAX_SESSIONS, set_max_sessions},
    {"expires",      SEEN_EXPIRES,      set_expires},
    {"allow-from",   0,                 set_allow_from},
    {"quota",        SEEN_QUOTA,        set_quota},
    {"quota-files",  SEEN_QUOTA_FILES,  set_quota_files},
    {"rate-down",    SEEN_RATE_DOWN,    set_rate_down},
    {"rate-up",      SEEN_RATE_UP,      set_rate_up},
    {"file-mode",    SEEN_FILE_MODE,    set_file_mode},
    {"directory-mode", SEEN_DIRECTORY_MODE, set_directory_mode},
    {"tls",          SEEN_TLS,          set_tls},
    {"hide",         0,                 set_hide},
    {"deny",         0,                 set_deny},
    {"keep",         SEEN_KEEP,         set_keep},
    {"keep-quota",   SEEN_KEEP_QUOTA,   set_keep_quota},
    {"retain",       SEEN_RETAIN,       set_retain},
    {"keep-brake",   SEEN_KEEP_BRAKE,   set_keep_brake},
    {"group",        SEEN_GROUP | FOR_ACCOUNTS, set_group},
    {"password",     FOR_ACCOUNTS,      set_password},
    {"folder",       FOR_ACCOUNTS,      set_folder},
    /* clang-format on */
};

static size_t
key_length(const char *word, size_t len)
{
	size_t n = 0;

	while (n < len && ((word[n] >= 'a' && word[n] <= 'z') || (word[n] >= '0' && word[n] <= '9') || word[n] == '-'))
		n++;
	return n;
}

bool
account_option_known(const char *word, size_t len)
{
	struct field key = {word, key_length(word, len)};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (field_is(&key, options[i].key))
			return true;
	return false;
}

size_t
account_option_next(const char **text, size_t *len, const char **word)
{
	size_t n = 0;

	while (*len > 0 && is_blank(**text)) {
		(*text)++;
		(*len)--;
	}
	*word = *text;
	while (n < *len && !is_blank((*text)[n]))
		n++;
	*text += n;
	*len -= n;
	return n;
}

/* What one field of options says, to be taken over to an account. */
struct reading {
	struct account *account;
	bool is_of_group;
	uint64_t skipped; /* rows whose words are passed over */
	uint64_t said; /* rows that there were; bits, as of skipped */
	unsigned seen;
};

_Static_assert(sizeof(options) / sizeof(options[0]) <= 64, "account.said has a bit for each row");

static int
take_option(struct reading *reading, size_t row, const struct field *value, const char **error)
{
	if (reading->is_of_group && (options[row].seen & FOR_ACCOUNTS) != 0)
		return reject_field(error, "an option that only an account can have; take it out of the group");
	if ((reading->seen & options[row].seen & SEEN_MASK) != 0)
		return reject_field(error, "an option appears twice; keep one of them");
	reading->seen |= options[row].seen;
	if ((reading->skipped & UINT64_C(1) << row) != 0 &&
	    ((options[row].seen & FOR_DIRECTORIES) == 0 ||
		zones_have(&reading->account->zones, value->text, value->len)))
		return 0;
	reading->said |= UINT64_C(1) << row;
	return options[row].set(value, reading->account, error);
}

/* rights=/DIRECTORY=...; the rights of "/" are those of the account. */
static bool
is_for_directory(const struct field *key, const struct field *value)
{
	return field_is(key, "rights") && value->text != NULL && zone_is_rule(value->text, value->len) &&
	    (value->len == 1 || value->text[1] != '=');
}

static int
parse_option(struct reading *reading, const char *word, size_t len, const char **error)
{
	struct field key = {word, key_length(word, len)};
	struct field value = {NULL, 0};

	if (key.len == 0 || (key.len < len && word[key.len] != '='))
		return reject_field(
		    error, "a word that is not an option; write KEY or KEY=VALUE with KEY of a-z, 0-9 and '-'");
	if (key.len < len)
		value = (struct field){word + key.len + 1, len - key.len - 1};
	if (value.len > OPTION_VALUE_MAX)
		return reject_field(error, "the value of an option is too long; at most 1023 bytes");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (field_is(&key, options[i].key) &&
		    ((options[i].seen & FOR_DIRECTORIES) != 0) == is_for_directory(&key, &value))
			return take_option(reading, i, &value, error);
	return 0; /* of another version: kept in the file, without effect here */
}

static void
set_no_options(struct account *account)
{
	account->group[0] = '\0';
	account->lacks_group = false;
	account->contradiction = NULL;
	account->said = account->from_group = 0;
	account->tls = ACCOUNT_TLS_AS_CONFIGURED;
	account->is_read_only = false;
	account->rights = MAY_ALL;
	account->has_zones = false;
	account->password_count = 0;
	account->has_patterns = false;
	account->quota_bytes = account->quota_files = ACCOUNT_NO_QUOTA;
	account->rate_down = account->rate_up = 0;
	account->max_sessions = 0;
	account->expires = 0;
	account->allow_from_count = 0;
	account->rate_down = account->rate_up = 0;
	account->file_mode = account->directory_mode = 0;
	account->keep = (struct keep_rules){.quota_bytes = KEEP_NO_QUOTA};
	account->has_grants = false;
}

static int
parse_options(struct reading *reading, const struct field *field, const char **error)
{
	const char *next = field->text;
	size_t left = field->len;
	const char *word;
	size_t len;
	int r = 0;

	while (r == 0 && (len = account_option_next(&next, &left, &word)) > 0)
		r = parse_option(reading, word, len, error);
	return r;
}

static int
refuse_contradiction(const struct account *account, const char **error)
{
	const char *contradiction = keep_rules_contradiction(&account->keep);

	return contradiction == NULL ? 0 : reject_field(error, contradiction);
}

int
account_take_options(struct account *account, const char *words, size_t len, const char **error)
{
	struct reading reading = {.account = account};
	int r;

	set_no_options(account);
	r = parse_options(&reading, &(const struct field){words, len}, error);
	account->said = reading.said;
	return r == 0 ? refuse_contradiction(account, error) : r;
}

int
account_group_check(const char *words, size_t len, const char **error)
{
	struct account account;
	struct reading reading = {.account = &account, .is_of_group = true};

	int r;

	set_no_options(&account);
	r = parse_options(&reading, &(const struct field){words, len}, error);
	return r == 0 ? refuse_contradiction(&account, error) : r;
}

int
account_take_group(struct account *account, const char *words, size_t len, const char **error)
{
	struct reading reading = {.account = account, .is_of_group = true, .skipped = account->said};
	int r;

	account->lacks_group = words == NULL;
	if (words == NULL)
		return 0;
	r = parse_options(&reading, &(const struct field){words, len}, error);
	account->from_group = reading.said;
	account->contradiction = keep_rules_contradiction(&account->keep);
	return r;
}

enum option_source
account_option_source(const struct account *account, size_t i, const char **key)
{
	uint64_t bit = UINT64_C(1) << i;

	*key = i >= sizeof(options) / sizeof(options[0]) ? NULL
	    : (options[i].seen & FOR_DIRECTORIES) != 0   ? "directory-rights"
							 : options[i].key;
	if (*key == NULL)
		return OPTION_BY_NOBODY;
	return (account->said & bit) != 0      ? OPTION_BY_ACCOUNT
	    : (account->from_group & bit) != 0 ? OPTION_BY_GROUP
					       : OPTION_BY_NOBODY;
}

enum option_source
account_option_said_by(const struct account *account, const char *key)
{
	const char *found;
	enum option_source source;
	size_t i = 0;

	do
		source = account_option_source(account, i++, &found);
	while (found != NULL && strcmp(found, key) != 0);
	return source;
}

void
account_wipe(struct account *account)
{
	if (account->password_count > 0)
		explicit_bzero(account->passwords, account->password_count * sizeof(account->passwords[0]));
	if (account->has_grants)
		explicit_bzero(&account->grants, offsetof(struct grants, text) + account->grants.text_len);
	if (account->has_patterns)
		explicit_bzero(&account->patterns, offsetof(struct patterns, text) + account->patterns.text_len);
	if (account->has_zones)
		explicit_bzero(&account->zones, offsetof(struct zones, text) + account->zones.text_len);
	explicit_bzero(account->home, strnlen(account->home, sizeof(account->home)));
	explicit_bzero(account, offsetof(struct account, home));
}

unsigned
account_rights(const struct account *account)
{
	return account->is_read_only ? account->rights & MAY_ONLY_LOOK : account->rights;
}

unsigned
account_rights_somewhere(const struct account *account)
{
	unsigned rights = account->rights | zones_rights_of_any(account->has_zones ? &account->zones : NULL);

	return account->is_read_only ? rights & MAY_ONLY_LOOK : rights;
}

static bool
has_control_but_tab(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] != '\t' && has_control(line + i, 1))
			return true;
	return false;
}

bool
account_line_is_text(const char *line, size_t len, const char **error)
{
	const char *wrong = NULL;

	if (len > ACCOUNT_LINE_MAX)
		wrong = "the line is too long; at most 8192 bytes";
	else if (len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
		wrong = "the file begins with a byte order mark; save it as UTF-8 without one";
	else if (has_control_but_tab(line, len))
		wrong = "a control character; lines end only with a newline";
	if (wrong == NULL)
		return true;
	*error = wrong;
	return false;
}

int
account_parse(const char *line, size_t len, struct account *account, const char **error)
{
	struct field fields[FIELDS];
	int r;

	if (!account_line_is_text(line, len, error))
		return -EINVAL;
	if (!split_fields(line, len, fields))
		return reject_field(error, "too few fields; write NAME:HASH:UID:GID:HOME:OPTIONS");
	if (!account_name_valid(fields[0].text, fields[0].len, error))
		return -EINVAL;
	if (field_copy(&fields[0], account->name, sizeof(account->name)) < 0)
		return reject_field(error, "the name is too long; at most 64 bytes");
	r = parse_hash(&fields[1], account, error);
	if (r < 0)
		return r;
	if (parse_id(&fields[2], &account->uid) < 0)
		return reject_field(error, "bad UID; write a number from 1 to 4294967294 (root cannot log in)");
	if (parse_id(&fields[3], &account->gid) < 0)
		return reject_field(error, "bad GID; write a number from 1 to 4294967294 (root cannot log in)");
	r = parse_home(&fields[4], account, error);
	if (r < 0)
		return r;
	return account_take_options(account, fields[5].text, fields[5].len, error);
}
