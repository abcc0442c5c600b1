/* SPDX-License-Identifier: ISC */
/* Colours of names, as dircolors(1) describes them in LS_COLORS. Pure. */
#ifndef CLIENT_UI_LS_COLORS_H
#define CLIENT_UI_LS_COLORS_H

#include <stdint.h>

#include "client/engine/entry.h"

#define COLOR_CODE_MAX 32

/*
 * The code of a name ("01;34"): that of its kind, or, for files, of the longest ending that fits. "" for none. Only digits and
 * semicolons are taken from colors, so that nothing else reaches the terminal. colors NULL: the usual ones.
 */
void ls_color(const char *colors, const struct ftp_entry *entry, char code[COLOR_CODE_MAX]);

#endif
