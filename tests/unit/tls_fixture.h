/* SPDX-License-Identifier: ISC */
/* Keys, and certificates that they sign themselves, for the tests of TLS. */
#ifndef TESTS_UNIT_TLS_FIXTURE_H
#define TESTS_UNIT_TLS_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "privsep/tls/key_parts.h"

/* "RSA" with 2048 bits, a curve such as "P-256", or "ED25519" */
static inline EVP_PKEY *
fixture_key(const char *type)
{
	if (strcmp(type, "RSA") == 0)
		return EVP_PKEY_Q_keygen(NULL, "provider=default", "RSA", (size_t)2048);
	if (strcmp(type, "ED25519") == 0 || strcmp(type, "ED448") == 0)
		return EVP_PKEY_Q_keygen(NULL, "provider=default", type);
	return EVP_PKEY_Q_keygen(NULL, "provider=default", "EC", type);
}

/* Valid from now + from_s to now + until_s. */
static inline X509 *
fixture_certificate(EVP_PKEY *key, long from_s, long until_s)
{
	int is_edwards = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
	X509 *certificate = X509_new();

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
	X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
	X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, is_edwards ? NULL : EVP_sha256());
	return certificate;
}

static inline int
fixture_memory(BIO *pem)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	char *bytes;
	long len = BIO_get_mem_data(pem, &bytes);

	if (write(fd, bytes, (size_t)len) != len) {
		close(fd);
		fd = -1;
	}
	BIO_free(pem);
	return fd;
}

/* A memory file with the PEM of key. */
static inline int
fixture_key_fd(EVP_PKEY *key)
{
	BIO *pem = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL);
	return fixture_memory(pem);
}

/* A memory file with the numbers of key. */
static inline int
fixture_parts_fd(const EVP_PKEY *key)
{
	int fd = key_parts_new();

	if (fd >= 0 && key_parts_write(fd, key) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* A memory file with the PEM of certificate. */
static inline int
fixture_certificate_fd(X509 *certificate)
{
	BIO *pem = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(pem, certificate);
	return fixture_memory(pem);
}

#endif
