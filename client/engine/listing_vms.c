/* SPDX-License-Identifier: ISC */
/* LIST of VMS: "NAME.TXT;1  12/15  2-JUL-2003 10:30:13.64  [OWNER]  (RWED,RWED,RE,)", in two lines where the name is long. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/engine/listing_line.h"

#include "common/banned.h"

static const char name_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789$_-~.^+@#!%&'()=";

/* Where ";12" begins, or 0. */
static size_t
version_at(struct piece word)
{
	const char *semicolon = word.len == 0 ? NULL : memrchr(word.text, ';', word.len);
	size_t at = semicolon == NULL ? 0 : (size_t)(semicolon - word.text);

	if (at == 0 || at + 1 == word.len || !piece_has_only(piece_from(word, at + 1), "0123456789") ||
	    !piece_has_only(piece_first(word, at), name_characters))
		return 0;
	return at;
}

/* The version goes, the newest is meant without one; ".DIR" tells what it is, and is no part of what CWD wants. */
static int
set_vms_name(struct ftp_entry *entry, struct piece name)
{
	name.len = version_at(name);
	entry->kind = FTP_KIND_FILE;
	if (name.len > 4 && piece_is(piece_from(name, name.len - 4), ".DIR")) {
		entry->kind = FTP_KIND_DIRECTORY;
		name.len -= 4;
	} else if (name.len > 1 && name.text[name.len - 1] == '.') {
		name.len--;
	}
	return entry_set_name(entry, name);
}

/* Whatever the order of the fields is. Sizes are in blocks, no size in bytes: unknown. */
static bool
parse_vms_facts(const struct list_line *line, size_t from, struct ftp_entry *entry)
{
	struct tm utc = {0};

	for (size_t i = from; i < line->count; i++) {
		struct piece word = line->words[i];

		if (word.text[0] == '[')
			piece_escape(piece_first(piece_from(word, 1), word.len - 1 - (word.text[word.len - 1] == ']')),
			    entry->owner, sizeof(entry->owner));
		else if (word.len >= 9 && split_date(word, "DMY", &utc)) {
			if (i + 1 < line->count)
				(void)clock_time(line->words[i + 1], &utc);
			entry->mtime = utc_seconds(&utc);
		}
	}
	return utc.tm_mday != 0;
}

/* "Directory DISK$1:[USER]", "Total of 3 files, 12/15 blocks", "Grand total of ...". */
static bool
is_frame(const struct list_line *line)
{
	const struct piece *words = line->words;

	return (line->count >= 2 && piece_is(words[0], "Directory") &&
		   memchr(words[1].text, '[', words[1].len) != NULL) ||
	    (line->count >= 4 && piece_is(words[0], "Total") && piece_is(words[1], "of")) ||
	    (line->count >= 4 && piece_is(words[0], "Grand") && piece_is(words[1], "total"));
}

int
list_vms(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	struct piece pending = {state->pending, strlen(state->pending)};
	int r;

	if (line->count == 0)
		return -EINVAL;
	if (version_at(line->words[0]) > 0) {
		if (line->count == 1 && line->words[0].len < sizeof(state->pending)) {
			snprintf(state->pending, sizeof(state->pending), "%.*s", (int)line->words[0].len,
			    line->words[0].text);
			return pending.len > 0 ? -EINVAL : LIST_NO_ENTRY;
		}
		/* without a date the server says why ("%RMS-E-PRV"), and the name is there none the less */
		(void)parse_vms_facts(line, 1, entry);
		return set_vms_name(entry, line->words[0]);
	}
	if (pending.len > 0 && parse_vms_facts(line, 0, entry)) {
		r = set_vms_name(entry, pending);
		state->pending[0] = '\0';
		return r;
	}
	return is_frame(line) ? LIST_NO_ENTRY : -EINVAL;
}
