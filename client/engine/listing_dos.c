/* SPDX-License-Identifier: ISC */
/* LIST in the style of DIR: IIS, Windows CE, and DOS itself; and that of OS/2. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/listing_line.h"

#include "common/banned.h"

/* "<DIR>" and its kin. */
static const struct {
	const char *text;
	enum ftp_kind kind;
} kinds[] = {
    {"<DIR>", FTP_KIND_DIRECTORY},
    {"<JUNCTION>", FTP_KIND_LINK},
    {"<SYMLINK>", FTP_KIND_LINK},
    {"<SYMLINKD>", FTP_KIND_LINK},
};

/* What stands in place of a size. Returns false when it is neither that nor a size. */
static bool
take_size(struct piece word, struct ftp_entry *entry)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (piece_is(word, kinds[i].text)) {
			entry->kind = kinds[i].kind;
			return true;
		}
	}
	entry->kind = FTP_KIND_FILE;
	entry->size = piece_grouped_number(word);
	return entry->size >= 0;
}

/* "name [target]" of a link. */
static int
split_target(struct ftp_entry *entry, struct piece *name)
{
	const char *at = memmem(name->text, name->len, " [", 2);

	if (entry->kind != FTP_KIND_LINK || at == NULL || name->text[name->len - 1] != ']')
		return 0;
	entry->target = strndup(at + 2, name->len - (size_t)(at + 2 - name->text) - 1);
	name->len = (size_t)(at - name->text);
	return entry->target == NULL ? -ENOMEM : 0;
}

/* "01-31-20  03:45PM  <DIR>  name", "31.01.2020  15:45  1,234 name", "01/31/2020 03:45 PM 3 name". */
int
list_dos(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct tm utc = {0};
	struct piece name;
	size_t at = 2;
	int r;

	(void)state;
	if (line->count < 4 || !split_date(words[0], "MDY", &utc) || !clock_time_12(words[1], &utc))
		return -EINVAL;
	if (words[2].len <= 2 && (piece_is(words[2], "AM") || piece_is(words[2], "PM"))) {
		if (utc.tm_hour > 12)
			return -EINVAL;
		utc.tm_hour = utc.tm_hour % 12 + (piece_is(words[2], "PM") ? 12 : 0);
		at++;
	}
	if (at + 1 >= line->count || !take_size(words[at], entry))
		return -EINVAL;
	entry->mtime = utc_seconds(&utc);
	name = list_rest(line, at + 1);
	r = split_target(entry, &name);
	return r < 0 ? r : entry_set_name(entry, name);
}

/* OS/2: "36611  A  04-23-103  10:57  name", "0 DIR  02-11-103  16:15  name". */
int
list_os2(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct tm utc = {0};
	size_t at = 1;

	(void)state;
	if (line->count < 4 || piece_number(words[0]) < 0)
		return -EINVAL;
	entry->kind = FTP_KIND_FILE;
	for (; at < 5 && at + 2 < line->count && !split_date(words[at], "MDY", &utc); at++) {
		if (piece_is(words[at], "DIR"))
			entry->kind = FTP_KIND_DIRECTORY;
		else if (!piece_has_only(words[at], "ARSHD"))
			return -EINVAL;
	}
	if (at + 2 >= line->count || !split_date(words[at], "MDY", &utc) || !clock_time(words[at + 1], &utc))
		return -EINVAL;
	if (entry->kind == FTP_KIND_FILE)
		entry->size = piece_number(words[0]);
	entry->mtime = utc_seconds(&utc);
	return entry_set_name(entry, list_rest(line, at + 2));
}
