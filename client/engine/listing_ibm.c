/* SPDX-License-Identifier: ISC */
/* LIST of IBM's: z/OS (data sets, and members of one), z/VM, OS/400. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/engine/listing_line.h"

#include "common/banned.h"

static const char dataset_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789$#@.-_{}";

/* --- z/OS --- */

static int
set_dataset(struct ftp_entry *entry, struct piece name, enum ftp_kind kind)
{
	/* names of the catalogue stand in quotes */
	if (name.len > 2 && name.text[0] == '\'' && name.text[name.len - 1] == '\'')
		name = (struct piece){name.text + 1, name.len - 2};
	if (!piece_has_only(name, dataset_characters))
		return -EINVAL;
	entry->kind = kind;
	return entry_set_name(entry, name);
}

/* "VOLUME 3390 VSAM NAME", "VOLUME Tape NAME", "Migrated NAME": little is known of them. */
static int
list_short_dataset(const struct list_line *line, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct piece last = words[line->count - 1];

	if (line->count == 4 && piece_is(words[2], "VSAM"))
		return set_dataset(entry, last, FTP_KIND_OTHER);
	if (line->count == 3 && piece_is(words[1], "Tape"))
		return set_dataset(entry, last, FTP_KIND_OTHER);
	if (line->count == 2 && (piece_is(words[0], "Migrated") || piece_is(words[0], "MIGRAT")))
		return set_dataset(entry, last, FTP_KIND_OTHER);
	if (line->count == 3 && piece_is(words[0], "Pseudo") && piece_is(words[1], "Directory"))
		return set_dataset(entry, last, FTP_KIND_DIRECTORY);
	return -EINVAL;
}

/* "VOLUME 3390   2003/05/21  1  200  FB      80  8053  PS  NAME"; PO has members. No size is in bytes. */
static int
list_dataset(const struct list_line *line, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct piece last = words[line->count - 1], organization;
	struct tm utc = {0};

	if (line->count < 8 || line->count > 10)
		return list_short_dataset(line, entry);
	organization = words[line->count - 2];
	if (split_date(words[2], "YMD", &utc))
		entry->mtime = utc_seconds(&utc);
	else if (!piece_is(words[2], "**NONE**"))
		return -EINVAL;
	if (piece_begins(organization, "PO"))
		return set_dataset(entry, last, FTP_KIND_DIRECTORY);
	if (piece_is(organization, "PS") || piece_is(organization, "PS-L") || piece_is(organization, "PS-E") ||
	    piece_is(organization, "DA") || piece_is(organization, "IS"))
		return set_dataset(entry, last, FTP_KIND_FILE);
	return set_dataset(entry, last, FTP_KIND_OTHER);
}

/* "MEMBER  01.01 2004/06/22 2004/06/22 16:32   128   128    0 USER"; a load module is "MEMBER 00B308 000411 00 FO ...". */
static int
list_member(const struct list_line *line, const struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct tm utc = {0};

	if (line->count >= 6 && words[1].len == 5 && words[1].text[2] == '.' && split_date(words[2], "YMD", &utc) &&
	    split_date(words[3], "YMD", &utc) && clock_time(words[4], &utc)) {
		entry->mtime = utc_seconds(&utc);
		return set_dataset(entry, words[0], FTP_KIND_FILE);
	}
	if (line->count >= 4 && words[1].len == 6 && words[2].len == 6 && words[0].len <= 8 &&
	    piece_has_only(words[1], "0123456789ABCDEF") && piece_has_only(words[2], "0123456789ABCDEF"))
		return set_dataset(entry, words[0], FTP_KIND_FILE);
	/* without statistics a member has a name alone, which only the heading tells from anything else */
	if (line->count == 1 && state->heading == LIST_HEADING_MEMBERS && words[0].len <= 8)
		return set_dataset(entry, words[0], FTP_KIND_FILE);
	return -EINVAL;
}

int
list_mvs(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	int r;

	if (line->count == 0)
		return -EINVAL;
	if (line->count >= 5 && piece_is(words[0], "Volume") && piece_is(words[1], "Unit")) {
		state->heading = LIST_HEADING_DATASETS;
		return LIST_NO_ENTRY;
	}
	if (line->count >= 4 && piece_is(words[0], "Name") &&
	    (piece_is(words[1], "VV.MM") || (piece_is(words[1], "Size") && piece_is(words[2], "TTR")))) {
		state->heading = LIST_HEADING_MEMBERS;
		return LIST_NO_ENTRY;
	}
	r = list_member(line, state, entry);
	return r == -EINVAL ? list_dataset(line, entry) : r;
}

