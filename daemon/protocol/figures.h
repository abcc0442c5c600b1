/* SPDX-License-Identifier: ISC */
/* Texts for replies: what is used of a quota, and what partial uploads hold. */
#ifndef DAEMON_PROTOCOL_FIGURES_H
#define DAEMON_PROTOCOL_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIGURE_SIZE 80
#define PARTIALS_SUMS_SIZE 120
#define PARTIALS_SIZE 200

struct partials_told;
struct protocol;

/* "7 of 10 bytes", or "7 bytes" without a limit (UINT64_MAX). */
void quota_figure_text(char text[FIGURE_SIZE], uint64_t used, uint64_t limit, const char *unit);

/* "2 partial uploads hold 300 bytes" */
void partials_sums_text(const struct partials_told *told, char *text, size_t size);

/*
 * Asks files. "2 partial uploads hold 300 bytes; ..." of the account. False: there are none, or their number is not
 * known.
 */
bool partials_text(struct protocol *protocol, char *text, size_t size);

#endif
