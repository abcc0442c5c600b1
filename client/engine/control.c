/* SPDX-License-Identifier: ISC */
/* The control connection: commands, replies, errors in words. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/answer.h"
#include "client/engine/session.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define COMMAND_MAX 16384 /* bytes of a line */
#define RESYNC_MS 5000
#define RESYNC_ABORTED_MS 1000
#define LATE_MS 1000 /* for a reply that may be on its way */
#define AHEAD_MS 15000 /* for the reply to a command that was sent along with another one */
#define RESYNC_REPLIES 8 /* replies that a broken-off transfer may leave */

/* --- messages --- */

static void __attribute__((format(printf, 3, 0)))
format_escaped(char *out, size_t size, const char *format, va_list args)
{
	struct buf text, plain;

	buf_init(&plain, size - 1);
	buf_init(&text, size - 1);
	out[0] = '\0';
	if (buf_addv(&plain, format, args) == 0 && escape_bytes(&text, ESCAPE_REPLY, plain.data, plain.len) == 0)
		snprintf(out, size, "%s", text.data);
	buf_free(&plain);
	buf_free(&text);
}

void
ftp_note(struct ftp *ftp, const char *format, ...)
{
	const struct ftp_events *events = ftp->options->events;
	char text[2048];
	va_list args;

	if (events == NULL || events->note == NULL)
		return;
	va_start(args, format);
	format_escaped(text, sizeof(text), format, args);
	va_end(args);
	events->note(ftp->options->context, text);
}

void
trace(struct ftp *ftp, char kind, const char *format, ...)
{
	const struct ftp_events *events = ftp->options->events;
	char text[REPLY_LINE_MAX + 1];
	va_list args;

	if (events == NULL || events->trace == NULL)
		return;
	va_start(args, format);
	format_escaped(text, sizeof(text), format, args);
	va_end(args);
	events->trace(ftp->options->context, kind, text);
}

bool
is_aborted(const struct ftp *ftp)
{
	return ftp->options->abort != NULL && *ftp->options->abort;
}

