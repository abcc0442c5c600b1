/* SPDX-License-Identifier: ISC */
#include "admin/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/address.h"
#include "common/io.h"
#include "common/libc.h"
#include "common/text.h"
#include "config/config.h"
#include "config/servers.h"
#include "trusted/place.h"

#include "common/banned.h"

#define OWN_NAMES_MAX 2048 /* bytes */
#define DAYS_DEFAULT 825
#define DAYS_MAX 3650
#define CLOCK_SLACK_S 3600 /* a client whose clock is late accepts it too */
#define SERIAL_BYTES 16
#define COMMON_NAME_MAX 64 /* X.520, upper bound of commonName */
#define HOST_NAME_LENGTH_MAX 253
#define LABEL_MAX 63
#define CERTIFICATE_DEFAULT SYSCONFDIR "/sallyport/cert.pem"
#define KEY_DEFAULT SYSCONFDIR "/sallyport/key.pem"

/* One of both files: written beside its place, then put there. */
struct new_file {
	const char *path;
	int dir_fd; /* where it is to be; -1: not opened yet */
	char name[NAME_MAX + 1]; /* its name there */
	char temporary[NAME_MAX + 1]; /* "" when there is none */
	int fd;
};

/* --- the names --- */

/* A name of labels of letters, digits, '-' and '_'; the first may be '*'. */
static bool
is_host_name(const char *name)
{
	size_t label = 0;
	const char *rest = strncmp(name, "*.", 2) == 0 ? name + 2 : name;

	if (strlen(name) > HOST_NAME_LENGTH_MAX)
		return false;
	for (const char *c = rest; *c != '\0'; c++) {
		if (*c == '.' ? label == 0
			      : strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c) == NULL)
			return false;
		label = *c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0;
}

/* "DNS:a,IP:192.0.2.1" of the names asked for, or of this host's. False: reported. */
static bool
collect_names(const char *const *names, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		union address address;
		bool is_address = address_parse(names[i], &address) == 0;

		if (!is_address && !is_host_name(names[i])) {
			ctl_error("'%s' is neither a host name nor an address; give the name that clients connect to: "
				  "--name ftp.example.org",
			    ctl_quote(names[i]));
			return false;
		}
		buf_addf(out, "%s%s:%s", i == 0 ? "" : ",", is_address ? "IP" : "DNS", names[i]);
	}
	return out->error == 0;
}

/* --- the certificate --- */

static bool
add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool
set_serial(X509 *certificate)
{
	unsigned char bytes[SERIAL_BYTES];
	BIGNUM *number = NULL;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] &= 0x7f;
	bytes[0] |= 0x40; /* neither negative nor short */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
	BN_free(number);
	return ok;
}

static bool
set_subject(X509 *certificate, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	const char *text = strlen(name) <= COMMON_NAME_MAX ? name : "sallyport";

	return X509_NAME_add_entry_by_NID(
		   subject, NID_commonName, MBSTRING_ASC, (const unsigned char *)text, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(certificate, subject) == 1;
}

/* For servers alone: a client that trusts it trusts no other certificate by it. NULL: OpenSSL failed. */
static X509 *
sign_certificate(EVP_PKEY *key, const char *name, const char *names, uint64_t days)
{
	X509 *certificate = X509_new();

	if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
	    set_subject(certificate, name) && X509_set_pubkey(certificate, key) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(certificate), -CLOCK_SLACK_S) != NULL &&
	    X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, NULL) != NULL &&
	    add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	    add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
	    add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
	    add_extension(certificate, NID_subject_key_identifier, "hash") &&
	    add_extension(certificate, NID_authority_key_identifier, "keyid:always") &&
	    add_extension(certificate, NID_subject_alt_name, names) && X509_sign(certificate, key, EVP_sha256()) > 0)
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* --- the files --- */

static int
fail_file(const struct new_file *file, int r)
{
	ctl_error("cannot write '%s': %s; nothing was changed", ctl_quote(file->path), strerror(-r));
	return r;
}

