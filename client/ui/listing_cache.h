/* SPDX-License-Identifier: ISC */
/*
 * Listings that the shell has seen, for the next completion. They are believed for a short time, and forgotten at
 * once when a command of the shell may have changed something. Commands that act ask the server itself.
 */
#ifndef CLIENT_UI_LISTING_CACHE_H
#define CLIENT_UI_LISTING_CACHE_H

#include <stdint.h>

#include "client/engine/ftp.h"

#define LISTINGS_MAX 16
#define LISTING_FRESH_MS 20000

struct kept_listing {
	char *directory;	/* absolute; owned */
	struct ftp_list list;
	uint64_t at_ms;
};

struct listing_cache {
	struct kept_listing items[LISTINGS_MAX];
	size_t next;	/* the place of the next one, of the oldest in turn */
};

/*
 * A listing of path ("" and relative ones are below the working directory), from the cache or the server. Borrowed until the
 * next call. NULL: the server does not give one.
 */
const struct ftp_list *listing_look(struct listing_cache *cache, struct ftp *ftp, const char *path);

/* Keep a listing that was just made. Takes list over. cache NULL: it is only freed. */
void listing_keep(struct listing_cache *cache, struct ftp *ftp, const char *path, struct ftp_list *list);

void listings_forget(struct listing_cache *cache);

#endif
