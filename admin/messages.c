/* SPDX-License-Identifier: ISC */
#include "admin/messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "admin/ctl.h"
#include "common/buf.h"
#include "common/journal.h"
#include "common/text.h"

#include "common/banned.h"

#define QUOTES 8
#define QUOTE_MAX 16384

static void __attribute__((format(printf, 2, 0)))
print_message(const char *kind, const char *format, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "%ssallyportctl: %s", journal_prefix(kind[0] == '\0' ? LOG_ERR : LOG_WARNING), kind);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void
ctl_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message("", format, args);
	va_end(args);
}

void
ctl_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_message("warning: ", format, args);
	va_end(args);
}

static const char *
escaped(enum escape_style style, const char *text)
{
	static struct buf quotes[QUOTES];
	static size_t next;
	struct buf *quote = &quotes[next++ % QUOTES];

	quote->max = QUOTE_MAX;
	buf_clear(quote);
	if (escape_bytes(quote, style, text, strlen(text)) < 0 || quote->data == NULL)
		return "";
	return quote->data;
}

const char *
ctl_quote(const char *text)
{
	return escaped(ESCAPE_LOG, text);
}

const char *
ctl_shown(const char *text)
{
	return escaped(ESCAPE_TERMINAL, text);
}

void
ctl_say_half(const struct ctl *ctl)
{
	ctl_error("'%s %s' needs a name: %s %s NAME", ctl->noun, ctl->half_verb, ctl->noun, ctl->half_verb);
}
