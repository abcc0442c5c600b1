/* SPDX-License-Identifier: ISC */
/*
 * What options are before a command says otherwise: the configuration file, the environment, and the arguments of the
 * program. The program has one file and one list of arguments; both are kept here.
 */
#ifndef CLIENT_UI_PREFERENCES_H
#define CLIENT_UI_PREFERENCES_H

#include <stdbool.h>
#include <stddef.h>

#include "client/ui/exit_status.h"
#include "client/ui/options.h"

/*
 * Read ~/.config/sallyport/config. Without such a file there is nothing to read. Reports errors: what is wrong in the file, or
 * that others may write to it.
 */
enum exit_status preferences_load(void);
void preferences_free(void);

/* Keep the program's arguments. Their options beat all others. Borrowed. allowed: as for options_parse(). */
void preferences_keep_arguments(const struct word *words, size_t count, option_set allowed);

/*
 * Fill in the options for a host (NULL: for none): the defaults, then the file's general lines, its sections of the host, the
 * environment, the arguments. A later one beats an earlier one. Reports errors. The caller calls options_free() in any case.
 */
enum exit_status preferences_begin(struct options *options, const char *host);

/* The text of an alias of the file; NULL: there is none. The n-th alias: its name, NULL after the last. */
const char *preferences_alias(const char *name);
const char *preferences_alias_name(size_t n);

/* Print what the file and the environment set, for a host (NULL: in general); a password is not shown. Returns whether anything is set. */
bool preferences_show(const char *host);

/* The path of the file, as far as it is known; "" where there is no home. */
const char *preferences_path(void);

/* Whether there is a file, and how many lines of it set something. */
bool preferences_have_file(size_t *settings, size_t *sections);

#endif
