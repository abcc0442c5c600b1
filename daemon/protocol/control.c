/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/control.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/shown_server.h"

#include "common/banned.h"

#define SHORT_TEXT_MAX 256
#define REPLY_TEXT_MAX (PATH_MAX * 2 + 256)	/* two paths with some words */

/* Bytes that are safe in a reply as they are. */
static void
put_reply_bytes(struct protocol *protocol, const char *bytes, size_t len)
{
	struct control *control = &protocol->control;

	while (len > 0) {
		size_t room = sizeof(control->output) - control->output_len;
		size_t n = len < room ? len : room;

		if (control->at_end)
			return;
		memcpy(control->output + control->output_len, bytes, n);
		control->output_len += n;
		bytes += n;
		len -= n;
		if (control->output_len == sizeof(control->output))
			control_flush(protocol);
	}
}

/* Nearly all replies: nothing to escape, so no memory to allocate. */
static bool
is_plain_ascii(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] < 0x20 || bytes[i] > 0x7e)
			return false;
	return true;
}

static void
put_reply_escaped(struct protocol *protocol, const char *bytes, size_t len)
{
	struct buf line;

	if (is_plain_ascii(bytes, len)) {
		put_reply_bytes(protocol, bytes, len);
		put_reply_bytes(protocol, "\r\n", 2);
		return;
	}
	buf_init(&line, len);
	if (escape_bytes(&line, ESCAPE_REPLY, bytes, len) == 0 && line.len > 0)
		put_reply_bytes(protocol, line.data, line.len);
	buf_free(&line);
	put_reply_bytes(protocol, "\r\n", 2);
}

