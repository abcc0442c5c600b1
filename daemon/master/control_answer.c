/* SPDX-License-Identifier: ISC */
#include "daemon/master/control_answer.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/io.h"
#include "config/keys.h"
#include "config/servers.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/bans.h"
#include "daemon/master/certificates.h"
#include "daemon/master/failures.h"
#include "daemon/master/fleet.h"
#include "daemon/master/log_switches.h"
#include "daemon/master/log_targets.h"
#include "daemon/master/reload.h"
#include "daemon/master/server.h"
#include "daemon/master/sessions.h"
#include "daemon/master/upgrade.h"
#include "privsep/ipc/board_json.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define ROWS_ROOM (64 * 1024) /* rows are added until this much waits to be sent */
#define VALUE_MAX 8192

static void
end_control_reply(struct control_client *client, json_t *last)
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
lookup_key(size_t i)
{
	return lookup_name((enum lookup)i);
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
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "connections",
	    (json_int_t)totals.connections, "refused", counters(totals.refused, REFUSAL_COUNT, refusal_key), "logins",
	    counters(totals.work.logins, LOGIN_RESULT_COUNT, login_key), "transfers",
	    counters(totals.work.transfers, DIRECTION_COUNT, direction_key), "bytes",
	    counters(totals.work.bytes, DIRECTION_COUNT, direction_key), "failures",
	    counters(totals.work.failures, TRANSFER_FAILURE_COUNT, failure_key), "handshake_failures",
	    (json_int_t)totals.work.handshake_failures, "alarms", (json_int_t)totals.alarms, "bans",
	    (json_int_t)totals.bans, "health_checks", (json_int_t)totals.health_checks);
}

/* One value as the file would have it. where: "tls.", or "". */
static void
put_config_value(json_t *object, const char *where, const struct config_key *key, const void *values)
{
	struct buf name, value;

	buf_init(&name, 256);
	buf_init(&value, VALUE_MAX);
	buf_addf(&name, "%s%s", where, key->name);
	key_value(key, values, &value);
	if (name.data != NULL)
		json_object_set_new(object, name.data, json_string(value.data == NULL ? "" : value.data));
	buf_free(&name);
	buf_free(&value);
}

/* The configuration in force: "section.key" and its value as the file would have it; "server.NAME.key" of a further server. */
static json_t *
config_json(const struct config *config)
{
	json_t *object = json_object();
	char where[SERVER_NAME_MAX + 16];

	for (size_t i = 0; i < config_key_count; i++) {
		const char *section = config_keys[i].section;

		snprintf(where, sizeof(where), "%s%s", section == NULL ? "" : section, section == NULL ? "" : ".");
		put_config_value(object, where, &config_keys[i], config);
	}
	for (size_t i = 1; i < config->server_count; i++) {
		snprintf(where, sizeof(where), CONFIG_SERVER_SECTION ".%s.", config->servers[i].name);
		for (size_t k = 0; k < config_server_key_count; k++)
			put_config_value(object, where, &config_server_keys[k], &config->servers[i]);
	}
	return object;
}

static json_t *
limits_json(const struct control_answers *answers)
{
	const struct config *config = answers->server->config;

	return json_pack("{s:i, s:i, s:i, s:i}", "sessions", (int)config->limits.sessions, "sessions_per_address",
	    (int)config->limits.sessions_per_address, "sessions_per_user", (int)config->limits.sessions_per_user,
	    "login_failures", (int)config->limits.login_failures);
}

/* null: TLS is off at that server. */
static json_t *
certificate_json(const struct control_answers *answers, size_t server)
{
	const struct config_server *of = &answers->server->config->servers[server];
	const char *problem, *trouble = answers->certificates->kernel_trouble;
	int64_t from, until;

	if (!certificates_dates(answers->certificates, server, &from, &until, &problem))
		return json_null();
	return json_pack("{s:s, s:s, s:I, s:I, s:s?, s:b, s:s?}", "server", of->name, "file", of->tls.certificate,
	    "not_before", (json_int_t)from, "not_after", (json_int_t)until, "problem", problem, "kernel_tls",
	    trouble == NULL, "kernel_tls_trouble", trouble);
}

/* Those of the servers that have sections, and a certificate. */
static json_t *
certificates_json(const struct control_answers *answers)
{
	json_t *list = json_array();

	for (size_t i = 1; i < answers->server->config->server_count; i++)
		if (answers->server->offer.credentials[i].context != NULL)
			(void)!json_array_append_new(list, certificate_json(answers, i));
	return list;
}

