/* SPDX-License-Identifier: ISC */
/* The state of the server as JSON, for the script of the status page and for other programs. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "privsep/ipc/board_json.h"
#include "privsep/metrics/view.h"

#include "common/banned.h"

static void
set_json_number(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *
json_of_sessions(const struct view *view)
{
	json_t *array = json_array();
	struct board_session session;

	for (size_t row = 0; row < board_used(view->board) && json_array_size(array) < VIEW_SESSIONS_MAX; row++)
		if (board_session(view->board, row, view->now_ms, &session))
			json_array_append_new(array, board_session_json(&session));
	return array;
}

static json_t *
json_of_throughput(const struct view *view)
{
	json_t *array = json_array();

	for (size_t i = 0; i < view->sample_count; i++) {
		json_t *sample = json_object();

		set_json_number(sample, "down", view->samples[i].down);
		set_json_number(sample, "up", view->samples[i].up);
		json_array_append_new(array, sample);
	}
	return array;
}

static json_t *
json_of_bans(const struct view *view)
{
	static struct board_ban bans[BOARD_BANS_MAX];
	size_t count = board_get_bans(view->board, bans);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *ban = json_object();

		json_object_set_new(ban, "address", json_string(bans[i].address));
		set_json_number(ban, "until", bans[i].until_s);
		json_object_set_new(ban, "by", json_string(bans[i].is_by_hand ? "hand" : "failures"));
		json_array_append_new(array, ban);
	}
	return array;
}

static json_t *
json_of_quotas(const struct view *view)
{
	static struct quota_row rows[QUOTA_BOARD_MAX];
	size_t count = view_quotas(view, rows);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();

		json_object_set_new(row, "user", json_string(rows[i].user));
		set_json_number(row, "bytes", rows[i].bytes);
		set_json_number(row, "files", rows[i].files);
		json_array_append_new(array, row);
	}
	return array;
}

/* null: accounts names no database. */
static json_t *
json_of_store(const struct view *view)
{
	const struct board_head *head = view->board->head;
	json_t *object, *lookups;

	if (head->has_store == 0)
		return json_null();
	object = json_object();
	lookups = json_object();
	json_object_set_new(object, "state", json_string(broker_state_name((enum broker_state)head->store_state)));
	set_json_number(object, "kept_accounts", head->store_kept);
	for (int i = 0; i < LOOKUP_COUNT; i++)
		set_json_number(lookups, lookup_name((enum lookup)i), view->totals.work.lookups[i]);
	json_object_set_new(object, "lookups", lookups);
	json_object_set_new(object, "node", board_node_json(head, view->now_s));
	return object;
}

static void
set_counter(void *object, const char *name, uint64_t value)
{
	set_json_number(object, name, value);
}

int
view_add_json(const struct view *view, struct buf *out)
{
	const struct board_head *head = view->board->head;
	json_t *object = json_object(), *counters = json_object();
	char *text;
	int r;

	json_object_set_new(object, "version", json_string(SALLYPORT_VERSION));
	set_json_number(object, "time", view->now_s);
	set_json_number(object, "started", head->started_s);
	set_json_number(object, "live", head->live);
	set_json_number(object, "bans", head->bans);
	json_object_set_new(object, "draining", json_boolean(head->is_draining != 0));
	json_object_set_new(object, "certificate_days_left",
	    board_first_end_s(view->board) == 0 ? json_null() : json_integer((json_int_t)view_days_left(view)));
	json_object_set_new(object, "store", json_of_store(view));
	view_each_counter(view, set_counter, counters);
	json_object_set_new(object, "counters", counters);
	json_object_set_new(object, "banned", json_of_bans(view));
	json_object_set_new(object, "quota", json_of_quotas(view));
	json_object_set_new(object, "throughput", json_of_throughput(view));
	json_object_set_new(object, "sessions", json_of_sessions(view));
	/* in ASCII: terminals obey some characters beyond it */
	text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
	r = text == NULL ? -ENOMEM : buf_add_text(out, text);
	free(text);
	json_decref(object);
	return r < 0 ? r : buf_add(out, "\n", 1);
}
