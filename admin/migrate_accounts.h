/* SPDX-License-Identifier: ISC */
/* The accounts of another server as a users file. Pure, but for the passwords that are hashed. */
#ifndef ADMIN_MIGRATE_ACCOUNTS_H
#define ADMIN_MIGRATE_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/migrate_plan.h"

#define MIGRATE_OWN_MAX ((size_t)1 << 20) /* bytes of the settings of one account */
#define MIGRATE_USERS_MAX ((size_t)64 << 20) /* bytes of a file of accounts */

struct migrate_accounts {
	struct migrate_plan *plan;
	const char *server; /* behind the '@' of the accounts' names in full; NULL: there is none */
	struct buf users; /* what becomes of them: lines and comments */
	size_t taken;
	size_t refused; /* could log in, and cannot be taken */
	size_t left_out; /* could not log in before */
	bool has_options; /* of a group of settings */
	const char *problem; /* why there can be no such group, static text; NULL: there can */
	uint32_t guest_uid, guest_gid; /* 0: none */
	const char *guest_home; /* NULL: none */
	void *names; /* those that were taken, tsearch(3) */
	void *lists[MIGRATE_LISTS_MAX]; /* names of plan->lists, in this order */
	bool has_list[MIGRATE_LISTS_MAX];
	/* Add the settings of an account of its own, and their file's name. 1, 0: there are none, or -errno. NULL: nobody has any. */
	int (*read_own)(void *arg, const char *name, struct buf *file, struct buf *text);
	void *read_arg;
	/* May the account use this home? False, with the reason. NULL: nobody asks. */
	bool (*home_fits)(const char *home, uint32_t uid, uint32_t gid, char *why, size_t size);
	size_t unfit; /* homes that may not be used yet, each with a comment */
	bool has_pam; /* plan->pam_service checks passwords of passwd(5) */
	bool is_live; /* the file is passwd(5) of this system, whose passwords may change */
	size_t pam_count; /* accounts whose passwords PAM checks */
};

/* server: of a section; borrowed; NULL: the main one. */
void migrate_accounts_init(struct migrate_accounts *accounts, struct migrate_plan *plan, const char *server);
void migrate_accounts_free(struct migrate_accounts *accounts);

/* The text of list number i: a name a line; '#' begins a comment. 0 or -ENOMEM. */
int migrate_accounts_list(struct migrate_accounts *accounts, size_t i, const char *text, size_t len);

/* What a file of accounts is, after its first line that counts. fallback: where that does not show it. */
enum convert_format migrate_accounts_format(const char *text, size_t len, enum convert_format fallback);

/* Take the account of anonymous users. Returns 0, -ENOMEM, or -EINVAL with problem, static text. */
int migrate_accounts_anonymous(
    struct migrate_accounts *accounts, uint32_t uid, uint32_t gid, const char *home, const char **problem);

/* Take all accounts of a file. shadow: of CONVERT_PASSWD. 0 or -ENOMEM. */
int migrate_accounts_take(struct migrate_accounts *accounts, const char *file, struct convert *convert);

#endif
