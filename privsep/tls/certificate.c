/* SPDX-License-Identifier: ISC */
#include "privsep/tls/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "trusted/place.h"

#include "common/banned.h"

/* We must not close a file that another service reads. */
#define OR_COPY ", or, where another service needs it as it is, name a copy ('install -m 600')"

static int
check_file(int fd, const char *path, bool is_key, char *error, size_t size)
{
	struct stat st;
	int r = 0;

	if (fstat(fd, &st) < 0) {
		r = -errno;
		snprintf(error, size, "cannot open '%s': %s", path, strerror(-r));
	} else if (!S_ISREG(st.st_mode)) {
		snprintf(error, size, "'%s' is not a plain file", path);
		r = -EINVAL;
	} else if (is_key && st.st_uid != 0 && st.st_uid != geteuid()) {
		snprintf(error, size, "private key '%s' belongs to uid %lu, who can read it; chown it to root" OR_COPY,
		    path, (unsigned long)st.st_uid);
		r = -EPERM;
	} else if (is_key && (st.st_mode & 027) != 0) {
		snprintf(error, size,
		    "private key '%s' can be read or changed by others (mode %04o); chmod 600 it" OR_COPY, path,
		    st.st_mode & 07777);
		r = -EPERM;
	}
	return r;
}

int
certificate_open(const char *path, bool is_key, char *error, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0) {
		r = -errno;
		snprintf(error, size, "cannot open '%s': %s", path, strerror(-r));
		return r;
	}
	r = check_file(fd, path, is_key, error, size);
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

static int
refuse_place(const char *path, bool is_key, const struct trust_problem *problem, char *error, size_t size)
{
	char why[TRUST_TEXT_MAX];

	trust_explain(problem, why, sizeof(why));
	if (problem->kind == TRUST_SYSTEM)
		snprintf(error, size, "cannot open '%s': %s%s", path, why,
		    problem->error == -ENOENT
			? "; name one that exists; where both are missing, 'sallyportctl setup' makes a pair"
			: "");
	else
		snprintf(
		    error, size, "%s '%s' cannot be trusted: %s", is_key ? "private key" : "certificate", path, why);
	return problem->error;
}