/* null: accounts names no database. */
static json_t *
store_json(const struct control_answers *answers)
{
	const struct board_head *head = answers->server->board.head;
	struct totals totals;

	if (head->has_store == 0)
		return json_null();
	board_totals(&answers->server->board, &totals);
	return json_pack("{s:s, s:s, s:I, s:o, s:o, s:I, s:b}", "file", answers->server->config->store_conf, "state",
	    broker_state_name((enum broker_state)head->store_state), "kept_accounts", (json_int_t)head->store_kept,
	    "lookups", counters(totals.work.lookups, LOOKUP_COUNT, lookup_key), "node",
	    board_node_json(head, (uint64_t)time(NULL)), "bans_of_others",
	    (json_int_t)answers->bans->failures->of_others, "hears_nodes", (int)answers->fleet->is_current);
}

static void
answer_status(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	const struct board_head *head = answers->server->board.head;
	/* by the clock that does not jump; the other one may have been wrong at the start */
	json_int_t uptime = (json_int_t)((monotonic_ms() - answers->server->started_ms) / 1000);

	(void)request;
	end_control_reply(client,
	    json_pack("{s:b, s:s, s:i, s:s, s:I, s:I, s:s, s:b, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o}",
		"done", 1, "version", SALLYPORT_VERSION, "pid", (int)answers->server->pid, "config_file",
		answers->server->config_path, "started", (json_int_t)time(NULL) - uptime, "uptime", uptime, "state",
		answers->server->is_draining ? "draining" : "serving", "tls",
		answers->server->offer.credentials[0].context != NULL, "certificate", certificate_json(answers, 0),
		"certificates", certificates_json(answers), "store", store_json(answers), "sessions",
		(json_int_t)head->live, "former_sessions",
		(json_int_t)(answers->sessions->counted - answers->sessions->live_count), "hashing",
		(json_int_t)turns_running(answers->sessions->turns[TURN_HASH]), "bans", (json_int_t)head->bans,
		"log_level", log_level_name(log_level_now()), "limits", limits_json(answers), "totals",
		totals_json(&answers->server->board), "config", config_json(answers->server->config)));
}

/* Whose word a ban is; null: this server's. "": another one's, which this one has not heard of since it was started. */
static json_t *
ban_node_json(const struct control_answers *answers, const struct failure *entry)
{
	const char *node = failures_node(answers->bans->failures, entry);
	bool is_own = strcmp(node, answers->server->board.head->node_name) == 0;

	if ((node[0] == '\0' && !entry->is_of_others) || (node[0] != '\0' && is_own))
		return json_null();
	return json_string(node);
}

static void
put_ban(
    const struct control_answers *answers, struct control_client *client, const struct failure *entry, uint64_t now_ms)
{
	char address[ADDRESS_TEXT_MAX];
	uint64_t left_s;

	if (entry->banned_until_ms <= now_ms)
		return;
	left_s = (entry->banned_until_ms - now_ms + 999) / 1000;
	address_key_text(&entry->address, address);
	control_put(client,
	    json_pack("{s:s, s:I, s:I, s:s, s:o}", "address", address, "seconds_left", (json_int_t)left_s, "until",
		(json_int_t)((uint64_t)time(NULL) + left_s), "by", entry->is_by_hand ? "administrator" : "failures",
		"node", ban_node_json(answers, entry)));
}

/* The row, if it is one. */
static void
put_row(const struct control_answers *answers, struct control_client *client, size_t row, uint64_t now_ms)
{
	static struct board_session session;

	if (client->lists_bans)
		put_ban(answers, client, &answers->bans->failures->entries[row], now_ms);
	else if (board_session(&answers->server->board, row, now_ms, &session))
		control_put(client, board_session_json(&session));
	explicit_bzero(&session, sizeof(session));
}

static void
answer_rows(void *arg, struct control_client *client)
{
	const struct control_answers *answers = arg;
	size_t count = client->lists_bans ? answers->bans->failures->used : board_used(&answers->server->board);
	uint64_t now = monotonic_ms();

	while (client->next_row < count) {
		if (client->out.len >= ROWS_ROOM)
			return;
		put_row(answers, client, client->next_row++, now);
	}
	end_control_reply(client,
	    json_pack("{s:b, s:b}", "done", 1, "has_servers", (int)(answers->server->config->server_count > 1)));
}

