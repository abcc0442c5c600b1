/* SPDX-License-Identifier: ISC */
/* Percent-encoding of bytes in a text that is split at some of them (RFC 3986, 2.1). */
#ifndef COMMON_PERCENT_H
#define COMMON_PERCENT_H

#include <stddef.h>
#include <sys/types.h>

struct buf;

/*
 * Decode each %XX of text into out, which gets a NUL behind it. Pure.
 *
 * Returns the length without the NUL; -EINVAL for a '%' without two hexadecimal digits, or a byte that is NUL;
 * -ENAMETOOLONG when out has no room.
 */
ssize_t percent_decode(const char *text, size_t len, char *out, size_t size);

/* Add bytes to out; '%', '=', blanks, control characters and those of also become %XX. */
void percent_encode(struct buf *out, const char *bytes, size_t len, const char *also);

#endif
