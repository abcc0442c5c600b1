/* SPDX-License-Identifier: ISC */
/* Sizes, speeds and times as a person reads them. */
#ifndef COMMON_UNITS_H
#define COMMON_UNITS_H

#include <stdint.h>

#define UNITS_TEXT_MAX 24

/* "0 B", "1023 B", "1.0 KiB", "12.3 MiB", "1023 GiB": at most 8 columns up to 1023 PiB. */
void units_size(uint64_t bytes, char text[UNITS_TEXT_MAX]);

/* The same with tenths up to "1023.9 KiB", and never more than there are: what is used of a limit. */
void units_size_down(uint64_t bytes, char text[UNITS_TEXT_MAX]);

/* Without loss, as parse_size() reads it: "1000", "64K", "10G". */
void units_exact_size(uint64_t bytes, char text[UNITS_TEXT_MAX]);

/* For columns, at most 5 wide: "0", "1023", "1.0K", "12M", "1023G". */
void units_short_size(uint64_t bytes, char text[UNITS_TEXT_MAX]);

/* "0:05", "12:34", "1:02:03", "3d04h": for remaining and elapsed time. */
void units_duration(uint64_t seconds, char text[UNITS_TEXT_MAX]);

/* Elapsed time for a summary: "12 ms", "3.4 s", then as units_duration(). */
void units_elapsed(uint64_t ms, char text[UNITS_TEXT_MAX]);

#endif
