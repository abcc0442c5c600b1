/* SPDX-License-Identifier: ISC */
#include "client/engine/listing_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

void
list_split(const char *text, size_t len, struct list_line *line)
{
	size_t i = 0;

	*line = (struct list_line){.text = text, .len = len};
	while (line->count < LIST_WORDS_MAX) {
		size_t begin;

		while (i < len && (text[i] == ' ' || text[i] == '\t'))
			i++;
		if (i == len)
			break;
		begin = i;
		while (i < len && text[i] != ' ' && text[i] != '\t')
			i++;
		line->words[line->count++] = (struct piece){text + begin, i - begin};
	}
}

void
entry_init(struct ftp_entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->kind = FTP_KIND_OTHER;
	entry->size = entry->mtime = entry->mode = -1;
}

/* --- pieces --- */

bool
piece_is(struct piece piece, const char *text)
{
	return piece.len == strlen(text) && strncasecmp(piece.text, text, piece.len) == 0;
}

bool
piece_begins(struct piece piece, const char *text)
{
	return piece.len >= strlen(text) && memcmp(piece.text, text, strlen(text)) == 0;
}

bool
piece_has_only(struct piece piece, const char *characters)
{
	for (size_t i = 0; i < piece.len; i++) {
		if (piece.text[i] == '\0' || strchr(characters, piece.text[i]) == NULL)
			return false;
	}
	return piece.len > 0;
}

struct piece
piece_from(struct piece piece, size_t at)
{
	at = at > piece.len ? piece.len : at;
	return (struct piece){piece.text + at, piece.len - at};
}

struct piece
piece_first(struct piece piece, size_t len)
{
	return (struct piece){piece.text, len > piece.len ? piece.len : len};
}

int64_t
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

int64_t
piece_grouped_number(struct piece piece)
{
	char digits[20];
	size_t len = 0;
	char mark = '\0';

	for (size_t i = 0; i < piece.len; i++) {
		char c = piece.text[i];

		if (c == ',' || c == '.') {
			/* groups of three follow, and all marks are alike */
			if (i == 0 || (piece.len - i) % 4 != 0 || (mark != '\0' && c != mark))
				return -1;
			mark = c;
		} else if (c < '0' || c > '9' || len + 1 >= sizeof(digits)) {
			return -1;
		} else {
			digits[len++] = c;
		}
	}
	return piece_number((struct piece){digits, len});
}

void
piece_escape(struct piece piece, char *out, size_t size)
{
	struct buf text;

	buf_init(&text, size - 1);
	if (piece.len < size && escape_bytes(&text, ESCAPE_REPLY, piece.text, piece.len) == 0 && text.len > 0)
		snprintf(out, size, "%s", text.data);
	buf_free(&text);
}

struct piece
list_rest(const struct list_line *line, size_t i)
{
	return i >= line->count
	    ? (struct piece){line->text + line->len, 0}
	    : (struct piece){line->words[i].text, (size_t)(line->text + line->len - line->words[i].text)};
}

int
entry_set_name(struct ftp_entry *entry, struct piece name)
{
	if (entry->kind == FTP_KIND_DIRECTORY && name.len > 1 && name.text[name.len - 1] == '/')
		name.len--;
	if (piece_is(name, ".") || piece_is(name, ".."))
		return 1;
	if (name.len == 0 || memchr(name.text, '/', name.len) != NULL || memchr(name.text, '\0', name.len) != NULL)
		return -EPERM;
	entry->name = strndup(name.text, name.len);
	return entry->name == NULL ? -ENOMEM : 0;
}
