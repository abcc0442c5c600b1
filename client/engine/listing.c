#include "client/engine/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/engine/answer.h"
#include "common/text.h"

#include "common/banned.h"

void
ftp_entry_free(struct ftp_entry *entry)
{
	free(entry->name);
	free(entry->target);
	entry->name = entry->target = NULL;
}

void
ftp_list_free(struct ftp_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		ftp_entry_free(&list->entries[i]);
	free(list->entries);
	memset(list, 0, sizeof(*list));
}

static void
entry_init(struct ftp_entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->kind = FTP_KIND_OTHER;
	entry->size = entry->mtime = entry->mode = -1;
}

/* A piece of a line. */
struct piece {
	const char *text;
	size_t len;
};

static bool
piece_is(struct piece piece, const char *text)
{
	return piece.len == strlen(text) && strncasecmp(piece.text, text, piece.len) == 0;
}

/* Decimal digits alone, at most INT64_MAX; -1 for anything else. */
static int64_t
piece_number(struct piece piece)
{
	uint64_t value;
	char digits[20];

	if (piece.len == 0 || piece.len >= sizeof(digits))
		return -1;
	memcpy(digits, piece.text, piece.len);
	digits[piece.len] = '\0';
	return parse_u64(digits, INT64_MAX, &value) < 0 ? -1 : (int64_t)value;
}

static void
piece_escape(struct piece piece, char *out, size_t size)
{
	struct buf text;

	buf_init(&text, size - 1);
	if (piece.len < size && escape_bytes(&text, ESCAPE_REPLY, piece.text, piece.len) == 0 && text.len > 0)
		snprintf(out, size, "%s", text.data);
	buf_free(&text);
}

static int
set_name(struct ftp_entry *entry, struct piece name)
{
	if (piece_is(name, ".") || piece_is(name, ".."))
		return 1;
	if (name.len == 0 || memchr(name.text, '/', name.len) != NULL || memchr(name.text, '\0', name.len) != NULL)
		return -EPERM;
	entry->name = strndup(name.text, name.len);
	return entry->name == NULL ? -ENOMEM : 0;
}

/* --- MLSD --- */

static int32_t
octal_mode(struct piece value)
{
	char digits[5];
	uint32_t mode;

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

		entry->kind = FTP_KIND_LINK;
		if (colon != NULL && entry->target == NULL) {
			entry->target = strndup(colon + 1, value.len - (size_t)(colon + 1 - value.text));
			if (entry->target == NULL)
				return -ENOMEM;
		}
	}
	return 0;
}

/* The permissions are letters; others are left out. */
static void
fact_perm(struct ftp_entry *entry, struct piece value)
{
	size_t len = 0;

	for (size_t i = 0; i < value.len && len + 1 < sizeof(entry->permissions); i++) {
		char c = value.text[i] | 0x20;

		if (c >= 'a' && c <= 'z')
			entry->permissions[len++] = c;
	}
	entry->permissions[len] = '\0';
}

static int
take_fact(struct ftp_entry *entry, struct piece name, struct piece value)
{
	if (piece_is(name, "type"))
		return fact_type(entry, value);
	if (piece_is(name, "size") || (piece_is(name, "sizd") && entry->size < 0)) {
		entry->size = piece_number(value);
	} else if (piece_is(name, "modify")) {
		entry->mtime_is_exact = answer_time(value.text, value.len, &entry->mtime) == 0;
	} else if (piece_is(name, "perm")) {
		fact_perm(entry, value);
	} else if (piece_is(name, "UNIX.mode")) {
		entry->mode = octal_mode(value);
	} else if (piece_is(name, "UNIX.owner") || (piece_is(name, "UNIX.ownername"))) {
		piece_escape(value, entry->owner, sizeof(entry->owner));
	} else if (piece_is(name, "UNIX.group") || piece_is(name, "UNIX.groupname")) {
		piece_escape(value, entry->group, sizeof(entry->group));
	}
	return 0;
}

