/* SPDX-License-Identifier: ISC */
/* What the old server lets an account do, and the options of sallyport-users(5) that say the same. Pure. */
#ifndef ADMIN_MIGRATE_PROFILE_H
#define ADMIN_MIGRATE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accounts/patterns.h"
#include "accounts/zones.h"

struct buf;

#define MIGRATE_ALLOWED_MAX 1023 /* bytes of a list of networks */

struct migrate_profile {
	unsigned rights; /* enum account_right */
	uint64_t rate_down, rate_up, max_sessions, quota_bytes, quota_files; /* 0: no limit */
	uint32_t file_mode, directory_mode; /* 0: as configured */
	struct zones zones;
	struct patterns patterns;
	char allow_from[MIGRATE_ALLOWED_MAX + 1]; /* "": from everywhere */
	char *home; /* instead of the account's own; owned; NULL: none */
	bool is_refused; /* it could not log in */
	const char *problem; /* why it cannot be carried; static text; NULL: it can */
};

void migrate_profile_init(struct migrate_profile *profile);
void migrate_profile_free(struct migrate_profile *profile);

/* All that profile has, without home, is_refused and problem. */
void migrate_profile_copy(struct migrate_profile *out, const struct migrate_profile *profile);

/* Add the pattern of names, not encoded. Returns 0, or -EINVAL with problem, static text. */
int migrate_profile_pattern(
    struct migrate_profile *profile, bool denies, const char *pattern, size_t len, const char **problem);

/* Add the rights of a directory below the home. The same errors. */
int migrate_profile_zone(struct migrate_profile *profile, const char *path, unsigned rights, const char **problem);

/* Add the options to out, separated by blanks; those that group says, too, are left out. group: NULL: none. */
void migrate_profile_words(const struct migrate_profile *profile, const struct migrate_profile *group, struct buf *out);

#endif
