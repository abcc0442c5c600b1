/* SPDX-License-Identifier: ISC */
#include "privsep/broker/decoys.h"

#include <string.h>

#include "common/banned.h"

void
decoys_init(struct decoys *decoys, const struct siphash_key *key)
{
	memset(decoys, 0, sizeof(*decoys));
	decoys->key = *key;
}

void
decoys_keep(struct decoys *decoys, const char *name, const char *decoy, size_t len)
{
	size_t at = decoys->count;

	if (len == 0 || len > ACCOUNT_HASH_MAX)
		return;
	if (at < DECOYS_MAX)
		decoys->count++;
	else
		at = siphash(&decoys->key, name, strlen(name)) % DECOYS_MAX;
	memcpy(decoys->texts[at], decoy, len);
	decoys->texts[at][len] = '\0';
}

const char *
decoys_draw(const struct decoys *decoys, const char *name)
{
	return decoys->count == 0 ? "" : decoys->texts[siphash(&decoys->key, name, strlen(name)) % decoys->count];
}
