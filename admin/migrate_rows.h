/* SPDX-License-Identifier: ISC */
/* What most directives of other servers need: the functions of struct migrate_row that their tables share. */
#ifndef ADMIN_MIGRATE_ROWS_H
#define ADMIN_MIGRATE_ROWS_H

#include "admin/migrate_plan.h"

#define TAKES struct migrate_plan *plan, const struct directive *directive, const struct migrate_row *row

void take_same(TAKES); /* the value is that of our key */
void take_quoted(TAKES); /* the same of the first word, without its quotes */
void take_bool(TAKES);
void take_seconds(TAKES);
void take_minutes(TAKES);
void take_ceiling(TAKES); /* a number; 0 and "none" are no limit: the highest that our key takes */
void take_needless(TAKES); /* nothing to carry: sallyport does so always, or has no such thing to protect */
void take_later(TAKES); /* settle() looks at it */
void take_lost(TAKES); /* noted */
void take_lost_yes(TAKES); /* noted, if it is switched on */
void take_lost_no(TAKES); /* noted, if it is switched off */

#endif
