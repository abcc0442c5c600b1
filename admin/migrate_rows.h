/* SPDX-License-Identifier: ISC */
/* What most directives of other servers need: the functions of struct migrate_row that their tables share. */
#ifndef ADMIN_MIGRATE_ROWS_H
#define ADMIN_MIGRATE_ROWS_H

#include "admin/migrate_plan.h"

#define TAKES struct migrate_plan *plan, const struct directive *directive, const struct migrate_row *row

void take_same(TAKES); /* the value is that of our key */
void take_first_word(TAKES); /* the same of the first word, without its quotes */
void take_switch(TAKES);
void take_seconds(TAKES);
void take_minutes(TAKES);
void take_ceiling(TAKES); /* a number; 0 and "none" are no limit: the highest that our key takes */
void take_needless(TAKES); /* nothing to carry: sallyport does so always, or has no such thing to protect */
void take_later(TAKES); /* settle() looks at it */
void take_lost(TAKES); /* noted */
void take_lost_yes(TAKES); /* noted, if it is switched on */
void take_lost_no(TAKES); /* noted, if it is switched off */

/* Modes for files and directories out of octal masks, which take bits away; noted where one is none. */
void migrate_set_masks(
    struct migrate_plan *plan, const struct directive *by, const char *files, const char *directories);

/*
 * Cut text at blanks to words, in place; a quoted one is one word, without its quotes. The first is the name, and
 * value is the rest of the line. 1, 0: there is none, or -EINVAL with problem.
 */
int migrate_cut_words(struct directive *out, const char **problem);

#endif
