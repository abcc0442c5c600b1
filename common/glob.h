/* SPDX-License-Identifier: ISC */
/* Wildcards of one path component: *, ?, [a-z], [!a-z], backslash. Pure, and bounded in its work. */
#ifndef COMMON_GLOB_H
#define COMMON_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does the text hold a wildcard or a backslash? */
bool glob_is_pattern(const char *text, size_t len);

/*
 * Does name match pattern, from its first byte to its last? "?" and "[...]" stand for one
 * UTF-8 character, or for one byte where there is none. A "[" that is not closed stands for itself.
 *
 * steps  what the call may still spend; counted down. At 0 the answer is false, whatever it
 *        would have been: check it.
 */
bool glob_match(const char *pattern, size_t pattern_len, const char *name, size_t name_len, uint64_t *steps);

#endif
