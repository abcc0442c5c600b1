/* SPDX-License-Identifier: ISC */
/* What the options of "user add" and "user set" say, checked. */
#ifndef ADMIN_USER_OPTIONS_H
#define ADMIN_USER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "accounts/account.h"
#include "admin/user_patterns.h"

struct ctl;
struct users_edit;

#define USER_INHERIT_MAX 255 /* bytes of --inherit */

struct user_options {
	bool has_uid, has_gid;
	uint32_t uid, gid;
	bool has_allowed;
	unsigned allowed, denied; /* enum account_right */
	struct zones zones; /* those of --rights */
	bool ends[ZONES_MAX]; /* by number in zones: the rule goes */
	char rights[ACCOUNT_LINE_MAX +
	    1]; /* user_options_settle_rights(): words of OPTIONS, but for the first "rights=" */
	struct user_patterns patterns; /* user_patterns_settle() */
	uint32_t directory_mode; /* 0: none is given */
	char max_sessions[16]; /* "" with --max-sessions 0 */
	char allow_from[ACCOUNT_ALLOW_MAX * ADDRESS_TEXT_MAX]; /* "": from everywhere */
	bool has_group; /* the account will have one: a word that takes a limit away stays in the line */
	char inherited[USER_INHERIT_MAX + 1]; /* keys of --inherit, each ended by a NUL, and one more */
};

/* Check the options and say on stderr what is wrong with one. Returns 0 or -EINVAL. */
int user_options_parse(const struct ctl *ctl, struct user_options *options);

/*
 * The new rights of the account: those of --allow, or else those that it has, without those of --deny; and in
 * directories those of --rights, then those that it has. own is what its line says, without
 * its group; NULL for a new one. Returns 0, or -EINVAL (reported) when none would be left.
 */
int user_options_settle_rights(struct user_options *options, unsigned now, const struct account *own);

/* Add the changes of OPTIONS to edit, which borrows their texts. */
void user_options_to_edit(const struct ctl *ctl, const struct user_options *options, struct users_edit *edit);

#endif
