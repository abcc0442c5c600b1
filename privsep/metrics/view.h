/* SPDX-License-Identifier: ISC */
/*
 * The state of the server at one moment, and the texts made of it: Prometheus' exposition format, JSON and the status
 * page. It only reads and writes memory.
 */
#ifndef PRIVSEP_METRICS_VIEW_H
#define PRIVSEP_METRICS_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "privsep/ipc/board.h"
#include "privsep/ipc/quota_board.h"

#define VIEW_SAMPLES 150 /* of the throughput graph */
#define VIEW_SAMPLE_MS 2000
#define VIEW_SESSIONS_MAX 1000 /* rows that page and JSON show */

/* Bytes a second, by direction: listings count as downloads. */
struct view_sample {
	uint64_t down, up;
};

struct view {
	const struct board *board;
	const struct quota_board *quotas; /* NULL: none */
	struct totals totals; /* see view_update() */
	uint64_t now_s, now_ms; /* CLOCK_REALTIME, monotonic_ms() */
	struct view_sample samples[VIEW_SAMPLES]; /* the oldest first */
	size_t sample_count;
	uint64_t sampled_ms, sampled_down, sampled_up;
};

/*
 * Look at the board again. Counters never go back: sessions are not trusted with more than
 * adding to them. Takes a sample of throughput when one is due.
 */
void view_update(struct view *view, uint64_t now_s, uint64_t now_ms);

/* Add the exposition in the text format of Prometheus, version 0.0.4. */
int view_add_metrics(const struct view *view, struct buf *out);

/* Add one JSON object: totals, throughput and sessions; sallyportd(8) has its members. */
int view_add_json(const struct view *view, struct buf *out);

/* Add the status page, HTML 5. */
int view_add_page(const struct view *view, struct buf *out);

/* Call each with a name such as "logins-ok" and its value, for all counters, in the order of a reader's interest. */
void view_each_counter(const struct view *view, void (*each)(void *arg, const char *name, uint64_t value), void *arg);

/* Whole days until a certificate ends, negative after it; and until the first of all ends. Only where there is one. */
int64_t view_days_until(const struct view *view, uint64_t ends_s);
int64_t view_days_left(const struct view *view);

/* The accounts that use most: copied to rows (room for QUOTA_BOARD_MAX). Returns their number. */
size_t view_quotas(const struct view *view, struct quota_row *rows);

/* Texts of others in HTML: & < > " ' are escaped. */
int html_add(struct buf *out, const char *text);

#endif
