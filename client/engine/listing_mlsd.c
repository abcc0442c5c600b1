/* SPDX-License-Identifier: ISC */
/* MLSD and MLST (RFC 3659, 7). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/engine/answer.h"
#include "client/engine/listing.h"
#include "client/engine/listing_line.h"
#include "common/text.h"

#include "common/banned.h"

static int32_t
octal_mode(struct piece value)
{
	char digits[5];
	uint32_t mode;

	/* pyftpdlib writes octal numbers as Python does */
	if (value.len > 2 && value.text[0] == '0' && value.text[1] == 'o')
		value = (struct piece){value.text + 2, value.len - 2};
	/* three or four digits, and with the zero of C in front five */
	if (value.len == 5 && value.text[0] == '0')
		value = (struct piece){value.text + 1, value.len - 1};
	if (value.len == 0 || value.len >= sizeof(digits))
		return -1;
	memcpy(digits, value.text, value.len);
	digits[value.len] = '\0';
	return parse_mode(digits, &mode) < 0 ? -1 : (int32_t)mode;
}

/* Returns 1 for the directory itself or its parent. */
static int
fact_type(struct ftp_entry *entry, struct piece value)
{
	static const char slink[] = "OS.unix=slink", symlink[] = "OS.unix=symlink";

	if (piece_is(value, "cdir") || piece_is(value, "pdir"))
		return 1;
	if (piece_is(value, "file")) {
		entry->kind = FTP_KIND_FILE;
	} else if (piece_is(value, "dir")) {
		entry->kind = FTP_KIND_DIRECTORY;
	} else if ((value.len >= strlen(slink) && strncasecmp(value.text, slink, strlen(slink)) == 0) ||
	    (value.len >= strlen(symlink) && strncasecmp(value.text, symlink, strlen(symlink)) == 0)) {
		const char *colon = memchr(value.text, ':', value.len);

		size_t len = colon == NULL ? 0 : value.len - (size_t)(colon + 1 - value.text);

		entry->kind = FTP_KIND_LINK;
		/* Pure-FTPd has the colon, and nothing after it */
		if (len > 0 && entry->target == NULL) {
			entry->target = strndup(colon + 1, len);
			if (entry->target == NULL)
				return -ENOMEM;
		}
	}
	return 0;
}

/* The permissions are letters; others are left out. */
static int
fact_perm(struct ftp_entry *entry, struct piece value)
{
	size_t len = 0;

	for (size_t i = 0; i < value.len && len + 1 < sizeof(entry->permissions); i++) {
		char c = value.text[i] | 0x20;

		if (c >= 'a' && c <= 'z')
			entry->permissions[len++] = c;
	}
	entry->permissions[len] = '\0';
	return 0;
}

static int
fact_size(struct ftp_entry *entry, struct piece value)
{
	entry->size = piece_number(value);
	return 0;
}

/* Of a directory; a size that stands there as well says more. */
static int
fact_directory_size(struct ftp_entry *entry, struct piece value)
{
	if (entry->size < 0)
		entry->size = piece_number(value);
	return 0;
}

static int
fact_modify(struct ftp_entry *entry, struct piece value)
{
	entry->mtime_is_exact = answer_time(value.text, value.len, &entry->mtime) == 0;
	return 0;
}

static int
fact_mode(struct ftp_entry *entry, struct piece value)
{
	entry->mode = octal_mode(value);
	return 0;
}

static int
fact_owner(struct ftp_entry *entry, struct piece value)
{
	piece_escape(value, entry->owner, sizeof(entry->owner));
	return 0;
}

static int
fact_group(struct ftp_entry *entry, struct piece value)
{
	piece_escape(value, entry->group, sizeof(entry->group));
	return 0;
}

static int
fact_unique(struct ftp_entry *entry, struct piece value)
{
	piece_escape(value, entry->unique, sizeof(entry->unique));
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct ftp_entry *entry, struct piece value); /* NULL: known, and of no use here */
} known_facts[] = {
    {"type", fact_type},
    {"size", fact_size},
    {"sizd", fact_directory_size},
    {"modify", fact_modify},
    {"perm", fact_perm},
    {"unique", fact_unique},
    {"UNIX.mode", fact_mode},
    {"UNIX.owner", fact_owner},
    {"UNIX.ownername", fact_owner},
    {"UNIX.group", fact_group},
    {"UNIX.groupname", fact_group},
    {"create", NULL},
    {"lang", NULL},
    {"media-type", NULL},
    {"charset", NULL},
};
#define FACT_COUNT (sizeof(known_facts) / sizeof(known_facts[0]))

