/* SPDX-License-Identifier: ISC */
#include "client/engine/reply.h"

#include <errno.h>
#include <string.h>

#include "common/character.h"

#include "common/banned.h"

void
reply_init(struct reply *reply)
{
	memset(reply, 0, sizeof(*reply));
	buf_init(&reply->text, REPLY_TEXT_MAX);
	buf_init(&reply->line, REPLY_LINE_MAX);
}

void
reply_free(struct reply *reply)
{
	buf_free(&reply->text);
	buf_free(&reply->line);
	reply->code = 0;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Greetings of servers of other protocols. */
static bool
is_other_protocol(const char *line, size_t len)
{
	static const char *const greetings[] = {"SSH-", "HTTP/", "* OK", "+OK", "RFB ", "<html", "<!DOCTYPE", "<?xml"};

	for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
		size_t n = strlen(greetings[i]);

		if (len >= n && memcmp(line, greetings[i], n) == 0)
			return true;
	}
	return false;
}

/* A line that belongs to no reply. Returns 0 when the parser skips it. */
static int
pass_over(struct reply *reply, const char *line, size_t len)
{
	size_t blanks = 0;
	bool is_other = is_other_protocol(line, len);

	while (blanks < len && (line[blanks] == ' ' || line[blanks] == '\t'))
		blanks++;
	reply->strays += blanks < len;
	buf_clear(&reply->line);
	return is_other || reply->strays > REPLY_STRAYS_MAX ? -EBADMSG : 0;
}

/* The code at the beginning of a line, or 0. A blank, a hyphen, a letter or nothing follows it. */
static int
line_code(const char *line, size_t len)
{
	if (len < 3 || line[0] < '1' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
		return 0;
	if (len > 3 && line[3] != ' ' && line[3] != '-' && !is_letter(line[3]))
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
}

/* One line is there. Lines within a reply may look like anything, another reply's line included (RFC 959, 4.2). */
static int
take_reply_line(struct reply *reply)
{
	const char *line = reply->line.data;
	size_t len = reply->line.len;
	int code;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	code = line_code(line, len);
	if (reply->code == 0) {
		if (code == 0)
			return pass_over(reply, line, len);
		reply->code = code;
		reply->is_multiline = len > 3 && line[3] == '-';
		reply->is_complete = !reply->is_multiline;
	} else {
		buf_add(&reply->text, "\n", 1);
		reply->is_complete = code == reply->code && (len == 3 || line[3] == ' ');
	}
	for (size_t i = 0; i < len; i++) {
		if (reply->line.data[i] == '\0')
			reply->line.data[i] = '?';
	}
	buf_add(&reply->text, line, len);
	buf_clear(&reply->line);
	if (reply->text.error == -ENOBUFS)
		return -EMSGSIZE;
	return reply->text.error < 0 ? reply->text.error : reply->is_complete;
}

int
reply_feed(struct reply *reply, const char *bytes, size_t len, size_t *used)
{
	const char *next = bytes, *end = bytes + len;

	*used = 0;
	if (reply->is_complete && len > 0) {
		buf_clear(&reply->text);
		reply->code = 0;
		reply->strays = 0;
		reply->is_complete = false;
	}
	while (next < end) {
		const char *newline = memchr(next, '\n', (size_t)(end - next));
		size_t n = newline == NULL ? (size_t)(end - next) : (size_t)(newline - next);
		int r = buf_add(&reply->line, next, n);

		if (r < 0)
			return r == -ENOBUFS ? -EMSGSIZE : r;
		next += n;
		if (newline != NULL) {
			next++;
			/* an empty line, too, has memory that take_reply_line() may look at */
			r = buf_add(&reply->line, "", 0);
			if (r == 0)
				r = take_reply_line(reply);
			*used = (size_t)(next - bytes);
			if (r != 0)
				return r;
		}
	}
	*used = len;
	return 0;
}

const char *
reply_message(const struct reply *reply)
{
	const char *last;

	if (!reply->is_complete || reply->text.data == NULL)
		return "";
	last = strrchr(reply->text.data, '\n');
	last = last == NULL ? reply->text.data : last + 1;
	if (strlen(last) < 4)
		return "";
	return last[3] == ' ' || last[3] == '-' ? last + 4 : last + 3;
}
