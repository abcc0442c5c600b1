/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/figures.h"

#include <stdio.h>

#include "daemon/protocol/ask_files.h"

#include "common/banned.h"

void
quota_figure_text(char text[FIGURE_SIZE], uint64_t used, uint64_t limit, const char *unit)
{
	if (limit == UINT64_MAX)
		snprintf(text, FIGURE_SIZE, "%llu %s", (unsigned long long)used, unit);
	else
		snprintf(
		    text, FIGURE_SIZE, "%llu of %llu %s", (unsigned long long)used, (unsigned long long)limit, unit);
}

void
partials_sums_text(const struct partials_told *told, char *text, size_t size)
{
	snprintf(text, size, "%s%llu partial upload%s %s %llu bytes", told->is_whole ? "" : "At least ",
	    (unsigned long long)told->count, told->count == 1 ? "" : "s", told->count == 1 ? "holds" : "hold",
	    (unsigned long long)told->bytes);
}

bool
partials_text(struct protocol *protocol, char *text, size_t size)
{
	struct partials_told told;
	char sums[PARTIALS_SUMS_SIZE];

	if (ask_files_partials_sums(protocol, &told) < 0 || told.count == 0)
		return false;
	partials_sums_text(&told, sums, sizeof(sums));
	snprintf(text, size, "%s; SITE PARTIALS lists them", sums);
	return true;
}
