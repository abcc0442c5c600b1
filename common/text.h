/* SPDX-License-Identifier: ISC */
/* Numbers, sizes and durations from text; the one escaper for replies and logs. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * Parse an unsigned decimal number: digits only, no sign, no blanks.
 * Returns 0, -EINVAL for anything else, -ERANGE above max.
 */
int parse_u64(const char *text, uint64_t max, uint64_t *value);

/* Parse bytes with an optional K, M, G or T (powers of 1024): "512", "10M". Errors as parse_u64. */
int parse_size(const char *text, uint64_t max, uint64_t *bytes);

/* Parse seconds with an optional s, m, h or d: "90", "10m". Errors as parse_u64. */
int parse_duration(const char *text, uint64_t max_s, uint64_t *seconds);

/* Parse three or four octal digits, "640" or "0640", at most 07777. Errors as parse_u64. */
int parse_mode(const char *text, uint32_t *mode);

/*
 * Write texts one after the other, the last followed by a NULL, and a NUL at the end; what does not fit into size bytes is
 * cut off. For what every session does: the first snprintf(3) of a process costs six page faults.
 */
void text_join(char *to, size_t size, ...) __attribute__((sentinel));

enum escape_style {
	ESCAPE_REPLY,	/* control characters become '?'; nothing is added; for one line of a reply */
	ESCAPE_LOG,	/* control characters, bytes that are not UTF-8, what deceives, '"' and '\' become \xHH */
	ESCAPE_TERMINAL	/* the same, but '"' and '\' stay: for text that was escaped where it came from */
};

/*
 * Append len bytes that a client (or a file name) chose to out. Escaped, they cannot end a line, move a terminal's
 * cursor, or pass for our own text. Returns 0 or the buffer's error.
 */
int escape_bytes(struct buf *out, enum escape_style style, const void *bytes, size_t len);

/*
 * The same, in the reply style, for text of several lines: '\n' ends each and stays, a '\r' before it goes.
 * Never longer than len.
 */
int escape_lines(struct buf *out, const char *text, size_t len);

/* True when bytes is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(const void *bytes, size_t len);

/* Length of the UTF-8 sequence at bytes (1 to 4), or 0 where there is none. */
size_t utf8_sequence(const unsigned char *bytes, size_t len);

/* The character of a UTF-8 sequence of n bytes, which utf8_sequence() has found. */
uint32_t utf8_code(const unsigned char *bytes, size_t n);

/*
 * True for a character that makes one text look like another: marks, embeddings, overrides and isolates of direction
 * (UAX 9), separators of lines, characters without width, the byte order mark.
 */
bool utf8_deceives(uint32_t code);

/* True when bytes has one below 0x20, or 0x7f. */
bool has_control(const void *bytes, size_t len);

#endif
