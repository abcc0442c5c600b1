/* SPDX-License-Identifier: ISC */
#include "accounts/convert.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accounts/hash_kind.h"
#include "common/text.h"

#include "common/banned.h"

#define FIELDS_MAX 24
#define DAY_S 86400

const char *const convert_words[CONVERT_COUNT] = {
    [CONVERT_USERS] = "users",
    [CONVERT_PURE_FTPD] = "pure-ftpd",
    [CONVERT_PROFTPD] = "proftpd",
    [CONVERT_VSFTPD] = "vsftpd",
    [CONVERT_PASSWD] = "passwd",
};

/* Bytes of a line. */
struct cut {
	const char *text;
	size_t len;
};

void
converted_init(struct converted *out)
{
	*out = (struct converted){.line = 0};
	buf_init(&out->name, ACCOUNT_LINE_MAX);
	buf_init(&out->hash, ACCOUNT_LINE_MAX);
	buf_init(&out->home, ACCOUNT_LINE_MAX);
	buf_init(&out->options, ACCOUNT_LINE_MAX);
	buf_init(&out->raw, ACCOUNT_LINE_MAX + 1);
}

static void
clear_converted(struct converted *out)
{
	struct buf *const all[] = {&out->name, &out->hash, &out->home, &out->options, &out->raw};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i]->data != NULL)
			explicit_bzero(all[i]->data, all[i]->size);
		buf_clear(all[i]);
	}
	out->problem = NULL;
	out->uid[0] = out->gid[0] = '\0';
	out->is_plain = out->lacks_shadow = false;
}

void
converted_free(struct converted *out)
{
	clear_converted(out);
	buf_free(&out->name);
	buf_free(&out->hash);
	buf_free(&out->home);
	buf_free(&out->options);
	buf_free(&out->raw);
}

/* --- lines and fields --- */

static bool
next_line(struct convert *convert, struct cut *line)
{
	const char *newline;

	if (convert->text == convert->end)
		return false;
	newline = memchr(convert->text, '\n', (size_t)(convert->end - convert->text));
	line->text = convert->text;
	line->len = (size_t)((newline == NULL ? convert->end : newline) - convert->text);
	convert->text += line->len + (newline != NULL);
	convert->line++;
	return true;
}

/* The same, without blank lines, comments, and what DOS puts at the end of a line. */
static bool
next_entry(struct convert *convert, struct cut *line)
{
	while (next_line(convert, line)) {
		/* a comment of ours, of theirs a name that is refused */
		if (convert->format == CONVERT_VSFTPD ? line->len == 0 : account_line_is_blank(line->text, line->len))
			continue;
		if (line->len > 0 && line->text[line->len - 1] == '\r')
			line->len--;
		return true;
	}
	return false;
}

/* Split at colons; the last field has the rest. Fields that are missing are empty. */
static size_t
split_cut(struct cut line, struct cut fields[FIELDS_MAX])
{
	const char *end = line.text + line.len;
	size_t count = 0;

	while (count < FIELDS_MAX - 1) {
		const char *colon = memchr(line.text, ':', (size_t)(end - line.text));

		fields[count++] = (struct cut){line.text, (size_t)((colon == NULL ? end : colon) - line.text)};
		if (colon == NULL)
			break;
		line.text = colon + 1;
	}
	for (size_t i = count; i < FIELDS_MAX; i++)
		fields[i] = (struct cut){end, 0};
	return count;
}

static bool
cut_is(struct cut cut, const char *text)
{
	return cut.len == strlen(text) && memcmp(cut.text, text, cut.len) == 0;
}

/* A number in decimal; an empty field is 0. */
static int
cut_number(struct cut cut, uint64_t *value)
{
	char text[24];

	*value = 0;
	if (cut.len == 0)
		return 0;
	if (cut.len >= sizeof(text))
		return -EINVAL;
	memcpy(text, cut.text, cut.len);
	text[cut.len] = '\0';
	return parse_u64(text, INT64_MAX, value);
}

static int
take_id(struct cut cut, char id[16])
{
	uint64_t value;

	if (cut.len == 0 || cut_number(cut, &value) < 0 || value == 0 || value > ID_MAX)
		return -EINVAL;
	snprintf(id, 16, "%u", (unsigned)value);
	return 0;
}

/* Of a path without '.' components and without doubled slashes: "/srv/./a//" is "/srv/a". ".." stays, and is refused later. */
static void
take_foreign_home(struct cut cut, struct buf *home)
{
	const char *end = cut.text + cut.len;

	for (const char *p = cut.text; p < end;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t len = (size_t)((slash == NULL ? end : slash) - p);

		if (len > 0 && !(len == 1 && p[0] == '.')) {
			buf_add(home, "/", 1);
			buf_add(home, p, len);
		}
		p += len + (slash != NULL);
	}
	if (cut.len > 0 && cut.text[0] != '/')
		buf_clear(home);
}

static void
add_option(struct buf *options, const char *key, uint64_t value)
{
	buf_addf(options, "%s%s=%llu", options->len == 0 ? "" : " ", key, (unsigned long long)value);
}

