/* SPDX-License-Identifier: ISC */
/*
 * Digests of whole files, kept in extended attributes of the files: user.sallyport.sha256 holds "1 SIZE
 * SECONDS.NANOSECONDS DIGEST" and is valid only while size and mtime are those.
 */
#ifndef PRIVSEP_FILES_HASH_CACHE_H
#define PRIVSEP_FILES_HASH_CACHE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "privsep/files/digest.h"

/* The digest that was kept for the file with this st. False: none, or one of another time. */
bool hash_cache_get(int fd, const struct stat *st, enum ipc_hash algorithm, char text[DIGEST_TEXT_SIZE]);

/*
 * Keep a digest of the file as it was at st. Nothing is kept where the last change is so fresh that another one could
 * have the same mtime. A courtesy: errors are not reported.
 */
void hash_cache_put(int fd, const struct stat *st, enum ipc_hash algorithm, const char *text);

/* Forget all that was kept: before mtime is set to a moment of the client's choice. */
void hash_cache_forget(int fd);

#endif
