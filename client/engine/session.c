/* SPDX-License-Identifier: ISC */
/* A session: connecting, TLS, the login, and all that again when the connection was lost. */
#include "client/engine/session.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/engine/answer.h"
#include "client/engine/pool.h"
#include "client/engine/route.h"
#include "common/io.h"

#include "common/banned.h"

#define FEATURES_MAX 65536
#define RETRY_DELAY_MAX_S 60

/* --- the handle --- */

static char *
copy_option(const char *text)
{
	return text == NULL ? NULL : strdup(text);
}

struct ftp *
ftp_new(const struct ftp_options *options, enum ftp_tls tls, const char *host, uint16_t port)
{
	struct ftp *ftp = calloc(1, sizeof(*ftp));
	unsigned int timeout_s = options->timeout_s > 0 ? options->timeout_s : DEFAULT_TIMEOUT_S;

	if (ftp == NULL)
		return NULL;
	ftp->options = options;
	ftp->tls = tls;
	ftp->port = port;
	ftp->host = strdup(host);
	ftp->pool = pool_new();
	wire_init(&ftp->control, options->abort, timeout_s < UINT32_MAX / 1000 ? timeout_s * 1000 : UINT32_MAX);
	reply_init(&ftp->reply);
	buf_init(&ftp->told, REPLY_TEXT_MAX);
	buf_init(&ftp->features, FEATURES_MAX);
	if (ftp->host == NULL || ftp->pool == NULL) {
		ftp_free(ftp);
		return NULL;
	}
	return ftp;
}

/* An idle connection takes the place of a new one. It may be in another directory. */
static struct ftp *
reuse_idle(const struct ftp *ftp)
{
	struct ftp *idle = pool_take(ftp);
	bool is_there;

	if (idle == NULL)
		return NULL;
	is_there = ftp->directory == idle->directory ||
	    (ftp->directory != NULL && idle->directory != NULL && strcmp(ftp->directory, idle->directory) == 0);
	if (!is_there) {
		free(idle->directory);
		idle->directory = copy_option(ftp->directory);
		idle->is_astray = true;
	}
	if ((idle->directory == NULL) == (ftp->directory == NULL))
		return idle;
	ftp_free(idle);
	return NULL;
}

struct ftp *
ftp_clone(const struct ftp *ftp)
{
	struct ftp *clone = reuse_idle(ftp);

	if (clone != NULL)
		return clone;
	clone = ftp_new(ftp->options, ftp->tls, ftp->host, ftp->port);
	if (clone == NULL)
		return NULL;
	pool_free(clone->pool);
	clone->pool = pool_join(ftp->pool);
	clone->user = copy_option(ftp->user);
	clone->password = copy_option(ftp->password);
	clone->directory = copy_option(ftp->directory);
	clone->times = ftp->times;
	clone->is_zone_known = ftp->is_zone_known;
	clone->zone_s = ftp->zone_s;
	clone->has_no_mdtm = ftp->has_no_mdtm;
	clone->has_no_rename = ftp->has_no_rename;
	memcpy(clone->accepted, ftp->accepted, sizeof(clone->accepted));
	clone->has_no_epsv = ftp->has_no_epsv;
	clone->has_working_epsv = ftp->has_working_epsv;
	clone->has_no_ahead = ftp->has_no_ahead;
	clone->has_no_list_all = ftp->has_no_list_all;
	clone->has_list_all = ftp->has_list_all;
	clone->shows_hidden = ftp->shows_hidden;
	if ((clone->user == NULL) != (ftp->user == NULL) || (clone->password == NULL) != (ftp->password == NULL) ||
	    (clone->directory == NULL) != (ftp->directory == NULL)) {
		ftp_free(clone);
		return NULL;
	}
	return clone;
}

