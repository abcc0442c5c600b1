/* SPDX-License-Identifier: ISC */
#include "client/engine/tls_context.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/banned.h"

#define READ_AHEAD (256 * 1024) /* bytes: several records for one read(2) */

bool
is_host_address(const char *host, char *plain, size_t size)
{
	unsigned char bytes[16];

	snprintf(plain, size, "%.*s", (int)strcspn(host, "%"), host);
	return inet_pton(AF_INET, plain, bytes) == 1 || inet_pton(AF_INET6, plain, bytes) == 1;
}

/* OpenSSL's last error in words; forgets all of them. */
static const char *
openssl_reason(void)
{
	const char *reason = NULL;
	unsigned long number;

	/* what the system says is the cause of the errors after it */
	while ((number = ERR_get_error()) != 0) {
		reason = ERR_SYSTEM_ERROR(number) ? strerror(ERR_GET_REASON(number)) : ERR_reason_error_string(number);
		if (ERR_SYSTEM_ERROR(number))
			break;
	}
	ERR_clear_error();
	return reason == NULL ? "unknown error" : reason;
}

static enum ftp_class
fail_setup(struct ftp *ftp)
{
	return ftp_fail(ftp, FTP_LOCAL, NULL, "TLS cannot be set up: %s", openssl_reason());
}

/* --- authorities and lists of revoked certificates --- */

static enum ftp_class
load_revoked(struct ftp *ftp, SSL_CTX *context)
{
	const char *file = ftp->options->tls.crl_file;
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	X509_LOOKUP *lookup;

	if (file == NULL)
		return FTP_OK;
	lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (lookup == NULL || X509_load_crl_file(lookup, file, X509_FILETYPE_PEM) < 1)
		return ftp_fail(ftp, FTP_LOCAL, "give a readable file of lists (CRL) in PEM form by --crl-file",
		    "the revoked certificates of '%s' cannot be used: %s", file, openssl_reason());
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return FTP_OK;
}

static enum ftp_class
load_trust(struct ftp *ftp, SSL_CTX *context)
{
	const char *ca_file = ftp->options->ca_file, *ca_path = ftp->options->tls.ca_path;

	if (SSL_CTX_set_default_verify_paths(context) != 1)
		ERR_clear_error();
	if (ca_file != NULL && SSL_CTX_load_verify_file(context, ca_file) != 1)
		return ftp_fail(ftp, FTP_LOCAL, "give a readable file of certificates in PEM form",
		    "the certificates of '%s' cannot be used: %s", ca_file, openssl_reason());
	if (ca_path != NULL && SSL_CTX_load_verify_dir(context, ca_path) != 1)
		return ftp_fail(ftp, FTP_LOCAL, "give a directory that openssl rehash has prepared",
		    "the certificates of '%s' cannot be used: %s", ca_path, openssl_reason());
	return load_revoked(ftp, context);
}

static int
want_host(struct ftp *ftp, SSL_CTX *context)
{
	X509_VERIFY_PARAM *wanted = SSL_CTX_get0_param(context);
	char host[NI_MAXHOST];

	X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_host_address(ftp->host, host, sizeof(host)))
		return X509_VERIFY_PARAM_set1_ip_asc(wanted, host);
	return X509_VERIFY_PARAM_set1_host(wanted, ftp->host, 0);
}

/* --- versions and suites --- */

/* TLS 1.MINOR as OpenSSL numbers it. */
static int
version_number(int minor)
{
	return TLS1_VERSION + minor;
}

