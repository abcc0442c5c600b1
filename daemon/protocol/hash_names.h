/* SPDX-License-Identifier: ISC */
/* Names and arguments of the digests. */
#ifndef DAEMON_PROTOCOL_HASH_NAMES_H
#define DAEMON_PROTOCOL_HASH_NAMES_H

#include <stdint.h>

#include "privsep/ipc/messages.h"

/* "SHA-256", ... as in FEAT and OPTS HASH (the registry of hash function textual names). */
const char *hash_name(enum ipc_hash hash);

/* The hash of a name, in any case. 0 or -EINVAL. */
int hash_find(const char *name, enum ipc_hash *hash);

/*
 * Parse the argument of the X-verbs: a path, in quotes if need be, and an optional range of
 * bytes [from, to). Changes argument; path points into it.
 * Returns 0, -EINVAL, -ERANGE.
 */
int xhash_parse(char *argument, char **path, uint64_t *from, uint64_t *to);

#endif
