/* SPDX-License-Identifier: ISC */
/* ProFTPD's blocks: <Directory> and <Anonymous> as places, and what <Limit> leaves of rights there. Pure. */
#ifndef ADMIN_MIGRATE_BLOCKS_H
#define ADMIN_MIGRATE_BLOCKS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "admin/migrate_plan.h"

#define MIGRATE_DEPTH_MAX 16 /* blocks within blocks */
#define MIGRATE_PLACES_MAX 256
#define MIGRATE_LIMITS_MAX 512
#define MIGRATE_NO_LIMIT SIZE_MAX

enum place_kind { PLACE_SERVER, PLACE_ANONYMOUS, PLACE_DIRECTORY };

/* What directives are about. Number 0 is the server. */
struct migrate_place {
	enum place_kind kind;
	size_t scope; /* of a directory: the server, or a place of anonymous users */
	const struct directive *begin; /* NULL: of the server */
	const char *path; /* as it is written there */
	bool is_lost; /* noted: it is no directory of a home */
};

/* A <Limit>: its commands are the words of begin, its body is what follows until end. */
struct migrate_limit {
	size_t place;
	const struct directive *begin, *end;
};

/* A block that is open. */
struct migrate_block {
	char *name; /* owned */
	size_t place, limit;
	size_t host; /* 0: in no <VirtualHost> */
	bool is_global; /* in <Global> */
	bool is_closed; /* nothing in it is carried */
	bool is_silent; /* nor is it noted */
};

struct migrate_blocks {
	struct migrate_place places[MIGRATE_PLACES_MAX];
	size_t place_count;
	struct migrate_limit limits[MIGRATE_LIMITS_MAX];
	size_t limit_count;
	struct migrate_block open[MIGRATE_DEPTH_MAX];
	size_t depth;
};

/* NULL: no memory. */
struct migrate_blocks *migrate_blocks_new(void);
void migrate_blocks_free(struct migrate_blocks *blocks);

/* The last directive of that name about a place, or NULL. */
const struct directive *migrate_said_of(const struct migrate_plan *plan, size_t place, const char *name);

/* Of whom rights are asked. */
struct migrate_user {
	const char *name; /* NULL: of nobody whom a limit names */
	const char *home; /* absolute */
	size_t scope; /* place 0, or that of anonymous users */
};

#define MIGRATE_ANY_HOME "/~" /* the home of an account that is not known yet */

/* Fill rights and the rights of directories of profile. Notes each place that is no directory of a home, once. */
void migrate_limited_rights(
    struct migrate_plan *plan, const struct migrate_user *user, struct migrate_profile *profile);

/* May the user log in, and from where? False: no. allow_from of profile gets the networks, if limits name some. */
bool migrate_limited_login(
    const struct migrate_plan *plan, const struct migrate_user *user, struct migrate_profile *profile);

/* Note what of the limits cannot be carried. */
void migrate_note_limits(struct migrate_plan *plan);

#endif
