/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include <cmocka.h>

#include "privsep/tls/sign.h"
#include "tests/unit/tls_fixture.h"

#include "common/banned.h"

static const struct {
	const char *key;
	enum sign_scheme schemes[8];
	size_t count;
} rows[] = {
    {"RSA",
	{SIGN_RSA_PKCS1_SHA256, SIGN_RSA_PKCS1_SHA384, SIGN_RSA_PKCS1_SHA512, SIGN_RSA_PSS_SHA256, SIGN_RSA_PSS_SHA384,
	    SIGN_RSA_PSS_SHA512},
	6},
    {"P-256", {SIGN_ECDSA_SHA256, SIGN_ECDSA_SHA384, SIGN_ECDSA_SHA512}, 3},
    {"P-384", {SIGN_ECDSA_SHA256, SIGN_ECDSA_SHA384, SIGN_ECDSA_SHA512}, 3},
    {"P-521", {SIGN_ECDSA_SHA512}, 1},
    {"ED25519", {SIGN_ED25519}, 1},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint8_t text[64 + 34 + 32];

static int
make_text(void **state)
{
	(void)state;
	memset(text, ' ', 64);
	memcpy(text + 64, "TLS 1.3, server CertificateVerify", 34);
	memset(text + 98, 7, 32);
	return 0;
}

static bool
is_of(size_t row, enum sign_scheme scheme)
{
	for (size_t i = 0; i < rows[row].count; i++)
		if (rows[row].schemes[i] == scheme)
			return true;
	return false;
}

static bool
verifies(EVP_PKEY *key, enum sign_scheme scheme, const uint8_t *signature, size_t len)
{
	const struct sign_scheme_row *row = sign_scheme_row(scheme);
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx;
	bool ok = EVP_DigestVerifyInit_ex(digest, &ctx, row->digest, NULL, NULL, key, NULL) == 1;

	if (ok && row->is_pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestVerify(digest, signature, len, text, sizeof(text)) == 1;
	EVP_MD_CTX_free(digest);
	return ok;
}

static void
test_refuses_other_texts(void **state)
{
	EVP_PKEY *key = fixture_key("P-256");
	int fd = fixture_parts_fd(key);
	uint8_t signature[SIGNATURE_MAX];
	uint8_t other[sizeof(text)];
	size_t len = 0;

	(void)state;
	memcpy(other, text, sizeof(other));
	other[70] ^= 1;
	assert_int_equal(sign_handshake(fd, SIGN_ECDSA_SHA256, other, sizeof(other), signature, &len), -EPERM);
	assert_int_equal(sign_handshake(fd, SIGN_ECDSA_SHA256, text, sizeof(text) - 1, signature, &len), -EPERM);
	assert_int_equal(sign_handshake(fd, SIGN_ECDSA_SHA256, text, 0, signature, &len), -EPERM);
	assert_int_equal(sign_handshake(fd, SIGN_ECDSA_SHA256, text, 32, signature, &len), -EPERM);
	close(fd);
	EVP_PKEY_free(key);
}

static void
test_refuses_other_schemes(void **state)
{
	uint8_t signature[SIGNATURE_MAX];
	size_t len = 0;

	(void)state;
	for (size_t row = 0; row < ROWS; row++) {
		EVP_PKEY *key = fixture_key(rows[row].key);
		int fd = fixture_parts_fd(key);

		for (int scheme = 0; scheme < SIGN_SCHEME_COUNT; scheme++) {
			const char *type = sign_scheme_row((enum sign_scheme)scheme)->key_type;

			if (!EVP_PKEY_is_a(key, type) &&
			    sign_handshake(fd, (enum sign_scheme)scheme, text, sizeof(text), signature, &len) !=
				-EINVAL)
				fail_msg("%s signed with scheme %d", rows[row].key, scheme);
		}
		close(fd);
		EVP_PKEY_free(key);
	}
}

static void
test_refuses_what_is_no_key(void **state)
{
	int fd = memfd_create("empty", MFD_CLOEXEC);
	uint8_t signature[SIGNATURE_MAX];
	size_t len = 0;

	(void)state;
	assert_int_equal(sign_handshake(fd, SIGN_ED25519, text, sizeof(text), signature, &len), -EIO);
	assert_int_equal(write(fd, "-----BEGIN PRIVATE KEY-----\nAAAA\n", 33), 33);
	assert_int_equal(sign_handshake(fd, SIGN_ED25519, text, sizeof(text), signature, &len), -EIO);
	assert_int_equal(sign_handshake(-1, SIGN_ED25519, text, sizeof(text), signature, &len), -EIO);
	assert_int_equal(ERR_peek_error(), 0);
	close(fd);
}

static void
test_signs(void **state)
{
	uint8_t signature[SIGNATURE_MAX];

	(void)state;
	for (size_t row = 0; row < ROWS; row++) {
		EVP_PKEY *key = fixture_key(rows[row].key);
		int fd = fixture_parts_fd(key);

		for (int scheme = 0; scheme < SIGN_SCHEME_COUNT; scheme++) {
			size_t len = 0;

			if (!is_of(row, (enum sign_scheme)scheme))
				continue;
			if (sign_handshake(fd, (enum sign_scheme)scheme, text, sizeof(text), signature, &len) != 0 ||
			    len == 0 || len > SIGNATURE_MAX || !verifies(key, (enum sign_scheme)scheme, signature, len))
				fail_msg("%s does not sign with scheme %d", rows[row].key, scheme);
			signature[len / 2] ^= 1;
			assert_false(verifies(key, (enum sign_scheme)scheme, signature, len));
			ERR_clear_error();
		}
		close(fd);
		EVP_PKEY_free(key);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refuses_other_texts),
	    cmocka_unit_test(test_refuses_other_schemes),
	    cmocka_unit_test(test_refuses_what_is_no_key),
	    cmocka_unit_test(test_signs),
	};

	return cmocka_run_group_tests(tests, make_text, NULL);
}
