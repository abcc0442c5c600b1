/* SPDX-License-Identifier: ISC */
/* Patterns of names that commands give an account or a group, and take from it: --hide, --deny-name, and their ends. */
#ifndef ADMIN_USER_PATTERNS_H
#define ADMIN_USER_PATTERNS_H

#include <stdbool.h>

#include "accounts/account.h"

struct ctl;
struct users_edit;

struct user_patterns {
	struct patterns added, ended;
	bool changes[2];	/* those that hide, and those that deny */
	char words[2][ACCOUNT_LINE_MAX + 1];	/* user_patterns_settle(): of OPTIONS, but for the first key; "": none */
};

/* Take them from the command line, and say on stderr what is wrong with one. Returns 0 or -EINVAL. */
int user_patterns_parse(const struct ctl *ctl, struct user_patterns *patterns);

/*
 * The patterns as they will be: those of own, without the ended ones, and with the added ones. own is what the line says,
 * without its group; NULL for a new one. Returns 0, or -EINVAL (reported): one that ends is not there, or there are too many.
 */
int user_patterns_settle(struct user_patterns *patterns, const struct account *own);

/* Do they change the words of this key? */
bool user_patterns_change(const struct user_patterns *patterns, const char *key);

/* Add the changes of OPTIONS to edit, which borrows their texts. */
void user_patterns_to_edit(const struct user_patterns *patterns, struct users_edit *edit);

#endif
