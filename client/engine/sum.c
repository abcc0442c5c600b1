/* SPDX-License-Identifier: ISC */
#include "client/engine/sum.h"

#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#include "common/banned.h"

int
sum_begin(struct sum *sum, const struct hash_algorithm *algorithm)
{
	const EVP_MD *type;

	*sum = (struct sum){.algorithm = algorithm, .crc = crc32(0, NULL, 0)};
	if (algorithm->digest == NULL)
		return 0;
	type = EVP_get_digestbyname(algorithm->digest);
	sum->context = EVP_MD_CTX_new();
	if (sum->context == NULL)
		return -ENOMEM;
	return type != NULL && EVP_DigestInit_ex(sum->context, type, NULL) == 1 ? 0 : -EINVAL;
}

void
sum_add(struct sum *sum, const void *bytes, size_t len)
{
	if (sum->context == NULL)
		sum->crc = crc32_z(sum->crc, bytes, len);
	else
		EVP_DigestUpdate(sum->context, bytes, len);
}

int
sum_end(struct sum *sum, char hex[FTP_HASH_HEX_MAX])
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (sum->context == NULL) {
		snprintf(hex, FTP_HASH_HEX_MAX, "%08lx", sum->crc & 0xffffffff);
		return 0;
	}
	if (EVP_DigestFinal_ex(sum->context, bytes, &len) != 1)
		return -EINVAL;
	for (unsigned int i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int
sum_so_far(const struct sum *sum, char hex[FTP_HASH_HEX_MAX])
{
	struct sum copy = {.algorithm = sum->algorithm, .crc = sum->crc};
	int r = 0;

	if (sum->context != NULL) {
		copy.context = EVP_MD_CTX_new();
		if (copy.context == NULL || EVP_MD_CTX_copy_ex(copy.context, sum->context) != 1)
			r = -ENOMEM;
	}
	if (r == 0)
		r = sum_end(&copy, hex);
	sum_free(&copy);
	return r;
}

void
sum_free(struct sum *sum)
{
	EVP_MD_CTX_free(sum->context);
	sum->context = NULL;
}
