/* SPDX-License-Identifier: ISC */
/* The modes of sallyport-store (accounts/store_dialog.h). Each returns 0, or -errno with database->problem filled. */
#ifndef STORE_TOOL_MODES_H
#define STORE_TOOL_MODES_H

#include <stddef.h>

#include "accounts/store_dialog.h"

struct database;

int accounts_mode(struct database *database);
int init_mode(struct database *database);
int upgrade_mode(struct database *database);
int check_mode(struct database *database);

/* Write one line of an answer; len bytes of argument, of which dialog_may_carry() says yes, or none. */
void answer_line(enum dialog_answer answer, const char *argument, size_t len);

/* The same, formatted; what a line cannot carry becomes '?'. */
void answer_text(enum dialog_answer answer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The version of the schema; 0 where there is none. -EIO with database->problem filled. */
int schema_version_found(struct database *database, int *version);

/* The same, where none and a newer one than this program knows is a failure, too. */
int schema_version_usable(struct database *database, int *version);

#endif
