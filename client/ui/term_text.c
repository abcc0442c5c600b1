/* SPDX-License-Identifier: ISC */
#include "client/ui/term_text.h"

#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

#define ELLIPSIS "..."
#define MARKS_MAX 4 /* combining characters on one: more only serve to scribble over other lines */

/* One character of text, as it is shown. */
struct glyph {
	const char *text;
	size_t len; /* of what is shown */
	size_t taken; /* of the text */
	size_t width;
};

void
term_locale(void)
{
	const char *name = setlocale(LC_CTYPE, "");

	if (name == NULL || strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

/* ZWNJ and ZWJ join letters, or keep them from joining: Persian, and many emoji, change without them. */
static bool
is_joiner(unsigned long c)
{
	return c == 0x200c || c == 0x200d;
}

bool
term_is_deceiving(unsigned long c)
{
	return (utf8_deceives((uint32_t)c) && !is_joiner(c)) || (c >= 0x80 && c <= 0x9f) ||
	    (c >= 0x206a && c <= 0x206f) || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static struct glyph
next_glyph(const char *text, size_t len, size_t *marks)
{
	size_t n = utf8_sequence((const unsigned char *)text, len);
	struct glyph glyph = {"?", 1, n == 0 ? 1 : n, 1};
	int width;
	wchar_t c;

	if (n == 0)
		return glyph;
	c = (wchar_t)utf8_code((const unsigned char *)text, n);
	width = is_joiner((unsigned long)c) ? 0 : wcwidth(c);
	if (width < 0 || term_is_deceiving((unsigned long)c) || c == 0 || (width == 0 && *marks >= MARKS_MAX))
		return glyph;
	*marks = width == 0 ? *marks + 1 : 0;
	glyph = (struct glyph){text, n, n, (size_t)width};
	return glyph;
}

/* Show as many characters as fit; returns the columns taken, and in *used the bytes of text. */
static size_t
add_up_to(struct buf *out, const char *text, size_t len, size_t columns, size_t *used)
{
	size_t at = 0, width = 0, marks = 0;

	while (at < len) {
		struct glyph glyph = next_glyph(text + at, len - at, &marks);

		if (width + glyph.width > columns)
			break;
		if (out != NULL)
			(void)buf_add(out, glyph.text, glyph.len);
		width += glyph.width;
		at += glyph.taken;
	}
	if (used != NULL)
		*used = at;
	return width;
}

size_t
term_add(struct buf *out, const char *text, size_t len)
{
	return add_up_to(out, text, len, SIZE_MAX / 2, NULL);
}

size_t
term_width(const char *text, size_t len)
{
	return add_up_to(NULL, text, len, SIZE_MAX / 2, NULL);
}

/* Where the tail begins that takes at most columns. A mark belongs to what stands before it. */
static size_t
tail_start(const char *text, size_t len, size_t columns)
{
	size_t left = term_width(text, len), at = 0, marks = 0;

	while (at < len) {
		struct glyph glyph = next_glyph(text + at, len - at, &marks);

		if (left <= columns && glyph.width > 0)
			break;
		left -= glyph.width;
		at += glyph.taken;
	}
	return at;
}

size_t
term_cut(struct buf *out, const char *text, size_t len, size_t columns)
{
	size_t dots = strlen(ELLIPSIS), head, start, width;

	if (term_width(text, len) <= columns)
		return term_add(out, text, len);
	if (columns < 2 * dots + 2)
		return add_up_to(out, text, len, columns, NULL);
	head = (columns - dots + 1) / 2;
	width = add_up_to(out, text, len, head, NULL);
	(void)buf_add_text(out, ELLIPSIS);
	start = tail_start(text, len, columns - dots - width);
	return width + dots + term_add(out, text + start, len - start);
}

void
term_wrap(struct buf *out, const char *text, size_t len, size_t columns, size_t first, size_t indent)
{
	size_t column = first, at = 0;
	bool is_begin = true; /* of a line: a word that is too wide is not sent to the next one */

	while (at < len) {
		size_t blanks = at, end;

		while (blanks < len && text[blanks] == ' ')
			blanks++;
		for (end = blanks; end < len && text[end] != ' '; end++)
			continue;
		if (!is_begin && end > blanks && column + term_width(text + at, end - at) > columns) {
			(void)buf_add(out, "\n", 1);
			term_fill(out, ' ', indent);
			column = indent;
			at = blanks;
		}
		column += term_add(out, text + at, end - at);
		is_begin = false;
		at = end;
	}
}

void
term_fill(struct buf *out, char c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)buf_add(out, &c, 1);
}

void
term_pad(struct buf *out, const char *text, size_t len, size_t columns)
{
	size_t width = term_cut(out, text, len, columns);

	term_fill(out, ' ', columns - width);
}

/* Whether the bytes may be the beginning of a character whose end has not come yet. */
static int
is_cut(const char *text, size_t len)
{
	unsigned char c = (unsigned char)*text;
	size_t wanted = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;

	return len < wanted && utf8_sequence((const unsigned char *)text, len) == 0;
}

size_t
term_add_lines(struct buf *out, const char *text, size_t len, int is_last)
{
	size_t at = 0, marks = 0;

	while (at < len) {
		struct glyph glyph;

		if (text[at] == '\n' || text[at] == '\t') {
			(void)buf_add(out, text + at++, 1);
			continue;
		}
		if (text[at] == '\r' && at + 1 < len && text[at + 1] == '\n') {
			at++;
			continue;
		}
		if (!is_last && (is_cut(text + at, len - at) || (text[at] == '\r' && at + 1 == len)))
			break;
		glyph = next_glyph(text + at, len - at, &marks);
		(void)buf_add(out, glyph.text, glyph.len);
		at += glyph.taken;
	}
	return at;
}
