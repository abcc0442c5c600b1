/* SPDX-License-Identifier: ISC */
/* Command lines out of the bytes of the control connection: telnet codes, line ends, length. Pure. */
#ifndef DAEMON_PROTOCOL_LINE_H
#define DAEMON_PROTOCOL_LINE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_LINE_MAX (PATH_MAX + 8)	/* bytes without line end: a verb, a blank and the longest path */

#define TELNET_REFUSALS_MAX 16	/* kept between two feeds; more are not answered */

/* The line being collected; zero it to begin. */
struct line_reader {
	size_t len;
	bool is_too_long;	/* the rest is read to its end and dropped */
	bool has_nul;
	bool after_cr;		/* a CR waits for its LF (or NUL: RFC 854, a bare CR) */
	uint8_t telnet;		/* where inside a telnet sequence */
	uint8_t telnet_verb;	/* WILL, WONT, DO or DONT, when its option comes next */
	uint8_t refusals[3 * TELNET_REFUSALS_MAX];	/* to be sent: what was negotiated for is not done */
	size_t refusals_len;	/* the caller takes them and sets it to 0 */
	char text[COMMAND_LINE_MAX + 1];
};

enum line_event {
	LINE_MORE,	/* all bytes used, no whole line yet */
	LINE_WHOLE,	/* text holds a line, NUL-terminated, without its end */
	LINE_TOO_LONG,	/* a line longer than COMMAND_LINE_MAX has ended */
	LINE_WITH_NUL	/* a line with a NUL inside has ended */
};

/*
 * Feed bytes until a line ends (CRLF, or LF alone). Telnet commands (RFC 854: IAC and the bytes of its command) are
 * dropped; WILL and DO leave a refusal (RFC 1123, 4.1.2.12). IAC IAC is one byte 0xff. IAC before anything else is
 * the byte 0xff of a file name.
 *
 * used  how many of the bytes were consumed; feed the rest after the line was handled.
 *
 * After any event but LINE_MORE, call line_reset() before the next feed.
 */
enum line_event line_feed(struct line_reader *reader, const uint8_t *bytes, size_t len, size_t *used);

void line_reset(struct line_reader *reader);

/*
 * Split a line into verb (upper case, at most 15 letters and digits) and argument (the text after one blank, with
 * trailing blanks; NULL when there is no blank).
 *
 * Returns 0, or -EINVAL when the line does not begin with a letter, or the verb is too long.
 */
int line_split(char *line, char verb[16], char **argument, size_t *argument_len);

#endif
