/* SPDX-License-Identifier: ISC */
#include "admin/amount.h"

#include <stdio.h>
#include <time.h>

#include "common/banned.h"

#define DAY 86400

void
amount_duration(long long seconds, char text[AMOUNT_SIZE])
{
	if (seconds < 100)
		snprintf(text, AMOUNT_SIZE, "%llds", seconds);
	else if (seconds < 100 * 60)
		snprintf(text, AMOUNT_SIZE, "%lldm", seconds / 60);
	else if (seconds < 2 * DAY)
		snprintf(text, AMOUNT_SIZE, "%lldh", seconds / 3600);
	else
		snprintf(text, AMOUNT_SIZE, "%lldd", seconds / DAY);
}

void
amount_time(long long seconds, char text[AMOUNT_SIZE])
{
	time_t then = (time_t)seconds, now = time(NULL);
	struct tm utc;

	if (gmtime_r(&then, &utc) == NULL ||
	    strftime(text, AMOUNT_SIZE, then / DAY == now / DAY ? "%H:%M:%S" : "%b %e %H:%M", &utc) == 0)
		snprintf(text, AMOUNT_SIZE, "?");
}

void
amount_date(long long seconds, char text[AMOUNT_SIZE])
{
	time_t then = (time_t)seconds;
	struct tm utc;

	if (gmtime_r(&then, &utc) == NULL || strftime(text, AMOUNT_SIZE, "%Y-%m-%d", &utc) == 0)
		snprintf(text, AMOUNT_SIZE, "?");
}

void
amount_moment(long long seconds, char text[AMOUNT_SIZE])
{
	time_t then = (time_t)seconds;
	struct tm utc;

	if (gmtime_r(&then, &utc) == NULL || strftime(text, AMOUNT_SIZE, "%Y-%m-%d %H:%M:%S UTC", &utc) == 0)
		snprintf(text, AMOUNT_SIZE, "?");
}

const char *
amount_plural(unsigned long long count)
{
	return count == 1 ? "" : "s";
}