/* Beside its place, with the mode that it keeps. */
static int
begin_file(struct new_file *file, mode_t mode)
{
	mode_t mask;

	if ((size_t)snprintf(file->temporary, sizeof(file->temporary), "%s.%ld", file->name, (long)getpid()) >=
	    sizeof(file->temporary)) {
		file->temporary[0] = '\0';
		return fail_file(file, -ENAMETOOLONG);
	}
	(void)!unlinkat(file->dir_fd, file->temporary, 0); /* what a crash left */
	mask = umask(0);
	file->fd = openat(file->dir_fd, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	umask(mask);
	if (file->fd < 0) {
		file->temporary[0] = '\0';
		return fail_file(file, -errno);
	}
	return 0;
}

static int
write_pem(struct new_file *file, BIO *pem)
{
	char *bytes;
	long len = BIO_get_mem_data(pem, &bytes);
	int r = io_write_all(file->fd, bytes, (size_t)len);

	if (r == 0 && fsync(file->fd) < 0)
		r = -errno;
	return r < 0 ? fail_file(file, r) : 0;
}

static void
drop_file(struct new_file *file)
{
	close_fd(&file->fd);
	if (file->temporary[0] != '\0')
		unlinkat(file->dir_fd, file->temporary, 0);
	close_fd(&file->dir_fd);
}

/* Without force the place must be free, even if it was taken a moment ago. */
static int
place_file(struct new_file *file, bool force)
{
	int fd, r = 0;

	if (force)
		r = io_rename_over(file->dir_fd, file->temporary, file->name);
	else if (renameat2(file->dir_fd, file->temporary, file->dir_fd, file->name, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0)
		return r;
	file->temporary[0] = '\0';
	/* the file is in place; that its name may not be on the disk yet is no failure */
	fd = openat(file->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)!fsync(fd);
	close_fd(&fd);
	return 0;
}

/* Both are written and safe before either takes its place, so that a server that watches them finds a pair. */
static int
place_pair(struct new_file *certificate, struct new_file *key, bool force)
{
	int r = place_file(key, force);

	if (r < 0)
		return fail_file(key, r);
	r = place_file(certificate, force);
	if (r < 0)
		ctl_error("key '%s' is new, but certificate '%s' cannot be written: %s; repair that, then run this "
			  "with --force",
		    ctl_quote(key->path), ctl_quote(certificate->path), strerror(-r));
	return r;
}

static int
write_pair(struct new_file *certificate_file, struct new_file *key_file, X509 *certificate, EVP_PKEY *key, bool force)
{
	BIO *certificate_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_secmem());
	int r = -ENOMEM;

	if (certificate_pem == NULL || key_pem == NULL || PEM_write_bio_X509(certificate_pem, certificate) != 1 ||
	    PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
		ctl_error("OpenSSL cannot write PEM");
		goto out;
	}
	r = begin_file(key_file, 0600);
	if (r == 0)
		r = begin_file(certificate_file, 0644);
	if (r == 0)
		r = write_pem(key_file, key_pem);
	if (r == 0)
		r = write_pem(certificate_file, certificate_pem);
	if (r == 0)
		r = place_pair(certificate_file, key_file, force);
out:
	BIO_free(certificate_pem);
	BIO_free(key_pem);
	return r;
}

/*
 * Open the directory of the file or, for a link, of its target. The file must not exist; with force it may, as a
 * file.
 */
static bool
is_free(struct new_file *file, bool force)
{
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX];
	struct stat st;

	file->dir_fd = trusted_target_open(file->path, TRUST_ROOT_ALONE, file->name, &problem);
	if (file->dir_fd < 0) {
		trust_explain(&problem, why, sizeof(why));
		ctl_error("cannot write '%s': %s; nothing was changed", ctl_quote(file->path),
		    problem.error == -EISDIR ? "it is a directory; name a file in it" : ctl_quote(why));
		return false;
	}
	if (force || fstatat(file->dir_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	ctl_error("'%s' exists; nothing was changed; --force replaces certificate and key", ctl_quote(file->path));
	return false;
}

/* --- the command --- */

static enum ctl_exit
print_result(const struct ctl *ctl, const struct new_file *certificate_file, const struct new_file *key_file,
    const X509 *certificate)
{
	bool is_configured = ctl->config->tls.certificate[0] != '\0';
	char until[CERT_TIME_SIZE];
	struct buf names, fingerprint;
	enum ctl_exit status = CTL_DONE;

	buf_init(&names, CERT_TEXT_MAX);
	buf_init(&fingerprint, CERT_TEXT_MAX);
	(void)!cert_names(certificate, &names);
	(void)!cert_fingerprint(certificate, &fingerprint);
	cert_time(X509_get0_notAfter(certificate), until);
	if (ctl->is_json) {
		status = ctl_print_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "certificate",
		    ctl_quote(certificate_file->path), "key", ctl_quote(key_file->path), "names",
		    names.data == NULL ? "" : ctl_quote(names.data), "not_after", until, "sha256",
		    fingerprint.data == NULL ? "" : fingerprint.data, "configured", (int)is_configured));
	} else {
		printf("certificate  %s\nkey          %s\nnames        %s\nnot after    %s\nSHA-256      %s\n",
		    ctl_quote(certificate_file->path), ctl_quote(key_file->path),
		    names.data == NULL ? "" : ctl_quote(names.data), until,
		    fingerprint.data == NULL ? "" : fingerprint.data);
		if (!is_configured)
			printf("\nSet these in the section tls { } of %s, then reload the server:\n\n"
			       "    certificate = \"%s\"\n    key = \"%s\"\n",
			    ctl_quote(ctl->config_path), certificate_file->path, key_file->path);
	}
	buf_free(&names);
	buf_free(&fingerprint);
	return status;
}

