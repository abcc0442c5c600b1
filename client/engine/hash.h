/* SPDX-License-Identifier: ISC */
/* Hashes: the server's, the local ones, and whether they are the same. */
#ifndef CLIENT_ENGINE_HASH_H
#define CLIENT_ENGINE_HASH_H

#include "client/engine/follow.h"
#include "client/engine/meter.h"
#include "client/engine/sum.h"

/* The best that the server has; NULL: it has none. */
const struct hash_algorithm *algorithm_best(struct ftp *ftp);

/* Whether the server hashes a part of a file: only then it can prove what it has of an upload. */
bool remote_hash_has_ranges(struct ftp *ftp);

/*
 * Ask the server for the hash of a file, or of a part of it (length -1: to the end), without waiting; remote_hash_receive()
 * waits, longer the more there is to hash (expected bytes).
 */
enum ftp_class remote_hash_send(
    struct ftp *ftp, const struct hash_algorithm *algorithm, const char *path, uint64_t offset, int64_t length);
enum ftp_class remote_hash_receive(
    struct ftp *ftp, const struct hash_algorithm *algorithm, uint64_t expected, char hex[FTP_HASH_HEX_MAX]);

/*
 * Before a transfer of so many bytes (-1: unknown) that will be compared by hash: name the algorithm. A server that
 * hashes while the bytes pass begins only now. A refusal is no error here.
 */
enum ftp_class remote_hash_announce(struct ftp *ftp, int64_t length);

/* The local side of a comparison. */
struct hash_local {
	int fd;
	uint64_t length; /* bytes from the beginning */
	bool is_whole; /* the remote file is to have no more than these */
	struct follower **follower; /* of fd: has hashed some of it, or is begun here for what follows; NULL: none */
	struct meter *meter;
};

/*
 * Compare length bytes from the beginning of the remote and the local file; both sides hash at the same time.
 * FTP_OK with *is_same; FTP_REFUSED or FTP_TEMPORARY when the server does not hash it.
 */
enum ftp_class remote_hash_compare(struct ftp *ftp, const struct hash_algorithm *algorithm, const char *path,
    const struct hash_local *local, bool *is_same);

#endif
