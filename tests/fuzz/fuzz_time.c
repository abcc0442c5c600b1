/* SPDX-License-Identifier: ISC */
/* Times of MDTM, MFMT, MFF and SITE UTIME. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/protocol/time_parse.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* An accepted time, written again, has the same digits, except for a leap second. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int64_t seconds = -1;
	char *text = malloc(size + 1), told[80];
	struct tm utc;
	time_t time;
	int r;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	r = time_parse(text, size, &seconds);
	must(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r < 0) {
		must(seconds == -1);
	} else {
		time = (time_t)seconds;
		must(gmtime_r(&time, &utc) != NULL);
		snprintf(told, sizeof(told), "%04d%02d%02d%02d%02d%02d", utc.tm_year + 1900, utc.tm_mon + 1,
		    utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
		must(memcmp(told, text, 14) == 0 || memcmp(text + 12, "60", 2) == 0);
	}
	free(text);
	return 0;
}
