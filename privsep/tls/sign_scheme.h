/* SPDX-License-Identifier: ISC */
/*
 * What the monitor signs: the whole text of a TLS handshake message, so that it can check that it is one. It signs no
 * digest, which could be of anything.
 */
#ifndef PRIVSEP_TLS_SIGN_SCHEME_H
#define PRIVSEP_TLS_SIGN_SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Signature schemes (RFC 8446, 4.2.3). */
enum sign_scheme {
	SIGN_RSA_PKCS1_SHA256,	/* TLS 1.2 only */
	SIGN_RSA_PKCS1_SHA384,
	SIGN_RSA_PKCS1_SHA512,
	SIGN_RSA_PSS_SHA256,
	SIGN_RSA_PSS_SHA384,
	SIGN_RSA_PSS_SHA512,
	SIGN_ECDSA_SHA256,
	SIGN_ECDSA_SHA384,
	SIGN_ECDSA_SHA512,
	SIGN_ED25519,
	SIGN_SCHEME_COUNT
};

#define SIGN_TEXT_MAX 512	/* bytes of a handshake text; TLS 1.2 with P-384 has 165 */
#define SIGNATURE_MAX 1024	/* bytes: RSA keys of up to 8192 bits */

struct sign_scheme_row {
	const char *key_type;	/* as EVP_PKEY_is_a() knows it */
	const char *digest;	/* NULL: the scheme has its own */
	bool is_pss;
};

/* The meaning of a scheme; scheme is below SIGN_SCHEME_COUNT. */
const struct sign_scheme_row *sign_scheme_row(enum sign_scheme scheme);

/* The scheme of a key type, digest and padding. 0 or -EINVAL when there is none. */
int sign_scheme_find(const char *key_type, const char *digest, bool is_pss, enum sign_scheme *scheme);

/*
 * True when text is what a TLS server signs, and cannot be anything else. In TLS 1.3 that is 64 blanks, "TLS 1.3,
 * server CertificateVerify", NUL and a transcript hash (RFC 8446, 4.4.3). In TLS 1.2 it is two random values and a
 * point of a named curve that we offer (RFC 8422, 5.4).
 */
bool sign_text_is_handshake(const uint8_t *text, size_t len);

#endif