/* --- hashes --- */

/*
 * A hash that crypt(3) knows, or a locked account without one. Others could never log in, and nobody would see why.
 */
static void
take_hash(struct cut hash, struct converted *out)
{
	size_t marks = 0;

	while (marks < hash.len && hash.text[marks] == '!')
		marks++;
	if (marks > 0)
		buf_add(&out->hash, "!", 1);
	buf_add(&out->hash, hash.text + marks, hash.len - marks);
	if (out->problem != NULL || out->hash.error < 0)
		return;
	if (hash.len == marks)
		out->problem = marks > 0 ? "it has no password, and is locked; it can be made with 'user add'"
					 : "it has no password; give it one";
	else if (hash.text[marks] == '*')
		out->problem = "it has no password that fits ('*'); give it one, or leave it to the system";
	else if (!hash_kind_is_known(out->hash.data + (marks > 0)))
		out->problem = "its password is hashed in a way that crypt(3) does not know; give it a new password";
}

/* --- formats --- */

static void
convert_users(struct cut line, struct converted *out)
{
	buf_add(&out->raw, line.text, line.len);
	if (line.len > ACCOUNT_LINE_MAX)
		out->problem = "the line is too long; at most 8192 bytes";
}

/* Name, hash and ids, which passwd(5) and all that were made after it have in these places. */
static void
take_passwd_fields(const struct cut *fields, size_t count, struct converted *out)
{
	buf_add(&out->name, fields[0].text, fields[0].len);
	take_foreign_home(fields[5], &out->home);
	if (count < 6)
		out->problem = "too few fields; it begins with NAME:HASH:UID:GID:GECOS:HOME";
	else if (take_id(fields[2], out->uid) < 0 || take_id(fields[3], out->gid) < 0)
		out->problem = "bad UID or GID; an account needs numbers from 1 to 4294967294 (root cannot log in)";
	else if (out->home.len == 0)
		out->problem = "bad home; an account needs an absolute path other than '/'";
}

/* What pure-pw(8) can say and an account of ours cannot. */
static const struct {
	size_t field;
	const char *problem;
} pure_ftpd_only[] = {
    {8, "it has an upload ratio, which sallyport has not; remove it (pure-pw usermod -q '')"},
    {9, "it has a download ratio, which sallyport has not; remove it (pure-pw usermod -Q '')"},
    {13, "it is bound to addresses of the server (-i), which sallyport has not; remove them"},
    {14, "it is refused at addresses of the server (-I), which sallyport has not; remove them"},
    {16, "it refuses addresses of clients (-R); sallyport has only those that are allowed (allow-from)"},
    {17, "it is bound to times of the day (-z), which sallyport has not; remove them"},
};

/* "ADDRESS,ADDRESS/BITS"; names of hosts are no addresses. */
static void
take_allowed(struct cut list, struct converted *out)
{
	char text[ADDRESS_TEXT_MAX];
	struct address_block block;

	if (list.len == 0)
		return;
	buf_addf(&out->options, "%sallow-from=%.*s", out->options.len == 0 ? "" : " ", (int)list.len, list.text);
	for (const char *p = list.text, *end = p + list.len; p <= end; p++) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t len = (size_t)((comma == NULL ? end : comma) - p);

		snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text) - 1), p);
		if (len >= sizeof(text) || address_block_parse(text, &block) < 0)
			out->problem =
			    "an allowed client (-r) is no address and no network without host bits; write one";
		p += len;
	}
}

static void
take_limits(const struct cut *fields, struct converted *out)
{
	static const struct {
		size_t field;
		const char *key;
		uint64_t least, most;
	} limits[] = {
	    {10, "max-sessions", 1, SESSIONS_MAX},
	    {11, "quota-files", 0, INT64_MAX},
	    {12, "quota", 0, INT64_MAX},
	    {7, "rate-down", ACCOUNT_RATE_MIN, INT64_MAX},
	    {6, "rate-up", ACCOUNT_RATE_MIN, INT64_MAX},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint64_t value;

		if (cut_number(fields[limits[i].field], &value) < 0)
			out->problem = "a limit that is no number; repair it with pure-pw";
		else if (fields[limits[i].field].len == 0 || (value == 0 && limits[i].least > 0))
			continue;
		else if (value < limits[i].least || value > limits[i].most)
			out->problem =
			    "a limit that sallyport has not so low or so high (sallyport-users(5)); change it";
		else
			add_option(&out->options, limits[i].key, value);
	}
}

static void
convert_pure_ftpd(struct cut line, struct converted *out)
{
	struct cut fields[FIELDS_MAX];
	size_t count = split_cut(line, fields);

	take_passwd_fields(fields, count, out);
	take_hash(fields[1], out);
	take_limits(fields, out);
	take_allowed(fields[15], out);
	for (size_t i = 0; i < sizeof(pure_ftpd_only) / sizeof(pure_ftpd_only[0]); i++) {
		struct cut field = fields[pure_ftpd_only[i].field];

		if (field.len > 0 && !cut_is(field, "0"))
			out->problem = pure_ftpd_only[i].problem;
	}
}

