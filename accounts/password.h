/* SPDX-License-Identifier: ISC */
/* Password hashes: crypt(5) by libxcrypt. */
#ifndef ACCOUNTS_PASSWORD_H
#define ACCOUNTS_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_MAX 511	/* CRYPT_MAX_PASSPHRASE_SIZE counts the NUL */

/*
 * Make the setting with which unknown accounts are verified. Call it once, before any fork, so that no process needs
 * random numbers for it later. Otherwise the first password_verify() makes it.
 */
void password_prepare(void);

/*
 * Verify password against hash in constant time; costs what the hash costs.
 *
 * hash  NULL for an account that does not exist: computes a hash of the default method and cost and returns false, so
 *       that the time reveals nothing. Does the same for a hash that crypt does not know (locked, damaged). A
 *       password over PASSWORD_MAX fails at once, whatever the hash.
 */
bool password_verify(const char *password, const char *hash);

/* The cost of password_verify() with hash for the longest password, in microseconds of a processor. */
uint64_t password_cost_us(const char *hash);

/* Hash with yescrypt at libxcrypt's default cost and a fresh salt. *hash is malloc'd. 0 or -errno. */
int password_hash(const char *password, char **hash);

/* True when crypt_checksalt(3) finds hash usable (legacy and too-cheap methods included). */
bool password_hash_usable(const char *hash);

#endif
