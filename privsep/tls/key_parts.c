/* SPDX-License-Identifier: ISC */
#include "privsep/tls/key_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

#define PARTS_MAX 8	/* numbers of a key */
#define BYTES_MAX 16384	/* of RSA with 16384 bits: about ten thousand */
#define HEAD_SIZE 2	/* kind of the key, number of parts */
#define PART_HEAD_SIZE 3	/* which row of the kind's parts, length */

/* The memory file: HEAD, then each part as row, u16 length in the machine's order, bytes as OSSL_PARAM(3) has them. */
struct part {
	const char *name;
	unsigned type;	/* of OSSL_PARAM */
};

static const struct kind {
	const char *name;
	struct part parts[PARTS_MAX];
} kinds[] = {
    {"RSA",
	{{OSSL_PKEY_PARAM_RSA_N, OSSL_PARAM_UNSIGNED_INTEGER}, {OSSL_PKEY_PARAM_RSA_E, OSSL_PARAM_UNSIGNED_INTEGER},
	    {OSSL_PKEY_PARAM_RSA_D, OSSL_PARAM_UNSIGNED_INTEGER},
	    {OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PARAM_UNSIGNED_INTEGER},
	    {OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PARAM_UNSIGNED_INTEGER},
	    {OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PARAM_UNSIGNED_INTEGER},
	    {OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PARAM_UNSIGNED_INTEGER},
	    {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, OSSL_PARAM_UNSIGNED_INTEGER}}},
    {"EC",
	{{OSSL_PKEY_PARAM_GROUP_NAME, OSSL_PARAM_UTF8_STRING}, {OSSL_PKEY_PARAM_PUB_KEY, OSSL_PARAM_OCTET_STRING},
	    {OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PARAM_UNSIGNED_INTEGER}}},
    {"ED25519",
	{{OSSL_PKEY_PARAM_PUB_KEY, OSSL_PARAM_OCTET_STRING}, {OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PARAM_OCTET_STRING}}},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))
#define RSA_PARTS_WITHOUT_PRIMES 3

int
key_parts_new(void)
{
	int fd = memfd_create("key", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? -errno : fd;
}

static size_t
find_kind(const EVP_PKEY *key)
{
	size_t kind = 0;

	while (kind < KIND_COUNT && !EVP_PKEY_is_a(key, kinds[kind].name))
		kind++;
	return kind;
}

/* Put all parts that the key has into bytes; returns how many bytes, 0 when it has too few or too many. */
static size_t
collect_key_parts(size_t kind, const OSSL_PARAM *params, uint8_t bytes[BYTES_MAX])
{
	/* the exponents and the coefficient of two primes are not all that a key with three needs */
	bool has_more_primes = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_FACTOR3) != NULL;
	size_t most = has_more_primes ? RSA_PARTS_WITHOUT_PRIMES : PARTS_MAX;
	size_t len = HEAD_SIZE;

	bytes[0] = (uint8_t)kind;
	bytes[1] = 0;
	for (size_t row = 0; row < most && kinds[kind].parts[row].name != NULL; row++) {
		const OSSL_PARAM *part = OSSL_PARAM_locate_const(params, kinds[kind].parts[row].name);
		bool is_text = kinds[kind].parts[row].type == OSSL_PARAM_UTF8_STRING;
		uint16_t size;

		if (part == NULL)
			continue;
		if (part->data_size >= BYTES_MAX - len - PART_HEAD_SIZE)
			return 0;
		size = (uint16_t)(part->data_size + is_text);
		bytes[len] = (uint8_t)row;
		memcpy(bytes + len + 1, &size, sizeof(size));
		memcpy(bytes + len + PART_HEAD_SIZE, part->data, part->data_size);
		if (is_text)	/* libcrypto reads it as a string all the same */
			bytes[len + PART_HEAD_SIZE + part->data_size] = '\0';
		len += PART_HEAD_SIZE + size;
		bytes[1]++;
	}
	return bytes[1] == 0 ? 0 : len;
}

int
key_parts_write(int fd, const EVP_PKEY *key)
{
	static uint8_t bytes[BYTES_MAX];
	size_t kind = find_kind(key), len = 0;
	OSSL_PARAM *params = NULL;
	int r = -EINVAL;

	if (kind < KIND_COUNT && EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params) == 1)
		len = collect_key_parts(kind, params, bytes);
	if (len > 0)
		r = io_write_all(fd, bytes, len);
	explicit_bzero(bytes, sizeof(bytes));
	for (OSSL_PARAM *part = params; part != NULL && part->key != NULL; part++)
		explicit_bzero(part->data, part->data_size);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	return r;
}

int
key_parts_seal(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

/* Bytes to parameters that point into them. False: malformed. */
static bool
parse_key_parts(uint8_t *bytes, size_t len, OSSL_PARAM params[PARTS_MAX + 1])
{
	size_t at = HEAD_SIZE, count;

	if (len < HEAD_SIZE || bytes[0] >= KIND_COUNT || bytes[1] > PARTS_MAX)
		return false;
	count = bytes[1];
	for (size_t i = 0; i < count; i++) {
		const struct part *part;
		uint16_t size;
		bool is_text;

		if (len - at < PART_HEAD_SIZE || bytes[at] >= PARTS_MAX)
			return false;
		part = &kinds[bytes[0]].parts[bytes[at]];
		memcpy(&size, bytes + at + 1, sizeof(size));
		at += PART_HEAD_SIZE;
		if (part->name == NULL || len - at < size)
			return false;
		is_text = part->type == OSSL_PARAM_UTF8_STRING;
		if (is_text && (size == 0 || bytes[at + size - 1] != '\0'))
			return false;
		params[i] = (OSSL_PARAM){.key = part->name,
		    .data_type = part->type,
		    .data = bytes + at,
		    .data_size = size - (size_t)is_text};
		at += size;
	}
	params[count] = OSSL_PARAM_construct_end();
	return at == len;
}

EVP_PKEY *
key_parts_read(int fd)
{
	static uint8_t bytes[BYTES_MAX];
	OSSL_PARAM params[PARTS_MAX + 1];
	ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
	EVP_PKEY_CTX *context = NULL;
	EVP_PKEY *key = NULL;

	if (len > 0 && parse_key_parts(bytes, (size_t)len, params))
		context = EVP_PKEY_CTX_new_from_name(NULL, kinds[bytes[0]].name, "provider=default");
	if (context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(context);
	if (len > 0)
		explicit_bzero(bytes, (size_t)len);
	ERR_clear_error();
	return key;
}
