/* SPDX-License-Identifier: ISC */
/* What the master answers to requests over the control socket. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/io.h"
#include "config/keys.h"
#include "daemon/master/bans.h"
#include "daemon/master/certificates.h"
#include "daemon/master/control_socket.h"
#include "daemon/master/log_switches.h"
#include "daemon/master/master.h"
#include "daemon/master/sessions.h"
#include "privsep/ipc/board_json.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define ROWS_ROOM (64 * 1024) /* rows are added until this much waits to be sent */
#define VALUE_MAX 8192

static void
finish(struct control_client *client, json_t *last)
{
	control_put(client, last);
	client->state = CONTROL_WRITING;
}

/* Numbers of a totals array, under their names. */
static json_t *
counters(const uint64_t *values, size_t count, const char *(*name)(size_t))
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, name(i), json_integer((json_int_t)values[i]));
	return object;
}

static const char *
refusal_key(size_t i)
{
	return refusal_name((enum refusal)i);
}

static const char *
login_key(size_t i)
{
	return login_result_name((enum login_result)i);
}

static const char *
direction_key(size_t i)
{
	return direction_name((enum ipc_direction)i);
}

static const char *
failure_key(size_t i)
{
	return transfer_failure_name((enum transfer_failure)i);
}

static json_t *
totals_json(const struct board *board)
{
	struct totals totals;

	board_totals(board, &totals);
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "connections", (json_int_t)totals.connections,
	    "refused", counters(totals.refused, REFUSAL_COUNT, refusal_key), "logins",
	    counters(totals.work.logins, LOGIN_RESULT_COUNT, login_key), "transfers",
	    counters(totals.work.transfers, DIRECTION_COUNT, direction_key), "bytes",
	    counters(totals.work.bytes, DIRECTION_COUNT, direction_key), "failures",
	    counters(totals.work.failures, TRANSFER_FAILURE_COUNT, failure_key), "handshake_failures",
	    (json_int_t)totals.work.handshake_failures, "alarms", (json_int_t)totals.alarms, "bans",
	    (json_int_t)totals.bans);
}

/* The configuration in force: "section.key" and its value as the file would have it. */
static json_t *
config_json(const struct config *config)
{
	json_t *object = json_object();
	struct buf name, value;

	buf_init(&name, 128);
	buf_init(&value, VALUE_MAX);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		buf_clear(&name);
		buf_clear(&value);
		buf_addf(&name, "%s%s%s", key->section == NULL ? "" : key->section, key->section == NULL ? "" : ".",
		    key->name);
		key_value(key, config, &value);
		if (name.data != NULL)
			json_object_set_new(object, name.data, json_string(value.data == NULL ? "" : value.data));
	}
	buf_free(&name);
	buf_free(&value);
	return object;
}

static json_t *
limits_json(const struct master *master)
{
	const struct config *config = master->config;

	return json_pack("{s:i, s:i, s:i, s:i}", "sessions", (int)config->limits.sessions, "sessions_per_address",
	    (int)config->limits.sessions_per_address, "sessions_per_user", (int)config->limits.sessions_per_user,
	    "login_failures", (int)config->limits.login_failures);
}

/* null: TLS is off. */
static json_t *
certificate_json(const struct master *master)
{
	const char *problem, *trouble = master->certificate.kernel_trouble;
	int64_t from, until;

	if (!certificates_dates(master, &from, &until, &problem))
		return json_null();
	return json_pack("{s:s, s:I, s:I, s:s?, s:b, s:s?}", "file", master->config->tls.certificate, "not_before",
	    (json_int_t)from, "not_after", (json_int_t)until, "problem", problem, "kernel_tls", trouble == NULL,
	    "kernel_tls_trouble", trouble);
}

