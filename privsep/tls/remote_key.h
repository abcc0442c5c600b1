/* SPDX-License-Identifier: ISC */
/*
 * A private key that another process holds: an OpenSSL provider whose keys have only the public half, and which asks
 * that process for signatures. So libssl runs in a process that has no key.
 */
#ifndef PRIVSEP_TLS_REMOTE_KEY_H
#define PRIVSEP_TLS_REMOTE_KEY_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/tls/sign_scheme.h"

/*
 * Signs text with scheme; signature has room for *len bytes, which becomes its length.
 * Returns 0 or -errno.
 */
typedef int remote_sign(
    void *arg, enum sign_scheme scheme, const uint8_t *text, size_t text_len, uint8_t *signature, size_t *len);

/* Register the provider. Once, in the master, before any fork. 0 or -EIO. */
int remote_key_init(void);

/* The private key that belongs to a public one, held elsewhere. NULL: not RSA, EC or Ed25519. EVP_PKEY_free() frees it. */
EVP_PKEY *remote_key_new(EVP_PKEY *public_key);

/* The function that signs in this process. */
void remote_key_set_signer(remote_sign *sign, void *arg);

#endif
