/* SPDX-License-Identifier: ISC */
#include "client/ui/mirror_filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/report.h"

#include "common/banned.h"

static const char *const filter_options[] = {
    [FILTER_EXCLUDE] = "--exclude",
    [FILTER_INCLUDE] = "--include",
    [FILTER_EXCLUDE_REGEX] = "--exclude-regex",
    [FILTER_INCLUDE_REGEX] = "--include-regex",
};

static enum exit_status
load_lines(struct filter *filter, const char *name, FILE *file)
{
	enum exit_status status = EXIT_DONE;
	char why[256], *line = NULL;
	size_t room = 0, number = 0;
	ssize_t len;

	while (status == EXIT_DONE && (len = getline(&line, &room, file)) >= 0) {
		int r;

		number++;
		if (memchr(line, '\0', (size_t)len) != NULL) {
			status = report_usage("--filter-from '%s', line %zu: it has a byte 0 in it; a rule is text",
			    report_quote(name), number);
			break;
		}
		line[strcspn(line, "\r\n")] = '\0';
		r = filter_add_line(filter, line, why, sizeof(why));
		if (r == -ENOMEM)
			status = report_no_memory();
		else if (r < 0)
			status = report_usage("--filter-from '%s', line %zu: '%s'; %s", report_quote(name), number,
			    report_quote(line), why);
	}
	if (status == EXIT_DONE && ferror(file))
		status = report_local("cannot read the rules in", name, -errno);
	free(line);
	return status;
}

static enum exit_status
load_filter_file(struct filter *filter, const char *name)
{
	FILE *file = fopen(name, "re");
	enum exit_status status;

	if (file == NULL)
		return report_usage("--filter-from is '%s': %s; it must be a local file with rules", report_quote(name),
		    strerror(errno));
	status = load_lines(filter, name, file);
	fclose(file);
	return status;
}

static enum exit_status
load_filter_word(struct filter *filter, const struct filter_word *word)
{
	char why[256];
	int r;

	if (word->kind == FILTER_FROM)
		return load_filter_file(filter, word->text);
	r = filter_add(filter, word->kind, word->text, why, sizeof(why));
	if (r == -ENOMEM)
		return report_no_memory();
	if (r < 0)
		return report_usage("%s is '%s': %s; it must be %s", filter_options[word->kind],
		    report_quote(word->text), why,
		    word->kind == FILTER_EXCLUDE || word->kind == FILTER_INCLUDE
			? "a glob, as *.o or build/"
			: "an extended regular expression, as \\.(bak|tmp)$");
	return EXIT_DONE;
}

static bool
is_given(const struct options *options, enum option_id id)
{
	return (options->given & OPTION_BIT(id)) != 0;
}

static enum exit_status
set_ranges(struct filter *filter, const struct options *options, time_t now)
{
	filter->newer_than = options->newer_than;
	if (is_given(options, OPTION_MAX_AGE) && (int64_t)now - (int64_t)options->max_age_s - 1 > filter->newer_than)
		filter->newer_than = (int64_t)now - (int64_t)options->max_age_s - 1;
	if (is_given(options, OPTION_MIN_AGE))
		filter->older_than = (int64_t)now - (int64_t)options->min_age_s;
	if (is_given(options, OPTION_MIN_SIZE))
		filter->min_size = options->min_size;
	if (is_given(options, OPTION_MAX_SIZE))
		filter->max_size = options->max_size;
	if (filter->min_size > filter->max_size)
		return report_usage("--min-size is more than --max-size: no file can be of that size");
	if (is_given(options, OPTION_MIN_AGE) && is_given(options, OPTION_MAX_AGE) &&
	    options->min_age_s > options->max_age_s)
		return report_usage("--min-age is more than --max-age: no file can be of that age");
	return EXIT_DONE;
}

enum exit_status
mirror_filter_load(struct filter *filter, const struct options *options, time_t now)
{
	enum exit_status status;

	filter_init(filter);
	if (options->is_checksum + options->is_size_only + options->is_ignoring_times > 1)
		return report_usage("only one of --checksum, --size-only and --ignore-times can decide");
	if (options->is_only_missing && options->is_existing)
		return report_usage("--only-missing and --existing leave nothing to copy; give one of them");
	status = set_ranges(filter, options, now);
	for (size_t i = 0; i < options->filter_count && status == EXIT_DONE; i++)
		status = load_filter_word(filter, &options->filters[i]);
	return status;
}
