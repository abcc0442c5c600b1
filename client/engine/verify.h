/* SPDX-License-Identifier: ISC */
/* Compare the local and the remote file by hash, for downloads and uploads alike. */
#ifndef CLIENT_ENGINE_VERIFY_H
#define CLIENT_ENGINE_VERIFY_H

#include "client/engine/hash.h"

/* The hash of a stream, computed as its bytes pass, because they cannot be read again. */
struct stream_sum {
	bool is_begun;
	bool is_ended;
	struct sum sum;
	char hex[FTP_HASH_HEX_MAX];
};

/* Begin it, where the server has an algorithm; without one it stays unbegun. */
void stream_sum_begin(struct stream_sum *sum, struct ftp *ftp);
void stream_sum_add(struct stream_sum *sum, const void *bytes, size_t len);
void stream_sum_free(struct stream_sum *sum);

struct verification {
	struct ftp *ftp;
	const char *path; /* on the server */
	int fd; /* of the local file; -1: compare sum instead */
	struct stream_sum *sum;
	struct follower **follower; /* of fd; NULL: none */
	uint64_t length; /* bytes that are here */
	bool is_beginning; /* the server may have more: only a hash of a range will do */
	bool is_demanded; /* without a hash it is FTP_VERIFY */
	struct meter *meter;
};

/*
 * FTP_OK with *is_same and *algorithm, which is NULL where nothing could be compared and that is no error; FTP_VERIFY,
 * where a hash is demanded and the server has none; another class when the connection failed.
 */
enum ftp_class verify_by_hash(
    const struct verification *verification, const struct hash_algorithm **algorithm, bool *is_same);

#endif