static void
convert_proftpd(struct cut line, struct converted *out)
{
	struct cut fields[FIELDS_MAX];
	size_t count = split_cut(line, fields);

	take_passwd_fields(fields, count, out);
	take_hash(fields[1], out);
}

/*
 * pam_userdb with crypt=crypt has hashes, which begin with '$' here; DES looks like a password, and is taken for one. So is what
 * has a colon: no hash has one.
 */
static void
convert_vsftpd(struct convert *convert, struct cut name, struct converted *out)
{
	struct cut password;

	buf_add(&out->name, name.text, name.len);
	if (memchr(name.text, ':', name.len) != NULL) /* it would begin the other fields of a line of ours */
		out->problem = "a colon in its name; give it another one";
	if (!next_line(convert, &password)) {
		out->problem = "a name without a password on the line after it";
		return;
	}
	if (password.len > 0 && password.text[password.len - 1] == '\r')
		password.len--;
	buf_add(&out->hash, password.text, password.len);
	if (password.len == 0)
		out->problem = "an empty password; write one on the line after the name";
	else if (memchr(password.text, '\0', password.len) != NULL)
		out->problem = "a NUL in its password; write another one";
	else
		out->is_plain = out->hash.error < 0 || password.text[0] != '$' ||
		    memchr(password.text, ':', password.len) != NULL || !hash_kind_is_known(out->hash.data);
}

/* The line of name in shadow(5), split. Most often it is the one after the last that was found. */
static bool
find_shadow(struct convert *convert, struct cut name, struct cut fields[FIELDS_MAX])
{
	for (int round = 0; round < 2; round++) {
		struct convert shadow = {.text = convert->shadow, .end = convert->shadow};
		struct cut line;

		if (convert->shadow != NULL)
			shadow.end += convert->shadow_len;
		if (round == 0 && convert->shadow != NULL)
			shadow.text += convert->shadow_at;
		while (next_line(&shadow, &line)) {
			if (line.len <= name.len || line.text[name.len] != ':' ||
			    memcmp(line.text, name.text, name.len) != 0)
				continue;
			split_cut(line, fields);
			convert->shadow_at = (size_t)(shadow.text - convert->shadow);
			return true;
		}
	}
	return false;
}

/* Days since 1970 after which the account is refused. */
static void
take_expiry(struct cut days, struct converted *out)
{
	uint64_t value;
	time_t seconds;
	struct tm day;
	char text[16];

	if (days.len == 0)
		return;
	if (cut_number(days, &value) < 0 || value == 0 || value > 2900000) {
		out->problem = "its day of expiry (shadow(5)) is none; repair it with chage";
		return;
	}
	seconds = (time_t)(value * DAY_S);
	if (gmtime_r(&seconds, &day) != NULL && strftime(text, sizeof(text), "%Y-%m-%d", &day) == 10)
		buf_addf(&out->options, "expires=%s", text);
}

static void
convert_passwd(struct convert *convert, struct cut line, struct converted *out)
{
	struct cut fields[FIELDS_MAX], shadow[FIELDS_MAX];
	size_t count = split_cut(line, fields);

	take_passwd_fields(fields, count, out);
	if (!cut_is(fields[1], "x")) {
		take_hash(fields[1], out);
		return;
	}
	if (!find_shadow(convert, fields[0], shadow)) {
		out->lacks_shadow = out->problem == NULL;
		out->problem = "its password is in shadow(5), which has no line of it; put that file beside this one";
		return;
	}
	take_hash(shadow[1], out);
	take_expiry(shadow[7], out);
}

int
convert_next(struct convert *convert, struct converted *out)
{
	struct cut line;

	clear_converted(out);
	if (!next_entry(convert, &line))
		return 0;
	out->line = convert->line;
	switch (convert->format) {
	case CONVERT_USERS:
	case CONVERT_COUNT:
		convert_users(line, out);
		break;
	case CONVERT_PURE_FTPD:
		convert_pure_ftpd(line, out);
		break;
	case CONVERT_PROFTPD:
		convert_proftpd(line, out);
		break;
	case CONVERT_VSFTPD:
		convert_vsftpd(convert, line, out);
		break;
	case CONVERT_PASSWD:
		convert_passwd(convert, line, out);
		break;
	}
	if (memchr(line.text, '\0', line.len) != NULL) /* what is behind it would be lost */
		out->problem = "a NUL in its line; remove it";
	if (out->name.error == -ENOMEM || out->hash.error == -ENOMEM || out->home.error == -ENOMEM ||
	    out->options.error == -ENOMEM || out->raw.error == -ENOMEM)
		return -ENOMEM;
	if (out->name.error < 0 || out->hash.error < 0 || out->home.error < 0 || out->options.error < 0)
		out->problem = "a field of the line is too long; at most 8192 bytes";
	return 1;
}
