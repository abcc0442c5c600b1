/* SPDX-License-Identifier: ISC */
/* The client's own texts, wrapped at words for the terminal that they go to. */
#ifndef CLIENT_UI_PROSE_H
#define CLIENT_UI_PROSE_H

#include <stddef.h>
#include <stdio.h>

/* The columns of the terminal that a stream is, 0 where it is none. */
size_t prose_columns(FILE *out);

/* A paragraph, or several lines of one each. 80 columns where the stream is no terminal. */
void prose_print(FILE *out, const char *text);

/*
 * One row of a table: left after two blanks, and text beside it from column width on, or, where the terminal is
 * narrow or left is long, below it.
 */
void prose_row(FILE *out, const char *left, size_t width, const char *text);

#endif
