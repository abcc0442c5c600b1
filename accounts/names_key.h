/* SPDX-License-Identifier: ISC */
/* The key by which an unknown name finds the kind of hash that it is verified with. */
#ifndef ACCOUNTS_NAMES_KEY_H
#define ACCOUNTS_NAMES_KEY_H

#include "common/siphash.h"

/*
 * Runs as root: read the key from state_directory, or make it there. It stays the same over restarts, so that an
 * unknown name keeps its cost, as the names of accounts do.
 *
 * Returns 0 or -errno; the key is then random, for this run alone.
 */
int names_key_load(const char *state_directory, struct siphash_key *key);

#endif
