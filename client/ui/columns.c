/* SPDX-License-Identifier: ISC */
#include "client/ui/columns.h"

#include <string.h>

#include "common/banned.h"

/* Fill in for this number of rows; returns the width of all, or -1 where there would be too many columns. */
static long
try_rows(const size_t *widths, size_t cells, size_t rows, size_t gap, struct columns *columns)
{
	size_t count = (cells + rows - 1) / rows, width = 0;

	if (count > COLUMNS_MAX)
		return -1;
	memset(columns, 0, sizeof(*columns));
	columns->rows = rows;
	columns->count = count;
	for (size_t i = 0; i < cells; i++)
		if (widths[i] > columns->widths[i / rows])
			columns->widths[i / rows] = widths[i];
	for (size_t c = 0; c < count; c++)
		width += columns->widths[c] + (c > 0 ? gap : 0);
	return (long)width;
}

void
columns_set(const size_t *widths, size_t cells, size_t total, size_t gap, struct columns *columns)
{
	size_t most = COLUMNS_MAX;

	memset(columns, 0, sizeof(*columns));
	if (cells == 0)
		return;
	/* fewer columns, not more rows: a directory of many thousands takes 64 tries at most */
	for (; most > 1; most--) {
		size_t rows = (cells + most - 1) / most;
		long width = try_rows(widths, cells, rows, gap, columns);

		if (width >= 0 && (size_t)width <= total)
			return;
	}
	(void)try_rows(widths, cells, cells, gap, columns);
}
