/* SPDX-License-Identifier: ISC */
/* Rights for directories of a home: the words rights=DIRECTORY=RIGHTS of an account (sallyport-users(5)). */
#ifndef ACCOUNTS_ZONES_H
#define ACCOUNTS_ZONES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONES_MAX 32
#define ZONES_TEXT_MAX 4096	/* of all paths, with their NULs */
#define ZONE_DEPTH_MAX 16	/* components of a path */

struct buf;
struct home_path;

/* One rule. It holds for the directory and all below that no rule with a longer path has. */
struct zone_rule {
	unsigned rights;	/* enum account_right; 0: none */
	uint16_t at, len;	/* of its path in text */
};

struct zones {
	size_t count;
	struct zone_rule rule[ZONES_MAX];
	size_t text_len;
	char text[ZONES_TEXT_MAX];	/* home paths, each with its NUL; last: most are short */
};

/* Is the value of the option "rights" that of a directory? Otherwise it is the account's own. */
static inline int
zone_is_rule(const char *value, size_t len)
{
	return len > 0 && value[0] == '/';
}

/*
 * Add the rule that value, "/DIRECTORY=RIGHTS", describes. Bytes of the path may be %XX; RIGHTS are words of
 * rights_parse(), or "none". Pure.
 *
 * base   gets the rights of the rule for "/", which is none of the rules; otherwise it stays.
 * error  on failure: what is wrong and what would be right; static text.
 *
 * Returns 1 for the rule for "/", 0 for another, or -EINVAL.
 */
int zones_add(struct zones *zones, const char *value, size_t len, unsigned *base, const char **error);

/* Add a rule for a home path. 0, or -EINVAL with error as above. */
int zones_put(struct zones *zones, const struct home_path *path, unsigned rights, const char **error);

/* The number of the rule for path, or zones->count. */
size_t zones_find(const struct zones *zones, const char *path);

/* Is there a rule for the directory of value, which is as for zones_add()? */
bool zones_have(const struct zones *zones, const char *value, size_t len);

/* The path of rule number i: a home path, not "/". */
const char *zone_path(const struct zones *zones, size_t i);

/* All rights that some rule gives. zones may be NULL. */
unsigned zones_rights_of_any(const struct zones *zones);

/* Add rule number i to out as it stands in the users file, without "rights=". */
void zone_text(const struct zones *zones, size_t i, struct buf *out);

#endif
