/* SPDX-License-Identifier: ISC */
/* Patterns of names that an account does not see, or may not use: its words hide=PATTERN and deny=PATTERN. */
#ifndef ACCOUNTS_PATTERNS_H
#define ACCOUNTS_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERNS_MAX 32
#define PATTERNS_TEXT_MAX 2048	/* of all patterns */

struct pattern {
	bool denies;	/* the name is not to be used; otherwise it is only left out of listings */
	uint16_t at, len;	/* in text */
};

struct patterns {
	size_t count;
	struct pattern list[PATTERNS_MAX];
	size_t text_len;
	char text[PATTERNS_TEXT_MAX];	/* last: most are short */
};

/*
 * Add a pattern as glob_match() has them; bytes may be %XX. Pure.
 *
 * error  on failure: what is wrong and what would be right; static text.
 *
 * Returns 0 or -EINVAL.
 */
int patterns_add(struct patterns *patterns, bool denies, const char *text, size_t len, const char **error);

/* Does some pattern match the name, one that denies or, if !denies, any? patterns may be NULL. */
bool patterns_match(const struct patterns *patterns, bool denies, const char *name, size_t len);

/* Is there a pattern that denies? patterns may be NULL. */
bool patterns_deny_some(const struct patterns *patterns);

/* Does some pattern that denies match a component of a home path? patterns may be NULL. */
bool patterns_deny_path(const struct patterns *patterns, const char *path);

#endif