/* Log it: later somebody may ask who controlled the server from this host. */
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
answer_sessions(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	bool is_kick = request->command != CONTROL_SESSION_NOTIFY;
	size_t count =
	    is_kick ? sessions_kick(answers->sessions, request) : sessions_notify(answers->sessions, request);

	if (count == 0 && request->target != CONTROL_ALL) {
		control_fail(client, "no session with this %s; 'sallyportctl session list' lists them",
		    request->target == CONTROL_ID         ? "id"
			: request->target == CONTROL_USER ? "user"
							  : "address");
		return;
	}
	log_request(is_kick ? "session-kick" : "session-notify", is_kick ? request->value : request->text);
	end_control_reply(client, json_pack("{s:b, s:I}", "done", 1, "sessions", (json_int_t)count));
}

/* How the other nodes will hear of it: null: there are none. */
static json_t *
nodes_json(const struct control_answers *answers, enum news_outcome outcome)
{
	static const char *const outcomes[NEWS_OUTCOME_COUNT] = {
	    [NEWS_TAKEN] = "told",
	    [NEWS_REFUSED] = "refused",
	    [NEWS_NOT_NOW] = "not-now",
	};

	return config_has_store(answers->server->config) ? json_string(outcomes[outcome]) : json_null();
}

static void
end_kick_reply(const struct control_answers *answers, struct control_client *client, enum news_outcome outcome)
{
	end_control_reply(client,
	    json_pack("{s:b, s:I, s:o}", "done", 1, "sessions", (json_int_t)client->kicked, "nodes",
		nodes_json(answers, outcome)));
}

/* Those of this server end at once, whatever becomes of the others. */
static void
answer_kick_all(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	uint32_t number;

	if (!config_has_store(answers->server->config)) {
		answer_sessions(answers, client, request);
		return;
	}
	client->kicked = sessions_kick(answers->sessions, request);
	log_request("session-kick-all", request->value);
	number = fleet_kick(answers->fleet, request->target == CONTROL_USER ? NEWS_USER : NEWS_ADDRESS, request->value);
	if (number == 0) {
		end_kick_reply(answers, client, NEWS_NOT_NOW);
		return;
	}
	client->is_kick = true;
	client->ticket = number;
	client->state = CONTROL_WAITING;
}

static void
report_kick(const struct control_answers *answers, struct control_client *client)
{
	enum news_outcome outcome;

	if (fleet_kick_outcome(answers->fleet, (uint32_t)client->ticket, &outcome))
		end_kick_reply(answers, client, outcome);
}

static int
add_manual_ban(const struct control_answers *answers, const struct control_request *request)
{
	int r = bans_add(answers->bans, &request->address, request->seconds);
	struct address_key key;

	address_make_key(&request->address, &key);
	if (r == 0)
		sessions_end_unwelcome(answers->sessions, &key);
	return r;
}

static void
answer_ban(const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	bool is_add = request->command == CONTROL_BAN_ADD;
	int r = is_add ? add_manual_ban(answers, request) : bans_delete(answers->bans, &request->address);

	if (r == -EPERM)
		control_fail(client, "the address is in limits.never-ban; take it out of there first");
	else if (r == -EINVAL)
		control_fail(client, "no time is given, and limits.ban-time is 0; use --for TIME");
	else if (r == -ENOSPC)
		control_fail(client, "there are %d bans by hand already; delete some", FAILURES_MAX);
	else if (r == -ENOENT)
		control_fail(client, "the address is not banned; 'sallyportctl ban list' lists the bans");
	else
		end_control_reply(client,
		    json_pack("{s:b, s:I, s:o}", "done", 1, "bans", (json_int_t)answers->bans->failures->banned,
			"nodes", nodes_json(answers, answers->fleet->is_current ? NEWS_TAKEN : NEWS_NOT_NOW)));
}

static void
answer_log_level(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	log_request("log-level", log_level_name(request->level));
	log_switches_set_level(answers->log->switches, request->level);
	end_control_reply(client, json_pack("{s:b, s:s}", "done", 1, "log_level", log_level_name(request->level)));
}

static void
answer_watch(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	int r = log_switches_add_watcher(answers->log->switches, answers->log->worker.channel, client->fd);

	(void)request;
	if (r < 0) {
		control_fail(client, "cannot watch: %s", r == -EBUSY ? "too many do already" : strerror(-r));
		return;
	}
	control_hand_on(client); /* to the logger */
}

