/* SPDX-License-Identifier: ISC */
/* One line of progress, laid out for the width of the terminal. Pure. */
#ifndef CLIENT_UI_BAR_H
#define CLIENT_UI_BAR_H

#include <stddef.h>
#include <stdint.h>

struct buf;

struct bar {
	const char *name;	/* any bytes; shown by term_cut() */
	const char *phase;	/* NULL while bytes are moved; else what is done instead: "verifying" */
	uint64_t done;	/* bytes */
	int64_t total;	/* bytes; -1 unknown */
	int64_t bytes_per_s;	/* -1 unknown */
	uint64_t elapsed_s;
};

/*
 * Append the line for a terminal of this many columns, without a line end; it takes at most columns - 1, so that no
 * terminal wraps it. As width shrinks, first the remaining time goes, then the speed, the bytes, the bar; name and percent stay.
 *
 *     report.pdf       45% [====>     ]  12.3 MiB/27.0 MiB   3.4 MiB/s  ETA  0:04
 *
 * Where the total is not known there is no percent, no bar and no remaining time: the bytes so far, the
 * speed and the time gone. A total that was passed is treated as unknown.
 */
void bar_format(struct buf *out, const struct bar *bar, size_t columns);

#endif
