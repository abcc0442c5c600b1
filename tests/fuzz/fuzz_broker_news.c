/* SPDX-License-Identifier: ISC */
/* What a database says that other nodes have told: what is believed is within bounds, and each line is cut off once. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "privsep/broker/news_line.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static void
check_line(const struct news_line *line)
{
	union address address;

	must(line->age_ms <= NEWS_AGE_MS_MAX);
	must(line->node[0] != '\0' && utf8_valid(line->node, strlen(line->node)) &&
	    !has_control(line->node, strlen(line->node)));
	if (!line->is_kick) {
		must(line->ban < NEWS_BAN_COUNT && line->left_s > 0);
		return;
	}
	must(line->target < NEWS_TARGET_COUNT && line->value[0] != '\0');
	must(line->target != NEWS_ADDRESS || address_parse(line->value, &address) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *rest = text;
	struct news_line line;
	size_t left = size;
	int r;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	while ((r = news_line_next(&rest, &left, &line)) != 0) {
		if (r > 0)
			check_line(&line);
		must(rest + left == text + size);
	}
	must(left == 0);
	free(text);
	return 0;
}