static void
free_secret(char **secret)
{
	if (*secret != NULL)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static void
free_handle(struct ftp *ftp)
{
	ftp_close(ftp);
	SSL_CTX_free(ftp->context);
	reply_free(&ftp->reply);
	buf_free(&ftp->told);
	buf_free(&ftp->features);
	free(ftp->host);
	free(ftp->user);
	free_secret(&ftp->password);
	free(ftp->directory);
	charset_free(ftp->charset);
	free(ftp);
}

void
ftp_free(struct ftp *ftp)
{
	struct ftp_pool *pool = ftp == NULL ? NULL : ftp->pool;
	struct ftp *idle;
	bool is_last;

	if (pool == NULL) {
		if (ftp != NULL)
			free_handle(ftp);
		return;
	}
	if (pool_keep(ftp))
		return;
	is_last = pool_leave(pool);
	while ((idle = pool_pop(pool, is_last)) != NULL) {
		idle->options = ftp->options;
		free_handle(idle);
	}
	free_handle(ftp);
	if (is_last)
		pool_free(pool);
}

void
ftp_close(struct ftp *ftp)
{
	static const char quit[] = "QUIT\r\n";

	if (ftp->control.fd < 0)
		return;
	/* no code waits for the reply */
	ftp->control.abort = NULL;
	ftp->control.timeout_ms = 1000;
	/* with a reply unread, the close would reset the connection */
	if (!is_aborted(ftp))
		(void)control_take_ahead(ftp);
	if (ftp->control.fd < 0)
		return;
	trace(ftp, '>', "QUIT");
	(void)wire_write(&ftp->control, quit, strlen(quit));
	control_drop(ftp);
}

const struct ftp_error *
ftp_error(const struct ftp *ftp)
{
	return &ftp->error;
}

void
ftp_expect_more(struct ftp *ftp, bool expects_more)
{
	ftp->expects_more = expects_more;
	ftp->is_last_command = false;
}

bool
ftp_is_connected(const struct ftp *ftp)
{
	return ftp->control.fd >= 0;
}

bool
ftp_is_tls(const struct ftp *ftp)
{
	return ftp->control.tls != NULL;
}

const char *
ftp_tls_text(const struct ftp *ftp)
{
	return ftp->tls_text;
}

const char *
ftp_last_reply(const struct ftp *ftp)
{
	return ftp->told.data == NULL ? "" : ftp->told.data;
}

/* --- connecting --- */

/* 120 announces a delay; 220 is the greeting (RFC 959, 5.4). */
static enum ftp_class
read_greeting(struct ftp *ftp)
{
	enum ftp_class reason;

	do
		reason = control_reply(ftp, 0);
	while (reason == FTP_OK && ftp->reply.code == 120);
	ftp->is_greeted = reason == FTP_OK;
	return reason != FTP_OK ? reason : want_done(ftp);
}

/* Anonymous logins have no secret. */
static bool
is_anonymous(const char *user)
{
	return user != NULL && (strcasecmp(user, "anonymous") == 0 || strcasecmp(user, "ftp") == 0);
}

/* RFC 4217, 4. */
static enum ftp_class
ask_for_tls(struct ftp *ftp)
{
	enum ftp_class reason = control_exchange(ftp, "AUTH TLS");

	if (reason != FTP_OK)
		return reason;
	if (ftp->reply.code == 234) {
		/* bytes in clear after the reply would count as the server's replies under TLS */
		if (ftp->input_at < ftp->input_end)
			return ftp_fail(
			    ftp, FTP_CERTIFICATE, NULL, "somebody put bytes in clear before the TLS handshake");
		*ftp->fingerprint = '\0';
		reason = trust_start(ftp);
		/* the server ended the handshake: it may have no certificate, although it offers TLS */
		if (reason != FTP_OK && reason != FTP_ABORTED && *ftp->fingerprint == '\0' && ftp->tls == FTP_TLS_AUTO)
			ftp_error_hint(&ftp->error, "%s",
			    "try again; where the server offers TLS but fails: --no-tls, and everybody on the way can read all of it");
		return reason;
	}
	/* 431 and 454: it has TLS, and no certificate, or not now */
	if (ftp->tls == FTP_TLS_AUTO && ftp->reply.code >= 400)
		return FTP_OK;
	reason = fail_reply(ftp);
	if (reason == FTP_REFUSED)
		ftp_fail(ftp, reason, "ftps:// is for servers that speak TLS from the first byte",
		    "the server has no TLS: '%d %s'", ftp->reply.code, reply_message(&ftp->reply));
	return reason;
}

static enum ftp_class
begin_charset(struct ftp *ftp)
{
	const char *wire = ftp->options->charset, *local = nl_langinfo(CODESET);
	int r = 0;

	if (wire == NULL || ftp->charset != NULL)
		return FTP_OK;
	ftp->charset = charset_new(wire, local, &r);
	if (ftp->charset != NULL)
		return FTP_OK;
	if (r == -EINVAL)
		return ftp_fail(ftp, FTP_USAGE, "iconv -l lists them",
		    "--charset is '%s'; iconv cannot convert it to this locale's %s", wire, local);
	if (r == -EDOM)
		return ftp_fail(ftp, FTP_USAGE, "for example ISO-8859-1, CP1252, CP932, GB18030 or KOI8-R",
		    "--charset is '%s', which does not have all of ASCII at its place", wire);
	return fail_local(ftp, r, wire);
}

static enum ftp_class
connect_once(struct ftp *ftp)
{
	enum ftp_class reason = begin_charset(ftp);

	if (reason == FTP_OK)
		reason = route_connect(ftp);
	if (reason == FTP_OK && ftp->tls == FTP_TLS_IMPLICIT)
		reason = trust_start(ftp);
	if (reason == FTP_OK)
		reason = read_greeting(ftp);
	if (reason == FTP_OK && ftp->tls != FTP_TLS_IMPLICIT && !ftp->options->no_tls)
		reason = ask_for_tls(ftp);
	if (reason != FTP_OK)
		control_drop(ftp);
	return reason;
}

enum ftp_class
session_retry(struct ftp *ftp, enum ftp_class reason, unsigned int *tries)
{
	uint64_t delay_s = ftp->options->retry_delay_s > 0 ? ftp->options->retry_delay_s : 1;
	int r;

	if (!ftp_class_is_retryable(reason) || *tries >= ftp->options->retries)
		return reason;
	for (unsigned int i = 0; i < *tries && delay_s < RETRY_DELAY_MAX_S; i++)
		delay_s *= 2;
	if (delay_s > RETRY_DELAY_MAX_S)
		delay_s = RETRY_DELAY_MAX_S;
	++*tries;
	ftp_note(ftp, "%s: %s; trying again in %llu s (%u of %u)", ftp->error.what, ftp->error.why,
	    (unsigned long long)delay_s, *tries, ftp->options->retries);
	/* -1 is never ready: this only waits, until the user stops it */
	r = wire_wait(-1, 0, (unsigned int)delay_s * 1000, ftp->options->abort);
	return r == -ECANCELED ? ftp_fail(ftp, FTP_ABORTED, NULL, "stopped") : FTP_OK;
}

enum ftp_class
ftp_connect(struct ftp *ftp)
{
	unsigned int tries = 0;
	enum ftp_class reason;

	doing(ftp, "cannot connect to %s port %u", ftp->host, ftp->port);
	if (ftp->control.fd >= 0)
		return FTP_OK;
	do {
		reason = connect_once(ftp);
		if (reason == FTP_OK)
			return FTP_OK;
		reason = session_retry(ftp, reason, &tries);
	} while (reason == FTP_OK);
	return reason;
}

/* --- the login --- */

static enum ftp_class
check_secrecy(struct ftp *ftp)
{
	if (ftp->control.tls != NULL || ftp->options->may_plaintext || is_anonymous(ftp->user))
		return FTP_OK;
	return ftp_fail(ftp, FTP_LOGIN, "if everybody on the way may read it: --plaintext",
	    "the server offers no TLS, and the password would go in clear");
}

static enum ftp_class
fail_login(struct ftp *ftp)
{
	enum ftp_class reason = fail_reply(ftp);

	if (reason == FTP_REFUSED) {
		ftp->error.class = reason = FTP_LOGIN;
		if (*ftp->error.hint == '\0')
			ftp_error_hint(&ftp->error, "check name and password");
		if (ftp->options->no_tls)
			ftp_error_hint(&ftp->error, "check name and password, or leave --no-tls out");
	}
	return reason;
}

/* RFC 959, 4.1.1: ACCT is part of the login where the reply was 332; a server that did not ask may still charge it. */
static enum ftp_class
send_account(struct ftp *ftp)
{
	bool is_due = ftp->reply.code == 332;
	enum ftp_class reason;

	if (ftp->options->account == NULL)
		return ftp_fail(ftp, FTP_LOGIN, "give it by --account, or by 'account' in ~/.netrc",
		    "the server wants an account besides the password (ACCT)");
	reason = control_exchange(ftp, "ACCT %s", ftp->options->account);
	if (reason != FTP_OK || !is_due || ftp->reply.code / 100 == 2)
		return reason;
	reason = fail_login(ftp);
	ftp_error_hint(&ftp->error, "check the account (--account)");
	return reason;
}

static enum ftp_class
send_login(struct ftp *ftp)
{
	enum ftp_class reason = check_secrecy(ftp);

	if (reason == FTP_OK)
		reason = control_exchange(ftp, "USER %s", ftp->user);
	if (reason == FTP_OK && ftp->reply.code == 331)
		reason = control_exchange(ftp, "PASS %s", ftp->password);
	if (reason != FTP_OK)
		return reason;
	if (ftp->reply.code == 332 || (ftp->options->account != NULL && ftp->reply.code / 100 == 2))
		return send_account(ftp);
	if (ftp->reply.code / 100 != 2)
		return fail_login(ftp);
	return FTP_OK;
}

/* Data connections are protected like the control connection (RFC 4217, 8 and 9). */
static enum ftp_class
protect_data(struct ftp *ftp)
{
	enum ftp_class reason;

	if (ftp->control.tls == NULL)
		return FTP_OK;
	reason = control_exchange(ftp, "PBSZ 0");
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "PROT P");
	if (reason == FTP_OK && ftp->reply.code / 100 != 2)
		reason = ftp_fail(ftp, FTP_REFUSED, NULL, "the server does not protect data connections: '%d %s'",
		    ftp->reply.code, reply_message(&ftp->reply));
	return reason;
}

