/* SPDX-License-Identifier: ISC */
/*
 * Counts for keys: the sessions of an address, of an account. Each call takes the same time however many keys there
 * are, no client can choose keys that meet in one place, and no child has a copy.
 */
#ifndef DAEMON_MASTER_TALLY_H
#define DAEMON_MASTER_TALLY_H

#include <stddef.h>
#include <stdint.h>

#define TALLY_KEY_MAX 64

struct tally;

/*
 * Make an empty one for up to keys_max different keys at a time; pages are used as they are needed.
 * Returns 0 or -errno; tally_free() ends it.
 */
int tally_new(uint32_t keys_max, struct tally **tally_out);
void tally_free(struct tally *tally);

/* The count of key; len is 1 to TALLY_KEY_MAX. */
uint32_t tally_count(struct tally *tally, const void *key, size_t len);

/* One more. Returns 0, -EINVAL for a length that no key has, -ENOSPC when there are keys_max others. */
int tally_add(struct tally *tally, const void *key, size_t len);

/* One less; does nothing for an unknown key. */
void tally_remove(struct tally *tally, const void *key, size_t len);

#endif
