/* SPDX-License-Identifier: ISC */
#include "client/ui/bar.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "client/ui/speed.h"
#include "client/ui/term_text.h"
#include "common/units.h"
#include "common/buf.h"

#include "common/banned.h"

#define NAME_MIN 12
#define NAME_MAX_COLUMNS 40
#define NAME_SHARE 5	/* the name's column is a fifth of the width */
#define BAR_MIN 6
#define BAR_FRAME 3	/* a blank and brackets */
#define BAR_MAX 60
#define FIELD_MAX 64

/* The texts beside the name, each with the blanks before it; empty where it is left out. */
struct fields {
	char percent[FIELD_MAX], bytes[FIELD_MAX], speed[FIELD_MAX], time[FIELD_MAX];
};

/* Rounded down: 100 only when it is true. */
static unsigned int
percent_of(uint64_t done, uint64_t total)
{
	if (done >= total)
		return 100;
	return total > UINT64_MAX / 100 ? (unsigned int)(done / (total / 100 + 1)) : (unsigned int)(done * 100 / total);
}

static void
fill_sizes(struct fields *fields, const struct bar *bar, bool has_total)
{
	char done[UNITS_TEXT_MAX], total[UNITS_TEXT_MAX];

	units_size(bar->done, done);
	if (has_total) {
		units_size((uint64_t)bar->total, total);
		snprintf(fields->percent, FIELD_MAX, " %3u%%", percent_of(bar->done, (uint64_t)bar->total));
		snprintf(fields->bytes, FIELD_MAX, " %9s/%s", done, total);
	} else {
		snprintf(fields->bytes, FIELD_MAX, " %9s%s", done, bar->total < 0 ? " of ?" : "");
	}
}

static void
fill_speed(struct fields *fields, const struct bar *bar, bool has_total)
{
	int64_t eta = speed_eta(bar->bytes_per_s, bar->done, bar->total);
	char text[UNITS_TEXT_MAX];

	if (bar->phase != NULL) {
		snprintf(fields->speed, FIELD_MAX, "  %10s", bar->phase);
	} else if (bar->bytes_per_s < 0) {
		snprintf(fields->speed, FIELD_MAX, "  %8s/s", "-");
	} else {
		units_size((uint64_t)bar->bytes_per_s, text);
		snprintf(fields->speed, FIELD_MAX, "  %8s/s", text);
	}
	if (!has_total) {
		units_duration(bar->elapsed_s, text);
		snprintf(fields->time, FIELD_MAX, "  %s gone", text);
	} else if (eta < 0) {
		snprintf(fields->time, FIELD_MAX, "  ETA %5s", "-:--");
	} else {
		units_duration((uint64_t)eta, text);
		snprintf(fields->time, FIELD_MAX, "  ETA %5s", text);
	}
}

static size_t
fields_width(const struct fields *fields)
{
	return strlen(fields->percent) + strlen(fields->bytes) + strlen(fields->speed) + strlen(fields->time);
}

/* Leave out the least needed until a name, and a bar where there can be one, fit beside the rest. */
static void
make_fit(struct fields *fields, size_t width, bool has_total)
{
	char *const order[] = {fields->time, fields->speed, fields->bytes, fields->percent};
	size_t wanted = NAME_MIN + (has_total ? BAR_MIN + BAR_FRAME : 0);

	for (size_t i = 0; i < 3 && fields_width(fields) + wanted > width; i++)
		order[i][0] = '\0';
	if (fields_width(fields) + NAME_MIN > width)
		order[3][0] = '\0';
}

static void
add_bar(struct buf *out, uint64_t done, uint64_t total, size_t cells)
{
	size_t full = total == 0 ? cells : (size_t)((double)done / (double)total * (double)cells);

	if (full > cells)
		full = cells;
	(void)buf_add_text(out, " [");
	term_fill(out, '=', full);
	if (full < cells) {
		(void)buf_add_text(out, ">");
		term_fill(out, ' ', cells - full - 1);
	}
	(void)buf_add_text(out, "]");
}

void
bar_format(struct buf *out, const struct bar *bar, size_t columns)
{
	bool has_total = bar->total >= 0 && bar->done <= (uint64_t)bar->total;
	size_t width = columns > 0 ? columns - 1 : 0, name_len = strlen(bar->name), name, cells = 0, left;
	struct fields fields = {"", "", "", ""};

	fill_sizes(&fields, bar, has_total);
	fill_speed(&fields, bar, has_total);
	make_fit(&fields, width, has_total);
	left = width - (fields_width(&fields) < width ? fields_width(&fields) : width);
	/* the name's column does not follow the name: lines of several files stand under each other */
	name = width / NAME_SHARE;
	name = name < NAME_MIN ? NAME_MIN : name > NAME_MAX_COLUMNS ? NAME_MAX_COLUMNS : name;
	if (has_total && left >= name + BAR_MIN + BAR_FRAME) {
		cells = left - name - BAR_FRAME;
		cells = cells > BAR_MAX ? BAR_MAX : cells;
	} else {
		name = left;
	}
	term_pad(out, bar->name, name_len, name);
	(void)buf_add_text(out, fields.percent);
	if (cells > 0)
		add_bar(out, bar->done, (uint64_t)bar->total, cells);
	(void)buf_add_text(out, fields.bytes);
	(void)buf_add_text(out, fields.speed);
	(void)buf_add_text(out, fields.time);
}