/* --- z/VM: "NAME TYPE V 65 107 2 2005-10-04 15:28:42 DISK"; the name has a point where it is asked for --- */

int
list_zvm(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	bool is_directory;
	struct tm utc = {0};
	char name[64];

	(void)state;
	if (line->count < 8 || words[2].len > 3 || !split_date(words[6], "YMD", &utc) || !clock_time(words[7], &utc) ||
	    words[0].len > 8 || words[1].len > 8)
		return -EINVAL;
	is_directory = piece_is(words[2], "DIR");
	if (!is_directory && !piece_is(words[2], "F") && !piece_is(words[2], "V"))
		return -EINVAL;
	entry->kind = is_directory ? FTP_KIND_DIRECTORY : FTP_KIND_FILE;
	entry->mtime = utc_seconds(&utc);
	snprintf(name, sizeof(name), "%.*s%s%.*s", (int)words[0].len, words[0].text, is_directory ? "" : ".",
	    is_directory ? 0 : (int)words[1].len, words[1].text);
	return entry_set_name(entry, (struct piece){name, strlen(name)});
}

/* --- OS/400: "OWNER  77824 02/23/00 15:09:55 *DIR  name/", "OWNER  *MEM  FILE.MBR" --- */

static const struct {
	const char *type;
	enum ftp_kind kind;
} as400_types[] = {
    {"*DIR", FTP_KIND_DIRECTORY},
    {"*DDIR", FTP_KIND_DIRECTORY},
    {"*LIB", FTP_KIND_DIRECTORY},
    {"*FLR", FTP_KIND_DIRECTORY},
    {"*STMF", FTP_KIND_FILE},
    {"*DSTMF", FTP_KIND_FILE},
    {"*DOC", FTP_KIND_FILE},
    {"*MEM", FTP_KIND_FILE},
    {"*SAVF", FTP_KIND_FILE},
    {"*FILE", FTP_KIND_FILE},
    {"*SYMLNK", FTP_KIND_LINK},
};

static enum ftp_kind
as400_kind(struct piece type)
{
	for (size_t i = 0; i < sizeof(as400_types) / sizeof(as400_types[0]); i++) {
		if (piece_is(type, as400_types[i].type))
			return as400_types[i].kind;
	}
	return FTP_KIND_OTHER;
}

static int
as400_name(const struct list_line *line, size_t type_at, struct ftp_entry *entry)
{
	struct piece name = list_rest(line, type_at + 1);
	const char *slash;

	while (name.len > 0 && name.text[name.len - 1] == ' ')
		name.len--;
	/* a physical file, too, is shown with a slash: it has members */
	if (name.len > 1 && name.text[name.len - 1] == '/')
		entry->kind = FTP_KIND_DIRECTORY;
	/* "FILE.FILE/MEMBER.MBR" in the listing of FILE.FILE */
	slash = piece_is(line->words[type_at], "*MEM") && name.len > 0 ? memrchr(name.text, '/', name.len) : NULL;
	if (slash != NULL)
		name = piece_from(name, (size_t)(slash + 1 - name.text));
	return entry_set_name(entry, name);
}

int
list_as400(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	const struct piece *words = line->words;
	struct tm utc = {0};

	(void)state;
	if (line->count >= 3 && words[1].text[0] == '*' && words[1].len > 1) {
		entry->kind = as400_kind(words[1]);
		piece_escape(words[0], entry->owner, sizeof(entry->owner));
		return as400_name(line, 1, entry);
	}
	if (line->count < 6 || piece_number(words[1]) < 0 || words[4].text[0] != '*' ||
	    !split_date(words[2], words[2].len == 8 && words[2].text[2] == '.' ? "DMY" : "MDY", &utc) ||
	    !clock_time(words[3], &utc))
		return -EINVAL;
	entry->kind = as400_kind(words[4]);
	/* only a stream file has its bytes as they come */
	if (piece_is(words[4], "*STMF") || piece_is(words[4], "*DSTMF") || piece_is(words[4], "*DOC"))
		entry->size = piece_number(words[1]);
	entry->mtime = utc_seconds(&utc);
	piece_escape(words[0], entry->owner, sizeof(entry->owner));
	return as400_name(line, 4, entry);
}
