/* SPDX-License-Identifier: ISC */
/* Hashes: the server's, the local ones, and whether they are the same. */
#ifndef CLIENT_ENGINE_HASH_H
#define CLIENT_ENGINE_HASH_H

#include <openssl/evp.h>

#include "client/engine/meter.h"

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

/* The best that the server has; NULL: it has none. */
const struct hash_algorithm *algorithm_best(struct ftp *ftp);

/* Whether the server hashes a part of a file: only then it can prove what it has of an upload. */
bool remote_hash_has_ranges(struct ftp *ftp);

/* Returns 0 or -ENOMEM, -EINVAL. sum_free() in any case. */
int sum_begin(struct sum *sum, const struct hash_algorithm *algorithm);
void sum_add(struct sum *sum, const void *bytes, size_t len);
int sum_end(struct sum *sum, char hex[FTP_HASH_HEX_MAX]);
void sum_free(struct sum *sum);

/*
 * Ask the server for the hash of a file, or of a part of it (length -1: to the end), without waiting; remote_hash_receive()
 * waits, longer the more there is to hash (expected bytes).
 */
enum ftp_class remote_hash_send(
    struct ftp *ftp, const struct hash_algorithm *algorithm, const char *path, uint64_t offset, int64_t length);
enum ftp_class remote_hash_receive(
    struct ftp *ftp, const struct hash_algorithm *algorithm, uint64_t expected, char hex[FTP_HASH_HEX_MAX]);

/*
 * Compare length bytes from the beginning of the remote and the local file; both sides hash at the same time.
 * FTP_OK with *is_same; FTP_REFUSED or FTP_TEMPORARY when the server does not hash it.
 */
enum ftp_class remote_hash_compare(struct ftp *ftp, const struct hash_algorithm *algorithm, const char *path, int fd,
    uint64_t length, bool is_whole, struct meter *meter, bool *is_same);

#endif
