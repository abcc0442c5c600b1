/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "privsep/tls/sign_scheme.h"

#include "common/banned.h"

#define RANDOMS 64

static const char context_1_3[] = "TLS 1.3, server CertificateVerify";

/* TLS 1.3: blanks, context with its NUL, hash. Returns the length. */
static size_t
make_1_3(uint8_t text[SIGN_TEXT_MAX], const char *context, size_t hash_len)
{
	memset(text, ' ', 64);
	memcpy(text + 64, context, strlen(context) + 1);
	memset(text + 64 + strlen(context) + 1, 0xab, hash_len);
	return 64 + strlen(context) + 1 + hash_len;
}

/* TLS 1.2: randoms, curve type and number, point. Returns the length. */
static size_t
make_1_2(uint8_t text[SIGN_TEXT_MAX], uint8_t type, uint16_t curve, uint8_t said_len, size_t len)
{
	memset(text, 0x5a, RANDOMS);
	text[RANDOMS] = type;
	text[RANDOMS + 1] = (uint8_t)(curve >> 8);
	text[RANDOMS + 2] = (uint8_t)curve;
	text[RANDOMS + 3] = said_len;
	memset(text + RANDOMS + 4, 0x04, len);
	return RANDOMS + 4 + len;
}

static void
test_no_handshake_1_3(void **state)
{
	static const char *const contexts[] = {"TLS 1.3, client CertificateVerify", "TLS 1.3, server CertificateVerifx",
	    "", "TLS 1.3, server CertificateVerify ", "tls 1.3, server CertificateVerify"};
	static const size_t hash_lengths[] = {0, 1, 20, 31, 33, 47, 49, 64, 200};
	uint8_t text[SIGN_TEXT_MAX];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		len = make_1_3(text, contexts[i], 32);
		if (sign_text_is_handshake(text, len))
			fail_msg("'%s' was taken", contexts[i]);
	}
	for (size_t i = 0; i < sizeof(hash_lengths) / sizeof(hash_lengths[0]); i++) {
		len = make_1_3(text, context_1_3, hash_lengths[i]);
		if (sign_text_is_handshake(text, len))
			fail_msg("a hash of %zu bytes was taken", hash_lengths[i]);
	}
	for (size_t i = 0; i < 64; i++) {
		len = make_1_3(text, context_1_3, 32);
		text[i] = 0;
		assert_false(sign_text_is_handshake(text, len));
	}
}

static void
test_no_handshake_1_2(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t curve;
		uint8_t said_len;
		size_t len;
	} rows[] = {
	    {3, 0x001d, 32, 31},
	    {3, 0x001d, 32, 33},
	    {3, 0x001d, 31, 31},
	    {3, 0x001d, 33, 33},
	    {3, 0x001d, 65, 65},
	    {3, 0x0017, 64, 64},
	    {3, 0x0017, 32, 32},
	    {3, 0x0018, 96, 96},
	    {3, 0x0018, 65, 65},
	    {3, 0x0019, 133, 133},
	    {3, 0x0000, 32, 32},
	    {3, 0x1d00, 32, 32},
	    {1, 0x001d, 32, 32},
	    {2, 0x001d, 32, 32},
	    {0, 0x001d, 32, 32},
	    {3, 0x001d, 0, 0},
	    {3, 0x0017, 255, 255},
	};
	uint8_t text[SIGN_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = make_1_2(text, rows[i].type, rows[i].curve, rows[i].said_len, rows[i].len);

		if (sign_text_is_handshake(text, len))
			fail_msg("row %zu was taken", i);
	}
}

/* What a certificate, a CSR or an empty message looks like, and every prefix of a handshake. */
static void
test_no_handshake(void **state)
{
	static const uint8_t zeros[SIGN_TEXT_MAX];
	uint8_t text[SIGN_TEXT_MAX];
	size_t whole;

	(void)state;
	for (size_t len = 0; len <= sizeof(zeros); len++)
		assert_false(sign_text_is_handshake(zeros, len));
	memset(text, ' ', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++)
		assert_false(sign_text_is_handshake(text, len));
	memset(text, 0x30, sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++)
		assert_false(sign_text_is_handshake(text, len));
	whole = make_1_3(text, context_1_3, 48);
	for (size_t len = 0; len < whole; len++)
		if (len != whole - 16)
			assert_false(sign_text_is_handshake(text, len));
	whole = make_1_2(text, 3, 0x0018, 97, 97);
	for (size_t len = 0; len < whole; len++)
		assert_false(sign_text_is_handshake(text, len));
}

static void
test_handshake(void **state)
{
	uint8_t text[SIGN_TEXT_MAX];

	(void)state;
	assert_true(sign_text_is_handshake(text, make_1_3(text, context_1_3, 32)));
	assert_true(sign_text_is_handshake(text, make_1_3(text, context_1_3, 48)));
	assert_true(sign_text_is_handshake(text, make_1_2(text, 3, 0x001d, 32, 32)));
	assert_true(sign_text_is_handshake(text, make_1_2(text, 3, 0x0017, 65, 65)));
	assert_true(sign_text_is_handshake(text, make_1_2(text, 3, 0x0018, 97, 97)));
}

static void
test_no_scheme(void **state)
{
	static const struct {
		const char *key_type, *digest;
		bool is_pss;
	} rows[] = {
	    {"RSA", NULL, false},
	    {"RSA", NULL, true},
	    {"RSA", "SHA1", false},
	    {"RSA", "SHA1", true},
	    {"RSA", "MD5", false},
	    {"RSA", "SHA224", false},
	    {"RSA", "SHA2566", false},
	    {"RSA", "", false},
	    {"RSA", "SHA3-256", false},
	    {"RSA", "SHA2-", false},
	    {"EC", NULL, false},
	    {"EC", "SHA1", false},
	    {"EC", "SHA256", true},
	    {"ED25519", NULL, true},
	    {"ED448", NULL, false},
	    {"DSA", "SHA256", false},
	    {"", "SHA256", false},
	    {"rsa", "SHA256", false},
	};
	enum sign_scheme scheme;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (sign_scheme_find(rows[i].key_type, rows[i].digest, rows[i].is_pss, &scheme) != -EINVAL)
			fail_msg("row %zu found a scheme", i);
}

static void
test_scheme(void **state)
{
	static const char *const names[] = {"SHA384", "SHA2-384", "SHA-384", "sha384"};
	enum sign_scheme scheme;

	(void)state;
	for (int i = 0; i < SIGN_SCHEME_COUNT; i++) {
		const struct sign_scheme_row *row = sign_scheme_row((enum sign_scheme)i);

		assert_int_equal(sign_scheme_find(row->key_type, row->digest, row->is_pss, &scheme), 0);
		assert_int_equal(scheme, i);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(sign_scheme_find("EC", names[i], false, &scheme), 0);
		assert_int_equal(scheme, SIGN_ECDSA_SHA384);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_handshake_1_3),
	    cmocka_unit_test(test_no_handshake_1_2),
	    cmocka_unit_test(test_no_handshake),
	    cmocka_unit_test(test_handshake),
	    cmocka_unit_test(test_no_scheme),
	    cmocka_unit_test(test_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