static void __attribute__((format(printf, 2, 0), noinline))
put_long_text(struct protocol *protocol, const char *format, va_list args)
{
	char text[REPLY_TEXT_MAX];
	int len = vsnprintf(text, sizeof(text), format, args);

	if (len < 0)
		len = 0;
	put_reply_escaped(protocol, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

/*
 * The text of a format that has no conversion but %s, as those of a login: the first vsnprintf(3) of a process costs six
 * page faults. Returns its length, or -1: another conversion, or too long.
 */
static ssize_t __attribute__((format(printf, 3, 0)))
format_texts(char *text, size_t size, const char *format, va_list args)
{
	size_t done = 0;

	for (; *format != '\0'; format++) {
		const char *part = format;
		size_t len = 1;

		if (*format == '%') {
			if (*++format != 's')
				return -1;
			part = va_arg(args, const char *);
			len = strlen(part);
		}
		if (len >= size - done)
			return -1;
		memcpy(text + done, part, len);
		done += len;
	}
	return (ssize_t)done;
}

/* Most replies are short: no deeper stack than that for them. */
static void __attribute__((format(printf, 2, 0)))
put_reply_text(struct protocol *protocol, const char *format, va_list args)
{
	char text[SHORT_TEXT_MAX];
	va_list again;
	ssize_t len;

	va_copy(again, args);
	len = format_texts(text, sizeof(text), format, again);
	va_end(again);
	va_copy(again, args);
	if (len < 0)
		len = vsnprintf(text, sizeof(text), format, args);
	if (len >= 0 && (size_t)len < sizeof(text))
		put_reply_escaped(protocol, text, (size_t)len);
	else
		put_long_text(protocol, format, again);
	va_end(again);
}

static void
put_code(struct protocol *protocol, int code, char separator)
{
	const char text[] = {
	    (char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10), (char)('0' + code % 10), separator};

	put_reply_bytes(protocol, text, sizeof(text));
}

/* RFC 959, 4.2: a reply may have further lines before the last one, each with its code and '-'. */
static void
put_notices(struct protocol *protocol, int code)
{
	struct control *control = &protocol->control;
	size_t len, done = 0;

	/* programs read 213, 227 and 229, and not all of them look at the last line */
	if (control->notices_len == 0 || control->in_reply || code < 200 || code == 213 || code == 227 || code == 229)
		return;
	for (; done < control->notices_len; done += len + 1) {
		len = (size_t)((char *)memchr(control->notices + done, '\n', control->notices_len - done) -
		    (control->notices + done));
		put_code(protocol, code, '-');
		put_reply_escaped(protocol, control->notices + done, len);
	}
	control->notices_len = 0;
}

void
reply(struct protocol *protocol, int code, const char *format, ...)
{
	va_list args;

	put_notices(protocol, code);
	protocol->control.in_reply = false;
	put_code(protocol, code, ' ');
	va_start(args, format);
	put_reply_text(protocol, format, args);
	va_end(args);
}

void
reply_begin(struct protocol *protocol, int code, const char *text)
{
	put_notices(protocol, code);
	protocol->control.in_reply = true;
	put_code(protocol, code, '-');
	put_reply_escaped(protocol, text, strlen(text));
}

void
reply_line(struct protocol *protocol, const char *format, ...)
{
	va_list args;

	put_reply_bytes(protocol, " ", 1);
	va_start(args, format);
	put_reply_text(protocol, format, args);
	va_end(args);
}

void
reply_line_bytes(struct protocol *protocol, const char *bytes, size_t len)
{
	put_reply_bytes(protocol, " ", 1);
	put_reply_escaped(protocol, bytes, len);
}

void
reply_text(struct protocol *protocol, int code, const char *text)
{
	put_notices(protocol, code);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		put_code(protocol, code, '-');
		put_reply_escaped(protocol, text, len);
		text += len + (text[len] == '\n');
	}
}

bool
control_has_line(struct protocol *protocol)
{
	struct control *control = &protocol->control;
	size_t used = 0;

	if (control->has_line)
		return true;
	if (control->input_start == control->input_end)
		return false;
	control->line_event = line_feed(
	    &control->reader, control->input + control->input_start, control->input_end - control->input_start, &used);
	/* a password must not stay in memory */
	explicit_bzero(control->input + control->input_start, used);
	control->input_start += used;
	put_reply_bytes(protocol, (const char *)control->reader.refusals, control->reader.refusals_len);
	control->reader.refusals_len = 0;
	control->has_line = control->line_event != LINE_MORE;
	return control->has_line;
}

void
control_done_line(struct protocol *protocol)
{
	protocol->control.has_line = false;
	line_reset(&protocol->control.reader);
}

void
control_read(struct protocol *protocol)
{
	struct control *control = &protocol->control;
	ssize_t n;

	if (control->input_start < control->input_end)
		return;	/* first what is here */
	control->input_start = control->input_end = 0;
	n = stream_read(&control->stream, control->input, sizeof(control->input));
	/* TLS may have to answer before it can read on (RFC 8446, 4.6.3), to a client that does not read */
	control->input_wants = n == -EAGAIN ? control->stream.wants : POLLIN;
	if (n > 0)
		control->input_end = (size_t)n;
	else if (n != -EAGAIN)
		control->at_end = true;
}

/*
 * Wait until the client's socket is ready for what the stream wants. The monitor keeps the deadline: false when it
 * sends end.
 */
static bool
wait_for_client(struct protocol *protocol)
{
	struct pollfd waits[2] = {
	    {.fd = protocol->control.stream.fd, .events = protocol->control.stream.wants},
	    {.fd = protocol->monitor_channel, .events = POLLIN},
	};

	tell_monitor_due(protocol);
	if (poll(waits, 2, -1) > 0 && waits[1].revents != 0)
		ask_take_notice(protocol);
	return protocol->end_reason < 0 || END_IS_GENTLE(protocol->end_reason);
}

bool
control_read_pending(struct protocol *protocol)
{
	struct control *control = &protocol->control;

	if (control->at_end || !stream_has_pending(&control->stream))
		return false;
	control_read(protocol);
	return control->input_start < control->input_end || control->at_end;
}

void
control_flush(struct protocol *protocol)
{
	struct control *control = &protocol->control;
	size_t written = 0;

	while (!control->at_end) {
		ssize_t n = 0;

		if (written < control->output_len)
			n = stream_write(&control->stream, control->output + written, control->output_len - written);
		else if ((n = stream_flush(&control->stream)) == 0)
			break;
		if (n > 0)
			written += (size_t)n;
		else if (n != -EAGAIN || !wait_for_client(protocol))
			control->at_end = true;	/* a client that does not read gets no leave-taking */
	}
	control->output_len = 0;
}

bool
control_start_tls(struct protocol *protocol)
{
	struct stream *stream = &protocol->control.stream;
	struct claims *claims = protocol->session->claims;
	uint64_t started = monotonic_ms();
	char detail[160];
	int r = stream_start_tls(stream, protocol->session->tls, shown_server_context(protocol), STREAM_CONTROL);

	while (r == 0 && (r = stream_handshake(stream)) == -EAGAIN)
		r = wait_for_client(protocol) && protocol->end_reason < 0 ? 0 : -ETIMEDOUT;
	if (r == 0) {
		snprintf(
		    detail, sizeof(detail), "%s %s", SSL_get_version(stream->tls), SSL_get_cipher_name(stream->tls));
		histogram_add(&claims->work.handshakes, handshake_bounds_ms, monotonic_ms() - started);
		claim_tls(claims, detail);
		tell_monitor_noted(protocol, NOTED_TLS, detail);
		return true;
	}
	claims->work.handshake_failures++;
	tell_monitor_noted(protocol, NOTED_TLS_FAILED, stream->error[0] != '\0' ? stream->error : strerror(-r));
	protocol->control.at_end = true;
	protocol->is_over = true;
	return false;
}

void
control_close(struct protocol *protocol)
{
	tell_monitor_due(protocol);
	control_flush(protocol);
	(void)!stream_shutdown(&protocol->control.stream);
}