/* The facts before the blank; *rest becomes what follows it. Results as mlsd_parse(). */
static int
take_facts(struct ftp_entry *entry, const char *line, size_t len, struct piece *rest)
{
	const char *end = line + len, *next = line;
	bool is_self = false;

	while (next < end && *next != ' ') {
		/* the target of a link may hold blanks, not semicolons: the fact ends at one */
		const char *semicolon = memchr(next, ';', (size_t)(end - next));
		const char *equals = semicolon == NULL ? NULL : memchr(next, '=', (size_t)(semicolon - next));
		int r;

		if (equals == NULL || memchr(next, ' ', (size_t)(equals - next)) != NULL)
			return -EINVAL;
		r = take_fact(entry, (struct piece){next, (size_t)(equals - next)},
		    (struct piece){equals + 1, (size_t)(semicolon - equals - 1)});
		if (r < 0)
			return r;
		is_self = is_self || r == 1;
		next = semicolon + 1;
	}
	if (next >= end)
		return -EINVAL;
	*rest = (struct piece){next + 1, (size_t)(end - next - 1)};
	return is_self;
}

int
mlsd_parse(const char *line, size_t len, bool is_path, struct ftp_entry *entry)
{
	struct piece name;
	int r;

	entry_init(entry);
	r = take_facts(entry, line, len, &name);
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
		r = set_name(entry, name);
	}
	if (r != 0)
		ftp_entry_free(entry);
	return r;
}

/* --- LIST --- */

#define WORDS_MAX 10

/* Up to WORDS_MAX words of a line; returns how many. */
static size_t
split(const char *line, size_t len, struct piece *words)
{
	size_t count = 0, i = 0;

	while (count < WORDS_MAX) {
		size_t begin;

		while (i < len && (line[i] == ' ' || line[i] == '\t'))
			i++;
		if (i == len)
			break;
		begin = i;
		while (i < len && line[i] != ' ' && line[i] != '\t')
			i++;
		words[count++] = (struct piece){line + begin, i - begin};
	}
	return count;
}

static int
month_number(struct piece word)
{
	static const char *const names[] = {
	    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};

	for (int i = 0; i < 12; i++) {
		if (piece_is(word, names[i]))
			return i;
	}
	return -1;
}

/* "12:34" or "12:34:56" into tm; false for anything else. */
static bool
clock_time(struct piece word, struct tm *utc)
{
	int hour, minute;

	if (word.len != 4 && word.len != 5 && word.len != 8)
		return false;
	hour = (int)piece_number((struct piece){word.text, word.len == 4 ? 1 : 2});
	word = (struct piece){word.text + (word.len == 4 ? 1 : 2), word.len - (word.len == 4 ? 1 : 2)};
	if (word.text[0] != ':' || (word.len == 6 && word.text[3] != ':'))
		return false;
	minute = (int)piece_number((struct piece){word.text + 1, 2});
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
		return false;
	utc->tm_hour = hour;
	utc->tm_min = minute;
	return true;
}

/* "2020-01-31"; false for anything else. */
static bool
iso_date(struct piece word, struct tm *utc)
{
	int64_t year, month, day;

	if (word.len != 10 || word.text[4] != '-' || word.text[7] != '-')
		return false;
	year = piece_number((struct piece){word.text, 4});
	month = piece_number((struct piece){word.text + 5, 2});
	day = piece_number((struct piece){word.text + 8, 2});
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	utc->tm_year = (int)year - 1900;
	utc->tm_mon = (int)month - 1;
	utc->tm_mday = (int)day;
	return true;
}

/*
 * The date at words[i]: "Jan 31 12:34", "Jan 31 2020", "31 Jan 2020" is not seen in the wild, "2020-01-31 12:34".
 * Returns the number of words, 0 where there is no date. Times are taken for UTC, for want of knowing better; a
 * date without a year is the latest one that is not more than a day ahead.
 */
static size_t
list_date(const struct piece *words, size_t count, size_t i, int64_t now, int64_t *mtime)
{
	struct tm utc = {0}, today;
	time_t time = (time_t)now;
	int64_t year;

	if (i + 1 < count && iso_date(words[i], &utc) && clock_time(words[i + 1], &utc)) {
		*mtime = timegm(&utc);
		return 2;
	}
	if (i + 2 >= count || month_number(words[i]) < 0)
		return 0;
	utc.tm_mon = month_number(words[i]);
	utc.tm_mday = (int)piece_number(words[i + 1]);
	if (words[i + 1].len > 2 || utc.tm_mday < 1 || utc.tm_mday > 31)
		return 0;
	if (clock_time(words[i + 2], &utc)) {
		if (gmtime_r(&time, &today) == NULL)
			return 0;
		utc.tm_year = today.tm_year;
		if (timegm(&utc) > now + 86400)
			utc.tm_year--;
		/* timegm() puts the fields in order: 29 February of a year without one would move */
		*mtime = timegm(&utc);
		return 3;
	}
	year = words[i + 2].len == 4 ? piece_number(words[i + 2]) : -1;
	if (year < 1970)
		return 0;
	utc.tm_year = (int)year - 1900;
	*mtime = timegm(&utc);
	return 3;
}