/* Ask for names in UTF-8, and for useful facts in MLSD; a server without either is no error. */
static enum ftp_class
set_options(struct ftp *ftp)
{
	static const char *const wanted[] = {
	    "type", "size", "modify", "UNIX.mode", "UNIX.owner", "UNIX.group", "perm", "unique"};
	enum ftp_class reason = FTP_OK;
	const char *facts = session_feature(ftp, "MLST");
	char line[256] = "";
	size_t len = facts == NULL ? 0 : strcspn(facts, "\n");
	bool is_all = true;

	if (session_feature(ftp, "UTF8") != NULL)
		reason = control_exchange(
		    ftp, "OPTS UTF8 %s", ftp->charset == NULL || charset_is_utf8(ftp->options->charset) ? "ON" : "OFF");
	/* 501: it has UTF8, and no other set; a server that does not know OPTS UTF8 takes names as bytes */
	if (reason == FTP_OK && ftp->reply.code == 501 && session_feature(ftp, "UTF8") != NULL &&
	    ftp->charset != NULL && !charset_is_utf8(ftp->options->charset))
		ftp_note(ftp, "the server keeps names in UTF-8, and may damage those in %s (--charset)",
		    ftp->options->charset);
	for (size_t i = 0; reason == FTP_OK && len > 0 && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const char *at = strcasestr(facts, wanted[i]);
		size_t used = strlen(line), name_len = strlen(wanted[i]);

		if (at == NULL || at + name_len > facts + len || (at != facts && at[-1] != ';') ||
		    (at[name_len] != '*' && at[name_len] != ';'))
			continue;
		is_all = is_all && at[name_len] == '*';
		snprintf(line + used, sizeof(line) - used, "%s;", wanted[i]);
	}
	if (reason == FTP_OK && *line != '\0' && !is_all)
		reason = control_exchange(ftp, "OPTS MLST %s", line);
	return reason;
}

