/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/time_parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "common/banned.h"

#define DIGITS 14	/* YYYYMMDDhhmmss */

static bool
all_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static int
digits_value(const char *text, int len)
{
	int n = 0;

	for (int i = 0; i < len; i++)
		n = n * 10 + text[i] - '0';
	return n;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

int
time_parse(const char *text, size_t len, int64_t *seconds)
{
	struct tm utc = {0};
	int year, month, day;

	if (len < DIGITS || !all_digits(text, DIGITS))
		return -EINVAL;
	if (len > DIGITS &&
	    (text[DIGITS] != '.' || len == DIGITS + 1 || !all_digits(text + DIGITS + 1, len - DIGITS - 1)))
		return -EINVAL;
	year = digits_value(text, 4);
	month = digits_value(text + 4, 2);
	day = digits_value(text + 6, 2);
	utc.tm_hour = digits_value(text + 8, 2);
	utc.tm_min = digits_value(text + 10, 2);
	utc.tm_sec = digits_value(text + 12, 2);
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || utc.tm_hour > 23 ||
	    utc.tm_min > 59 || utc.tm_sec > 60)
		return -ERANGE;
	utc.tm_year = year - 1900;
	utc.tm_mon = month - 1;
	utc.tm_mday = day;
	*seconds = (int64_t)timegm(&utc);
	return 0;
}
