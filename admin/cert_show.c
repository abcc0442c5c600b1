/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/cert.h"
#include "admin/ctl.h"
#include "common/io.h"
#include "config/config.h"
#include "privsep/tls/certificate.h"

#include "common/banned.h"

/* What is shown; texts are "" where there is nothing to show. */
struct shown {
	struct buf subject, issuer, names, fingerprint, key_type;
	char not_before[CERT_TIME_SIZE], not_after[CERT_TIME_SIZE];
	int64_t days_left;
	size_t intermediates;
	const char *match;	/* "yes", "no", or "unknown": the key cannot be read */
	bool is_key_tight;
	unsigned key_mode;
	struct certificate_report report;
};

int
cert_names(const X509 *certificate, struct buf *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	BIO *text = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	for (int i = 0; text != NULL && i < sk_GENERAL_NAME_num(names); i++) {
		if (i > 0)
			BIO_puts(text, ", ");
		GENERAL_NAME_print(text, sk_GENERAL_NAME_value(names, i));
	}
	len = text == NULL ? 0 : BIO_get_mem_data(text, &bytes);
	if (len > 0)
		buf_add(out, bytes, (size_t)len);
	GENERAL_NAMES_free(names);
	BIO_free(text);
	return text == NULL ? -ENOMEM : out->error;
}

int
cert_fingerprint(const X509 *certificate, struct buf *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
		return -EIO;
	for (unsigned int i = 0; i < len; i++)
		buf_addf(out, "%s%02X", i == 0 ? "" : ":", digest[i]);
	return out->error;
}

const char *
cert_time(const ASN1_TIME *time, char text[CERT_TIME_SIZE])
{
	struct tm utc;

	if (ASN1_TIME_to_tm(time, &utc) != 1 || strftime(text, CERT_TIME_SIZE, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0)
		snprintf(text, CERT_TIME_SIZE, "?");
	return text;
}

static void
add_certificate_name(const X509_NAME *name, struct buf *out)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	if (text == NULL)
		return;
	X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
	len = BIO_get_mem_data(text, &bytes);
	buf_add(out, bytes, len > 0 ? (size_t)len : 0);
	BIO_free(text);
}

/* "EC prime256v1", "RSA 2048", "ED25519" */
static void
key_text(const EVP_PKEY *key, struct buf *out)
{
	char curve[64];

	if (key == NULL)
		return;
	if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1)
		buf_addf(out, "EC %s", curve);
	else if (EVP_PKEY_is_a(key, "RSA"))
		buf_addf(out, "RSA %d", EVP_PKEY_get_bits(key));
	else
		buf_add_text(out, EVP_PKEY_get0_type_name(key));
	ERR_clear_error();
}

static int64_t
days_until(const ASN1_TIME *end)
{
	int days = 0, seconds = 0;

	if (ASN1_TIME_diff(&days, &seconds, NULL, end) != 1)
		return 0;
	return days < 0 || seconds < 0 ? days - 1 : days;
}

/* Is it the certificate's, whatever else is wrong with the file? */
static void
look_at_key(const char *path, const X509 *leaf, struct shown *shown)
{
	char error[512];
	struct stat st;
	int tight_fd = certificate_open(path, true, error, sizeof(error));
	int fd = certificate_open(path, false, error, sizeof(error));
	int sealed_fd = fd < 0 ? -1 : certificate_seal(fd);
	EVP_PKEY *key = sealed_fd < 0 ? NULL : certificate_read_key(sealed_fd);

	shown->is_key_tight = tight_fd >= 0;
	if (fd >= 0 && fstat(fd, &st) == 0)
		shown->key_mode = st.st_mode & 07777;
	if (key != NULL)
		shown->match = X509_check_private_key((X509 *)(uintptr_t)leaf, key) == 1 ? "yes" : "no";
	ERR_clear_error();
	EVP_PKEY_free(key);
	close_fd(&sealed_fd);
	close_fd(&fd);
	close_fd(&tight_fd);
}

/* The leaf, and how many certificates follow it. NULL: reported. */
static X509 *
read_chain(const char *path, size_t *intermediates)
{
	char error[512];
	int fd = certificate_open(path, false, error, sizeof(error));
	int sealed_fd = fd < 0 ? -1 : certificate_seal(fd);
	BIO *bio = sealed_fd < 0 ? NULL : certificate_bio(sealed_fd);
	X509 *leaf = bio == NULL ? NULL : certificate_read(bio), *other;

	if (fd < 0)
		ctl_error("%s; 'sallyportctl cert self-signed' makes a pair", ctl_quote(error));
	else if (leaf == NULL)
		ctl_error("'%s' holds no PEM certificate", ctl_quote(path));
	while (leaf != NULL && (other = certificate_read(bio)) != NULL) {
		X509_free(other);
		(*intermediates)++;
	}
	BIO_free(bio);
	close_fd(&sealed_fd);
	close_fd(&fd);
	return leaf;
}