static enum ftp_class
ask_features(struct ftp *ftp)
{
	enum ftp_class reason = control_exchange(ftp, "FEAT");

	buf_clear(&ftp->features);
	if (reason == FTP_OK && ftp->reply.code == 211)
		buf_add(&ftp->features, ftp->reply.text.data,
		    ftp->reply.text.len < FEATURES_MAX ? ftp->reply.text.len : FEATURES_MAX);
	return reason;
}

static enum ftp_class
go_back(struct ftp *ftp)
{
	enum ftp_class reason;

	if (ftp->directory == NULL)
		return FTP_OK;
	reason = control_exchange(ftp, "CWD %s", ftp->directory);
	return reason != FTP_OK ? reason : want_done(ftp);
}

static enum ftp_class
login_once(struct ftp *ftp)
{
	enum ftp_class reason = ftp->control.fd >= 0 ? FTP_OK : connect_once(ftp);

	if (reason == FTP_OK)
		reason = send_login(ftp);
	if (reason == FTP_OK)
		reason = protect_data(ftp);
	if (reason == FTP_OK)
		reason = ask_features(ftp);
	if (reason == FTP_OK)
		reason = set_options(ftp);
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "TYPE I");
	if (reason == FTP_OK)
		reason = want_done(ftp);
	if (reason == FTP_OK)
		reason = go_back(ftp);
	ftp->is_logged_in = reason == FTP_OK;
	if (reason != FTP_OK && reason != FTP_LOGIN)
		control_drop(ftp);
	return reason;
}

