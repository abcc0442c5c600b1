/* SPDX-License-Identifier: ISC */
#include "privsep/tls/sign_scheme.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/banned.h"

static const struct sign_scheme_row rows[SIGN_SCHEME_COUNT] = {
    [SIGN_RSA_PKCS1_SHA256] = {"RSA", "SHA256", false},
    [SIGN_RSA_PKCS1_SHA384] = {"RSA", "SHA384", false},
    [SIGN_RSA_PKCS1_SHA512] = {"RSA", "SHA512", false},
    [SIGN_RSA_PSS_SHA256] = {"RSA", "SHA256", true},
    [SIGN_RSA_PSS_SHA384] = {"RSA", "SHA384", true},
    [SIGN_RSA_PSS_SHA512] = {"RSA", "SHA512", true},
    [SIGN_ECDSA_SHA256] = {"EC", "SHA256", false},
    [SIGN_ECDSA_SHA384] = {"EC", "SHA384", false},
    [SIGN_ECDSA_SHA512] = {"EC", "SHA512", false},
    [SIGN_ED25519] = {"ED25519", NULL, false},
};

const struct sign_scheme_row *
sign_scheme_row(enum sign_scheme scheme)
{
	return &rows[scheme];
}

/* "SHA256", "SHA2-256" and "SHA-256" are one. */
static bool
same_digest(const char *name, const char *given)
{
	const char *bits = name + 3;

	if (strncasecmp(given, "SHA", 3) != 0)
		return false;
	given += 3;
	if (strncmp(given, "2-", 2) == 0)
		given += 2;
	else if (given[0] == '-')
		given++;
	return strcmp(given, bits) == 0;
}

int
sign_scheme_find(const char *key_type, const char *digest, bool is_pss, enum sign_scheme *scheme)
{
	for (int i = 0; i < SIGN_SCHEME_COUNT; i++) {
		if (strcmp(rows[i].key_type, key_type) != 0 || rows[i].is_pss != is_pss)
			continue;
		if (rows[i].digest == NULL || (digest != NULL && same_digest(rows[i].digest, digest))) {
			*scheme = (enum sign_scheme)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* The curves of context.c by number (RFC 8422, 5.1.1), and how long a point of each is. */
static bool
is_point(const uint8_t *curve, size_t point_len)
{
	static const struct {
		uint8_t number[2];
		size_t point_len;
	} curves[] = {
	    {{0x00, 0x1d}, 32},	/* X25519 */
	    {{0x00, 0x17}, 65},	/* P-256 */
	    {{0x00, 0x18}, 97},	/* P-384 */
	};

	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
		if (memcmp(curve, curves[i].number, 2) == 0)
			return point_len == curves[i].point_len;
	return false;
}

bool
sign_text_is_handshake(const uint8_t *text, size_t len)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";	/* its NUL is part of the text */
	enum { BLANKS = 64, RANDOMS = 64, NAMED_CURVE = 3 };
	size_t head = BLANKS + sizeof(context);

	if (len >= head && memcmp(text + BLANKS, context, sizeof(context)) == 0) {
		for (size_t i = 0; i < BLANKS; i++)
			if (text[i] != ' ')
				return false;
		return len == head + 32 || len == head + 48;
	}
	return len > RANDOMS + 4 && text[RANDOMS] == NAMED_CURVE && len == RANDOMS + 4 + (size_t)text[RANDOMS + 3] &&
	    is_point(text + RANDOMS + 1, text[RANDOMS + 3]);
}
