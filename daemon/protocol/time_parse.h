/* SPDX-License-Identifier: ISC */
/* Times of MDTM, MFMT, MFF and SITE UTIME. Pure. */
#ifndef DAEMON_PROTOCOL_TIME_PARSE_H
#define DAEMON_PROTOCOL_TIME_PARSE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Parse "YYYYMMDDhhmmss" with an optional fraction (RFC 3659, 2.3), UTC; the fraction is
 * checked and dropped.
 *
 * Returns 0; -EINVAL for bad syntax; -ERANGE for a month, day, hour, minute or second that
 * does not exist (60 seconds, a leap second, is taken), or the year 0. seconds is negative before 1970.
 */
int time_parse(const char *text, size_t len, int64_t *seconds);

#endif