/* FACT_COUNT: none of these. */
static size_t
find_fact(struct piece name)
{
	size_t i = 0;

	while (i < FACT_COUNT && !piece_is(name, known_facts[i].name))
		i++;
	return i;
}

/*
 * A fact at the beginning of text, up to its semicolon, or, where the last one has none, to the blank. The target of a link
 * may hold blanks, not semicolons. Returns its length with the semicolon, 0: there is no fact.
 */
static size_t
measure_fact(struct piece text, struct piece *name, struct piece *value)
{
	static const char link[] = "OS.unix=s";
	size_t end = 0, equals;

	while (end < text.len && strchr("=; \t", text.text[end]) == NULL)
		end++;
	if (end == 0 || end == text.len || text.text[end] != '=')
		return 0;
	equals = end++;
	*name = piece_first(text, equals);
	*value = piece_from(text, equals + 1);
	if (value->len >= strlen(link) && strncasecmp(value->text, link, strlen(link)) == 0 &&
	    memchr(value->text, ';', value->len) != NULL) {
		end += (size_t)((const char *)memchr(value->text, ';', value->len) - value->text);
	} else {
		while (end < text.len && text.text[end] != ';' && text.text[end] != ' ' && text.text[end] != '\t')
			end++;
	}
	value->len = end - equals - 1;
	return end < text.len && text.text[end] == ';' ? end + 1 : end;
}

/*
 * Blanks where none belong: what follows them is a fact when it is one of ours that was not told yet, and has its
 * semicolon. Anything else is the name, which may look like a fact.
 */
static bool
is_fact_behind_blank(struct piece text, uint32_t seen)
{
	struct piece name, value;
	size_t len = measure_fact(text, &name, &value), known = len == 0 ? FACT_COUNT : find_fact(name);

	return known < FACT_COUNT && (seen & (UINT32_C(1) << known)) == 0 && text.text[len - 1] == ';';
}

/* The facts before the blank; *rest becomes what follows it. Results as mlsd_parse(). */
static int
parse_mlsd_facts(struct ftp_entry *entry, const char *line, size_t len, struct piece *rest)
{
	struct piece left = {line, len}, name, value;
	uint32_t seen = 0;
	bool is_self = false;

	while (left.len > 0) {
		size_t blanks = 0, used;

		while (blanks < left.len && (left.text[blanks] == ' ' || left.text[blanks] == '\t'))
			blanks++;
		if (blanks > 0 && !is_fact_behind_blank(piece_from(left, blanks), seen))
			break;
		left = piece_from(left, blanks);
		used = measure_fact(left, &name, &value);
		if (used > 0) {
			size_t known = find_fact(name);
			int r = known == FACT_COUNT || known_facts[known].take == NULL
			    ? 0
			    : known_facts[known].take(entry, value);

			if (r < 0)
				return r;
			is_self = is_self || r == 1;
			seen |= known == FACT_COUNT ? 0 : UINT32_C(1) << known;
		} else {
			return -EINVAL;
		}
		left = piece_from(left, used);
	}
	if (left.len == 0)
		return -EINVAL;
	*rest = piece_from(left, 1);
	return is_self;
}

int
mlsd_parse(const char *line, size_t len, bool is_path, struct ftp_entry *entry)
{
	struct piece name;
	int r;

	entry_init(entry);
	r = parse_mlsd_facts(entry, line, len, &name);
	if (r == 0 || (r == 1 && is_path)) {
		const char *slash;

		/* "cdir" in MLST is an ordinary directory that was asked for by name */
		if (r == 1)
			entry->kind = FTP_KIND_DIRECTORY;
		while (is_path && name.len > 1 && name.text[name.len - 1] == '/')
			name.len--;
		slash = is_path ? memrchr(name.text, '/', name.len) : NULL;
		if (slash != NULL) {
			name.len -= (size_t)(slash + 1 - name.text);
			name.text = slash + 1;
		}
		r = entry_set_name(entry, name);
	}
	if (r != 0)
		ftp_entry_free(entry);
	return r;
}
