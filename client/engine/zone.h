/* SPDX-License-Identifier: ISC */
/* The time zone of listings by LIST, which have the local time of the server. */
#ifndef CLIENT_ENGINE_ZONE_H
#define CLIENT_ENGINE_ZONE_H

#include "client/engine/session.h"

/*
 * Parse "UTC", "+02:00", "-0330", "+2". Returns 0 with seconds to the east of UTC, or -EINVAL. Pure.
 */
int zone_parse(const char *text, int *zone_s);

/*
 * The zone that explains why a file has the time listed in a listing, to the minute, and exact by MDTM: a multiple of a quarter of
 * an hour. False where none does. Pure.
 */
bool zone_find(int64_t listed, int64_t exact, int *zone_s);

/*
 * Turn the times of a listing into UTC, where the options say the zone, or want it found: then MDTM is asked about one file of the
 * listing, whose directory the server is in. Once for a session. An error is one of the connection.
 */
enum ftp_class zone_adjust(struct ftp *ftp, struct ftp_list *list);

#endif
