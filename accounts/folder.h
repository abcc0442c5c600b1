/* SPDX-License-Identifier: ISC */
/* A shared folder: a definition "+folder NAME:DIRECTORY:GID:OPTIONS" of the users file (sallyport-users(5)) as a struct. Pure. */
#ifndef ACCOUNTS_FOLDER_H
#define ACCOUNTS_FOLDER_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bounds.h"

#define FOLDER_NAME_MAX (ACCOUNT_NAME_MAX - 1)	/* its ledger is called "+NAME", as an account might be */
#define FOLDER_FILE_MODE 0660	/* unless it says otherwise: its accounts may change what the others made */
#define FOLDER_DIRECTORY_MODE 0770
#define FOLDER_LEAST_FILE_MODE 0040	/* whatever is asked for: the group reads files */
#define FOLDER_LEAST_DIRECTORY_MODE 02070 /* and uses directories */

struct account;
struct definition;

struct folder {
	char name[ACCOUNT_NAME_MAX + 1];
	uint32_t gid;
	unsigned rights;			/* enum account_right: no grant gives more */
	uint64_t quota_bytes, quota_files;	/* ACCOUNT_NO_QUOTA: none */
	uint32_t file_mode, directory_mode;
	char directory[PATH_MAX];		/* absolute, no "." or ".." component; last: most are short */
};

/* Check what is behind the colon of a definition. 0, or -EINVAL with error: what is wrong and what would be right. */
int folder_check(const char *body, size_t len, const char **error);

/* Take a definition of this kind. 0, or -EINVAL with error as above. */
int folder_parse(const struct definition *definition, struct folder *folder, const char **error);

/*
 * What counts, and what is counted, as that of an account: its ledger's name is "+NAME", its uid that of the process that
 * walks the directory.
 */
void folder_as_account(const struct folder *folder, uint32_t uid, struct account *account);

/* Is one of the directories the other, or in it? */
int folder_overlaps(const char *directory, const char *other);

#endif
