/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/quota.h"

#include <stdbool.h>
#include <stdio.h>

#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/figures.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

#define WARN_ABOVE 90	/* per cent */

static unsigned
per_cent(uint64_t used, uint64_t limit)
{
	if (limit == UINT64_MAX)
		return 0;
	return limit == 0 ? 100 : (unsigned)((double)used * 100 / (double)limit);
}

static bool
is_above(uint64_t used, uint64_t limit)
{
	return limit != UINT64_MAX && (double)used > (double)limit * WARN_ABOVE / 100;
}

static void
warn_of_quota(struct protocol *protocol, uint64_t used, uint64_t limit, const char *unit)
{
	char text[FIGURE_SIZE], line[FIGURE_SIZE + 40];

	if (!is_above(used, limit))
		return;
	quota_figure_text(text, used, limit, unit);
	snprintf(line, sizeof(line), "Quota: %u %% used, %s", per_cent(used, limit), text);
	reply_begin(protocol, 226, line);
}

void
reply_quota_warning(struct protocol *protocol, const struct quota_told *told)
{
	warn_of_quota(protocol, told->bytes, told->bytes_limit, "bytes");
	warn_of_quota(protocol, told->files, told->files_limit, "files");
}

static void
reply_figure(struct protocol *protocol, uint64_t used, uint64_t limit, const char *unit, bool is_bound)
{
	const char *most = is_bound ? "at most " : "", *least = is_bound ? "at least " : "";
	char text[FIGURE_SIZE];

	quota_figure_text(text, used, limit, unit);
	if (limit == UINT64_MAX)
		reply_line(protocol, "%s%s used, no limit", most, text);
	else
		reply_line(protocol, "%s%s used (%u %%), %s%llu left", most, text, per_cent(used, limit), least,
		    (unsigned long long)(used < limit ? limit - used : 0));
}

void
reply_quota(struct protocol *protocol)
{
	struct quota_told told;
	char partials[PARTIALS_SIZE];
	bool has_partials;
	int r = ask_files_quota(protocol, &told);

	if (r < 0) {
		reply_error(protocol, REPLY_FILE, r, "quota");
		return;
	}
	has_partials = partials_text(protocol, partials, sizeof(partials));
	if (told.bytes_limit == UINT64_MAX && told.files_limit == UINT64_MAX) {
		if (has_partials)
			reply_begin(protocol, 200, partials);
		reply(protocol, 200, "No quota");
		return;
	}
	reply_begin(protocol, 200, "Quota");
	reply_figure(protocol, told.bytes, told.bytes_limit, "bytes", told.is_bound);
	reply_figure(protocol, told.files, told.files_limit, "files", told.is_bound);
	if (told.is_bound)
		reply_line(protocol, "the home is being counted");
	if (has_partials)
		reply_line(protocol, "%s", partials);
	reply(protocol, 200, "End");
}