/* "rwxr-sr-t" as bits; -1 for anything else. */
static int32_t
mode_bits(const char *text)
{
	static const char letters[] = "rwxrwxrwx";
	static const struct {
		char both, alone;
		int32_t bit;
	} special[] = {{'s', 'S', 04000}, {'s', 'S', 02000}, {'t', 'T', 01000}};
	int32_t mode = 0;

	for (int i = 0; i < 9; i++) {
		int32_t bit = 0400 >> i;

		if (text[i] == letters[i]) {
			mode |= bit;
		} else if (i % 3 == 2 && text[i] == special[i / 3].both) {
			mode |= bit | special[i / 3].bit;
		} else if (i % 3 == 2 && text[i] == special[i / 3].alone) {
			mode |= special[i / 3].bit;
		} else if (text[i] != '-') {
			return -1;
		}
	}
	return mode;
}

/* "name -> target" of a link. */
static int
split_link(struct ftp_entry *entry, struct piece *name)
{
	static const char arrow[] = " -> ";
	const char *at = memmem(name->text, name->len, arrow, strlen(arrow));

	if (at == NULL)
		return 0;
	entry->target = strndup(at + strlen(arrow), name->len - (size_t)(at - name->text) - strlen(arrow));
	name->len = (size_t)(at - name->text);
	return entry->target == NULL ? -ENOMEM : 0;
}

/*
 * "drwxr-xr-x 2 owner group 4096 Jan 31 12:34 name": the date is looked for, since some leave out links or group. One
 * blank follows it; more belong to the name.
 */
static int
list_unix(const char *line, size_t len, int64_t now, struct ftp_entry *entry)
{
	struct piece words[WORDS_MAX], name;
	size_t count = split(line, len, words), date = 0, i;
	const char *end;
	int r = 0;

	if (count < 5 || words[0].len < 10)
		return -EINVAL;
	for (i = 2; i < count && date == 0; i++)
		date = list_date(words, count, i, now, &entry->mtime);
	if (date == 0)
		return -EINVAL;
	i--;
	end = words[i + date - 1].text + words[i + date - 1].len;
	if (end >= line + len)
		return -EINVAL;
	entry->mode = mode_bits(words[0].text + 1);
	switch (words[0].text[0]) {
	case '-':
		entry->kind = FTP_KIND_FILE;
		break;
	case 'd':
		entry->kind = FTP_KIND_DIRECTORY;
		break;
	case 'l':
		entry->kind = FTP_KIND_LINK;
		break;
	default:
		entry->kind = FTP_KIND_OTHER;
		break;
	}
	if (entry->kind != FTP_KIND_OTHER)
		entry->size = piece_number(words[i - 1]);
	if (i >= 4)
		piece_escape(words[2], entry->owner, sizeof(entry->owner));
	if (i >= 5)
		piece_escape(words[3], entry->group, sizeof(entry->group));
	name = (struct piece){end + 1, (size_t)(line + len - end - 1)};
	if (entry->kind == FTP_KIND_LINK)
		r = split_link(entry, &name);
	return r < 0 ? r : set_name(entry, name);
}

/* "01-31-20  03:45PM  <DIR>  name", with a year of two or four digits; false for anything else. */
static bool
dos_time(struct piece date, struct piece time, struct tm *utc)
{
	int64_t month, day, year;
	bool is_pm;

	if ((date.len != 8 && date.len != 10) || date.text[2] != '-' || date.text[5] != '-' || time.len < 6)
		return false;
	month = piece_number((struct piece){date.text, 2});
	day = piece_number((struct piece){date.text + 3, 2});
	year = piece_number((struct piece){date.text + 6, date.len - 6});
	if (date.len == 8 && year >= 0)
		year += year < 70 ? 2000 : 1900;
	if (month < 1 || month > 12 || day < 1 || day > 31 || year < 1970)
		return false;
	is_pm = (time.text[time.len - 2] | 0x20) == 'p';
	if ((!is_pm && (time.text[time.len - 2] | 0x20) != 'a') || (time.text[time.len - 1] | 0x20) != 'm')
		return false;
	if (!clock_time((struct piece){time.text, time.len - 2}, utc) || utc->tm_hour > 12)
		return false;
	utc->tm_hour = utc->tm_hour % 12 + (is_pm ? 12 : 0);
	utc->tm_mon = (int)month - 1;
	utc->tm_mday = (int)day;
	utc->tm_year = (int)year - 1900;
	return true;
}

