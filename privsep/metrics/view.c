/* SPDX-License-Identifier: ISC */
#include "privsep/metrics/view.h"

#include <stdio.h>
#include <string.h>

#include "common/banned.h"

#define DAY_S 86400

/* Nothing but uint64_t in it (totals.h): each is kept at its highest. */
static void
keep_highest(struct totals *highest, const struct totals *now)
{
	uint64_t to[sizeof(*highest) / sizeof(uint64_t)], from[sizeof(*now) / sizeof(uint64_t)];

	memcpy(to, highest, sizeof(to));
	memcpy(from, now, sizeof(from));
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		if (from[i] > to[i])
			to[i] = from[i];
	memcpy(highest, to, sizeof(to));
}

static void
take_sample(struct view *view)
{
	const uint64_t *bytes = view->totals.work.bytes;
	uint64_t down = bytes[DIRECTION_DOWN] + bytes[DIRECTION_LIST], up = bytes[DIRECTION_UP];
	uint64_t ms = view->now_ms - view->sampled_ms;

	if (view->sampled_ms != 0 && ms < VIEW_SAMPLE_MS)
		return;
	if (view->sampled_ms != 0) {
		if (view->sample_count == VIEW_SAMPLES)
			memmove(view->samples, view->samples + 1, sizeof(view->samples) - sizeof(view->samples[0]));
		else
			view->sample_count++;
		view->samples[view->sample_count - 1] = (struct view_sample){
		    .down = (down - view->sampled_down) * 1000 / ms,
		    .up = (up - view->sampled_up) * 1000 / ms,
		};
	}
	view->sampled_ms = view->now_ms;
	view->sampled_down = down;
	view->sampled_up = up;
}

void
view_update(struct view *view, uint64_t now_s, uint64_t now_ms)
{
	struct totals totals;

	board_totals(view->board, &totals);
	keep_highest(&view->totals, &totals);
	view->now_s = now_s;
	view->now_ms = now_ms;
	take_sample(view);
}

int64_t
view_days_until(const struct view *view, uint64_t ends_s)
{
	int64_t seconds = (int64_t)(ends_s - view->now_s);

	return seconds >= 0 ? seconds / DAY_S : -((-seconds + DAY_S - 1) / DAY_S);
}

int64_t
view_days_left(const struct view *view)
{
	return view_days_until(view, board_first_end_s(view->board));
}

size_t
view_quotas(const struct view *view, struct quota_row *rows)
{
	return view->quotas == NULL ? 0 : quota_board_read(view->quotas, rows);
}

static void
call_each(void (*each)(void *arg, const char *name, uint64_t value), void *arg, const char *prefix, const char *name,
    uint64_t value)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s", prefix, name);
	each(arg, text, value);
}

void
view_each_counter(const struct view *view, void (*each)(void *arg, const char *name, uint64_t value), void *arg)
{
	const struct totals *totals = &view->totals;
	const struct work *work = &totals->work;

	for (int i = 0; i < LOGIN_RESULT_COUNT; i++)
		call_each(each, arg, "logins-", login_result_name((enum login_result)i), work->logins[i]);
	for (int i = 0; i < DIRECTION_COUNT; i++)
		call_each(each, arg, "transfers-", direction_name((enum ipc_direction)i), work->transfers[i]);
	for (int i = 0; i < DIRECTION_COUNT; i++)
		call_each(each, arg, "bytes-", direction_name((enum ipc_direction)i), work->bytes[i]);
	for (int i = 0; i < TRANSFER_FAILURE_COUNT; i++)
		call_each(each, arg, "failures-", transfer_failure_name((enum transfer_failure)i), work->failures[i]);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		call_each(each, arg, "refused-", refusal_name((enum refusal)i), totals->refused[i]);
	each(arg, "other-connections", totals->connections);
	each(arg, "other-tls-handshake-failures", work->handshake_failures);
	each(arg, "other-health-checks", totals->health_checks);
	each(arg, "other-bans", totals->bans);
	each(arg, "other-alarms", totals->alarms);
}
