/* SPDX-License-Identifier: ISC */
/* Text for a terminal: any bytes become text that can be printed, measured and cut in columns. */
#ifndef CLIENT_UI_TERM_TEXT_H
#define CLIENT_UI_TERM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/*
 * Take the locale of the environment for LC_CTYPE; where that is plain "C", C.UTF-8, since names on
 * servers are UTF-8 (RFC 2640). Columns are counted by wcwidth(3), which needs it.
 */
void term_locale(void);

/*
 * Append text so that it cannot move a cursor: '?' replaces control characters (C1 too), characters that turn the
 * direction of writing, unprintable ones and bytes that are not UTF-8. Characters that only join letters, or keep
 * them from joining (ZWJ, ZWNJ), stay: Persian and emoji need them. Returns the columns that it takes.
 */
size_t term_add(struct buf *out, const char *text, size_t len);

/* Whether a character (a code point) deceives the eye: C1 controls, marks and overrides of direction, invisible ones. */
bool term_is_deceiving(unsigned long code);

/* Columns that term_add() would take. */
size_t term_width(const char *text, size_t len);

/*
 * The same, cut to columns where it is wider: the beginning and the end stay, with "..." between them, so
 * that the suffix of a name is seen. A wide character that does not fit is left out whole.
 * Returns the columns taken, at most columns.
 */
size_t term_cut(struct buf *out, const char *text, size_t len, size_t columns);

/* term_cut(), then blanks up to columns. */
void term_pad(struct buf *out, const char *text, size_t len, size_t columns);

/*
 * Append text, with line ends where a word would pass the last column; a word that is wider than a line stays whole.
 * The first line begins in column first (0 is the leftmost), the others after indent blanks. Blanks at the beginning
 * of text stay.
 */
void term_wrap(struct buf *out, const char *text, size_t len, size_t columns, size_t first, size_t indent);

/* Append count times c. */
void term_fill(struct buf *out, char c, size_t count);

/*
 * Copy text of several lines for a terminal: as term_add(), but line ends and tabs stay. The bytes of a character that
 * is cut at the end of text are left: returns how many bytes were used (all of them when is_last).
 */
size_t term_add_lines(struct buf *out, const char *text, size_t len, int is_last);

#endif
