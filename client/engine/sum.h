/* SPDX-License-Identifier: ISC */
/* A hash of local bytes: by OpenSSL, which uses the processor's instructions for it, or CRC-32 by zlib. */
#ifndef CLIENT_ENGINE_SUM_H
#define CLIENT_ENGINE_SUM_H

#include <openssl/evp.h>
#include <stddef.h>

#include "client/engine/ftp.h"

struct hash_algorithm {
	const char *name;	/* as HASH knows it */
	const char *verb;	/* the older one */
	size_t digits;	/* hexadecimal */
	const char *digest;	/* OpenSSL's name; NULL: CRC-32 of zlib */
};

/* A hash that is being computed. */
struct sum {
	const struct hash_algorithm *algorithm;
	EVP_MD_CTX *context;
	unsigned long crc;
};

/* Returns 0 or -ENOMEM, -EINVAL. sum_free() in any case. */
int sum_begin(struct sum *sum, const struct hash_algorithm *algorithm);
void sum_add(struct sum *sum, const void *bytes, size_t len);
int sum_end(struct sum *sum, char hex[FTP_HASH_HEX_MAX]);
int sum_so_far(const struct sum *sum, char hex[FTP_HASH_HEX_MAX]);	/* as sum_end(), and sum goes on */
void sum_free(struct sum *sum);

#endif
