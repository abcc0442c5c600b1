/* SPDX-License-Identifier: ISC */
/* Commands that look through a tree on the server: find, du. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/ui/command.h"
#include "client/ui/filter.h"
#include "client/ui/listing_event.h"
#include "client/ui/mirror_filter.h"
#include "client/ui/remote_glob.h"
#include "client/ui/remote_walk.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/glob.h"
#include "common/units.h"

#include "common/banned.h"

#define FIND_STEPS_MAX 1000000

/* --- find --- */

struct search {
	const struct options *options;
	struct filter filter;
};

static bool
is_wanted_kind(const struct options *options, enum ftp_kind kind)
{
	switch (options->find_type) {
	case 'f':
		return kind == FTP_KIND_FILE;
	case 'd':
		return kind == FTP_KIND_DIRECTORY;
	case 'l':
		return kind == FTP_KIND_LINK;
	default:
		return true;
	}
}

static bool
is_wanted_name(const struct options *options, const char *name)
{
	uint64_t steps = FIND_STEPS_MAX;

	return options->find_name == NULL ||
	    glob_match(options->find_name, strlen(options->find_name), name, strlen(name), &steps);
}

/* Sizes and ages are those of files: with such a test no directory is found. */
static bool
has_ranges(const struct filter *filter)
{
	return filter->min_size > 0 || filter->max_size != UINT64_MAX || filter->newer_than != INT64_MIN ||
	    filter->older_than != INT64_MAX;
}

/* A name as it is, with NUL after it, is for xargs -0; a line of text has no control characters. */
static void
print_found(const struct options *options, const char *directory, const struct ftp_entry *entry)
{
	char *path;

	if (report_is_json()) {
		report_json(listing_event(directory, entry));
		return;
	}
	path = path_join(directory, entry->name);
	if (path != NULL && options->ends_by_nul)
		fwrite(path, 1, strlen(path) + 1, stdout);
	else if (path != NULL)
		report_line("%s", report_quote(path));
	free(path);
}

static bool
visit_found(void *context, const char *directory, const char *below, const struct ftp_entry *entry)
{
	const struct search *search = context;
	bool is_directory = entry->kind == FTP_KIND_DIRECTORY;

	if (filter_of_entry(&search->filter, below, entry) != NULL)
		return false;
	if (is_wanted_kind(search->options, entry->kind) && is_wanted_name(search->options, entry->name) &&
	    !(is_directory && has_ranges(&search->filter)))
		print_found(search->options, directory, entry);
	return true;
}

/* Each operand is the top of a tree; without one the working directory is. */
static enum exit_status
walk_operands(struct remote_walk *walk, const struct args *args)
{
	struct matches matches = {NULL, 0};
	enum exit_status status = EXIT_DONE;

	if (args->remote_count == 0)
		return remote_walk(walk, "");
	for (size_t i = 0; i < args->remote_count; i++)
		status = exit_status_worse(status, remote_glob(walk->session, args->remotes[i], &matches));
	for (size_t i = 0; i < matches.count && !signals_have_aborted(); i++)
		status = exit_status_worse(status, remote_walk(walk, matches.items[i].path));
	matches_free(&matches);
	return status;
}

enum exit_status
command_find_names(struct session *session, struct options *options, const struct args *args)
{
	struct search search = {.options = options};
	struct remote_walk walk = {.session = session, .context = &search, .visit = visit_found};
	enum exit_status status = mirror_filter_load(&search.filter, options, time(NULL));

	if (status == EXIT_DONE)
		status = walk_operands(&walk, args);
	filter_free(&search.filter);
	return status;
}

/* --- du --- */

struct usage {
	uint64_t bytes, files;
	bool is_complete;
};

/* The sums of the directories on the way, the top first. */
struct measurement {
	const struct options *options;
	struct usage *sums; /* owned */
	size_t depth, room;
};

static bool
open_sum(struct measurement *measurement)
{
	struct usage *grown;

	if (measurement->depth == measurement->room) {
		grown = realloc(measurement->sums, (measurement->room + 16) * sizeof(*grown));
		if (grown == NULL)
			return false;
		measurement->sums = grown;
		measurement->room += 16;
	}
	measurement->sums[measurement->depth++] = (struct usage){.is_complete = true};
	return true;
}

static bool
visit_measured(void *context, const char *directory, const char *below, const struct ftp_entry *entry)
{
	struct measurement *measurement = context;
	struct usage *sum = &measurement->sums[measurement->depth - 1];

	(void)directory;
	(void)below;
	if (entry->kind == FTP_KIND_DIRECTORY)
		return open_sum(measurement);
	sum->files++;
	if (entry->size < 0)
		sum->is_complete = false;
	else
		sum->bytes += (uint64_t)entry->size;
	return false;
}

static void
print_sum(const char *directory, const struct usage *sum)
{
	char size[UNITS_TEXT_MAX];

	if (report_is_json()) {
		report_json(json_pack("{s:s, s:o, s:I, s:I, s:b}", "event", "usage", "path",
		    report_json_text(directory), "bytes", (json_int_t)sum->bytes, "files", (json_int_t)sum->files,
		    "complete", sum->is_complete));
		return;
	}
	units_size(sum->bytes, size);
	report_line("%s%10s  %8llu file%s %s%s", sum->is_complete ? " " : ">", size, (unsigned long long)sum->files,
	    sum->files == 1 ? " " : "s", directory[0] == '\0' ? "." : report_quote(directory),
	    sum->is_complete ? "" : "  # not all of it could be seen");
}

static void
leave_measured(void *context, const char *directory, bool is_complete)
{
	struct measurement *measurement = context;
	struct usage sum = measurement->sums[--measurement->depth], *above;

	sum.is_complete = sum.is_complete && is_complete;
	if (measurement->depth == 0 || measurement->options->shows_all)
		print_sum(directory, &sum);
	if (measurement->depth == 0) {
		(void)open_sum(measurement);
		return;
	}
	above = &measurement->sums[measurement->depth - 1];
	above->bytes += sum.bytes;
	above->files += sum.files;
	above->is_complete = above->is_complete && sum.is_complete;
}

enum exit_status
command_du(struct session *session, struct options *options, const struct args *args)
{
	struct measurement measurement = {.options = options};
	struct remote_walk walk = {
	    .session = session, .context = &measurement, .visit = visit_measured, .leave = leave_measured};
	enum exit_status status = open_sum(&measurement) ? walk_operands(&walk, args) : report_no_memory();

	free(measurement.sums);
	return status;
}
