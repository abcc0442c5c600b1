/* SPDX-License-Identifier: ISC */
/* LIST in the style of ls -l, and what is close to it: Windows CE, NetPresenz, Connect:Enterprise. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/listing_line.h"

#include "common/banned.h"

#define MODE_LEN 10

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

static enum ftp_kind
kind_of_letter(char letter)
{
	switch (letter) {
	case '-':
		return FTP_KIND_FILE;
	case 'd':
		return FTP_KIND_DIRECTORY;
	case 'l':
		return FTP_KIND_LINK;
	default:
		return FTP_KIND_OTHER;
	}
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

/* Where the date is, and how long. */
struct place {
	size_t at, words;
};

/*
 * The date is looked for, since some leave out links or group, and owners may have blanks in their names: first one behind
 * a number, which is the size.
 */
static struct place
find_date(const struct list_line *line, struct list_state *state, struct ftp_entry *entry, bool wants_size)
{
	for (size_t i = 2; i < line->count; i++) {
		size_t words;

		if (wants_size && piece_grouped_number(line->words[i - 1]) < 0)
			continue;
		words = unix_date(line, i, state->now, &entry->mtime, &entry->mtime_is_exact);
		if (words > 0)
			return (struct place){i, words};
	}
	return (struct place){0, 0};
}

/* Three words that stand like a date, in a language that is not known, or of nonsense ("000 17 2024"): a time unknown. */
static struct place
find_unknown_date(const struct list_line *line)
{
	struct tm unused;

	for (size_t i = 3; i + 2 < line->count; i++) {
		struct piece last = line->words[i + 2];
		bool has_day = (line->words[i].len <= 3 && piece_number(line->words[i]) >= 0) ||
		    (line->words[i + 1].len <= 2 && piece_number(line->words[i + 1]) >= 0);

		if (has_day && piece_grouped_number(line->words[i - 1]) >= 0 &&
		    (clock_time(last, &unused) || (last.len == 4 && piece_number(last) >= 0)))
			return (struct place){i, 3};
	}
	return (struct place){0, 0};
}

/* "drwxr-xr-x 3 owner group 512 name": no date at all, and so no way to tell where a name with blanks would begin. */
static bool
has_no_date(const struct list_line *line)
{
	return line->count == 6 && month_number(line->words[5]) < 0 && piece_number(line->words[1]) >= 0 &&
	    piece_number(line->words[4]) >= 0 && mode_bits(line->words[0].text + 1) >= 0;
}

static int
set_unix_name(const struct list_line *line, const char *begin, struct ftp_entry *entry)
{
	struct piece name = {begin, (size_t)(line->text + line->len - begin)};
	int r = 0;

	if (entry->kind == FTP_KIND_LINK)
		r = split_link(entry, &name);
	return r < 0 ? r : entry_set_name(entry, name);
}

/* "drwxr-xr-x+ 2 owner group 4096 Jan 31 12:34 name". One blank follows the date; more belong to the name. */
int
list_unix(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct place date;
	const char *end;

	if (line->count < 5 || words[0].len < MODE_LEN || line->text[0] == ' ' || line->text[0] == '\0' ||
	    strchr("-dlbcpsDCnwP", line->text[0]) == NULL || memchr(words[0].text, '[', words[0].len) != NULL)
		return -EINVAL;
	entry->kind = kind_of_letter(line->text[0]);
	if (has_no_date(line)) {
		piece_escape(words[2], entry->owner, sizeof(entry->owner));
		piece_escape(words[3], entry->group, sizeof(entry->group));
		entry->mode = mode_bits(words[0].text + 1);
		entry->size = piece_number(words[4]);
		return set_unix_name(line, words[5].text, entry);
	}
	date = find_date(line, state, entry, true);
	if (date.words == 0)
		date = find_date(line, state, entry, false);
	if (date.words == 0)
		date = find_unknown_date(line);
	if (date.words == 0)
		return -EINVAL;
	end = words[date.at + date.words - 1].text + words[date.at + date.words - 1].len;
	if (end >= line->text + line->len)
		return -EINVAL;
	entry->mode = mode_bits(words[0].text + 1);
	if (entry->kind != FTP_KIND_OTHER)
		entry->size = piece_grouped_number(words[date.at - 1]);
	if (date.at >= 4)
		piece_escape(words[2], entry->owner, sizeof(entry->owner));
	if (date.at >= 5)
		piece_escape(words[3], entry->group, sizeof(entry->group));
	return set_unix_name(line, end + 1, entry);
}
