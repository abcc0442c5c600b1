/* SPDX-License-Identifier: ISC */
#include "privsep/files/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <zlib.h>

#include "common/banned.h"

static const struct {
	const char *name;	/* ours */
	const char *fetched;	/* OpenSSL's; NULL: zlib's CRC-32 */
	size_t bytes;
} algorithms[HASH_COUNT] = {
    [HASH_SHA256] = {"sha256", "SHA256", 32},
    [HASH_SHA512] = {"sha512", "SHA512", 64},
    [HASH_SHA1] = {"sha1", "SHA1", 20},
    [HASH_MD5] = {"md5", "MD5", 16},
    [HASH_CRC32] = {"crc32", NULL, 4},
};

static EVP_MD *fetched[HASH_COUNT];
static EVP_MD_CTX *shared_context;

int
digest_init(void)
{
	if (shared_context != NULL)
		return 0;
	/* openssl.cnf must have no effect here */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -EIO;
	for (size_t i = 0; i < HASH_COUNT; i++) {
		if (algorithms[i].fetched == NULL)
			continue;
		fetched[i] = EVP_MD_fetch(NULL, algorithms[i].fetched, NULL);
		if (fetched[i] == NULL)
			return -ENOTSUP;
	}
	shared_context = EVP_MD_CTX_new();
	return shared_context == NULL ? -ENOMEM : 0;
}

const char *
digest_name(enum ipc_hash algorithm)
{
	return algorithms[algorithm].name;
}

size_t
digest_text_len(enum ipc_hash algorithm)
{
	return 2 * algorithms[algorithm].bytes;
}

int
digest_begin(struct digest *digest, enum ipc_hash algorithm)
{
	*digest = (struct digest){.algorithm = algorithm};
	if (fetched[algorithm] == NULL)
		return 0;
	digest->context = shared_context;
	return EVP_DigestInit_ex2(digest->context, fetched[algorithm], NULL) == 1 ? 0 : -EIO;
}

int
digest_begin_own(struct digest *digest, enum ipc_hash algorithm)
{
	*digest = (struct digest){.algorithm = algorithm};
	if (fetched[algorithm] == NULL)
		return 0;
	digest->context = EVP_MD_CTX_new();
	digest->has_own_context = digest->context != NULL;
	if (digest->context == NULL)
		return -ENOMEM;
	return EVP_DigestInit_ex2(digest->context, fetched[algorithm], NULL) == 1 ? 0 : -EIO;
}

void
digest_drop(struct digest *digest)
{
	if (digest->has_own_context)
		EVP_MD_CTX_free(digest->context);
	*digest = (struct digest){0};
}

int
digest_add(struct digest *digest, const void *bytes, size_t len)
{
	if (digest->context != NULL)
		return EVP_DigestUpdate(digest->context, bytes, len) == 1 ? 0 : -EIO;
	digest->crc = (uint32_t)crc32_z(digest->crc, bytes, len);
	return 0;
}

static void
put_hex(char *text, const unsigned char *sum, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*text++ = hex[sum[i] >> 4];
		*text++ = hex[sum[i] & 15];
	}
	*text = '\0';
}

int
digest_end(struct digest *digest, char text[DIGEST_TEXT_SIZE])
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	if (digest->context != NULL) {
		if (EVP_DigestFinal_ex(digest->context, sum, NULL) != 1)
			return -EIO;
	} else {
		for (size_t i = 0; i < 4; i++)
			sum[i] = (unsigned char)(digest->crc >> (24 - 8 * i));
	}
	put_hex(text, sum, algorithms[digest->algorithm].bytes);
	return 0;
}

int
digest_copy(struct digest *copy, const struct digest *digest)
{
	*copy = (struct digest){.algorithm = digest->algorithm, .crc = digest->crc};
	if (digest->context == NULL)
		return 0;
	copy->context = EVP_MD_CTX_new();
	copy->has_own_context = copy->context != NULL;
	if (copy->context != NULL && EVP_MD_CTX_copy_ex(copy->context, digest->context) == 1)
		return 0;
	digest_drop(copy);
	return -ENOMEM;
}

int
digest_so_far(const struct digest *digest, char text[DIGEST_TEXT_SIZE])
{
	struct digest copy;
	int r = digest_copy(&copy, digest);

	if (r == 0)
		r = digest_end(&copy, text);
	digest_drop(&copy);
	return r;
}