static const char *
text_of(const struct buf *buf)
{
	return buf->data == NULL ? "" : ctl_quote(buf->data);
}

static enum ctl_exit
print_certificate_json(const struct config *config, const struct shown *shown)
{
	return ctl_print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:b, s:b, s:s}",
	    "certificate", ctl_quote(config->tls.certificate), "key", ctl_quote(config->tls.key), "subject",
	    text_of(&shown->subject), "names", text_of(&shown->names), "issuer", text_of(&shown->issuer), "not_before",
	    shown->not_before, "not_after", shown->not_after, "days_left", (json_int_t)shown->days_left,
	    "intermediates", (json_int_t)shown->intermediates, "sha256", text_of(&shown->fingerprint), "key_type",
	    text_of(&shown->key_type), "key_matches", shown->match, "key_is_tight", (int)shown->is_key_tight, "good",
	    (int)(shown->report.error[0] == '\0'), "error", ctl_quote(shown->report.error)));
}

static void
print_certificate_text(const struct config *config, const struct shown *shown)
{
	printf(
	    "certificate    %s\nkey            %s\n", ctl_quote(config->tls.certificate), ctl_quote(config->tls.key));
	printf("subject        %s\nnames          %s\n", text_of(&shown->subject), text_of(&shown->names));
	printf("issuer         %s\nintermediates  %zu\n", text_of(&shown->issuer), shown->intermediates);
	printf("not before     %s\nnot after      %s\ndays left      %lld\n", shown->not_before, shown->not_after,
	    (long long)shown->days_left);
	printf("SHA-256        %s\nkey type       %s\n", text_of(&shown->fingerprint), text_of(&shown->key_type));
	printf("key matches    %s\nkey file       mode %04o, %s\n", shown->match, shown->key_mode,
	    shown->is_key_tight ? "tight" : "too open, or not readable");
}

enum ctl_exit
cert_show(struct ctl *ctl)
{
	const struct config *config = ctl->config;
	struct shown shown = {.match = "unknown"};
	X509 *leaf;

	if (config->tls.certificate[0] == '\0') {
		ctl_error("no certificate is configured; set tls.certificate and tls.key in '%s', or make one with "
			  "'sallyportctl cert self-signed'",
		    ctl_quote(ctl->config_path));
		return CTL_FAILED;
	}
	leaf = read_chain(config->tls.certificate, &shown.intermediates);
	if (leaf == NULL)
		return CTL_FAILED;
	buf_init(&shown.subject, CERT_TEXT_MAX);
	buf_init(&shown.issuer, CERT_TEXT_MAX);
	buf_init(&shown.names, CERT_TEXT_MAX);
	buf_init(&shown.fingerprint, CERT_TEXT_MAX);
	buf_init(&shown.key_type, CERT_TEXT_MAX);
	add_certificate_name(X509_get_subject_name(leaf), &shown.subject);
	add_certificate_name(X509_get_issuer_name(leaf), &shown.issuer);
	(void)!cert_names(leaf, &shown.names);
	(void)!cert_fingerprint(leaf, &shown.fingerprint);
	key_text(X509_get0_pubkey(leaf), &shown.key_type);
	cert_time(X509_get0_notBefore(leaf), shown.not_before);
	cert_time(X509_get0_notAfter(leaf), shown.not_after);
	shown.days_left = days_until(X509_get0_notAfter(leaf));
	look_at_key(config->tls.key, leaf, &shown);
	(void)!certificate_check_files(config->tls.certificate, config->tls.key, &shown.report);
	if (ctl->is_json)
		print_certificate_json(config, &shown);
	else
		print_certificate_text(config, &shown);
	if (shown.report.error[0] != '\0')
		ctl_error("%s", ctl_quote(shown.report.error));
	buf_free(&shown.subject);
	buf_free(&shown.issuer);
	buf_free(&shown.names);
	buf_free(&shown.fingerprint);
	buf_free(&shown.key_type);
	X509_free(leaf);
	return shown.report.error[0] == '\0' ? CTL_DONE : CTL_FAILED;
}
