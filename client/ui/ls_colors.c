/* SPDX-License-Identifier: ISC */
#include "client/ui/ls_colors.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/banned.h"

#define USUAL_COLORS "di=01;34:ln=01;36:ex=01;32"
#define ANY_EXECUTE 0111

/* One "KEY=CODE" of LS_COLORS. */
struct color_row {
	const char *key, *code;
	size_t key_len, code_len;
};

/* The next row, false at the end. Rows without "=" or with another code than one of colours are passed over. */
static bool
next_color(const char **at, struct color_row *row)
{
	while (**at != '\0') {
		const char *end = *at + strcspn(*at, ":"), *sign = memchr(*at, '=', (size_t)(end - *at));

		row->key = *at;
		*at = end + (*end == ':');
		if (sign == NULL)
			continue;
		row->key_len = (size_t)(sign - row->key);
		row->code = sign + 1;
		row->code_len = (size_t)(end - row->code);
		if (row->code_len > 0 && row->code_len < COLOR_CODE_MAX &&
		    strspn(row->code, "0123456789;") >= row->code_len)
			return true;
	}
	return false;
}

static const char *
color_key(const struct ftp_entry *entry)
{
	switch (entry->kind) {
	case FTP_KIND_DIRECTORY:
		return "di";
	case FTP_KIND_LINK:
		return "ln";
	case FTP_KIND_FILE:
		return entry->mode >= 0 && (entry->mode & ANY_EXECUTE) != 0 ? "ex" : "fi";
	case FTP_KIND_OTHER:
		break;
	}
	return "";
}

/* "*.tar" fits "a.tar"; any case, as of old servers. */
static bool
is_ending(const struct color_row *row, const char *name)
{
	size_t len = strlen(name), ending = row->key_len - 1;

	return row->key_len > 1 && row->key[0] == '*' && len >= ending &&
	    strncasecmp(name + len - ending, row->key + 1, ending) == 0;
}

void
ls_color(const char *colors, const struct ftp_entry *entry, char code[COLOR_CODE_MAX])
{
	const char *at = colors == NULL ? USUAL_COLORS : colors, *key = color_key(entry);
	bool may_end = strcmp(key, "fi") == 0;
	struct color_row row;
	size_t longest = 0;

	code[0] = '\0';
	while (next_color(&at, &row)) {
		bool is_kind = strlen(key) == row.key_len && memcmp(key, row.key, row.key_len) == 0;

		if (!(is_kind && longest == 0) && !(may_end && row.key_len >= longest && is_ending(&row, entry->name)))
			continue;
		if (!is_kind)
			longest = row.key_len;
		snprintf(code, COLOR_CODE_MAX, "%.*s", (int)row.code_len, row.code);
	}
}
