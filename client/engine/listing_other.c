/* SPDX-License-Identifier: ISC */
/* LIST of rarer servers, one small parser each: NetWare, OS-9, VxWorks, HP NonStop, VShell, routers, bare numbers. */
#include <errno.h>
#include <string.h>

#include "client/engine/listing_line.h"
#include "common/text.h"

#include "common/banned.h"

/* NetWare: "d [R----F--] supervisor   512   Jan 16 18:53   name"; the right in brackets may touch the letter. */
int
list_netware(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	size_t at = 1, used;

	if (line->count < 5 || (line->text[0] != 'd' && line->text[0] != '-'))
		return -EINVAL;
	if (words[0].len > 2 && words[0].text[1] == '[')
		at = 0;
	else if (words[0].len != 1 || words[1].text[0] != '[')
		return -EINVAL;
	entry->kind = line->text[0] == 'd' ? FTP_KIND_DIRECTORY : FTP_KIND_FILE;
	/* a set of rights may be empty, "[        ]", and so several words */
	while (at < line->count && memchr(words[at].text, ']', words[at].len) == NULL)
		at++;
	if (at + 4 >= line->count)
		return -EINVAL;
	piece_escape(words[at + 1], entry->owner, sizeof(entry->owner));
	if (entry->kind == FTP_KIND_FILE)
		entry->size = piece_grouped_number(words[at + 2]);
	used = unix_date(line, at + 3, state->now, &entry->mtime, &entry->mtime_is_exact);
	return used == 0 ? -EINVAL : entry_set_name(entry, list_rest(line, at + 3 + used));
}

/* "1234" is 12:34. */
static void
short_time(struct piece word, struct tm *utc)
{
	int64_t number = word.len == 4 ? piece_number(word) : -1;

	if (number >= 0 && number / 100 < 24 && number % 100 < 60) {
		utc->tm_hour = (int)number / 100;
		utc->tm_min = (int)number % 100;
	}
}

/* OS-9: "20.20 07/03/29 1026 d-ewrewr 2650 85920 name", the year first. */
int
list_os9(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct tm utc = {0};

	(void)state;
	if (line->count >= 6 && piece_is(words[0], "Owner") && piece_is(words[1], "Last"))
		return LIST_NO_ENTRY;
	if (line->count >= 6 && piece_has_only(words[0], "-") && piece_has_only(words[line->count - 1], "-"))
		return LIST_NO_ENTRY;
	if (line->count < 7 || !piece_has_only(words[0], "0123456789.") ||
	    memchr(words[0].text, '.', words[0].len) == NULL || !split_date(words[1], "YMD", &utc) ||
	    words[3].len != 8 || !piece_has_only(words[3], "dserw-") || piece_number(words[5]) < 0)
		return -EINVAL;
	short_time(words[2], &utc);
	entry->kind = words[3].text[0] == 'd' ? FTP_KIND_DIRECTORY : FTP_KIND_FILE;
	entry->size = piece_number(words[5]);
	entry->mtime = utc_seconds(&utc);
	piece_escape(words[0], entry->owner, sizeof(entry->owner));
	return entry_set_name(entry, list_rest(line, 6));
}

/* VxWorks: "2048    Feb-28-1998  05:23:30   name   <DIR>". */
int
list_vxworks(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	static const char mark[] = "<DIR>";
	const struct piece *words = line->words;
	struct piece name;
	struct tm utc = {0};

	(void)state;
	if (line->count == 4 &&
	    ((piece_is(words[0], "size") && piece_is(words[1], "date")) ||
		(piece_has_only(words[0], "-") && piece_has_only(words[3], "-"))))
		return LIST_NO_ENTRY;
	if (line->count < 4 || piece_number(words[0]) < 0 || month_number(piece_first(words[1], 3)) < 0 ||
	    !split_date(words[1], "MDY", &utc) || !clock_time(words[2], &utc))
		return -EINVAL;
	name = list_rest(line, 3);
	while (name.len > 0 && name.text[name.len - 1] == ' ')
		name.len--;
	entry->kind = FTP_KIND_FILE;
	if (name.len > strlen(mark) + 1 && piece_is(piece_from(name, name.len - strlen(mark)), mark)) {
		entry->kind = FTP_KIND_DIRECTORY;
		name.len -= strlen(mark);
		while (name.len > 0 && name.text[name.len - 1] == ' ')
			name.len--;
	} else {
		entry->size = piece_number(words[0]);
	}
	entry->mtime = utc_seconds(&utc);
	return entry_set_name(entry, name);
}

