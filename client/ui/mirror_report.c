/* SPDX-License-Identifier: ISC */
/* What the parts of the command mirror share: its state, and reports of what is done. */
#include "client/ui/mirror.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/units.h"

#include "common/banned.h"

void
mirror_note(struct mirror *mirror, enum exit_status status)
{
	pthread_mutex_lock(&mirror->lock);
	mirror->status = exit_status_worse(mirror->status, status);
	pthread_mutex_unlock(&mirror->lock);
}

void
mirror_fail(struct mirror *mirror, enum exit_status status)
{
	mirror_note(mirror, status);
	pthread_mutex_lock(&mirror->lock);
	mirror->has_failed = true;
	pthread_mutex_unlock(&mirror->lock);
}

void
mirror_count(struct mirror *mirror, const struct mirror_counts *counts)
{
	struct mirror_counts *all = &mirror->counts;

	pthread_mutex_lock(&mirror->lock);
	all->copied += counts->copied;
	all->directories += counts->directories;
	all->deleted += counts->deleted;
	all->same += counts->same;
	all->same_by_size += counts->same_by_size;
	all->extra += counts->extra;
	all->skipped += counts->skipped;
	all->unread += counts->unread;
	all->kept += counts->kept;
	all->failed += counts->failed;
	all->bytes += counts->bytes;
	all->parts += counts->parts;
	all->part_bytes += counts->part_bytes;
	pthread_mutex_unlock(&mirror->lock);
}

struct mirror_wishes
mirror_wishes_for(struct mirror *mirror, const char *path)
{
	struct mirror_wishes wishes;

	pthread_mutex_lock(&mirror->learning);
	wishes = mirror->wishes;
	pthread_mutex_unlock(&mirror->learning);
	wishes.path = path;
	return wishes;
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

static void
write_summary(const struct mirror *mirror, size_t left)
{
	const struct mirror_counts *counts = &mirror->counts;

	report_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:i}", "event",
	    "summary", "command", "mirror", "copied", (json_int_t)counts->copied, "bytes", (json_int_t)counts->bytes,
	    "same", (json_int_t)counts->same, "deleted", (json_int_t)counts->deleted, "directories",
	    (json_int_t)counts->directories, "skipped", (json_int_t)counts->skipped, "unread",
	    (json_int_t)counts->unread, "not_deleted", (json_int_t)counts->kept, "failed", (json_int_t)counts->failed,
	    "not_begun", (json_int_t)left, "dry_run", mirror->options->is_dry_run, "exit", mirror->status));
}

/* What a user should know about these figures. */
static void
note_figures(const struct mirror *mirror)
{
	const struct mirror_counts *counts = &mirror->counts;

	if (counts->unread > 0)
		report_note("%zu line%s of listings %s not understood: what %s about was left out", counts->unread,
		    counts->unread == 1 ? "" : "s", counts->unread == 1 ? "was" : "were",
		    counts->unread == 1 ? "it is" : "they are");
	if (counts->same_by_size > 0)
		report_note(
		    "%zu of them %s the same by size alone: when %s written is not told; --checksum compares content",
		    counts->same_by_size, counts->same_by_size == 1 ? "is" : "are",
		    counts->same_by_size == 1 ? "it was" : "they were");
	if (!mirror->is_upload && ftp_hides_dots(mirror->session->ftp))
		report_note("the server lists no names that begin with a dot; if it has some, they were not copied");
	if (counts->extra > 0 && !mirror->wishes.is_delete)
		report_note("%zu name%s only on the other side; --delete removes such", counts->extra,
		    counts->extra == 1 ? "" : "s");
}

void
mirror_summarize(struct mirror *mirror)
{
	const struct mirror_counts *counts = &mirror->counts;
	char size[UNITS_TEXT_MAX];
	size_t left;
	bool is_left = mirror_queue_is_left(&mirror->queue, &left);

	if (report_is_json()) {
		write_summary(mirror, left);
		return;
	}
	if (signals_have_aborted() && mirror->has_begun && !mirror->is_idle)
		return;
	units_size(counts->bytes, size);
	report_note("%s%zu copied (%s), %zu the same, %zu removed, %zu director%s made, %zu left out, %zu failed%s",
	    mirror->options->is_dry_run ? "dry run: " : "mirror: ", counts->copied, size, counts->same, counts->deleted,
	    counts->directories, counts->directories == 1 ? "y" : "ies", counts->skipped, counts->failed,
	    is_left ? "; stopped before the end, the same command goes on" : "");
	note_figures(mirror);
}
