/* SPDX-License-Identifier: ISC */
/*
 * The provider has two kinds of things (provider(7)): key management for RSA, EC and
 * ED25519, which wraps a public key of the default provider, and signatures of these types,
 * one shot (EVP_DigestSign()), which libssl makes for CertificateVerify and ServerKeyExchange.
 */
#include "privsep/tls/remote_key.h"

#include <errno.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/written.h"

#include "common/banned.h"

#define PROVIDER_NAME "sallyport-remote"
#define PROVIDER_QUERY "provider=" PROVIDER_NAME
#define DEFAULT_QUERY "provider=default"

static struct {
	remote_sign *sign;
	void *arg;
} signer OFTEN_WRITTEN;

struct remote_key {
	const char *type;	/* as in sign_scheme_row */
	EVP_PKEY *public_key;	/* of the default provider; NULL until imported */
};

/* Key management. */

static void *
key_new(const char *type)
{
	struct remote_key *key = OPENSSL_zalloc(sizeof(*key));

	if (key != NULL)
		key->type = type;
	return key;
}

static void *
key_new_rsa(void *provider)
{
	(void)provider;
	return key_new("RSA");
}

static void *
key_new_ec(void *provider)
{
	(void)provider;
	return key_new("EC");
}

static void *
key_new_ed25519(void *provider)
{
	(void)provider;
	return key_new("ED25519");
}

static void
key_free(void *data)
{
	struct remote_key *key = data;

	if (key == NULL)
		return;
	EVP_PKEY_free(key->public_key);
	OPENSSL_free(key);
}

/* The private half counts as there: it can be signed with. */
static int
key_has(const void *data, int selection)
{
	const struct remote_key *key = data;

	(void)selection;
	return key != NULL && key->public_key != NULL;
}

static int
key_match(const void *a, const void *b, int selection)
{
	const struct remote_key *x = a, *y = b;

	(void)selection;
	return x->public_key != NULL && y->public_key != NULL && EVP_PKEY_eq(x->public_key, y->public_key) == 1;
}

static int
key_import(void *data, int selection, const OSSL_PARAM params[])
{
	struct remote_key *key = data;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, key->type, DEFAULT_QUERY);
	int ok;

	(void)selection;
	EVP_PKEY_free(key->public_key);
	key->public_key = NULL;
	ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &key->public_key, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* The public half leaves; the private one is not here to leave, and saying so keeps libcrypto from trying. */
static int
key_export(void *data, int selection, OSSL_CALLBACK *callback, void *arg)
{
	const struct remote_key *key = data;
	OSSL_PARAM *params = NULL;
	int ok;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || key->public_key == NULL)
		return 0;
	ok = EVP_PKEY_todata(key->public_key, EVP_PKEY_PUBLIC_KEY, &params) == 1 && callback(params, arg) == 1;
	OSSL_PARAM_free(params);
	return ok;
}

static const OSSL_PARAM *
key_types(int selection)
{
	static const OSSL_PARAM types[] = {
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static int
key_get_params(void *data, OSSL_PARAM params[])
{
	const struct remote_key *key = data;

	return key->public_key != NULL && EVP_PKEY_get_params(key->public_key, params) == 1;
}

static const OSSL_PARAM *
key_gettable(void *provider)
{
	static const OSSL_PARAM gettable[] = {
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)provider;
	return gettable;
}

static const char *
key_operation_ec(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

/* A function of a dispatch table, in the type of core.h. */
#define FUNCTION(id, name) \
	{ \
		(id), (void (*)(void))(name) \
	}

#define KEY_FUNCTIONS(constructor) \
	FUNCTION(OSSL_FUNC_KEYMGMT_NEW, constructor), FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free), \
	    FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has), FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match), \
	    FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, key_import), FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types), \
	    FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, key_export), FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types), \
	    FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params), \
	    FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable)

static const OSSL_DISPATCH rsa_key_functions[] = {KEY_FUNCTIONS(key_new_rsa), {0, NULL}};
static const OSSL_DISPATCH ec_key_functions[] = {
    KEY_FUNCTIONS(key_new_ec), FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation_ec), {0, NULL}};
static const OSSL_DISPATCH ed25519_key_functions[] = {KEY_FUNCTIONS(key_new_ed25519), {0, NULL}};

/* Signatures. */

struct remote_signature {
	const struct remote_key *key;	/* borrowed: the caller's EVP_PKEY outlives the context */
	char digest[32];
	bool is_pss;
};

static void *
signature_new(void *provider, const char *query)
{
	(void)provider;
	(void)query;
	return OPENSSL_zalloc(sizeof(struct remote_signature));
}

static void
signature_free(void *ctx)
{
	OPENSSL_free(ctx);
}

