/* SPDX-License-Identifier: ISC */
#include "client/engine/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/charset.h"

#include "common/banned.h"

void
ftp_doubt_text(const struct ftp_list *list, char *text, size_t size)
{
	static const struct {
		enum ftp_doubt doubt;
		const char *text;
	} texts[] = {
	    {FTP_DOUBT_CUT, "was not listed to its end"},
	    {FTP_DOUBT_EMPTY, "was listed as empty, without a sign that the server could read it"},
	    {FTP_DOUBT_HIDDEN, "may have names that begin with a dot, which the server does not list"},
	};

	text[0] = '\0';
	if ((list->doubts & FTP_DOUBT_UNREAD) != 0) {
		snprintf(text, size, "has %zu line%s in its listing that %s not understood", list->unread_count,
		    list->unread_count == 1 ? "" : "s", list->unread_count == 1 ? "was" : "were");
		return;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if ((list->doubts & texts[i].doubt) != 0) {
			snprintf(text, size, "%s", texts[i].text);
			return;
		}
	}
}

/* --- LIST --- */

/* All known styles. Each parser accepts only its own lines, so the order matters for speed alone. */
static list_parser *const families[] = {list_unix, list_dos, list_eplf, list_netware, list_as400, list_vms, list_mvs,
    list_os9, list_vxworks, list_nonstop, list_numeric, list_os2, list_vshell, list_zvm, list_router};
#define FAMILY_COUNT (sizeof(families) / sizeof(families[0]))

/* "total 8", in any language, before the first entry: ls(1) has read the directory. */
static bool
is_total(const struct list_line *line, const struct list_state *state)
{
	return !state->has_entry && line->count == 2 && piece_grouped_number(line->words[1]) >= 0 &&
	    piece_number(line->words[0]) < 0;
}

/* Lines that DIR of Windows prints around entries: "Directory of C:\\", "2 File(s) 12 bytes". */
static bool
is_dos_frame(const struct list_line *line)
{
	const struct piece *words = line->words;

	return (line->count >= 3 && piece_is(words[0], "Directory") && piece_is(words[1], "of")) ||
	    (line->count >= 4 && piece_number(words[0]) >= 0 &&
		(piece_is(words[1], "File(s)") || piece_is(words[1], "Dir(s)"))) ||
	    (line->count >= 4 && piece_is(words[0], "Volume") &&
		(piece_is(words[1], "in") || piece_is(words[1], "Serial")));
}

int
list_parse(const char *text, size_t len, struct list_state *state, struct ftp_entry *entry)
{
	struct list_line line;
	int r = -EINVAL;

	list_split(text, len, &line);
	for (size_t i = 0; i < FAMILY_COUNT && r == -EINVAL; i++) {
		/* try the family of the line before first */
		size_t family = (state->family + i) % FAMILY_COUNT;

		entry_init(entry);
		r = families[family](&line, state, entry);
		if (r != -EINVAL)
			state->family = family;
		if (r != 0)
			ftp_entry_free(entry);
	}
	if (r == -EINVAL && is_total(&line, state)) {
		state->has_proof = true;
		r = LIST_NO_ENTRY;
	} else if (r == -EINVAL && is_dos_frame(&line)) {
		r = LIST_NO_ENTRY;
	}
	state->has_self = state->has_self || r == 1;
	state->has_proof = state->has_proof || r == 1;
	state->has_entry = state->has_entry || r == 0;
	return r;
}

/* --- a whole listing --- */

void
listing_init(struct listing *listing, enum listing_style style, int64_t now)
{
	memset(listing, 0, sizeof(*listing));
	listing->style = style;
	listing->state.now = now;
	buf_init(&listing->line, LISTING_LINE_MAX);
}

void
listing_free(struct listing *listing)
{
	ftp_list_free(&listing->list);
	buf_free(&listing->line);
}

static int
listing_add_entry(struct listing *listing, const struct ftp_entry *entry)
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

/* Keep a line that no parser understood; the number of such lines counts in any case. */
static int
add_unread(struct ftp_list *list, const char *line, size_t len)
{
	list->doubts |= FTP_DOUBT_UNREAD;
	if (list->unread_count < FTP_UNREAD_KEPT_MAX) {
		char **unread = list->unread;

		if ((list->unread_count & (list->unread_count - 1)) == 0) {
			unread =
			    reallocarray(unread, list->unread_count == 0 ? 1 : 2 * list->unread_count, sizeof(*unread));
			if (unread == NULL)
				return -ENOMEM;
			list->unread = unread;
		}
		unread[list->unread_count] = strndup(line, len);
		if (unread[list->unread_count] == NULL)
			return -ENOMEM;
	}
	list->unread_count++;
	return 0;
}

static int
take_listing_line(struct listing *listing, const char *line, size_t len)
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
		r = list_parse(line, len, &listing->state, &entry);
	if (r == 0) {
		r = listing_add_entry(listing, &entry);
		if (r < 0)
			ftp_entry_free(&entry);
		return r;
	}
	if (r == -EPERM)
		listing->list.refused++;
	if (r == 1)
		listing->state.has_self = listing->state.has_proof = true;
	if (r == -EINVAL)
		return add_unread(&listing->list, line, len);
	return r == -ENOMEM ? r : 0;
}

/* The line in the local character set; it may be four times as long. */
static int
localize_line(struct listing *listing)
{
	struct buf local;
	int r;

	if (listing->charset == NULL || listing->line.len == 0)
		return 0;
	buf_init(&local, 4 * LISTING_LINE_MAX);
	r = charset_to_local(listing->charset, listing->line.data, listing->line.len, &local);
	if (r == 0) {
		listing->line.max = local.max;
		buf_clear(&listing->line);
		r = buf_add(&listing->line, local.data, local.len);
	}
	buf_free(&local);
	return r;
}

static int
end_listing_line(struct listing *listing)
{
	int r = localize_line(listing);

	if (r == 0 && listing->line.len > 0)
		r = take_listing_line(listing, listing->line.data, listing->line.len);
	listing->line.max = LISTING_LINE_MAX;

	buf_clear(&listing->line);
	return r;
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
		r = end_listing_line(listing);
		if (r < 0)
			return r;
	}
	return 0;
}

int
listing_end(struct listing *listing)
{
	const char *pending = listing->state.pending;
	int r = end_listing_line(listing);

	/* a name of VMS whose second line never came */
	if (r == 0 && pending[0] != '\0')
		r = add_unread(&listing->list, pending, strlen(pending));
	listing->state.pending[0] = '\0';
	return r;
}
