/* SPDX-License-Identifier: ISC */
/* TLS: trust in the server, by the system's authorities, a file of more of them, or a pin. */
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/engine/session.h"
#include "client/engine/staple.h"
#include "client/engine/tls_context.h"
#include "common/text.h"

#include "common/banned.h"

/* The handshake goes on whatever is wrong; the first fault is kept, unless the worst follows, and judged at the end. */
static int
keep_first_error(int is_good, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct ftp *ftp = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	int error = X509_STORE_CTX_get_error(store);

	if (!is_good && (ftp->verify_error == X509_V_OK || error == X509_V_ERR_CERT_REVOKED))
		ftp->verify_error = error;
	return 1;
}

/* SHA-256 of a certificate, "AB:CD:..."; "" when that fails. */
static void
fingerprint_of(const X509 *certificate, char text[PIN_FINGERPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	text[0] = '\0';
	if (certificate == NULL || X509_digest(certificate, EVP_sha256(), digest, &len) != 1 || len != 32)
		return;
	for (unsigned int i = 0; i < len; i++)
		snprintf(text + 3 * i, 4, "%02X%s", digest[i], i + 1 < len ? ":" : "");
}

/* --- asking --- */

#define TEXT_SIZE 512

struct certificate_text {
	char subject[TEXT_SIZE], issuer[TEXT_SIZE], not_before[32], not_after[32];
};

/* One line, without control characters whatever the certificate holds. */
static void
certificate_name_text(const X509_NAME *name, char text[TEXT_SIZE])
{
	BIO *out = BIO_new(BIO_s_mem());
	struct buf escaped;
	char *bytes = NULL;
	long len = 0;

	text[0] = '\0';
	if (out != NULL && X509_NAME_print_ex(out, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		len = BIO_get_mem_data(out, &bytes);
	buf_init(&escaped, 64 * 1024);
	if (len > 0 && escape_bytes(&escaped, ESCAPE_REPLY, bytes, (size_t)len) == 0 && escaped.len > 0)
		snprintf(text, TEXT_SIZE, "%s", escaped.data);
	buf_free(&escaped);
	BIO_free(out);
}

static void
certificate_time_text(const ASN1_TIME *time, char text[32])
{
	struct tm utc;

	text[0] = '\0';
	if (ASN1_TIME_to_tm(time, &utc) == 1)
		strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &utc);
}

static enum ftp_trust
ask_user_trust(struct ftp *ftp, const X509 *certificate)
{
	const struct ftp_events *events = ftp->options->events;
	struct certificate_text text;
	struct ftp_certificate told = {
	    .host = ftp->host,
	    .port = ftp->port,
	    .fingerprint = ftp->fingerprint,
	    .subject = text.subject,
	    .issuer = text.issuer,
	    .not_before = text.not_before,
	    .not_after = text.not_after,
	    .reason = X509_verify_cert_error_string(ftp->verify_error),
	};

	if (events == NULL || events->trust == NULL)
		return FTP_TRUST_NO;
	certificate_name_text(X509_get_subject_name(certificate), text.subject);
	certificate_name_text(X509_get_issuer_name(certificate), text.issuer);
	certificate_time_text(X509_get0_notBefore(certificate), text.not_before);
	certificate_time_text(X509_get0_notAfter(certificate), text.not_after);
	return events->trust(ftp->options->context, &told);
}

/* The advice for the user. Another authority does not help a certificate with another name. */
static const char *
trust_advice(int verify_error)
{
	if (verify_error == X509_V_ERR_HOSTNAME_MISMATCH || verify_error == X509_V_ERR_IP_ADDRESS_MISMATCH)
		return "connect by a name or address that the certificate is for, or connect from a terminal and trust "
		       "this one after comparing its fingerprint with the server's owner";
	return "give the authority's certificate by --ca FILE, or connect from a terminal and trust this one after "
	       "comparing its fingerprint with the server's owner";
}

/* No authority vouches for it, and there is no pin: ask the user. */
static enum ftp_class
ask_user(struct ftp *ftp, const X509 *certificate, const char *pin_file)
{
	int r;

	switch (ask_user_trust(ftp, certificate)) {
	case FTP_TRUST_ALWAYS:
		r = pin_file == NULL ? -ENOENT : pins_add(pin_file, ftp->host, ftp->port, ftp->fingerprint);
		if (r < 0)
			ftp_note(ftp, "the certificate is trusted this time only: '%s' cannot be written: %s",
			    pin_file == NULL ? "~/.config/sallyport/pins" : pin_file, strerror(-r));
		/* fall through */
	case FTP_TRUST_ONCE:
		memcpy(ftp->accepted, ftp->fingerprint, sizeof(ftp->accepted));
		return FTP_OK;
	case FTP_TRUST_NO:
		break;
	}
	return ftp_fail(ftp, FTP_CERTIFICATE, trust_advice(ftp->verify_error),
	    "its certificate is not trusted: %s; SHA-256 %s", X509_verify_cert_error_string(ftp->verify_error),
	    ftp->fingerprint);
}

static enum ftp_class
fail_revoked(struct ftp *ftp)
{
	return ftp_fail(
	    ftp, FTP_CERTIFICATE, "ask the owner of the server", "its certificate is on the list of revoked ones");
}

static enum ftp_class
judge(struct ftp *ftp, const X509 *certificate)
{
	char path[PATH_MAX], pinned[PIN_FINGERPRINT_SIZE];
	const char *pin_file = NULL;
	int r;

	if (ftp->verify_error == X509_V_OK)
		return FTP_OK;
	/* no pin and no user makes up for that */
	if (ftp->verify_error == X509_V_ERR_CERT_REVOKED)
		return fail_revoked(ftp);
	if (*ftp->accepted != '\0' && strcmp(ftp->accepted, ftp->fingerprint) == 0)
		return FTP_OK;
	if (pins_path(ftp->options->pin_file, path, sizeof(path)) == 0)
		pin_file = path;
	r = pin_file == NULL ? 0 : pins_look_up(pin_file, ftp->host, ftp->port, pinned);
	if (r == -EINVAL)
		return ftp_fail(ftp, FTP_LOCAL, "put a file in its place, or set XDG_CONFIG_HOME",
		    "pin file '%s' is not a regular file, and would not keep what you trust", pin_file);
	if (r < 0)
		return fail_local(ftp, r, pin_file);
	if (r == 0)
		return ask_user(ftp, certificate, pin_file);
	if (strcmp(pinned, ftp->fingerprint) == 0)
		return FTP_OK;
	ftp_error_hint(&ftp->error, "if the owner of the server confirms the new one, remove the line '%s %u' from %s",
	    ftp->host, ftp->port, pin_file);
	return ftp_fail(ftp, FTP_CERTIFICATE, ftp->error.hint,
	    "its certificate has changed: somebody may be listening in; trusted was SHA-256 %s, shown is %s", pinned,
	    ftp->fingerprint);
}

/* The user named the keys that this server may have: nothing else vouches for it, but a revoked one is none of them. */
static enum ftp_class
judge_by_pin(struct ftp *ftp, const X509 *certificate)
{
	char shown[PIN_KEY_SIZE];

	if (pins_key_text(certificate, shown) < 0)
		return ftp_fail(ftp, FTP_CERTIFICATE, NULL, "its public key cannot be read");
	if (!pins_list_has(ftp->options->tls.pins, shown))
		return ftp_fail(ftp, FTP_CERTIFICATE,
		    "if the owner of the server confirms the new key, give that by --pin",
		    "its public key is none of those of --pin: it is %s", shown);
	return ftp->verify_error == X509_V_ERR_CERT_REVOKED ? fail_revoked(ftp) : FTP_OK;
}

static enum ftp_class
judge_all(struct ftp *ftp, const X509 *certificate)
{
	const char *fault = ftp->options->tls.wants_ocsp ? staple_fault(ftp->control.tls) : NULL;

	if (fault != NULL)
		return ftp_fail(ftp, FTP_CERTIFICATE, "leave --ocsp out, if you can do without that proof",
		    "its certificate is not proven to be in force: %s", fault);
	if (ftp->options->tls.pins != NULL)
		return judge_by_pin(ftp, certificate);
	return judge(ftp, certificate);
}

/* --- handshakes --- */

static enum ftp_class
fail_handshake(struct ftp *ftp, struct wire *wire, int r)
{
	if (r != -EPROTO)
		return fail_wire(ftp, wire, r, "TLS handshake");
	return ftp_fail(ftp, FTP_CERTIFICATE,
	    tls_wants_certificate(ftp, wire->why)
		? TLS_CERTIFICATE_ADVICE
		: "the server must speak TLS 1.2 or later on this port (or what --tls-min, --tls-max and "
		  "--ciphers say); ftps:// is for TLS from the first byte, ftpes:// and ftp:// for AUTH TLS",
	    "TLS could not be agreed on: %s", wire->why);
}

enum ftp_class
trust_start(struct ftp *ftp)
{
	char plain[NI_MAXHOST];
	X509 *certificate;
	enum ftp_class reason;
	int r;

	reason = tls_context_make(ftp, keep_first_error);
	if (reason != FTP_OK)
		return reason;
	ftp->verify_error = X509_V_OK;
	r = wire_start_tls(
	    &ftp->control, ftp->context, is_host_address(ftp->host, plain, sizeof(plain)) ? NULL : ftp->host, NULL);
	if (r < 0)
		return fail_handshake(ftp, &ftp->control, r);
	certificate = SSL_get1_peer_certificate(ftp->control.tls);
	fingerprint_of(certificate, ftp->fingerprint);
	if (certificate == NULL || *ftp->fingerprint == '\0')
		reason = ftp_fail(ftp, FTP_CERTIFICATE, NULL, "the server shows no certificate");
	else
		reason = judge_all(ftp, certificate);
	X509_free(certificate);
	if (reason != FTP_OK)
		return reason;
	snprintf(ftp->tls_text, sizeof(ftp->tls_text), "%s %s", SSL_get_version(ftp->control.tls),
	    SSL_get_cipher_name(ftp->control.tls));
	trace(ftp, '*', "%s, SHA-256 %s, %s", ftp->tls_text, ftp->fingerprint,
	    ftp->verify_error == X509_V_OK       ? "vouched for"
		: ftp->options->tls.pins != NULL ? "trusted by its key"
						 : "trusted by its fingerprint");
	return FTP_OK;
}

/*
 * A copy of the session: libssl marks one as used up when a connection ends in disorder, and the control connection
 * still needs its own.
 */
static SSL_SESSION *
copy_session(struct ftp *ftp)
{
	SSL_SESSION *session = SSL_get1_session(ftp->control.tls), *copy;

	if (session == NULL)
		return NULL;
	copy = SSL_SESSION_is_resumable(session) ? SSL_SESSION_dup(session) : NULL;
	SSL_SESSION_free(session);
	return copy;
}

void
trust_offer_data(struct ftp *ftp, struct wire *wire)
{
	SSL_SESSION *session = copy_session(ftp);
	char plain[NI_MAXHOST];

	(void)wire_offer_tls(
	    wire, ftp->context, is_host_address(ftp->host, plain, sizeof(plain)) ? NULL : ftp->host, session);
	SSL_SESSION_free(session);
}

enum ftp_class
trust_start_data(struct ftp *ftp, struct wire *wire)
{
	char fingerprint[PIN_FINGERPRINT_SIZE];
	X509 *certificate;
	int r = -ENOMEM;

	if (wire->tls == NULL)
		trust_offer_data(ftp, wire);
	if (wire->tls != NULL)
		r = wire_start_tls(wire, ftp->context, NULL, NULL);
	if (r < 0)
		return fail_handshake(ftp, wire, r);
	if (SSL_session_reused(wire->tls))
		return FTP_OK;
	/* another server could have taken the port: it would have to show the same certificate */
	certificate = SSL_get1_peer_certificate(wire->tls);
	fingerprint_of(certificate, fingerprint);
	X509_free(certificate);
	if (strcmp(fingerprint, ftp->fingerprint) != 0)
		return ftp_fail(ftp, FTP_CERTIFICATE, NULL,
		    "the data connection shows another certificate than the control connection");
	trace(ftp, '*', "the data connection did not resume the TLS session");
	return FTP_OK;
}
