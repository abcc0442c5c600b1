/* SPDX-License-Identifier: ISC */
#include "common/units.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/banned.h"

static const char letters[] = "KMGTPE";

enum rounding { ROUND_DOWN, ROUND_HALF_UP };

/*
 * Scale by 1024 until the value is below that. It has tenths only below tenths_below. Half a tenth or half a unit is
 * rounded up where rounding says so, and 1024 becomes 1.0 of the next unit.
 */
static void
scale(uint64_t bytes, uint64_t tenths_below, enum rounding rounding, char text[UNITS_TEXT_MAX], const char *suffix)
{
	uint64_t half_tenth = rounding == ROUND_DOWN ? 0 : 512;
	uint64_t unit = 1024;
	int i = 0;

	for (;; i++, unit *= 1024) {
		uint64_t whole = bytes / unit, rest = bytes % unit;
		uint64_t tenths =
		    whole >= tenths_below ? 0 : whole * 10 + (rest / (unit / 1024) * 10 + half_tenth) / 1024;
		uint64_t rounded = whole + (rounding == ROUND_HALF_UP && rest >= unit / 2);

		if (whole < tenths_below && tenths < tenths_below * 10) {
			snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 ".%" PRIu64 "%s%c%s", tenths / 10, tenths % 10,
			    *suffix ? " " : "", letters[i], suffix);
			return;
		}
		if (rounded < 1024 || letters[i + 1] == '\0') {
			snprintf(
			    text, UNITS_TEXT_MAX, "%" PRIu64 "%s%c%s", rounded, *suffix ? " " : "", letters[i], suffix);
			return;
		}
	}
}

void
units_size(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	if (bytes < 1024)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 " B", bytes);
	else
		scale(bytes, 100, ROUND_HALF_UP, text, "iB");
}

void
units_size_down(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	if (bytes < 1024)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 " B", bytes);
	else
		scale(bytes, 1024, ROUND_DOWN, text, "iB");
}

void
units_exact_size(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	const char *letter = "KMGT";

	if (bytes < 1024 || bytes % 1024 != 0) {
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64, bytes);
		return;
	}
	for (bytes /= 1024; letter[1] != '\0' && bytes >= 1024 && bytes % 1024 == 0; bytes /= 1024)
		letter++;
	snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 "%c", bytes, *letter);
}

void
units_short_size(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	if (bytes < 1024)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64, bytes);
	else
		scale(bytes, 10, ROUND_HALF_UP, text, "");
}

void
units_duration(uint64_t seconds, char text[UNITS_TEXT_MAX])
{
	uint64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;

	if (days > 999)
		snprintf(text, UNITS_TEXT_MAX, "> 999d");
	else if (days > 0)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 "d%02" PRIu64 "h", days, hours);
	else if (hours > 0)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, hours, minutes, seconds % 60);
	else
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 ":%02" PRIu64, minutes, seconds % 60);
}

void
units_elapsed(uint64_t ms, char text[UNITS_TEXT_MAX])
{
	if (ms < 1000)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 " ms", ms);
	else if (ms < 60000)
		snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms / 100 % 10);
	else
		units_duration(ms / 1000, text);
}
