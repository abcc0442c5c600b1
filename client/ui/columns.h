/* SPDX-License-Identifier: ISC */
/* Cells of different widths set in columns, as ls(1) does: down first, then to the right. */
#ifndef CLIENT_UI_COLUMNS_H
#define CLIENT_UI_COLUMNS_H

#include <stddef.h>

#define COLUMNS_MAX 64

struct columns {
	size_t rows, count;	/* count: of columns; 0 when there is no cell */
	size_t widths[COLUMNS_MAX];	/* of each column, without the gap */
};

/*
 * Set cells cells (their widths given) within total columns, gap blanks between. The cell of row r and
 * column c is number c * rows + r. One column where nothing else fits, even if that is too wide.
 */
void columns_set(const size_t *widths, size_t cells, size_t total, size_t gap, struct columns *columns);

#endif
