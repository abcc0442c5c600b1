/* SPDX-License-Identifier: ISC */
#include "client/ui/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/engine/pace.h"
#include "client/ui/credentials.h"
#include "client/ui/places.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/terminal.h"
#include "common/buf.h"
#include "common/character.h"

#include "common/banned.h"

static _Thread_local struct report_slot *thread_slot;
static _Thread_local bool is_transferring;

void
session_show_in(struct report_slot *slot)
{
	thread_slot = slot;
	is_transferring = slot != NULL;
}

/* --- messages and questions of the engine --- */

static void
on_trace(void *context, char kind, const char *line)
{
	const struct session *session = context;

	(void)session;
	report_trace(kind, line);
}

static void
on_note(void *context, const char *text)
{
	(void)context;
	report_notice(text);
}

static void
on_progress(void *context, const struct ftp_progress *progress)
{
	(void)context;
	report_transfer_progress(thread_slot, progress);
}

static enum ftp_trust
on_trust(void *context, const struct ftp_certificate *certificate)
{
	char answer[16];
	struct buf prompt;
	enum ftp_trust trust = FTP_TRUST_NO;

	(void)context;
	/* nobody can answer while a bar is on the screen: the certificate has changed since the login */
	if (is_transferring || report_is_json() || !terminal_is_there())
		return FTP_TRUST_NO;
	buf_init(&prompt, 8192);
	(void)buf_addf(&prompt,
	    "The certificate of %s, port %u, is not vouched for: %s.\n"
	    "    subject      %s\n    issuer       %s\n    valid        %s to %s\n    fingerprint  %s\n"
	    "Compare the fingerprint with what the server's owner tells you.\n"
	    "Trust it? [y]es, always; [o]nce; [N]o: ",
	    report_quote(certificate->host), certificate->port, report_quote(certificate->reason),
	    report_quote(certificate->subject), report_quote(certificate->issuer),
	    report_quote(certificate->not_before), report_quote(certificate->not_after),
	    report_quote(certificate->fingerprint));
	if (prompt.error == 0 && terminal_ask(prompt.data, false, answer, sizeof(answer)) == 0) {
		if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
			trust = FTP_TRUST_ALWAYS;
		else if (strcasecmp(answer, "o") == 0 || strcasecmp(answer, "once") == 0)
			trust = FTP_TRUST_ONCE;
	}
	buf_free(&prompt);
	return trust;
}

/* One limit for all sessions of the program. */
static struct pace *
shared_pace(uint64_t rate)
{
	static struct pace pace = PACE_INITIALIZER;

	if (rate == 0)
		return NULL;
	pace_set(&pace, rate);
	return &pace;
}

static int
on_key_password(void *context, const char *file, char *password, size_t size)
{
	struct session *session = context;
	const char *variable = getenv("SALLYPORT_KEY_PASSWORD"), *known = session->key_password;
	char line[CREDENTIAL_MAX + 2] = "";
	struct buf prompt;
	size_t len;

	if (known == NULL)
		known = variable;
	/* the connections of a transfer use what the first one was told */
	if (known == NULL && !is_transferring) {
		buf_init(&prompt, 8192);
		(void)buf_addf(&prompt, "Password of the key '%s': ", report_quote(file));
		if (prompt.error == 0 && terminal_ask(prompt.data, true, line, sizeof(line)) == 0)
			known = session->key_password = strdup(line);
		buf_free(&prompt);
		explicit_bzero(line, sizeof(line));
	}
	len = known == NULL ? 0 : strlen(known);
	if (known == NULL || len >= size)
		return -1;
	memcpy(password, known, len);
	return (int)len;
}

void
session_apply(struct session *session, const struct options *options)
{
	session->events = (struct ftp_events){
	    .trace = options->is_verbose ? on_trace : NULL,
	    .note = on_note,
	    .trust = on_trust,
	    .key_password = on_key_password,
	    .progress = on_progress,
	};
	session->ftp_options = (struct ftp_options){
	    .may_plaintext = options->may_plaintext,
	    .is_active = options->is_active,
	    .is_epsv_only = options->is_epsv_only,
	    .is_pasv_only = options->is_pasv_only,
	    .may_go_elsewhere = options->may_go_elsewhere,
	    .no_tls = options->no_tls,
	    .may_be_cut = options->may_be_cut,
	    .family = options->family,
	    .tls = options->tls,
	    .active = options->active,
	    .pace = shared_pace(options->limit_rate),
	    .account = session->account,
	    .charset = options->charset,
	    .is_ascii = options->is_ascii,
	    .zone = options->is_zone_auto ? FTP_ZONE_AUTO
		: options->is_zone_given  ? FTP_ZONE_GIVEN
					  : FTP_ZONE_UTC,
	    .zone_s = options->zone_s,
	    .proxy = network_proxy(&session->network),
	    .source = network_source(&session->network),
	    .ca_file = options->ca_file,
	    .timeout_s = (unsigned int)options->timeout_s,
	    .connect_timeout_s = (unsigned int)options->timeout_s,
	    .retries = (unsigned int)options->retries,
	    .abort = &signals_abort,
	    .events = &session->events,
	    .context = session,
	};
}

enum exit_status
session_error(const struct session *session)
{
	return report_error(ftp_error(session->ftp));
}

