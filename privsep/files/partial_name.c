/* SPDX-License-Identifier: ISC */
#include "privsep/files/partial_name.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/banned.h"

#define PREFIX ".sallyport-"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define SUFFIX ".partial"
#define HEX_LEN 32

_Static_assert(PREFIX_LEN + HEX_LEN + sizeof(SUFFIX) == PARTIAL_NAME_SIZE, "parts and whole");

static EVP_MD *digest;
static EVP_MD_CTX *digest_context;

int
partial_name_init(void)
{
	char warm[PARTIAL_NAME_SIZE];

	if (digest != NULL)
		return 0;
	/* openssl.cnf must have no effect here */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return -EIO;
	digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	digest_context = EVP_MD_CTX_new();
	if (digest == NULL || digest_context == NULL)
		return -ENOMEM;
	return partial_name_make("", warm);
}

int
partial_name_make(const char *target, char name[PARTIAL_NAME_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char sum[EVP_MAX_MD_SIZE];
	char *out = name + PREFIX_LEN;

	if (EVP_DigestInit_ex2(digest_context, digest, NULL) != 1 ||
	    EVP_DigestUpdate(digest_context, target, strlen(target)) != 1 ||
	    EVP_DigestFinal_ex(digest_context, sum, NULL) != 1)
		return -EIO;
	memcpy(name, PREFIX, PREFIX_LEN);
	for (size_t i = 0; i < HEX_LEN / 2; i++) {
		*out++ = hex[sum[i] >> 4];
		*out++ = hex[sum[i] & 15];
	}
	memcpy(out, SUFFIX, sizeof(SUFFIX));
	return 0;
}

bool
partial_name_is(const char *name, size_t len)
{
	if (len != PARTIAL_NAME_SIZE - 1 || memcmp(name, PREFIX, PREFIX_LEN) != 0)
		return false;
	for (size_t i = 0; i < HEX_LEN; i++)
		if (memchr("0123456789abcdef", name[PREFIX_LEN + i], 16) == NULL)
			return false;
	return memcmp(name + PREFIX_LEN + HEX_LEN, SUFFIX, sizeof(SUFFIX) - 1) == 0;
}

/* The next character of a name, as file systems see it that fold the case; '\0': one that some of them leave out. */
static char
folded(const char **name, const char *end)
{
	static const char long_s[] = "\xc5\xbf", kelvin[] = "\xe2\x84\xaa";
	size_t left = (size_t)(end - *name);
	char c = *(*name)++;

	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if (left >= sizeof(long_s) - 1 && memcmp(*name - 1, long_s, sizeof(long_s) - 1) == 0) {
		*name += sizeof(long_s) - 2;
		return 's';
	}
	if (left >= sizeof(kelvin) - 1 && memcmp(*name - 1, kelvin, sizeof(kelvin) - 1) == 0) {
		*name += sizeof(kelvin) - 2;
		return 'k';
	}
	return (unsigned char)c > 0x7f ? '\0' : c;
}

/* Could some file system take it for that of the keep? Some drop dots and blanks at the end, too. */
static bool
may_be_keep(const char *name, size_t len)
{
	const char *end = name + len;
	size_t at = 0;

	while (name < end) {
		char c = folded(&name, end);
		bool is_over = at == sizeof(KEEP_DIRECTORY) - 1;

		if (c == '\0' || (is_over && (c == '.' || c == ' ')))
			continue;
		if (is_over || c != KEEP_DIRECTORY[at++])
			return false;
	}
	return at == sizeof(KEEP_DIRECTORY) - 1;
}

bool
own_name_is(const char *name, size_t len)
{
	return partial_name_is(name, len) || may_be_keep(name, len);
}

bool
own_name_in_path(const struct home_path *path)
{
	for (const char *name = path->text; name != NULL; name = strchr(name, '/')) {
		name++;
		if (own_name_is(name, strcspn(name, "/")))
			return true;
	}
	return false;
}