/* Where the users file has changed, it is loaded first: the quota may be new. */
static void
answer_count_home(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	size_t len;

	(void)accounts_are_fresh(
	    answers->sessions->accounts, servers_of_name(answers->server->config, request->value, &len));
	log_request("count-home", request->value);
	home_counts_want(&answers->sessions->counts, request->value, NULL);
	end_control_reply(client, json_pack("{s:b}", "done", 1));
}

/* sallyportctl has lifted it already, in the file that the sessions look at. */
static void
answer_brake_lifted(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	(void)answers;
	log_begin(LEVEL_WARNING, "brake-lifted");
	log_field_text("user", request->value);
	log_field_text("message", "an administrator has lifted the brake: the account may change files again");
	log_end();
	end_control_reply(client, json_pack("{s:b}", "done", 1));
}

static void
answer_upgrade(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	const char *refused;

	(void)request;
	log_request("upgrade", "");
	client->is_upgrade = true;
	client->ticket = answers->upgrade->ended;
	refused = upgrade_start(answers->upgrade);
	if (refused != NULL)
		control_fail(client, "%s", refused);
	else
		client->state = CONTROL_WAITING;
}

static void
report_upgrade(const struct control_answers *answers, struct control_client *client)
{
	const struct upgrade *upgrade = answers->upgrade;

	if (upgrade->ended == client->ticket)
		return;
	end_control_reply(
	    client, json_pack("{s:b, s:b, s:s}", "done", 1, "good", (int)upgrade->is_good, "report", upgrade->report));
}

static void
report_reload(const struct control_answers *answers, struct control_client *client)
{
	const struct reload_report *report = reload_report(answers->reload);

	if (report->ticket < client->ticket)
		return;
	end_control_reply(
	    client, json_pack("{s:b, s:b, s:s}", "done", 1, "good", (int)report->is_good, "report", report->text));
}

static void
answer_waiting(void *arg, struct control_client *client)
{
	const struct control_answers *answers = arg;

	if (client->is_kick)
		report_kick(answers, client);
	else if (client->is_upgrade)
		report_upgrade(answers, client);
	else
		report_reload(answers, client);
}

static void
answer_stop(const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	bool is_drain = request->command == CONTROL_DRAIN;

	log_request(is_drain ? "drain" : "stop", "");
	end_control_reply(client,
	    json_pack("{s:b, s:I, s:I}", "done", 1, "sessions", (json_int_t)answers->sessions->counted, "seconds",
		(json_int_t)(is_drain ? answers->server->config->timeouts.drain_s : 0)));
	answers->server->stop(answers->server, is_drain);
}

static void
answer_reload(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	(void)request;
	if (answers->server->is_draining) {
		control_fail(client, "the server is stopping; there is nothing to reload");
		return;
	}
	log_request("reload", "");
	client->ticket = reload_start(answers->reload);
	client->state = CONTROL_WAITING;
}

static void
answer_list(const struct control_answers *answers, struct control_client *client, const struct control_request *request)
{
	(void)answers;
	client->state = CONTROL_LISTING;
	client->lists_bans = request->command == CONTROL_BAN_LIST;
}

static void (*const commands[CONTROL_COMMAND_COUNT])(
    const struct control_answers *answers, struct control_client *client, const struct control_request *request) = {
    [CONTROL_STATUS] = answer_status,
    [CONTROL_SESSION_LIST] = answer_list,
    [CONTROL_SESSION_WATCH] = answer_watch,
    [CONTROL_SESSION_KICK] = answer_sessions,
    [CONTROL_SESSION_KICK_ALL] = answer_kick_all,
    [CONTROL_SESSION_NOTIFY] = answer_sessions,
    [CONTROL_RELOAD] = answer_reload,
    [CONTROL_UPGRADE] = answer_upgrade,
    [CONTROL_DRAIN] = answer_stop,
    [CONTROL_STOP] = answer_stop,
    [CONTROL_LOG_LEVEL] = answer_log_level,
    [CONTROL_COUNT_HOME] = answer_count_home,
    [CONTROL_BRAKE_LIFTED] = answer_brake_lifted,
    [CONTROL_BAN_LIST] = answer_list,
    [CONTROL_BAN_ADD] = answer_ban,
    [CONTROL_BAN_DEL] = answer_ban,
};

static void
run_control_command(void *arg, struct control_client *client, const struct control_request *request)
{
	commands[request->command](arg, client, request);
}

const struct control_kind control_answer_kind = {
    .begin = run_control_command,
    .rows = answer_rows,
    .waiting = answer_waiting,
};
