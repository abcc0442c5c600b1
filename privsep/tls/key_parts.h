/* SPDX-License-Identifier: ISC */
/*
 * A private key as its numbers, in sealed memory: written once by the process that parsed and checked the
 * file, read for each signature. OpenSSL's decoders take ten times as long for a PEM text as a signature does.
 */
#ifndef PRIVSEP_TLS_KEY_PARTS_H
#define PRIVSEP_TLS_KEY_PARTS_H

#include <openssl/evp.h>

/* An empty memory file for them. A descriptor, or -errno. */
int key_parts_new(void);

/* Write the numbers of key (RSA, EC, ED25519) into the memory file. 0, -EINVAL for another kind of key, or -errno. */
int key_parts_write(int fd, const EVP_PKEY *key);

/* Seal them: nobody can change them any more. 0 or -errno. */
int key_parts_seal(int fd);

/* The key again. NULL: there is none, or out of memory. EVP_PKEY_free() wipes and frees it. */
EVP_PKEY *key_parts_read(int fd);

#endif
