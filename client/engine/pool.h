/* SPDX-License-Identifier: ISC */
/*
 * Connections that are idle between two uses: a handle that is freed stays logged in for the next clone of its family, which is
 * a handle and all its clones. Thread-safe.
 */
#ifndef CLIENT_ENGINE_POOL_H
#define CLIENT_ENGINE_POOL_H

#include <stdbool.h>

struct ftp;
struct ftp_pool;

#define POOL_IDLE_MAX 4

/* A pool with one live member. NULL: no memory. */
struct ftp_pool *pool_new(void);

/* One more live member. Returns pool. */
struct ftp_pool *pool_join(struct ftp_pool *pool);

/*
 * A live member ends. True: it is idle now, and its memory the pool's. False: the caller frees it, after pool_leave().
 */
bool pool_keep(struct ftp *ftp);

/* An idle handle of ftp's family with the same login, live again; NULL: there is none. Its directory may be another one. */
struct ftp *pool_take(const struct ftp *ftp);

/* A live member, which pool_keep() did not take, leaves. Returns whether it was the last one. */
bool pool_leave(struct ftp_pool *pool);

/* Take out an idle handle that is of no use any more, or any one, for the caller to free; NULL: there is none. */
struct ftp *pool_pop(struct ftp_pool *pool, bool is_any);

/* After the last live member has left, and pool_pop() had no more. */
void pool_free(struct ftp_pool *pool);

#endif
