/* SPDX-License-Identifier: ISC */
#include "common/utc.h"

#include <stdio.h>

#include "common/banned.h"

#define DAY_S 86400

static int64_t
clamp_time(int64_t seconds)
{
	const int64_t lowest = -62167219200, highest = 253402300799;	/* years 0 to 9999 */

	return seconds < lowest ? lowest : seconds > highest ? highest : seconds;
}

/* By eras of 400 years that begin on 1 March: all have 146097 days. */
struct utc
utc_from_seconds(int64_t time)
{
	int64_t seconds = clamp_time(time);
	int64_t days = seconds / DAY_S - (seconds % DAY_S < 0);
	unsigned of_day = (unsigned)(seconds - days * DAY_S);
	int64_t shifted = days + 719468;	/* from 0000-03-01 */
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	unsigned of_era = (unsigned)(shifted - era * 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;	/* 0: March */

	return (struct utc){
	    .year = (unsigned)(year + era * 400 + (month >= 10)),
	    .month = month < 10 ? month + 3 : month - 9,
	    .day = of_year - (153 * month + 2) / 5 + 1,
	    .hour = of_day / 3600,
	    .minute = of_day / 60 % 60,
	    .second = of_day % 60,
	};
}

void
utc_stamp(int64_t seconds, char stamp[UTC_STAMP_SIZE])
{
	struct utc utc = utc_from_seconds(seconds);

	snprintf(stamp, UTC_STAMP_SIZE, "%04u%02u%02u%02u%02u%02u", utc.year % 10000, utc.month % 100, utc.day % 100,
	    utc.hour % 100, utc.minute % 100, utc.second % 100);
}