static void
answer_status(struct master *master, struct control_client *client)
{
	const struct board_head *head = master->board.head;
	/* by the clock that does not jump; the other one may have been wrong at the start */
	json_int_t uptime = (json_int_t)((monotonic_ms() - master->started_ms) / 1000);

	finish(client,
	    json_pack("{s:b, s:s, s:i, s:s, s:I, s:I, s:s, s:b, s:o, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o}", "done",
		1, "version", SALLYPORT_VERSION, "pid", (int)master->pid, "config_file", master->config_path, "started",
		(json_int_t)time(NULL) - uptime, "uptime", uptime, "state",
		master->is_draining ? "draining" : "serving", "tls", master->certificate.context != NULL, "certificate",
		certificate_json(master), "sessions", (json_int_t)head->live, "former_sessions",
		(json_int_t)master->upgrade.foreign_count, "hashing",
		(json_int_t)turns_running(master->turns[TURN_HASH]), "bans", (json_int_t)head->bans, "log_level",
		log_level_name(log_level_now()), "limits", limits_json(master), "totals", totals_json(&master->board),
		"config", config_json(master->config)));
}

static void
put_ban(struct control_client *client, const struct failure *entry, uint64_t now_ms)
{
	char address[ADDRESS_TEXT_MAX];
	uint64_t left_s;

	if (entry->banned_until_ms <= now_ms)
		return;
	left_s = (entry->banned_until_ms - now_ms + 999) / 1000;
	address_key_text(&entry->address, address);
	control_put(client,
	    json_pack("{s:s, s:I, s:I, s:s}", "address", address, "seconds_left", (json_int_t)left_s, "until",
		(json_int_t)((uint64_t)time(NULL) + left_s), "by", entry->is_by_hand ? "administrator" : "failures"));
}

/* The row, if it is one. */
static void
put_row(struct master *master, struct control_client *client, size_t row, uint64_t now_ms)
{
	static struct board_session session;

	if (client->lists_bans)
		put_ban(client, &master->failures->entries[row], now_ms);
	else if (board_session(&master->board, row, now_ms, &session))
		control_put(client, board_session_json(&session));
	explicit_bzero(&session, sizeof(session));
}

void
control_answer_rows(struct master *master, struct control_client *client)
{
	size_t count = client->lists_bans ? master->failures->used : board_used(&master->board);
	uint64_t now = monotonic_ms();

	while (client->next_row < count) {
		if (client->out.len >= ROWS_ROOM)
			return;
		put_row(master, client, client->next_row++, now);
	}
	finish(client, json_pack("{s:b}", "done", 1));
}

/* For the log: who steers the server from this host is of interest later. */
static void
log_request(const char *what, const char *value)
{
	log_begin(LEVEL_INFO, "control");
	log_field_text("request", what);
	if (value[0] != '\0')
		log_field_text("value", value);
	log_end();
}

static void
answer_sessions(struct master *master, struct control_client *client, const struct control_request *request)
{
	bool is_kick = request->command == CONTROL_SESSION_KICK;
	size_t count = is_kick ? sessions_kick(master, request) : sessions_notify(master, request);

	if (count == 0 && request->target != CONTROL_ALL) {
		control_fail(client, "no session with this %s; 'sallyportctl session list' lists them",
		    request->target == CONTROL_ID         ? "id"
			: request->target == CONTROL_USER ? "user"
							  : "address");
		return;
	}
	log_request(is_kick ? "session-kick" : "session-notify", is_kick ? request->value : request->text);
	finish(client, json_pack("{s:b, s:I}", "done", 1, "sessions", (json_int_t)count));
}

static void
answer_ban(struct master *master, struct control_client *client, const struct control_request *request)
{
	bool is_add = request->command == CONTROL_BAN_ADD;
	int r = is_add ? bans_add(master, &request->address, request->seconds) : bans_delete(master, &request->address);

	if (r == -EPERM)
		control_fail(client, "the address is in limits.never-ban; take it out of there first");
	else if (r == -EINVAL)
		control_fail(client, "no time is given, and limits.ban-time is 0; use --for TIME");
	else if (r == -ENOSPC)
		control_fail(client, "there are %d bans by hand already; delete some", FAILURES_MAX);
	else if (r == -ENOENT)
		control_fail(client, "the address is not banned; 'sallyportctl ban list' lists the bans");
	else
		finish(client, json_pack("{s:b, s:I}", "done", 1, "bans", (json_int_t)master->failures->banned));
}

