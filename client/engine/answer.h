/* SPDX-License-Identifier: ISC */
/* The content of certain replies: ports, paths, times, hashes, features. Pure. */
#ifndef CLIENT_ENGINE_ANSWER_H
#define CLIENT_ENGINE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "Entering Extended Passive Mode (|||6446|)" (RFC 2428, 3). Returns 0 or -EINVAL. */
int answer_epsv(const char *message, uint16_t *port);

/*
 * "Entering Passive Mode (h1,h2,h3,h4,p1,p2)", with or without parentheses and blanks (RFC 1123, 4.1.2.6). host is
 * in network byte order; callers normally connect to the control connection's address instead. Returns 0 or
 * -EINVAL.
 */
int answer_pasv(const char *message, uint32_t *host, uint16_t *port);

/*
 * The path of 257, in quotes; "" within it is one quote (RFC 959, appendix II). A path that begins with a slash may
 * lack the quotes. path gets at most size bytes with NUL. Returns 0, -EINVAL, -ENAMETOOLONG.
 */
int answer_path(const char *message, char *path, size_t size);

/* "20201231235959", a fraction may follow (RFC 3659, 2.3); UTC. Returns 0 or -EINVAL. */
int answer_time(const char *text, size_t len, int64_t *seconds);

/*
 * The hash in a reply to HASH ("SHA-256 0-49 6f1a... name"; draft-bryan-ftpext-hash-02, 3.2) or to an X-verb
 * ("6f1a...", "name 6f1a...", "0x6F1A"): the first run of hexadecimal digits of exactly this length. The
 * digits go to hex in lower case, digits + 1 bytes. Returns 0 or -EINVAL.
 */
int answer_hash(const char *message, size_t digits, char *hex);

/* Which bytes such a reply to HASH is of: its second word, "0-49". Returns 0, -EINVAL: it names none. */
int answer_hash_range(const char *message, uint64_t *first, uint64_t *last);

/*
 * Find a feature's line in the text of a reply to FEAT (RFC 2389, 3.2). Returns what follows the feature's name and
 * a blank, "" when nothing does; NULL when the line is not there. The result points into text, and ends at '\n' or
 * NUL.
 */
const char *answer_feature(const char *text, const char *feature);

#endif