void
doing(struct ftp *ftp, const char *format, ...)
{
	char what[sizeof(ftp->error.what)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	ftp_error_set(&ftp->error, FTP_OK, what, "", "");
}

enum ftp_class
ftp_fail(struct ftp *ftp, enum ftp_class reason, const char *hint, const char *why, ...)
{
	char text[sizeof(ftp->error.why)];
	va_list args;

	va_start(args, why);
	vsnprintf(text, sizeof(text), why, args);
	va_end(args);
	ftp->error.class = reason;
	ftp->error.reply_code = 0;
	ftp->error.error = 0;
	ftp_error_why(&ftp->error, "%s", text);
	if (hint != ftp->error.hint)
		ftp_error_hint(&ftp->error, "%s", hint != NULL ? hint : "");
	return reason;
}

enum ftp_class
fail_local(struct ftp *ftp, int r, const char *what)
{
	const char *hint = NULL;

	if (r == -ECANCELED)
		return ftp_fail(ftp, FTP_ABORTED, NULL, "stopped");
	if (r == -ENOSPC || r == -EDQUOT)
		hint = "make room and resume: the part is kept";
	else if (r == -EACCES || r == -EPERM || r == -EROFS)
		hint = "choose a directory that you may write to";
	ftp_fail(ftp, FTP_LOCAL, hint, "'%s': %s", what, strerror(-r));
	ftp->error.error = -r;
	return FTP_LOCAL;
}

/* A hint after a reply with this code. */
static const struct {
	int code;
	const char *hint;
} reply_hints[] = {
    {421, "try again later"},
    {425, "try the other kind of data connections: active instead of passive, or the reverse"},
    {426, "resume it"},
    {430, "check name and password"},
    {450, "try again later: somebody else may be using the file"},
    {452, "there is no room on the server"},
    {530, "check name and password"},
    {532, "give the account that the server wants: --account"},
    {534, "this server wants another kind of TLS"},
    {552, "the quota or the disk of the server is full: remove something there"},
};

enum ftp_class
fail_reply(struct ftp *ftp)
{
	int code = ftp->reply.code;
	const char *hint = NULL;
	enum ftp_class reason;

	for (size_t i = 0; i < sizeof(reply_hints) / sizeof(reply_hints[0]); i++) {
		if (reply_hints[i].code == code)
			hint = reply_hints[i].hint;
	}
	/* 553 is for names that files are to have: what is missing is the directory */
	if (code == 553 && strstr(reply_message(&ftp->reply), "No such file or directory") != NULL)
		hint = "make its directory first: mkdir --parents; put --parents does so itself";
	if (code >= 500) {
		reason = FTP_REFUSED;
	} else if (code >= 400) {
		reason = FTP_TEMPORARY;
	} else {
		/* the connection is out of step, so no later reply can be trusted */
		ftp_fail(ftp, FTP_NETWORK, NULL, "the server answers out of turn: '%d %s'", code,
		    reply_message(&ftp->reply));
		control_drop(ftp);
		return FTP_NETWORK;
	}
	ftp_fail(ftp, reason, hint, "the server answers '%d %s'", code, reply_message(&ftp->reply));
	ftp->error.reply_code = code;
	return reason;
}

bool
tls_wants_certificate(const struct ftp *ftp, const char *why)
{
	return (ftp->is_certificate_wanted && strstr(why, "alert") != NULL) ||
	    strstr(why, "alert certificate") != NULL || strstr(why, "alert bad certificate") != NULL ||
	    strstr(why, "alert unknown ca") != NULL;
}

enum ftp_class
fail_wire(struct ftp *ftp, struct wire *wire, int r, const char *name)
{
	enum ftp_class reason = FTP_NETWORK;

	if (r == -ECANCELED)
		reason = ftp_fail(ftp, FTP_ABORTED, NULL, "stopped");
	else if (r == 0 || r == -ECONNRESET || r == -EPIPE)
		ftp_fail(ftp, reason, "try again", "the server closed the connection (%s)", name);
	else if (r == -ETIMEDOUT)
		ftp_fail(ftp, reason, "try again, or wait longer (--timeout)",
		    "the server was silent for %u second%s (%s)", wire->timeout_ms / 1000,
		    wire->timeout_ms / 1000 == 1 ? "" : "s", name);
	else if (r == -EPROTO)
		reason = tls_wants_certificate(ftp, wire->why)
		    ? ftp_fail(ftp, FTP_CERTIFICATE, TLS_CERTIFICATE_ADVICE, "TLS failed: %s (%s)", wire->why, name)
		    : ftp_fail(ftp, reason, NULL, "TLS failed: %s (%s)", wire->why, name);
	else
		ftp_fail(ftp, reason, "try again", "%s (%s)", strerror(-r), name);
	ftp->error.error = -r;
	if (wire == &ftp->control)
		control_drop(ftp);
	return reason;
}

/* --- lines --- */

void
control_drop(struct ftp *ftp)
{
	ftp->is_restart_pending = ftp->is_ahead = false;
	ftp->ahead_port = 0;
	wire_close(&ftp->control, false);
	ftp->input_at = ftp->input_end = 0;
	ftp->is_logged_in = ftp->is_greeted = ftp->is_astray = false;
	ftp->tls_text[0] = '\0';
	ftp->hash_selected[0] = '\0';
	ftp->is_type_ascii = false;
}

static void
trace_command(struct ftp *ftp, const struct buf *line)
{
	size_t len = line->len - 2;

	if (len > 5 && (strncmp(line->data, "PASS ", 5) == 0 || strncmp(line->data, "ACCT ", 5) == 0))
		trace(ftp, '>', "%.4s ***", line->data);
	else
		trace(ftp, '>', "%.*s", (int)len, line->data);
}

/* Whether the argument is no name: it goes as well as the set allows, and no text is escaped in it. */
static bool
is_login_command(const struct buf *line)
{
	return strncmp(line->data, "USER ", 5) == 0 || strncmp(line->data, "PASS ", 5) == 0 ||
	    strncmp(line->data, "ACCT ", 5) == 0;
}

/* Write the line in the server's character set. */
static enum ftp_class
convert_command(struct ftp *ftp, struct buf *line)
{
	struct buf wire;
	int r;

	if (ftp->charset == NULL || line->len == 0)
		return FTP_OK;
	buf_init(&wire, line->max);
	r = charset_to_wire(ftp->charset, line->data, line->len, &wire);
	if (r == 0) {
		buf_clear(line);
		r = buf_add(line, wire.data, wire.len);
	}
	buf_free(&wire);
	if (r == 0 || is_login_command(line))
		return FTP_OK;
	if (r == -EILSEQ)
		return ftp_fail(ftp, FTP_USAGE, "rename it, or give another character set by --charset",
		    "the name cannot be written in %s, or would stand for another one there: %s", ftp->options->charset,
		    line->data);
	return fail_local(ftp, r, "command");
}

/* Write the reply in this machine's character set. One that is too long then stays as it is. */
static void
localize_reply(struct ftp *ftp)
{
	struct buf local;

	if (ftp->charset == NULL)
		return;
	buf_init(&local, REPLY_TEXT_MAX);
	if (charset_to_local(ftp->charset, ftp->reply.text.data, ftp->reply.text.len, &local) == 0) {
		buf_clear(&ftp->reply.text);
		(void)buf_add(&ftp->reply.text, local.data, local.len);
	}
	buf_free(&local);
}

/* Whether EPSV of the next transfer goes with this command. */
static bool
is_asking_ahead(struct ftp *ftp)
{
	bool is_last = ftp->is_last_command;

	ftp->is_last_command = false;
	return is_last && ftp->expects_more && !ftp->has_no_ahead && ftp->has_working_epsv && !ftp->has_no_epsv &&
	    !ftp->options->is_active && !ftp->options->is_pasv_only;
}

static enum ftp_class __attribute__((format(printf, 2, 0)))
send_command_line(struct ftp *ftp, const char *format, va_list args)
{
	enum ftp_class reason = control_take_ahead(ftp);
	struct buf line;
	int r;

	if (reason != FTP_OK)
		return reason;

	if (ftp->control.fd < 0)
		return ftp_fail(ftp, FTP_NETWORK, "try again", "there is no connection");
	buf_init(&line, COMMAND_MAX);
	r = buf_addv(&line, format, args);
	if (r == 0 && strpbrk(line.data, "\r\n") != NULL)
		reason = ftp_fail(ftp, FTP_USAGE, NULL, "a name with a line break cannot be sent over FTP");
	else if (r == 0)
		reason = convert_command(ftp, &line);
	if (reason == FTP_OK && r == 0)
		r = buf_add_text(&line, "\r\n");
	if (reason == FTP_OK && r < 0)
		reason = ftp_fail(ftp, FTP_USAGE, NULL, "the command is longer than %d bytes", COMMAND_MAX);
	if (reason == FTP_OK) {
		trace_command(ftp, &line);
		ftp->is_ahead = is_asking_ahead(ftp) && buf_add_text(&line, "EPSV\r\n") == 0;
		if (ftp->is_ahead)
			trace(ftp, '>', "EPSV");
		r = wire_write(&ftp->control, line.data, line.len);
		/* a server that has sent its goodbye resets the connection; its last reply may still be unread */
		if (r < 0 && r != -EPIPE && r != -ECONNRESET)
			reason = fail_wire(ftp, &ftp->control, r, "control connection");
	}
	buf_free(&line);
	return reason;
}

enum ftp_class
control_send(struct ftp *ftp, const char *format, ...)
{
	enum ftp_class reason;
	va_list args;

	va_start(args, format);
	reason = send_command_line(ftp, format, args);
	va_end(args);
	return reason;
}

static void
trace_reply(struct ftp *ftp)
{
	const char *line = ftp->reply.text.data;

	if (ftp->options->events == NULL || ftp->options->events->trace == NULL)
		return;
	while (line != NULL) {
		trace(ftp, '<', "%.*s", (int)strcspn(line, "\n"), line);
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
}

/*
 * Take a reply from the bytes that were read already. Returns 1 when it is complete, 0 when more is wanted, or the
 * parser's error.
 */
static int
take_input(struct ftp *ftp)
{
	size_t used = 0;
	int r;

	if (ftp->input_at == ftp->input_end)
		return 0;
	r = reply_feed(&ftp->reply, ftp->input + ftp->input_at, ftp->input_end - ftp->input_at, &used);
	ftp->input_at += used;
	return r;
}

static enum ftp_class
fail_parse(struct ftp *ftp, int r)
{
	enum ftp_class reason;

	if (r == -EMSGSIZE)
		reason = ftp_fail(ftp, FTP_NETWORK, NULL,
		    "the server's reply is too long (a line over %d, or in all over %d bytes)", REPLY_LINE_MAX,
		    REPLY_TEXT_MAX);
	else if (r == -ENOMEM)
		reason = fail_local(ftp, r, "reply");
	else if (ftp->is_greeted)
		reason = ftp_fail(ftp, FTP_NETWORK, "try again", "the server sends no replies of FTP");
	else
		reason = ftp_fail(ftp, FTP_REFUSED,
		    "is this the port of an FTP server? For TLS from the first byte use ftps://",
		    "the server does not speak FTP");
	reply_free(&ftp->reply);
	reply_init(&ftp->reply);
	control_drop(ftp);
	return reason;
}

/* The server was not silent, but its reply did not end. */
static enum ftp_class
fail_slow(struct ftp *ftp, uint64_t limit_ms)
{
	enum ftp_class reason = ftp_fail(ftp, FTP_NETWORK, "try again", "the server's reply did not end within %llu s",
	    (unsigned long long)limit_ms / 1000);

	control_drop(ftp);
	return reason;
}

/* For ftp_last_reply(). */
static void
remember_reply(struct ftp *ftp)
{
	buf_clear(&ftp->told);
	escape_lines(&ftp->told, ftp->reply.text.data, ftp->reply.text.len);
}

enum ftp_class
control_reply(struct ftp *ftp, unsigned int timeout_ms)
{
	unsigned int usual_ms = ftp->control.timeout_ms;
	/* each byte restarts the time for silence; the whole reply has its time too */
	uint64_t limit_ms = 10 * (uint64_t)(timeout_ms > 0 ? timeout_ms : usual_ms),
		 deadline = monotonic_ms() + limit_ms;
	ssize_t n;
	int r;

	if (ftp->control.fd < 0)
		return ftp_fail(ftp, FTP_NETWORK, "try again", "there is no connection");
	while ((r = take_input(ftp)) == 0) {
		if (timeout_ms > 0)
			ftp->control.timeout_ms = timeout_ms;
		if (monotonic_ms() > deadline)
			return fail_slow(ftp, limit_ms);
		n = wire_read(&ftp->control, ftp->input, sizeof(ftp->input));
		if (n <= 0 && n != -ECANCELED && !ftp->is_greeted && ftp->reply.strays > 0) {
			ftp->control.timeout_ms = usual_ms;
			return fail_parse(ftp, -EBADMSG);
		}
		if (n <= 0) {
			/* the error says how long the wait really was */
			enum ftp_class reason = fail_wire(ftp, &ftp->control, (int)n, "control connection");

			ftp->control.timeout_ms = usual_ms;
			return reason;
		}
		ftp->control.timeout_ms = usual_ms;
		ftp->input_at = 0;
		ftp->input_end = (size_t)n;
	}
	if (r < 0)
		return fail_parse(ftp, r);
	localize_reply(ftp);
	trace_reply(ftp);
	remember_reply(ftp);
	if (ftp->reply.code == 421) {
		enum ftp_class reason = fail_reply(ftp);

		control_drop(ftp);
		return reason;
	}
	return FTP_OK;
}

enum ftp_class
control_take_ahead(struct ftp *ftp)
{
	enum ftp_class reason;

	if (!ftp->is_ahead || ftp->control.fd < 0)
		return FTP_OK;
	ftp->is_ahead = false;
	reason = control_reply(ftp, AHEAD_MS);
	ftp->ahead_ms = monotonic_ms();
	if (reason == FTP_OK && ftp->reply.code == 229 &&
	    answer_epsv(reply_message(&ftp->reply), &ftp->ahead_port) == 0)
		return FTP_OK;
	trace(ftp, '*', "the server does not take EPSV along with another command");
	ftp->has_no_ahead = true;
	/* no later reply must be taken for that of another command */
	if (reason == FTP_NETWORK)
		control_drop(ftp);
	return reason;
}

bool
control_has_input(struct ftp *ftp, unsigned int timeout_ms)
{
	if (ftp->control.fd < 0 || ftp->input_at < ftp->input_end)
		return ftp->control.fd >= 0;
	if (ftp->control.tls != NULL && SSL_has_pending(ftp->control.tls))
		return true;
	return wire_wait(ftp->control.fd, POLLIN, timeout_ms, NULL) > 0;
}

/*
 * Before a command is sent nothing may be there to be read: a reply that came out of turn would be taken
 * for that of the command. A goodbye, or the end, shows here as well.
 */
static enum ftp_class
drop_early_replies(struct ftp *ftp)
{
	enum ftp_class taken = control_take_ahead(ftp);
	ssize_t n;

	if (taken != FTP_OK)
		return taken;
	if (ftp->control.fd < 0 || (ftp->input_at == ftp->input_end && !control_has_input(ftp, 0)))
		return FTP_OK;
	for (;;) {
		int r = take_input(ftp);

		if (r < 0)
			return fail_parse(ftp, r);
		if (r == 1) {
			trace_reply(ftp);
			trace(ftp, '*', "that reply came out of turn");
			if (ftp->reply.code == 421) {
				enum ftp_class reason = fail_reply(ftp);

				control_drop(ftp);
				return reason;
			}
			continue;
		}
		n = wire_read_now(&ftp->control, ftp->input, sizeof(ftp->input));
		if (n == -EAGAIN)
			return FTP_OK;
		if (n <= 0)
			return fail_wire(ftp, &ftp->control, (int)n, "control connection");
		ftp->input_at = 0;
		ftp->input_end = (size_t)n;
	}
}

/* The codes of 2yz and 3yz that these commands have; nothing is known for other commands. */
static const struct fitting {
	const char *verb;
	int codes[3];
} fittings[] = {
    {"CDUP", {250, 200}},
    {"CWD", {250, 200}},
    {"DELE", {250, 200}},
    {"EPSV", {229}},
    {"FEAT", {211}},
    {"MDTM", {213, 253, 250}},
    {"MKD", {257, 250, 200}},
    {"MLST", {250}},
    {"PASV", {227}},
    {"PBSZ", {200}},
    {"PROT", {200}},
    {"PWD", {257}},
    {"REST", {350}},
    {"RMD", {250, 200}},
    {"RNFR", {350}},
    {"RNTO", {250, 200}},
    {"SIZE", {213}},
    {"TYPE", {200}},
};

/* True when the last reply can be that to a command of this format ("SIZE %s"). */
static bool
is_fitting(const struct ftp *ftp, const char *format)
{
	size_t len = strcspn(format, " ");
	int code = ftp->reply.code;

	if (code < 200 || code >= 400)
		return true;
	for (size_t i = 0; i < sizeof(fittings) / sizeof(fittings[0]); i++) {
		const struct fitting *fitting = &fittings[i];

		if (strlen(fitting->verb) == len && memcmp(fitting->verb, format, len) == 0)
			return code == fitting->codes[0] || code == fitting->codes[1] || code == fitting->codes[2];
	}
	return true;
}

/* Only a login or a greeting has these codes; a second one replies to nothing. */
static bool
is_of_login(int code)
{
	return code == 220 || code == 230 || code == 331;
}

/*
 * True when the last reply is that of the command, and not that of the NOOP after it. The reply of a server without
 * NOOP looks like that of a server without the command.
 */
static bool
is_before_noop(struct ftp *ftp, const char *format)
{
	if (is_unknown(ftp))
		return control_has_input(ftp, LATE_MS);
	return ftp->reply.code >= 400 || (ftp->reply.code != 200 && is_fitting(ftp, format));
}

/*
 * The reply does not fit the command: it is late and belongs to another command, or this server is unusual. Send
 * NOOP to find out: if another reply comes before that of NOOP, the first one was late.
 */
static enum ftp_class
step_over(struct ftp *ftp, const char *format)
{
	struct reply first = ftp->reply;
	enum ftp_class reason;
	bool has_own;

	reply_init(&ftp->reply);
	trace(ftp, '*', "%d does not fit: does another reply follow?", first.code);
	reason = control_send(ftp, "NOOP");
	for (unsigned int i = 0; i < RESYNC_REPLIES && reason == FTP_OK; i++) {
		reason = control_reply(ftp, 0);
		if (reason != FTP_OK || !is_of_login(ftp->reply.code))
			break;
	}
	has_own = reason == FTP_OK && is_before_noop(ftp, format);
	if (has_own) {
		reply_free(&first);
		first = ftp->reply;
		reply_init(&ftp->reply);
		reason = control_reply(ftp, 0);
	}
	if (reason == FTP_OK) {
		reply_free(&ftp->reply);
		ftp->reply = first;
		remember_reply(ftp);
	} else {
		reply_free(&first);
	}
	return reason;
}

enum ftp_class
control_exchange(struct ftp *ftp, const char *format, ...)
{
	enum ftp_class reason = drop_early_replies(ftp);
	va_list args;

	if (reason != FTP_OK)
		return reason;
	va_start(args, format);
	reason = send_command_line(ftp, format, args);
	va_end(args);
	if (reason == FTP_OK)
		reason = control_reply(ftp, 0);
	return reason != FTP_OK || is_fitting(ftp, format) ? reason : step_over(ftp, format);
}

enum ftp_class
want_done(struct ftp *ftp)
{
	return ftp->reply.code / 100 == 2 ? FTP_OK : fail_reply(ftp);
}

bool
is_unknown(const struct ftp *ftp)
{
	int code = ftp->reply.code;

	return code == 500 || code == 501 || code == 502 || code == 504;
}

enum ftp_class
control_catch_up(struct ftp *ftp)
{
	enum ftp_class reason = control_send(ftp, "PWD"), failed = FTP_OK;
	struct ftp_error error;

	for (unsigned int i = 0; i < RESYNC_REPLIES && reason == FTP_OK; i++) {
		reason = control_reply(ftp, 0);
		/* 257 belongs to PWD alone; a server may have no PWD */
		if (reason == FTP_OK && (ftp->reply.code == 257 || is_unknown(ftp)))
			break;
		if (reason == FTP_OK && ftp->reply.code >= 400 && failed == FTP_OK) {
			failed = fail_reply(ftp);
			error = ftp->error;
		}
	}
	if (reason == FTP_OK && failed != FTP_OK)
		ftp->error = error;
	return reason != FTP_OK ? reason : failed;
}

void
control_resync(struct ftp *ftp)
{
	struct ftp_error saved = ftp->error;
	/* the user has pressed Ctrl-C and waits */
	unsigned int timeout_ms = ftp->control.timeout_ms, limit_ms = is_aborted(ftp) ? RESYNC_ABORTED_MS : RESYNC_MS;
	bool is_in_step = false;

	if (ftp->control.fd < 0)
		return;
	/* the signal that stopped the transfer must not stop this, which is bounded anyway */
	ftp->control.abort = NULL;
	ftp->control.timeout_ms = limit_ms;
	/* the number of replies to ABOR depends on how far the transfer was; 257 belongs to PWD alone */
	if (control_send(ftp, "ABOR") == FTP_OK && control_send(ftp, "PWD") == FTP_OK) {
		for (int i = 0; i < RESYNC_REPLIES && !is_in_step && control_reply(ftp, limit_ms) == FTP_OK; i++)
			is_in_step = ftp->reply.code == 257;
	}
	if (!is_in_step)
		control_drop(ftp);
	ftp->control.abort = ftp->options->abort;
	ftp->control.timeout_ms = timeout_ms;
	ftp->error = saved;
}
