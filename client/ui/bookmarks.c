/* SPDX-License-Identifier: ISC */
#include "client/ui/bookmarks.h"

#include <errno.h>
#include <string.h>

#include "common/buf.h"

#include "common/banned.h"

#define NAME_LEN_MAX 64

static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool
bookmark_name_is_good(const char *name, size_t len)
{
	if (len == 0 || len > NAME_LEN_MAX || name[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_name_byte(name[i]))
			return false;
	return true;
}

static bool
is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
parse_line(const char *line, size_t len, struct bookmark *bookmark)
{
	size_t at = 0, start;

	while (at < len && is_separator(line[at]))
		at++;
	start = at;
	while (at < len && !is_separator(line[at]))
		at++;
	bookmark->name = line + start;
	bookmark->name_len = at - start;
	while (at < len && is_separator(line[at]))
		at++;
	start = at;
	while (at < len && !is_separator(line[at]))
		at++;
	bookmark->url = line + start;
	bookmark->url_len = at - start;
	return bookmark->url_len > 0 && bookmark_name_is_good(bookmark->name, bookmark->name_len);
}

/* The end of the line that begins at, without its line end. */
static size_t
bookmark_line_end(const char *text, size_t len, size_t at)
{
	const char *end = memchr(text + at, '\n', len - at);

	return end == NULL ? len : (size_t)(end - text);
}

bool
bookmarks_next(const char *text, size_t len, size_t *at, struct bookmark *bookmark)
{
	while (*at < len) {
		size_t start = *at, end = bookmark_line_end(text, len, start);

		*at = end < len ? end + 1 : len;
		if (parse_line(text + start, end - start, bookmark))
			return true;
	}
	return false;
}

static bool
is_called(const struct bookmark *bookmark, const char *name, size_t len)
{
	return bookmark->name_len == len && memcmp(bookmark->name, name, len) == 0;
}

bool
bookmarks_expand(const char *text, size_t len, const char *place, struct buf *out)
{
	size_t at = 0, name_len = strcspn(place, "/");
	struct bookmark bookmark;

	if (!bookmark_name_is_good(place, name_len))
		return false;
	while (bookmarks_next(text, len, &at, &bookmark)) {
		if (!is_called(&bookmark, place, name_len))
			continue;
		(void)buf_add(out, bookmark.url, bookmark.url_len);
		if (place[name_len] == '/') {
			if (bookmark.url[bookmark.url_len - 1] != '/')
				(void)buf_add_text(out, "/");
			(void)buf_add_text(out, place + name_len + 1);
		}
		return out->error == 0;
	}
	return false;
}

int
bookmarks_edit(const char *text, size_t len, const char *name, const char *url, struct buf *out)
{
	bool is_found = false;

	for (size_t at = 0; at < len;) {
		size_t end = bookmark_line_end(text, len, at);
		struct bookmark bookmark;

		if (parse_line(text + at, end - at, &bookmark) && is_called(&bookmark, name, strlen(name)))
			is_found = true;
		else
			(void)buf_addf(out, "%.*s\n", (int)(end - at), text + at);
		at = end + 1;
	}
	if (url != NULL)
		(void)buf_addf(out, "%s %s\n", name, url);
	else if (!is_found)
		return -ENOENT;
	return out->error;
}
