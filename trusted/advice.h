/* SPDX-License-Identifier: ISC */
/* What the installed unit of systemd does to homes at some places. */
#ifndef TRUSTED_ADVICE_H
#define TRUSTED_ADVICE_H

#include <stdbool.h>

/* Whether that unit is installed, and systemd runs. Looks at files. */
bool advice_unit_is_here(void);

/* In the server, at its start: whether systemd started this process; in all processes that are forked afterwards. */
void advice_set_service(bool is_service);
bool advice_is_service(void);

/*
 * What a home at path needs under the unit, for a place that it hides (/tmp) or makes read-only (/usr). NULL:
 * nothing. is_hidden, unless NULL: the server sees another directory there. Pure; static text.
 */
const char *advice_for_home(const char *path, bool *is_hidden);

/*
 * The same of a home that is there, in tools: NULL also where there is no such unit, and where the server sees it and can
 * write to it, because the unit was changed. Looks from where the server whose pid file is in runtime_directory looks; within
 * the unit, from here. Without either, or without root, the unit is taken for the one that comes with the server.
 */
const char *advice_for_present_home(const char *path, const char *runtime_directory);

#endif
