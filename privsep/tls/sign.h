/* SPDX-License-Identifier: ISC */
/* Signatures for TLS handshakes: the only place where the private key is parsed. */
#ifndef PRIVSEP_TLS_SIGN_H
#define PRIVSEP_TLS_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "privsep/tls/sign_scheme.h"

/*
 * Sign the text of a handshake message with the key in key_fd (key_parts.h); the
 * key is parsed, used and wiped.
 *
 * signature  room for SIGNATURE_MAX bytes.
 *
 * Returns 0; -EPERM when text is not what a TLS server signs; -EINVAL when the key is not of
 * the scheme's type; -EIO.
 */
int sign_handshake(int key_fd, enum sign_scheme scheme, const uint8_t *text, size_t text_len, uint8_t *signature,
    size_t *signature_len);

#endif
