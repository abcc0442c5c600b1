/* SPDX-License-Identifier: ISC */
/* The civil calendar in UTC. Pure: libc's own functions read the zone's files, which a chroot does not have. */
#ifndef COMMON_UTC_H
#define COMMON_UTC_H

#include <stdint.h>

#define UTC_STAMP_SIZE 15	/* with the NUL */

struct utc {
	unsigned year, month, day;	/* month and day from 1 */
	unsigned hour, minute, second;
};

/* The moment so many seconds after 1970, or before it. A year outside of four digits becomes the nearest one within. */
struct utc utc_from_seconds(int64_t seconds);

/* "YYYYMMDDhhmmss" of that moment (RFC 3659, 2.3). */
void utc_stamp(int64_t seconds, char stamp[UTC_STAMP_SIZE]);

#endif
