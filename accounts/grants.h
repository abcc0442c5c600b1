/* SPDX-License-Identifier: ISC */
/* Shared folders that an account sees: the words folder=NAME=/PATH[=RIGHTS] of its line (sallyport-users(5)). Pure. */
#ifndef ACCOUNTS_GRANTS_H
#define ACCOUNTS_GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bounds.h"

#define GRANTS_MAX 8		/* of an account */
#define GRANTS_TEXT_MAX 4096	/* of all names and paths, with their NULs */

struct buf;

struct grant {
	unsigned rights;	/* enum account_right; the folder's may be fewer */
	uint16_t name_at, path_at;	/* in text */
};

struct grants {
	size_t count;
	struct grant list[GRANTS_MAX];
	size_t text_len;
	char text[GRANTS_TEXT_MAX];	/* last: most are short */
};

/*
 * Add the grant that value describes, with a name that is one. Bytes of the path may be %XX.
 *
 * error  on failure: what is wrong and what would be right; static text.
 *
 * Returns 0, or -EINVAL; also for a path that is, holds or is below that of another grant.
 */
int grants_add(struct grants *grants, const char *value, size_t len, const char **error);

/* The name of the folder of grant number i, and the home path where the account sees it. */
const char *grant_name(const struct grants *grants, size_t i);
const char *grant_path(const struct grants *grants, size_t i);

/* The number of the grant of a folder, or grants->count. */
size_t grants_find(const struct grants *grants, const char *name);

/* Is the path the directory, or below it? Both are absolute, without a '/' at their ends. */
bool path_is_within(const char *path, const char *directory);

/* Add grant number i to out as it stands in the users file, without "folder=". */
void grant_text(const struct grants *grants, size_t i, struct buf *out);

#endif