static enum ftp_class
set_versions(struct ftp *ftp, SSL_CTX *context)
{
	const struct ftp_tls_wishes *wishes = &ftp->options->tls;
	int low = wishes->has_min ? version_number(wishes->min_minor) : TLS1_2_VERSION;
	int high = wishes->has_max ? version_number(wishes->max_minor) : 0;

	/* who asks for an old version alone means it */
	if (high != 0 && high < low && !wishes->has_min)
		low = high;
	if (SSL_CTX_set_min_proto_version(context, low) != 1 || SSL_CTX_set_max_proto_version(context, high) != 1)
		return fail_setup(ftp);
	if (wishes->ciphers != NULL && SSL_CTX_set_cipher_list(context, wishes->ciphers) != 1)
		return ftp_fail(ftp, FTP_USAGE, "openssl ciphers -s lists them",
		    "--ciphers is '%s', which OpenSSL does not know: %s", wishes->ciphers, openssl_reason());
	if (wishes->suites != NULL && SSL_CTX_set_ciphersuites(context, wishes->suites) != 1)
		return ftp_fail(ftp, FTP_USAGE, "openssl ciphers -s -tls1_3 lists them",
		    "--ciphersuites is '%s', which OpenSSL does not know: %s", wishes->suites, openssl_reason());
	return FTP_OK;
}

/* --- this client's own certificate --- */

/* The password of an encrypted key; see pem_password_cb(3). */
static int
key_password(char *password, int size, int is_writing, void *context)
{
	struct ftp *ftp = context;
	const struct ftp_events *events = ftp->options->events;
	const struct ftp_tls_wishes *wishes = &ftp->options->tls;

	(void)is_writing;
	if (events == NULL || events->key_password == NULL || size <= 0)
		return -1;
	return events->key_password(ftp->options->context,
	    wishes->key_file != NULL ? wishes->key_file : wishes->cert_file, password, (size_t)size);
}

/* The server asks for a certificate, and there is none: the alert that may follow does not say so before TLS 1.3. */
static int
note_request(SSL *tls, X509 **certificate, EVP_PKEY **key)
{
	struct ftp *ftp = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

	(void)certificate;
	(void)key;
	ftp->is_certificate_wanted = true;
	return 0;
}

static enum ftp_class
load_own_certificate(struct ftp *ftp, SSL_CTX *context)
{
	const struct ftp_tls_wishes *wishes = &ftp->options->tls;
	const char *key = wishes->key_file != NULL ? wishes->key_file : wishes->cert_file;

	if (wishes->cert_file == NULL)
		return FTP_OK;
	SSL_CTX_set_default_passwd_cb(context, key_password);
	SSL_CTX_set_default_passwd_cb_userdata(context, ftp);
	if (SSL_CTX_use_certificate_chain_file(context, wishes->cert_file) != 1)
		return ftp_fail(ftp, FTP_LOCAL,
		    "--cert wants a readable file with this client's certificate in PEM form",
		    "the certificate of '%s' cannot be used: %s", wishes->cert_file, openssl_reason());
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return ftp_fail(ftp, FTP_LOCAL,
		    "--key wants a readable file with the key of the certificate in PEM form; an encrypted key needs its "
		    "password, from the terminal or $SALLYPORT_KEY_PASSWORD",
		    "the key of '%s' cannot be used: %s", key, openssl_reason());
	return FTP_OK;
}

enum ftp_class
tls_context_make(struct ftp *ftp, int (*verify)(int, X509_STORE_CTX *))
{
	SSL_CTX *context;
	enum ftp_class reason;

	if (ftp->context != NULL)
		return FTP_OK;
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL)
		return fail_setup(ftp);
	reason = load_trust(ftp, context);
	if (reason == FTP_OK && want_host(ftp, context) != 1)
		reason = fail_setup(ftp);
	if (reason == FTP_OK)
		reason = set_versions(ftp, context);
	if (reason == FTP_OK)
		reason = load_own_certificate(ftp, context);
	if (reason != FTP_OK) {
		SSL_CTX_free(context);
		return reason;
	}
	SSL_CTX_set_app_data(context, ftp);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, verify);
	SSL_CTX_set_client_cert_cb(context, note_request);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD);
	if (ftp->options->tls.wants_ocsp)
		SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp);
	ftp->context = context;
	return FTP_OK;
}
