/* SPDX-License-Identifier: ISC */
/* Numbers for a terminal: times, durations and counts. */
#ifndef ADMIN_AMOUNT_H
#define ADMIN_AMOUNT_H

#define AMOUNT_SIZE 32

/* "45s", "12m", "3h", "8d". */
void amount_duration(long long seconds, char text[AMOUNT_SIZE]);

/* Seconds since the epoch, in UTC: "04:50:12" of today, "Nov 20 04:50" else. */
void amount_time(long long seconds, char text[AMOUNT_SIZE]);

/* Seconds since the epoch, in UTC: "2027-01-31". */
void amount_date(long long seconds, char text[AMOUNT_SIZE]);

/* The same with the time of day: "2027-01-31 04:50:12 UTC". */
void amount_moment(long long seconds, char text[AMOUNT_SIZE]);

/* The ending of a noun after a count: "" of one, "s" of any other. */
const char *amount_plural(unsigned long long count);

#endif
