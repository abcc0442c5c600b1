/* SPDX-License-Identifier: ISC */
#include "client/engine/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

bool
ftp_class_is_retryable(enum ftp_class reason)
{
	return reason == FTP_NETWORK || reason == FTP_TEMPORARY;
}

const char *
ftp_class_name(enum ftp_class reason)
{
	static const char *const names[FTP_CLASS_COUNT] = {
	    [FTP_OK] = "ok",
	    [FTP_NETWORK] = "network",
	    [FTP_TEMPORARY] = "temporary",
	    [FTP_LOGIN] = "login",
	    [FTP_REFUSED] = "refused",
	    [FTP_CERTIFICATE] = "certificate",
	    [FTP_VERIFY] = "verify",
	    [FTP_LOCAL] = "local",
	    [FTP_USAGE] = "usage",
	    [FTP_ABORTED] = "aborted",
	};

	return names[reason];
}

/* Escape text from outside, so that it cannot end a line or move a cursor, and cut it when it is too long. */
static void __attribute__((format(printf, 3, 0)))
set_error_text(char *out, size_t size, const char *format, va_list args)
{
	struct buf text;
	char plain[2048];
	int len = vsnprintf(plain, sizeof(plain), format, args);

	out[0] = '\0';
	if (len <= 0)
		return;
	if ((size_t)len >= sizeof(plain))
		len = sizeof(plain) - 1;
	buf_init(&text, sizeof(plain));
	if (escape_bytes(&text, ESCAPE_REPLY, plain, (size_t)len) == 0)
		snprintf(out, size, "%s", text.data);
	buf_free(&text);
}

/* Replace the action; the cause stays. */
static void __attribute__((format(printf, 2, 3)))
ftp_error_what(struct ftp_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_error_text(error->what, sizeof(error->what), format, args);
	va_end(args);
}

void
ftp_error_why(struct ftp_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_error_text(error->why, sizeof(error->why), format, args);
	va_end(args);
}

void
ftp_error_hint(struct ftp_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_error_text(error->hint, sizeof(error->hint), format, args);
	va_end(args);
}

enum ftp_class
ftp_error_set(struct ftp_error *error, enum ftp_class reason, const char *what, const char *why, const char *hint)
{
	error->class = reason;
	error->reply_code = 0;
	error->error = 0;
	ftp_error_what(error, "%s", what);
	ftp_error_why(error, "%s", why);
	ftp_error_hint(error, "%s", hint);
	return reason;
}
