/* SPDX-License-Identifier: ISC */
/* Regular expressions about names as patterns of hide= and deny=, as far as these can say the same. Pure. */
#ifndef ADMIN_MIGRATE_REGEX_H
#define ADMIN_MIGRATE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#define MIGRATE_GLOBS_MAX 32
#define MIGRATE_GLOB_MAX 255 /* bytes */

struct migrate_globs {
	size_t count;
	char text[MIGRATE_GLOBS_MAX][MIGRATE_GLOB_MAX + 1];
};

/*
 * The patterns that match what regex (POSIX, extended) finds somewhere in a name.
 *
 * is_path       it was about a whole path; the patterns then match each path with such a component, and maybe more.
 * ignores_case  upper and lower case are alike.
 *
 * Returns 0, or -EINVAL when no patterns say that.
 */
int migrate_regex_globs(const char *regex, bool is_path, bool ignores_case, struct migrate_globs *out);

#endif