/* The server of --server; NULL: the main one. */
static const struct config_server *
named_section(const struct ctl *ctl)
{
	const char *name = ctl->value[OPTION_SERVER];
	int server = name == NULL ? 0 : servers_titled(ctl->config, name);

	return server <= 0 ? NULL : &ctl->config->servers[server];
}

/* Names for a certificate where --name gives none: those of the server, or this host's. They are in text. */
static size_t
list_own_names(const struct ctl *ctl, char text[OWN_NAMES_MAX], const char *list[CTL_NAMES_MAX])
{
	const struct config_server *of = named_section(ctl);
	char *next = text;
	size_t count = 0;

	memset(text, 0, OWN_NAMES_MAX);
	if (of == NULL)
		gethostname(text, HOST_NAME_MAX);
	else
		snprintf(text, OWN_NAMES_MAX, "%s%s%s", of->name, of->names[0] == '\0' ? "" : ",", of->names);
	while (next != NULL && count < CTL_NAMES_MAX)
		list[count++] = strsep(&next, ",");
	return count;
}

/* The pair of another server must not get the names of this one. */
static bool
has_own_pair(const struct ctl *ctl)
{
	const struct config_server *of = named_section(ctl);

	if (of == NULL || strcmp(of->tls.certificate, ctl->config->servers[0].tls.certificate) != 0)
		return true;
	ctl_error(
	    "server '%s' shows the certificate of the main server; set certificate and key in its section of '%s'",
	    of->name, ctl_quote(ctl->config_path));
	return false;
}

enum ctl_exit
cert_self_signed(struct ctl *ctl)
{
	bool is_configured = ctl->config->tls.certificate[0] != '\0', force = ctl->given[OPTION_FORCE];
	struct new_file certificate_file = {
	    .path = is_configured ? ctl->config->tls.certificate : CERTIFICATE_DEFAULT, .dir_fd = -1, .fd = -1};
	struct new_file key_file = {.path = is_configured ? ctl->config->tls.key : KEY_DEFAULT, .dir_fd = -1, .fd = -1};
	char own_text[OWN_NAMES_MAX];
	const char *own[CTL_NAMES_MAX];
	size_t own_count = list_own_names(ctl, own_text, own);
	const char *const *list = ctl->name_count > 0 ? ctl->names : own;
	uint64_t days = DAYS_DEFAULT;
	enum ctl_exit status = CTL_FAILED;
	struct buf names;
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;

	if (ctl->given[OPTION_DAYS] && (parse_u64(ctl->value[OPTION_DAYS], DAYS_MAX, &days) < 0 || days == 0)) {
		ctl_error("bad --days '%s'; use a number from 1 to %d", ctl_quote(ctl->value[OPTION_DAYS]), DAYS_MAX);
		return CTL_USAGE;
	}
	buf_init(&names, CERT_TEXT_MAX);
	if (!has_own_pair(ctl) || !collect_names(list, ctl->name_count > 0 ? ctl->name_count : own_count, &names) ||
	    !is_free(&certificate_file, force) || !is_free(&key_file, force))
		goto out;
	key = EVP_EC_gen("P-256");
	certificate = key == NULL ? NULL : sign_certificate(key, list[0], names.data, days);
	if (certificate == NULL) {
		unsigned long number = ERR_get_error();
		const char *reason = ERR_reason_error_string(number);

		ctl_error("OpenSSL cannot make a certificate: %s", reason == NULL ? "unknown error" : reason);
		goto out;
	}
	if (write_pair(&certificate_file, &key_file, certificate, key, force) == 0)
		status = print_result(ctl, &certificate_file, &key_file, certificate);
out:
	drop_file(&certificate_file);
	drop_file(&key_file);
	X509_free(certificate);
	EVP_PKEY_free(key);
	buf_free(&names);
	return status;
}