/* Ask for the password after connecting, so that nobody types it for a host that does not exist. */
static enum exit_status
log_in(struct session *session, const struct options *options)
{
	struct credentials credentials;
	enum exit_status status;
	enum ftp_class class;
	const char *path;

	status = credentials_find(&credentials, session->url.host, session->user, options);
	if (status != EXIT_DONE)
		return status;
	if (credentials.account[0] != '\0') {
		free(session->account);
		session->account = strdup(credentials.account);
		session_apply(session, options);
	}
	/* a first connection that fails was not lost: the client tries it again only on request */
	if ((options->given & OPTION_BIT(OPTION_RETRY)) == 0)
		session->ftp_options.retries = 0;
	class = ftp_connect(session->ftp);
	session_apply(session, options);
	if (class != FTP_OK) {
		status = session_error(session);
		goto out;
	}
	if (!credentials.is_anonymous && !ftp_is_tls(session->ftp) && !options->may_plaintext) {
		status = report_failure(FTP_LOGIN, "the password was not sent",
		    "this server has no TLS, everything would go in clear",
		    "--plaintext, if the network between is yours");
		goto out;
	}
	status = credentials_ask(&credentials, session->url.host);
	if (status != EXIT_DONE)
		goto out;
	if (ftp_login(session->ftp, credentials.user, credentials.password) != FTP_OK) {
		status = session_error(session);
		goto out;
	}
	free(session->user_owned);
	session->user_owned = strdup(credentials.user);
	session->user = session->user_owned;
	if (session->is_shell && ftp_pwd(session->ftp, &path) == FTP_OK)
		session->home = strdup(path);
out:
	credentials_free(&credentials);
	return status;
}

enum exit_status
session_open(struct session *session, struct ftp_url *url, const struct options *options)
{
	enum exit_status status;

	session->url = *url;
	*url = (struct ftp_url){0};
	if (options->no_tls && session->url.tls != FTP_TLS_AUTO)
		return report_usage("--no-tls is for ftp://; ftpes:// and ftps:// are places with TLS");
	status = network_find(&session->network, options, session->url.host, session->url.port);
	if (status != EXIT_DONE)
		return status;
	session_apply(session, options);
	session->user = session->url.user != NULL ? session->url.user : options->user;
	session->ftp = ftp_new(&session->ftp_options, session->url.tls, session->url.host, session->url.port);
	if (session->ftp == NULL)
		return report_no_memory();
	return log_in(session, options);
}

void
session_close(struct session *session)
{
	ftp_free(session->ftp);
	ftp_url_free(&session->url);
	network_free(&session->network);
	if (session->key_password != NULL)
		explicit_bzero(session->key_password, strlen(session->key_password));
	free(session->key_password);
	free(session->account);
	session->account = NULL;
	session->key_password = NULL;
	free(session->user_owned);
	free(session->home);
	free(session->before);
	session->before = NULL;
	session->ftp = NULL;
	session->user = NULL;
	session->user_owned = NULL;
	session->home = NULL;
}

/* --- places --- */

/* The path of a URL as a pattern: wildcards that stand there bare are meant, %XX are characters. */
static char *
pattern_of(const char *text)
{
	const char *host = strstr(text, "://"), *path = strchr(host == NULL ? text : host + 3, '/');
	char *pattern = NULL;
	struct buf out;

	if (path == NULL || strpbrk(path, "*?[") == NULL)
		return NULL;
	buf_init(&out, 65536);
	for (const char *p = path + 1; *p != '\0'; p++) {
		char c = *p;

		if (c == '%' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
			c = (char)(hex_digit(p[1]) * 16 + hex_digit(p[2]));
			p += 2;
			if (strchr("*?[]\\", c) != NULL)
				(void)buf_add(&out, "\\", 1);
		}
		(void)buf_add(&out, &c, 1);
	}
	if (out.error == 0)
		pattern = strdup(out.len == 0 ? "" : out.data);
	buf_free(&out);
	return pattern;
}

bool
session_is_place(const char *place)
{
	struct buf expanded;
	bool is_place = ftp_is_url(place);

	if (is_place)
		return true;
	buf_init(&expanded, 65536);
	is_place = places_expand_bookmark(place, &expanded);
	buf_free(&expanded);
	return is_place;
}

enum exit_status
session_parse_place(const char *place, struct ftp_url *url, char **pattern)
{
	enum exit_status status = EXIT_DONE;
	struct buf expanded;
	const char *why = "";
	int r;

	buf_init(&expanded, 65536);
	if (!ftp_is_url(place) && places_expand_bookmark(place, &expanded))
		place = expanded.data;
	if (pattern != NULL)
		*pattern = pattern_of(place);
	r = ftp_url_parse(place, url, &why);
	if (r < 0) {
		/* the text is not repeated where it may have a password in it */
		status = strchr(place, '@') == NULL
		    ? report_usage("'%s' is not a place on a server: %s", report_quote(place), why)
		    : report_usage("this is not a place on a server: %s", why);
	} else if (url->password != NULL) {
		status = report_usage("a password in a URL is seen by everybody in the list of processes; leave it "
				      "out: it is asked for, or "
				      "taken from ~/.netrc, --password-fd or $SALLYPORT_PASSWORD");
		ftp_url_free(url);
	}
	if (status != EXIT_DONE && pattern != NULL) {
		free(*pattern);
		*pattern = NULL;
	}
	buf_free(&expanded);
	return status;
}
