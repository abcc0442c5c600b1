/* SPDX-License-Identifier: ISC */
/* Short names for places: a file of lines "NAME URL". */
#ifndef CLIENT_UI_BOOKMARKS_H
#define CLIENT_UI_BOOKMARKS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* One entry; both point into the text that was searched. */
struct bookmark {
	const char *name, *url;
	size_t name_len, url_len;
};

/* A name: letters, digits, '-' and '_', 1 to 64 of them; no dot, so that no host with a domain is one. */
bool bookmark_name_is_good(const char *name, size_t len);

/*
 * Step through the text of a bookmarks file: *at is 0 before the first call. Empty lines, lines that begin with # and
 * lines that are no entry are passed over. Returns false at the end.
 */
bool bookmarks_next(const char *text, size_t len, size_t *at, struct bookmark *bookmark);

/*
 * Put the URL in place of a bookmark at the front of place: "work/a/b" becomes the URL of "work", a slash where
 * there is none, and "a/b". A text with "://" or a name that is not in the file is left.
 * Returns true and fills out when it was one.
 */
bool bookmarks_expand(const char *text, size_t len, const char *place, struct buf *out);

/* The text with this entry changed or added (url) or removed (url NULL). Returns 0, -ENOENT when there is none to remove, -ENOMEM. */
int bookmarks_edit(const char *text, size_t len, const char *name, const char *url, struct buf *out);

#endif