int
certificate_open_trusted(const char *path, bool is_key, char *error, size_t size)
{
	struct trust_problem problem;
	int fd = trusted_file_open(path, &problem);
	int r;

	if (fd == -EISDIR) {
		snprintf(error, size, "'%s' is not a plain file", path);
		return -EINVAL;
	}
	if (fd < 0)
		return refuse_place(path, is_key, &problem, error, size);
	r = check_file(fd, path, is_key, error, size);
	if (r == 0 && trusted_file_check(fd, path, &problem) < 0)
		r = refuse_place(path, is_key, &problem, error, size);
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

int
certificate_seal(int file_fd)
{
	char *bytes = malloc(PEM_FILE_MAX + 1);
	int memory_fd = -1;
	ssize_t len;
	int r = 0;

	if (bytes == NULL)
		return -ENOMEM;
	len = io_read_all(file_fd, bytes, PEM_FILE_MAX + 1);
	if (len < 0)
		r = (int)len;
	else if (len > PEM_FILE_MAX)
		r = -EFBIG;
	if (r == 0) {
		memory_fd = memfd_create("pem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		r = memory_fd < 0 ? -errno : io_write_all(memory_fd, bytes, (size_t)len);
	}
	if (r == 0 && fcntl(memory_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		r = -errno;
	explicit_bzero(bytes, PEM_FILE_MAX + 1);
	free(bytes);
	if (r < 0)
		close_fd(&memory_fd);
	return r < 0 ? r : memory_fd;
}

BIO *
certificate_bio(int fd)
{
	BIO *bio = NULL;
	char *bytes = malloc(PEM_FILE_MAX);
	ssize_t len = bytes == NULL ? -1 : pread(fd, bytes, PEM_FILE_MAX, 0);

	if (len >= 0)
		bio = BIO_new(BIO_s_secmem());
	if (bio != NULL && BIO_write(bio, bytes, (int)len) != (int)len) {
		BIO_free(bio);
		bio = NULL;
	}
	if (bytes != NULL)
		explicit_bzero(bytes, PEM_FILE_MAX);
	free(bytes);
	return bio;
}

X509 *
certificate_read(BIO *bio)
{
	X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

	ERR_clear_error();
	return certificate;
}

/* No prompt: a key with a passphrase is an error here. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

EVP_PKEY *
certificate_read_key(int key_fd)
{
	BIO *bio = certificate_bio(key_fd);
	EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	BIO_free(bio);
	ERR_clear_error();
	return key;
}

static bool
is_supported(const EVP_PKEY *key)
{
	static const char *const curves[] = {SN_X9_62_prime256v1, SN_secp384r1, SN_secp521r1};
	char curve[64];

	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 8192;
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1)
		return EVP_PKEY_is_a(key, "ED25519");
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(curve, curves[i]) == 0)
			return true;
	return false;
}

static int64_t
seconds_of(const ASN1_TIME *time)
{
	struct tm utc;

	return ASN1_TIME_to_tm(time, &utc) == 1 ? (int64_t)timegm(&utc) : 0;
}

const char *
certificate_date_problem(const X509 *certificate)
{
	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
		return "is not valid yet; check the clock";
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
		return "has expired; renew it";
	return NULL;
}

static int
check_leaf_and_key(
    const X509 *leaf, EVP_PKEY *key, const char *chain_path, const char *key_path, struct certificate_report *report)
{
	const char *problem = certificate_date_problem(leaf);
	size_t size = sizeof(report->error);

	report->not_after = seconds_of(X509_get0_notAfter(leaf));
	if (!is_supported(key))
		snprintf(report->error, size,
		    "private key '%s' is of a type that is not supported; use RSA with 2048 to 8192 "
		    "bits, the curve P-256, P-384 or P-521, or Ed25519",
		    key_path);
	else if (X509_check_private_key((X509 *)(uintptr_t)leaf, key) != 1)
		snprintf(
		    report->error, size, "private key '%s' does not belong to certificate '%s'", key_path, chain_path);
	else if (problem != NULL) {
		report->is_out_of_date = true;
		snprintf(report->error, size, "certificate '%s' %s", chain_path, problem);
	}
	ERR_clear_error();
	return report->error[0] == '\0' ? 0 : -EINVAL;
}

int
certificate_check(
    int chain_fd, int key_fd, const char *chain_path, const char *key_path, struct certificate_report *report)
{
	BIO *bio = certificate_bio(chain_fd);
	X509 *leaf = certificate_read(bio);
	EVP_PKEY *key = certificate_read_key(key_fd);
	int r = -EINVAL;

	report->error[0] = '\0';
	report->is_out_of_date = false;
	if (leaf == NULL)
		snprintf(report->error, sizeof(report->error), "'%s' holds no PEM certificate", chain_path);
	else if (key == NULL)
		snprintf(report->error, sizeof(report->error),
		    "'%s' holds no PEM private key, or one with a passphrase; remove the passphrase with 'openssl "
		    "pkey'",
		    key_path);
	else
		r = check_leaf_and_key(leaf, key, chain_path, key_path, report);
	X509_free(leaf);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return r;
}

/* One file in sealed memory. Its descriptor, or -errno (reported). */
static int
seal_path(const char *path, bool is_key, char *error, size_t size)
{
	int file_fd = certificate_open_trusted(path, is_key, error, size);
	int r;

	if (file_fd < 0)
		return file_fd;
	r = certificate_seal(file_fd);
	if (r < 0)
		snprintf(error, size, "cannot read '%s': %s", path, strerror(-r));
	close_fd(&file_fd);
	return r;
}

int
certificate_check_files(const char *chain_path, const char *key_path, struct certificate_report *report)
{
	int chain_fd = -1, key_fd = -1;
	int r = 0;

	*report = (struct certificate_report){.error = ""};
	chain_fd = r = seal_path(chain_path, false, report->error, sizeof(report->error));
	if (r >= 0)
		key_fd = r = seal_path(key_path, true, report->error, sizeof(report->error));
	if (r >= 0)
		r = certificate_check(chain_fd, key_fd, chain_path, key_path, report);
	close_fd(&chain_fd);
	close_fd(&key_fd);
	return r;
}

int
certificate_is_for(const char *chain_path, const char *host)
{
	char ignored[1024];
	int fd = seal_path(chain_path, false, ignored, sizeof(ignored));
	BIO *bio = fd < 0 ? NULL : certificate_bio(fd);
	X509 *leaf = certificate_read(bio);
	int r = fd < 0 ? fd : -EINVAL;

	if (leaf != NULL)
		r = X509_check_host(leaf, host, 0, 0, NULL) == 1 || X509_check_ip_asc(leaf, host, 0) == 1;
	X509_free(leaf);
	BIO_free(bio);
	close_fd(&fd);
	return r;
}
