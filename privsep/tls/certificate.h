/* SPDX-License-Identifier: ISC */
/* Certificate and key files: read and checked. Parses with libcrypto; libssl is not needed. */
#ifndef PRIVSEP_TLS_CERTIFICATE_H
#define PRIVSEP_TLS_CERTIFICATE_H

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEM_FILE_MAX (256 * 1024)	/* bytes */

/* The checks of a certificate and its key, in one report. */
struct certificate_report {
	char error[1024];	/* what is wrong and what would be right; "" when all is well */
	bool is_out_of_date;	/* nothing else is wrong: it encrypts, and clients judge */
	int64_t not_after;	/* seconds since the epoch; the leaf's end */
};

/*
 * Open a PEM file. is_key: the file must belong to root (or the user who runs this), give nothing to others, and let
 * its group at most read it.
 *
 * Returns a descriptor, or -errno with error filled.
 */
int certificate_open(const char *path, bool is_key, char *error, size_t size);

/*
 * The same for a file that root parses: only root may be able to change it, or to put another one into its place.
 * Links of root are followed, so that a tool that renews certificates can turn them.
 */
int certificate_open_trusted(const char *path, bool is_key, char *error, size_t size);

/*
 * Copy a file into a new sealed memory file, without looking at what it holds.
 * Returns a descriptor, or -errno (-EFBIG above PEM_FILE_MAX).
 */
int certificate_seal(int file_fd);

/*
 * Check that the chain and the key belong together, are of a type that is supported, and
 * that the leaf is in date. Parses the private key: runs in a process of its own, or in
 * sallyportctl; never in the master.
 *
 * Returns 0 or -EINVAL with report->error filled.
 */
int certificate_check(
    int chain_fd, int key_fd, const char *chain_path, const char *key_path, struct certificate_report *report);

/* certificate_open_trusted(), certificate_seal() and certificate_check() in one. 0, or -errno with report->error filled. */
int certificate_check_files(const char *chain_path, const char *key_path, struct certificate_report *report);

/* Does the leaf of a chain name this host, itself or by a wildcard, or this address? 1, 0, or -errno: it cannot be read. */
int certificate_is_for(const char *chain_path, const char *host);

/* Why a certificate is not in date now, for a message after its name; NULL: it is. */
const char *certificate_date_problem(const X509 *certificate);

/* The whole of a memory file, in memory that is wiped when freed. NULL: out of memory or unreadable. */
BIO *certificate_bio(int fd);

/* The next certificate of a PEM file. NULL: there is none. X509_free() frees it. */
X509 *certificate_read(BIO *bio);

/* The private key of a PEM file. NULL: none, or one with a passphrase. EVP_PKEY_free() wipes and frees it. */
EVP_PKEY *certificate_read_key(int key_fd);

#endif
