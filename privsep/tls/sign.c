/* SPDX-License-Identifier: ISC */
#include "privsep/tls/sign.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "privsep/tls/key_parts.h"

#include "common/banned.h"

static bool
set_padding(EVP_PKEY_CTX *ctx, const struct sign_scheme_row *row)
{
	if (!row->is_pss)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

int
sign_handshake(int key_fd, enum sign_scheme scheme, const uint8_t *text, size_t text_len, uint8_t *signature,
    size_t *signature_len)
{
	const struct sign_scheme_row *row = sign_scheme_row(scheme);
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *digest = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	int r = -EPERM;

	if (!sign_text_is_handshake(text, text_len))
		return r;
	key = key_parts_read(key_fd);
	digest = EVP_MD_CTX_new();
	r = -EIO;
	if (key == NULL || digest == NULL)
		goto out;
	r = -EINVAL;
	if (!EVP_PKEY_is_a(key, row->key_type))
		goto out;
	*signature_len = SIGNATURE_MAX;
	if (EVP_DigestSignInit_ex(digest, &ctx, row->digest, NULL, "provider=default", key, NULL) == 1 &&
	    set_padding(ctx, row) && EVP_DigestSign(digest, signature, signature_len, text, text_len) == 1)
		r = 0;
out:
	EVP_MD_CTX_free(digest);
	EVP_PKEY_free(key);	/* wipes what it frees */
	ERR_clear_error();
	return r;
}
