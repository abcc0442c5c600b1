/* SPDX-License-Identifier: ISC */
/*
 * The text of a configuration file, made plain for libconfuse.
 *
 * libconfuse 3.3 counts the line of a comment twice, expands ${VARIABLE} from the environment, swallows characters
 * that it does not know (the '*' of an unquoted *:21) and takes the end of the file for a closing brace. So the text
 * is scanned first: comments become blanks, and surprises become errors with their line.
 */
#ifndef CONFIG_SOURCE_H
#define CONFIG_SOURCE_H

#include <stddef.h>

#define CONFIG_SOURCE_MAX ((size_t)1 << 20)	/* bytes of a configuration file */

/*
 * Turn comments and carriage returns into blanks, in place. Pure; line numbers stay.
 *
 * line     on failure: where it is, counted from 1.
 * problem  on failure: what is wrong and what would be right; static text, until the next call.
 *
 * Returns 0 or -EINVAL.
 */
int source_make_plain(char *text, size_t len, int *line, const char **problem);

/*
 * The line of the section of this name, number nth of them, in a plain text whose braces are in order. Pure.
 * libconfuse knows only where a section ends. 0: there is none.
 */
int source_section_line(char *text, size_t len, const char *name, size_t nth);

#endif