static void
answer_log_level(struct master *master, struct control_client *client, const struct control_request *request)
{
	log_request("log-level", log_level_name(request->level));
	log_switches_set_level(master, request->level);
	finish(client, json_pack("{s:b, s:s}", "done", 1, "log_level", log_level_name(request->level)));
}

static void
answer_watch(struct master *master, struct control_client *client)
{
	int r = log_switches_add_watcher(master, client->fd);

	if (r < 0) {
		control_fail(client, "cannot watch: %s", r == -EBUSY ? "too many do already" : strerror(-r));
		return;
	}
	loop_close(master->loop, &client->source, &client->fd); /* the logger has it now */
}

static void
answer_upgrade(struct master *master, struct control_client *client)
{
	const char *refused;

	log_request("upgrade", "");
	client->is_upgrade = true;
	client->ticket = master->upgrade.ended;
	refused = upgrade_start(master);
	if (refused != NULL)
		control_fail(client, "%s", refused);
	else
		client->state = CONTROL_WAITING;
}

static void
report_upgrade(const struct master *master, struct control_client *client)
{
	const struct upgrade *upgrade = &master->upgrade;

	if (upgrade->ended == client->ticket)
		return;
	finish(
	    client, json_pack("{s:b, s:b, s:s}", "done", 1, "good", (int)upgrade->is_good, "report", upgrade->report));
}

static void
report_reload(const struct master *master, struct control_client *client)
{
	const struct reload_report *report = reload_report(master);

	if (report->ticket < client->ticket)
		return;
	finish(client, json_pack("{s:b, s:b, s:s}", "done", 1, "good", (int)report->is_good, "report", report->text));
}

void
control_answer_waiting(struct master *master, struct control_client *client)
{
	if (client->is_upgrade)
		report_upgrade(master, client);
	else
		report_reload(master, client);
}

static void
answer_stop(struct master *master, struct control_client *client, bool is_drain)
{
	log_request(is_drain ? "drain" : "stop", "");
	finish(client,
	    json_pack("{s:b, s:I, s:I}", "done", 1, "sessions",
		(json_int_t)master->live_count + master->upgrade.foreign_count, "seconds",
		(json_int_t)(is_drain ? master->config->timeouts.drain_s : 0)));
	master_stop(master, is_drain);
}

void
control_answer(struct master *master, struct control_client *client, const struct control_request *request)
{
	switch (request->command) {
	case CONTROL_STATUS:
		answer_status(master, client);
		break;
	case CONTROL_SESSION_LIST:
		client->state = CONTROL_LISTING;
		break;
	case CONTROL_SESSION_WATCH:
		answer_watch(master, client);
		break;
	case CONTROL_SESSION_KICK:
	case CONTROL_SESSION_NOTIFY:
		answer_sessions(master, client, request);
		break;
	case CONTROL_BAN_LIST:
		client->state = CONTROL_LISTING;
		client->lists_bans = true;
		break;
	case CONTROL_BAN_ADD:
	case CONTROL_BAN_DEL:
		answer_ban(master, client, request);
		break;
	case CONTROL_LOG_LEVEL:
		answer_log_level(master, client, request);
		break;
	case CONTROL_RELOAD:
		if (master->is_draining) {
			control_fail(client, "the server is stopping; there is nothing to reload");
			break;
		}
		log_request("reload", "");
		client->ticket = reload_start(master);
		client->state = CONTROL_WAITING;
		break;
	case CONTROL_UPGRADE:
		answer_upgrade(master, client);
		break;
	case CONTROL_DRAIN:
	case CONTROL_STOP:
		answer_stop(master, client, request->command == CONTROL_DRAIN);
		break;
	case CONTROL_COMMAND_COUNT:
		break;
	}
}
