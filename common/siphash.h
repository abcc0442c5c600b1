/* SPDX-License-Identifier: ISC */
/*
 * SipHash-2-4: a hash with a secret key, for tables whose keys come from outside. Without the secret nobody can
 * choose keys that meet in one place (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
 */
#ifndef COMMON_SIPHASH_H
#define COMMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Two words from getrandom(2), kept by the owner of the table. */
struct siphash_key {
	uint64_t words[2];
};

/* The hash of len bytes at data. */
uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

#endif
