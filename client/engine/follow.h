/* SPDX-License-Identifier: ISC */
/*
 * The hash of a local file, computed by a thread that follows a transfer. It reads what has been written, or is sent,
 * from the file itself: what is compared in the end is what the file has, and not what came over the network.
 */
#ifndef CLIENT_ENGINE_FOLLOW_H
#define CLIENT_ENGINE_FOLLOW_H

#include <stdint.h>

#include "client/engine/meter.h"

/* Smaller files are hashed after the transfer: a thread costs more than that. Bytes. */
#define FOLLOW_MIN (1024 * 1024)

struct follower;
struct hash_algorithm;

/*
 * Begin to hash fd from byte 0; fd is borrowed until follow_end(). NULL when it cannot be: then the file is hashed
 * after the transfer.
 */
struct follower *follow_begin(const struct hash_algorithm *algorithm, int fd);

/* The first `until` bytes are there, and do not change any more. NULL is fine. */
void follow_to(struct follower *follower, uint64_t until);

/*
 * The hash of the first `length` bytes, and no more. Waits for it; may be called again with the same length, or a larger
 * one. 0; -ENOENT where it must be computed anew: follower is NULL, uses another algorithm, or has passed length;
 * -ENODATA: the file is shorter; -ECANCELED, -errno.
 */
int follow_hash(struct follower *follower, struct ftp *ftp, const struct hash_algorithm *algorithm, uint64_t length,
    struct meter *meter, char hex[FTP_HASH_HEX_MAX]);

/* Stop the thread, and set *follower to NULL. NULL is fine. */
void follow_end(struct follower **follower);

#endif
