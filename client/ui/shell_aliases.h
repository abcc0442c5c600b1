/* SPDX-License-Identifier: ISC */
/* Names that the user has given to commands of the shell: those of the configuration file, and of "alias". */
#ifndef CLIENT_UI_SHELL_ALIASES_H
#define CLIENT_UI_SHELL_ALIASES_H

#include <stdbool.h>
#include <stddef.h>

/* The text of an alias; NULL: there is none. */
const char *alias_find(const char *name);

/* Set an alias, or forget one (text NULL). Returns 0, -ENOENT for one to forget that is not there, -ENOMEM. */
int alias_set(const char *name, const char *text);

/* The n-th name, for lists; NULL after the last. */
const char *alias_nth(size_t n);

/*
 * A line with its alias in front expanded, and an alias in front of that, but each name once. NULL: no memory. The caller
 * frees.
 */
char *alias_expand(const char *line);

void aliases_free(void);

#endif
