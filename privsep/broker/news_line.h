/* SPDX-License-Identifier: ISC */
/* What other nodes have told, as the function news_after() of store/schema_1.sql has it: a line each. Pure. */
#ifndef PRIVSEP_BROKER_NEWS_LINE_H
#define PRIVSEP_BROKER_NEWS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "privsep/ipc/messages.h"

#define NEWS_AGE_MS_MAX (UINT64_C(4000) * 86400 * 1000) /* of what a database keeps, and more */

struct news_line {
	bool is_kick;
	struct address_key address; /* of a ban */
	enum news_ban ban;
	uint64_t left_s; /* of the ban */
	enum news_target target; /* of a kick */
	char value[NEWS_VALUE_MAX + 1]; /* of it; a numeric address where the target is one */
	uint64_t age_ms;
	char node[BROKER_NODE_MAX + 1]; /* who told it; printable */
};

/* Parse len bytes, without a newline. Returns 0 or -EINVAL. */
int news_line_parse(const char *text, size_t len, struct news_line *line);

/*
 * Cut the next line off a text of len bytes, which may have any bytes; *text and *len become the rest. Returns 1 with the line;
 * -EINVAL for one that is none, which is cut off as well; 0 at the end.
 */
int news_line_next(const char **text, size_t *len, struct news_line *line);

/* The words for parameters of the database. */
const char *news_ban_word(enum news_ban ban);
const char *news_target_word(enum news_target target);

#endif
