/* SPDX-License-Identifier: ISC */
/* The front of a password hash says what it costs: the method and the parameters of its cost (crypt(5)). Pure. */
#ifndef ACCOUNTS_HASH_KIND_H
#define ACCOUNTS_HASH_KIND_H

#include <stdbool.h>
#include <stddef.h>

#define HASH_KIND_MAX 63	/* bytes of a front that are compared */

/*
 * Where the salt begins: "$y$j9T$SALT$HASH" has "$y$j9T$", "$6$rounds=5000$SALT$HASH" has "$6$rounds=5000$". At most
 * HASH_KIND_MAX. 0 for traditional DES, and for what is no hash.
 */
size_t hash_kind_len(const char *hash);

/*
 * Whether crypt(3) may know the method of this text: one of the prefixes above, or the 13 bytes of traditional DES. A
 * text that has the length of a hash by chance passes as well.
 */
bool hash_kind_is_known(const char *hash);

/*
 * Whether this hash costs no more than a server computes for somebody else's say-so: a second or so, and 128 MiB. False
 * also for parameters that are malformed, or that nobody uses. True for what is no hash, which nobody computes.
 */
bool hash_kind_is_bearable(const char *hash);

#endif
