/* SPDX-License-Identifier: ISC */
#include "privsep/ipc/board_json.h"

#include "privsep/ipc/board.h"
#include "privsep/ipc/messages.h"

#include "common/banned.h"

bool
board_percent(uint64_t done, uint64_t size, unsigned *percent)
{
	if (size == CLAIM_SIZE_UNKNOWN || done > size)
		return false;
	*percent = done == size ? 100 : (unsigned)((double)done * 100 / (double)size);
	return true;
}

static void
put_json_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text));
}

static void
put_count(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)(value & INT64_MAX)));
}

/* The clock may have been set back. */
static uint64_t
since_beat_s(const struct board_head *head, uint64_t now_s)
{
	return now_s > head->node_beat_s ? now_s - head->node_beat_s : 0;
}

bool
board_has_lease(const struct board_head *head, uint64_t now_s)
{
	return head->node_beat_s != 0 && head->node_standing != NODE_REFUSED &&
	    since_beat_s(head, now_s) < BROKER_LEASE_S;
}

json_t *
board_node_json(const struct board_head *head, uint64_t now_s)
{
	json_t *object = json_object();

	put_json_text(object, "name", head->node_name);
	put_json_text(object, "standing", node_standing_name((enum node_standing)head->node_standing));
	if (head->node_beat_s == 0)
		json_object_set_new(object, "beat", json_null());
	else
		put_count(object, "beat", since_beat_s(head, now_s));
	json_object_set_new(object, "lease", json_boolean(board_has_lease(head, now_s)));
	put_count(object, "shares", head->node_shares);
	put_count(object, "sessions", head->node_sessions);
	return object;
}

json_t *
board_session_json(const struct board_session *session)
{
	bool has_size = session->is_transfer && session->size != CLAIM_SIZE_UNKNOWN;
	json_t *object = json_object();
	unsigned percent;

	put_json_text(object, "id", session->id);
	put_json_text(object, "user", session->user);
	put_json_text(object, "server", session->server);
	put_json_text(object, "address", session->address);
	put_json_text(object, "tls", session->tls);
	put_count(object, "since", session->since_s);
	put_count(object, "idle", session->idle_ms / 1000);
	put_json_text(object, "state", session->state);
	put_json_text(object, "verb", session->verb);
	put_json_text(object, "path", session->path);
	json_object_set_new(object, "transfer", json_boolean(session->is_transfer));
	put_count(
	    object, "bytes", session->is_transfer ? session->bytes_done : session->bytes_down + session->bytes_up);
	put_count(object, "rate", session->rate);
	json_object_set_new(object, "size", json_null());
	json_object_set_new(object, "percent", json_null());
	if (has_size)
		put_count(object, "size", session->size);
	if (has_size && board_percent(session->bytes_done, session->size, &percent))
		put_count(object, "percent", percent);
	put_count(object, "bytes_down", session->bytes_down);
	put_count(object, "bytes_up", session->bytes_up);
	return object;
}