enum ftp_class
ftp_login(struct ftp *ftp, const char *user, const char *password)
{
	char *new_user = strdup(user), *new_password = strdup(password);
	unsigned int tries = 0;
	enum ftp_class reason;

	doing(ftp, "cannot log in to %s as '%s'", ftp->host, user);
	if (new_user == NULL || new_password == NULL) {
		free(new_user);
		free_secret(&new_password);
		return fail_local(ftp, -ENOMEM, "login");
	}
	free(ftp->user);
	free_secret(&ftp->password);
	free(ftp->directory);
	ftp->user = new_user;
	ftp->password = new_password;
	ftp->directory = NULL;
	/* another user on this connection: servers differ, but a new connection works with all of them */
	if (ftp->is_logged_in)
		ftp_close(ftp);
	do {
		reason = login_once(ftp);
		if (reason == FTP_OK)
			return FTP_OK;
		reason = session_retry(ftp, reason, &tries);
	} while (reason == FTP_OK);
	return reason;
}

/* A listing changed the directory. The login's directory may have no known name, so a new login leads back there. */
static enum ftp_class
lead_back(struct ftp *ftp)
{
	enum ftp_class reason = FTP_REFUSED;

	ftp->is_astray = false;
	if (ftp->directory != NULL)
		reason = go_back(ftp);
	if (reason != FTP_REFUSED)
		return reason;
	ftp_close(ftp);
	return login_once(ftp);
}

enum ftp_class
session_ready(struct ftp *ftp)
{
	if (is_aborted(ftp))
		return ftp_fail(ftp, FTP_ABORTED, NULL, "stopped");
	/* the server may have closed an idle session: a goodbye or the end is waiting to be read */
	(void)control_take_ahead(ftp);
	if (ftp->is_logged_in && control_has_input(ftp, 0) && control_exchange(ftp, "NOOP") != FTP_OK) {
		trace(ftp, '*', "the connection was closed meanwhile: %s", ftp->error.why);
		control_drop(ftp);
	}
	if (ftp->is_logged_in && ftp->is_astray)
		return lead_back(ftp);
	if (ftp->is_logged_in)
		return FTP_OK;
	if (ftp->user == NULL)
		return ftp_fail(ftp, FTP_USAGE, "open a connection and log in first", "nobody is logged in");
	return login_once(ftp);
}

int
session_url(const struct ftp *ftp, const char *path, char *url, size_t size)
{
	const char *directory = ftp->directory == NULL || *path == '/' ? "" : ftp->directory;
	int len = snprintf(url, size, "ftp://%s@%s:%u/%s%s%s", ftp->user == NULL ? "" : ftp->user, ftp->host, ftp->port,
	    directory, *directory == '\0' ? "" : "/", path);

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

const char *
session_feature(struct ftp *ftp, const char *feature)
{
	return ftp->features.len == 0 ? NULL : answer_feature(ftp->features.data, feature);
}

bool
ftp_has_feature(struct ftp *ftp, const char *feature)
{
	if (!ftp->is_logged_in && session_ready(ftp) != FTP_OK)
		return false;
	return session_feature(ftp, feature) != NULL;
}