static int
list_dos(const char *line, size_t len, struct ftp_entry *entry)
{
	struct piece words[WORDS_MAX];
	size_t count = split(line, len, words);
	struct tm utc = {0};

	if (count < 4 || !dos_time(words[0], words[1], &utc))
		return -EINVAL;
	entry->mtime = timegm(&utc);
	if (piece_is(words[2], "<DIR>")) {
		entry->kind = FTP_KIND_DIRECTORY;
	} else {
		entry->kind = FTP_KIND_FILE;
		entry->size = piece_number(words[2]);
		if (entry->size < 0)
			return -EINVAL;
	}
	return set_name(entry, (struct piece){words[3].text, (size_t)(line + len - words[3].text)});
}

int
list_parse(const char *line, size_t len, int64_t now, struct ftp_entry *entry)
{
	int r = -EINVAL;

	entry_init(entry);
	if (len > 0 && strchr("-dlbcpsD", line[0]) != NULL && line[0] != '\0')
		r = list_unix(line, len, now, entry);
	else if (len > 0 && line[0] >= '0' && line[0] <= '9')
		r = list_dos(line, len, entry);
	if (r != 0)
		ftp_entry_free(entry);
	return r;
}

/* --- a whole listing --- */

void
listing_init(struct listing *listing, enum listing_style style, int64_t now)
{
	memset(listing, 0, sizeof(*listing));
	listing->style = style;
	listing->now = now;
	buf_init(&listing->line, LISTING_LINE_MAX);
}

void
listing_free(struct listing *listing)
{
	ftp_list_free(&listing->list);
	buf_free(&listing->line);
}

static int
add_entry(struct listing *listing, const struct ftp_entry *entry)
{
	struct ftp_list *list = &listing->list;

	if (list->count == LISTING_ENTRIES_MAX)
		return -E2BIG;
	if (list->count == listing->size) {
		size_t size = listing->size == 0 ? 64 : listing->size * 2;
		struct ftp_entry *entries = reallocarray(list->entries, size, sizeof(*entries));

		if (entries == NULL)
			return -ENOMEM;
		list->entries = entries;
		listing->size = size;
	}
	list->entries[list->count++] = *entry;
	return 0;
}

static int
take_line(struct listing *listing, const char *line, size_t len)
{
	struct ftp_entry entry;
	int r;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return 0;
	if (listing->style == LISTING_MLSD)
		r = mlsd_parse(line, len, false, &entry);
	else
		r = list_parse(line, len, listing->now, &entry);
	if (r == 0) {
		r = add_entry(listing, &entry);
		if (r < 0)
			ftp_entry_free(&entry);
		return r;
	}
	if (r == -EPERM)
		listing->list.refused++;
	if (r == -EINVAL)
		listing->ignored++;
	return r == -ENOMEM ? r : 0;
}

int
listing_feed(struct listing *listing, const char *bytes, size_t len)
{
	const char *next = bytes, *end = bytes + len;

	if (len > LISTING_TEXT_MAX - listing->bytes)
		return -E2BIG;
	listing->bytes += len;
	while (next < end) {
		const char *newline = memchr(next, '\n', (size_t)(end - next));
		size_t n = newline == NULL ? (size_t)(end - next) : (size_t)(newline - next);
		int r = buf_add(&listing->line, next, n);

		if (r < 0)
			return r == -ENOBUFS ? -EMSGSIZE : r;
		next += n;
		if (newline == NULL)
			break;
		next++;
		r = listing_end(listing);
		if (r < 0)
			return r;
	}
	return 0;
}

int
listing_end(struct listing *listing)
{
	int r = listing->line.len == 0 ? 0 : take_line(listing, listing->line.data, listing->line.len);

	buf_clear(&listing->line);
	return r;
}
