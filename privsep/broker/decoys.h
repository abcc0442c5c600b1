/* SPDX-License-Identifier: ISC */
/*
 * What names without an account were verified with, as the database last said it. While the database does not answer, a
 * name that is not known costs a hash of the same kinds, so that time does not tell which names are kept.
 */
#ifndef PRIVSEP_BROKER_DECOYS_H
#define PRIVSEP_BROKER_DECOYS_H

#include <stddef.h>

#include "accounts/account.h"
#include "common/siphash.h"

#define DECOYS_MAX 64

struct decoys {
	struct siphash_key key;
	size_t count;
	char texts[DECOYS_MAX][ACCOUNT_HASH_MAX + 1];
};

/* None yet. key: random. */
void decoys_init(struct decoys *decoys, const struct siphash_key *key);

/* The database said this one of a name; len is at most ACCOUNT_HASH_MAX. An empty one is not kept. */
void decoys_keep(struct decoys *decoys, const char *name, const char *decoy, size_t len);

/* One for a name, the same each time as long as none is kept; "": there is none. Borrowed. */
const char *decoys_draw(const struct decoys *decoys, const char *name);

#endif
