/* SPDX-License-Identifier: ISC */
/* The groups of settings that a users file defines, for programs that look at many accounts. */
#ifndef ACCOUNTS_GROUPS_H
#define ACCOUNTS_GROUPS_H

#include <stddef.h>

struct account;
struct users_file;

/* All zero: no group. */
struct groups {
	struct group_words *list;	/* sorted by name */
	size_t count, size;
};

void groups_free(struct groups *groups);

/* Take a definition line, which is copied. One of another kind, a damaged one and a second of a name are left out. 0 or -ENOMEM. */
int groups_add(struct groups *groups, const char *line, size_t len);

/* Take all of a file. 0 or -ENOMEM. */
int groups_of_file(struct groups *groups, const struct users_file *file);

/* An account takes what its group says, if it is of one. One that is not among groups sets lacks_group. */
void groups_join(const struct groups *groups, struct account *account);

#endif