static int
signature_set_params(void *ctx, const OSSL_PARAM params[])
{
	struct remote_signature *signature = ctx;
	const OSSL_PARAM *param =
	    params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	const char *name = NULL;
	int mode = 0;

	if (param == NULL)
		return 1;
	if (param->data_type == OSSL_PARAM_UTF8_STRING && OSSL_PARAM_get_utf8_string_ptr(param, &name) == 1)
		mode = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0 ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
	else if (OSSL_PARAM_get_int(param, &mode) != 1)
		return 0;
	signature->is_pss = mode == RSA_PKCS1_PSS_PADDING;
	return signature->is_pss || mode == RSA_PKCS1_PADDING;
}

static int
signature_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct remote_signature *signature = ctx;

	if (key != NULL)
		signature->key = key;
	signature->digest[0] = '\0';
	if (digest != NULL &&
	    (size_t)snprintf(signature->digest, sizeof(signature->digest), "%s", digest) >= sizeof(signature->digest))
		return 0;
	return signature->key != NULL && signature_set_params(ctx, params);
}

/* Always the scheme's own: the salt is as long as the digest (RFC 8446, 4.2.3). */
static const OSSL_PARAM *
signature_settable(void *ctx, void *provider)
{
	static const OSSL_PARAM settable[] = {
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	    OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	    OSSL_PARAM_END,
	};

	(void)ctx;
	(void)provider;
	return settable;
}

static int
signature_sign(void *ctx, unsigned char *out, size_t *out_len, size_t out_size, const unsigned char *text, size_t len)
{
	const struct remote_signature *signature = ctx;
	enum sign_scheme scheme;

	if (out == NULL) {
		*out_len = (size_t)EVP_PKEY_get_size(signature->key->public_key);
		return 1;
	}
	if (signer.sign == NULL ||
	    sign_scheme_find(signature->key->type, signature->digest[0] == '\0' ? NULL : signature->digest,
		signature->is_pss, &scheme) < 0)
		return 0;
	*out_len = out_size;
	return signer.sign(signer.arg, scheme, text, len, out, out_len) == 0;
}

static const OSSL_DISPATCH signature_functions[] = {
    FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
    FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signature_free),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signature_init),
    FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signature_sign),
    FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signature_set_params),
    FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signature_settable),
    {0, NULL},
};

/* The provider itself. */

static const OSSL_ALGORITHM keys[] = {
    {"RSA:rsaEncryption", PROVIDER_QUERY, rsa_key_functions, NULL},
    {"EC:id-ecPublicKey", PROVIDER_QUERY, ec_key_functions, NULL},
    {"ED25519", PROVIDER_QUERY, ed25519_key_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signatures[] = {
    {"RSA:rsaEncryption", PROVIDER_QUERY, signature_functions, NULL},
    {"ECDSA", PROVIDER_QUERY, signature_functions, NULL},
    {"ED25519", PROVIDER_QUERY, signature_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *
provider_query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return keys;
	case OSSL_OP_SIGNATURE:
		return signatures;
	default:
		return NULL;
	}
}

static const OSSL_DISPATCH provider_functions[] = {
    FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
    {0, NULL},
};

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **context)
{
	static int nothing;

	(void)handle;
	(void)in;
	*out = provider_functions;
	*context = &nothing;
	return 1;
}

#define IN_USE 2

static OSSL_PROVIDER *in_use[IN_USE];

static void
unload(void)
{
	for (size_t i = 0; i < IN_USE; i++)
		OSSL_PROVIDER_unload(in_use[i]);
}

int
remote_key_init(void)
{
	if (OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, provider_init) != 1)
		return -EIO;
	/* the default provider first: only keys made by remote_key_new() are ours */
	for (size_t i = 0; i < IN_USE; i++) {
		in_use[i] = OSSL_PROVIDER_load(NULL, i == 0 ? "default" : PROVIDER_NAME);
		if (in_use[i] == NULL)
			return -EIO;
	}
	return OPENSSL_atexit(unload) == 1 ? 0 : -EIO;
}

EVP_PKEY *
remote_key_new(EVP_PKEY *public_key)
{
	static const char *const types[] = {"RSA", "EC", "ED25519"};
	EVP_PKEY *key = NULL;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && key == NULL; i++) {
		OSSL_PARAM *params = NULL;
		EVP_PKEY_CTX *ctx;

		if (!EVP_PKEY_is_a(public_key, types[i]))
			continue;
		ctx = EVP_PKEY_CTX_new_from_name(NULL, types[i], PROVIDER_QUERY);
		if (ctx == NULL || EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &params) != 1 ||
		    EVP_PKEY_fromdata_init(ctx) != 1 ||
		    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
			EVP_PKEY_free(key);
			key = NULL;
		}
		OSSL_PARAM_free(params);
		EVP_PKEY_CTX_free(ctx);
	}
	return key;
}

void
remote_key_set_signer(remote_sign *sign, void *arg)
{
	signer.sign = sign;
	signer.arg = arg;
}