/* HP NonStop: "NAME  101  528 6-Apr-07 14:21:18 255, 0 \"oooo\"". */
int
list_nonstop(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct tm utc = {0};
	size_t at = 3;
	struct piece last;

	(void)state;
	if (line->count >= 5 && piece_is(words[0], "File") && piece_is(words[1], "Code") && piece_is(words[2], "EOF"))
		return LIST_NO_ENTRY;
	if (line->count < 7)
		return -EINVAL;
	last = words[line->count - 1];
	/* the code of an open file is marked: "101 O", or "101O" */
	if (piece_is(words[2], "O"))
		at++;
	if (at + 2 >= line->count || last.text[0] != '"' || last.text[last.len - 1] != '"' || words[1].text[0] < '0' ||
	    words[1].text[0] > '9' || piece_number(words[at - 1]) < 0 || !split_date(words[at], "DMY", &utc) ||
	    !clock_time(words[at + 1], &utc))
		return -EINVAL;
	entry->kind = FTP_KIND_FILE;
	entry->size = piece_number(words[at - 1]);
	entry->mtime = utc_seconds(&utc);
	return entry_set_name(entry, words[0]);
}

/* VShell of old: "206876  Apr 04, 2000 21:06 name", a directory ends with a slash. */
int
list_vshell(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct piece name;
	size_t used;

	if (line->count < 5 || piece_number(words[0]) < 0 || words[2].text[words[2].len - 1] != ',' ||
	    month_number(words[1]) < 0)
		return -EINVAL;
	used = unix_date(line, 1, state->now, &entry->mtime, &entry->mtime_is_exact);
	if (used == 0)
		return -EINVAL;
	name = list_rest(line, 1 + used);
	entry->kind = name.len > 1 && name.text[name.len - 1] == '/' ? FTP_KIND_DIRECTORY : FTP_KIND_FILE;
	if (entry->kind == FTP_KIND_FILE)
		entry->size = piece_number(words[0]);
	return entry_set_name(entry, name);
}

/* Routers of Nortel: "name  1014196  06/03/04  Thur.  10:20:03". */
int
list_router(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	size_t last = line->count - 1;
	struct tm utc = {0};

	(void)state;
	if ((line->count != 4 && line->count != 5) || piece_number(words[1]) < 0 ||
	    !piece_has_only(words[2], "0123456789/") || !split_date(words[2], "MDY", &utc) ||
	    !clock_time(words[last], &utc) || (line->count == 5 && words[3].text[words[3].len - 1] != '.'))
		return -EINVAL;
	entry->kind = FTP_KIND_FILE;
	entry->size = piece_number(words[1]);
	entry->mtime = utc_seconds(&utc);
	return entry_set_name(entry, words[0]);
}

/* Bare numbers: "0100644  500  101  12345  123456789  name": mode with its type, owner, group, size, seconds since 1970. */
int
list_numeric(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	char digits[5] = "";
	uint32_t mode;

	(void)state;
	if (line->count < 6 || words[0].len < 6 || words[0].len > 7 || !piece_has_only(words[0], "01234567"))
		return -EINVAL;
	for (size_t i = 1; i < 5; i++) {
		if (piece_number(words[i]) < 0)
			return -EINVAL;
	}
	memcpy(digits, words[0].text + words[0].len - 4, 4);
	if (parse_mode(digits, &mode) == 0)
		entry->mode = (int32_t)mode;
	/* what stands before the four digits of the mode: 10 a file, 4 a directory, 12 a link */
	switch (piece_number(piece_first(words[0], words[0].len - 4))) {
	case 10:
		entry->kind = FTP_KIND_FILE;
		break;
	case 4:
		entry->kind = FTP_KIND_DIRECTORY;
		break;
	case 12:
		entry->kind = FTP_KIND_LINK;
		break;
	default:
		entry->kind = FTP_KIND_OTHER;
		break;
	}
	entry->size = piece_number(words[3]);
	entry->mtime = piece_number(words[4]);
	piece_escape(words[1], entry->owner, sizeof(entry->owner));
	piece_escape(words[2], entry->group, sizeof(entry->group));
	return entry_set_name(entry, list_rest(line, 5));
}
