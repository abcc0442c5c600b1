/* SPDX-License-Identifier: ISC */
/* What the parts of the command mirror report: how it goes, and what is done. */
#include "client/ui/mirror.h"
#include "client/ui/report.h"

#include "common/banned.h"

void
mirror_note(struct mirror *mirror, enum exit_status status)
{
	mirror->status = exit_status_worse(mirror->status, status);
}

void
mirror_tell(const struct mirror *mirror, const char *what, const char *path, const char *why)
{
	if (report_is_json())
		report_json(json_pack("{s:s, s:s, s:o, s:s, s:b}", "event", "action", "action", what, "path",
		    report_json_text(path), "why", why == NULL ? "" : why, "dry_run", mirror->options->is_dry_run));
	else if (mirror->options->is_dry_run)
		report_line(
		    "would %s %s%s%s", what, report_quote(path), why == NULL ? "" : ": ", why == NULL ? "" : why);
}
