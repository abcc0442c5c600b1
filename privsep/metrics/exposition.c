/* SPDX-License-Identifier: ISC */
/* The text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4). */
#include <string.h>

#include "privsep/metrics/view.h"

#include "common/banned.h"

static void
add_family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP sallyport_%s %s\n# TYPE sallyport_%s %s\n", name, help, name, type);
}

static void
add_plain_metric(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	add_family(out, name, type, help);
	buf_addf(out, "sallyport_%s %llu\n", name, (unsigned long long)value);
}

/* Values are the server's own words: nothing in them needs an escape. */
static void
add_labelled(struct buf *out, const char *name, const char *label, const char *value, uint64_t number)
{
	buf_addf(out, "sallyport_%s{%s=\"%s\"} %llu\n", name, label, value, (unsigned long long)number);
}

/* Seconds from milliseconds, without the locale's or a float's ideas. */
static void
add_seconds(struct buf *out, uint64_t ms)
{
	buf_addf(out, "%llu.%03u", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

static void
add_histogram(struct buf *out, const char *name, const char *help, const struct histogram *histogram,
    const uint32_t bounds_ms[HISTOGRAM_BUCKETS - 1])
{
	uint64_t count = 0;

	add_family(out, name, "histogram", help);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		count += histogram->buckets[i];
		buf_addf(out, "sallyport_%s_bucket{le=\"", name);
		add_seconds(out, bounds_ms[i]);
		buf_addf(out, "\"} %llu\n", (unsigned long long)count);
	}
	count += histogram->buckets[HISTOGRAM_BUCKETS - 1];
	buf_addf(
	    out, "sallyport_%s_bucket{le=\"+Inf\"} %llu\nsallyport_%s_sum ", name, (unsigned long long)count, name);
	add_seconds(out, histogram->sum_ms);
	buf_addf(out, "\nsallyport_%s_count %llu\n", name, (unsigned long long)count);
}

/* How many sessions are in each state. */
static void
add_states(const struct view *view, struct buf *out)
{
	static const char *const states[] = {"login", "idle", "work", "download", "upload", "list", "finish", "ending"};
	uint64_t counts[sizeof(states) / sizeof(states[0])] = {0};
	struct board_session session;

	for (size_t row = 0; row < board_used(view->board); row++) {
		if (!board_session(view->board, row, view->now_ms, &session))
			continue;
		for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
			counts[i] += strcmp(session.state, states[i]) == 0;
	}
	add_family(out, "sessions", "gauge", "Current sessions, by what they do.");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		add_labelled(out, "sessions", "state", states[i], counts[i]);
}

static void
add_server(const struct view *view, struct buf *out)
{
	const struct board_head *head = view->board->head;

	add_family(out, "build_info", "gauge", "The version, as a label; always 1.");
	buf_addf(out, "sallyport_build_info{version=\"%s\"} 1\n", SALLYPORT_VERSION);
	add_plain_metric(
	    out, "start_time_seconds", "gauge", "When the server was started, since the epoch.", head->started_s);
	add_plain_metric(
	    out, "draining", "gauge", "1 while the server stops and takes no new sessions.", head->is_draining != 0);
	add_plain_metric(out, "reload_time_seconds", "gauge",
	    "When a reload last changed the configuration in force; 0: never.", head->reloaded_s);
	add_plain_metric(out, "reloads_refused_total", "counter", "Reloads that left the configuration as it was.",
	    head->reloads_refused);
	add_plain_metric(
	    out, "alarms_total", "counter", "Processes that crashed or were stopped by a wall.", view->totals.alarms);
	add_plain_metric(out, "brakes_total", "counter",
	    "Brakes of accounts that have fallen, so that the account is read-only.", view->totals.work.brakes);
	add_plain_metric(out, "bans", "gauge", "Addresses that are banned now.", head->bans);
	add_plain_metric(out, "bans_made_total", "counter", "Bans since the start.", view->totals.bans);
}

/* That of the main server has no label. */
static void
add_certificate_end(const struct view *view, struct buf *out, const char *name,
    int64_t (*value)(const struct view *view, uint64_t ends_s))
{
	struct board_certificate others[BOARD_CERTIFICATES_MAX];
	size_t count = board_get_certificates(view->board, others);
	uint64_t ends_s = view->board->head->certificate_ends_s;

	if (ends_s != 0)
		buf_addf(out, "sallyport_%s %lld\n", name, (long long)value(view, ends_s));
	for (size_t i = 0; i < count; i++)
		buf_addf(out, "sallyport_%s{server=\"%s\"} %lld\n", name, others[i].server,
		    (long long)value(view, others[i].ends_s));
}

static int64_t
end_itself(const struct view *view, uint64_t ends_s)
{
	(void)view;
	return (int64_t)ends_s;
}

static void
add_certificates(const struct view *view, struct buf *out)
{
	if (board_first_end_s(view->board) == 0)
		return;
	add_family(
	    out, "certificate_expiry_time_seconds", "gauge", "When the certificate in force ends, since the epoch.");
	add_certificate_end(view, out, "certificate_expiry_time_seconds", end_itself);
	add_family(out, "certificate_days_left", "gauge", "Whole days until it ends; negative after it.");
	add_certificate_end(view, out, "certificate_days_left", view_days_until);
}

/* What the daily errand has found, where an account keeps what it replaces and removes. */
static void
add_kept(const struct view *view, struct buf *out)
{
	const struct board_head *head = view->board->head;

	if (head->kept_looked_s == 0)
		return;
	add_plain_metric(out, "kept_files", "gauge",
	    "Files that were replaced or removed and are kept, when the server last looked.", head->kept_files);
	add_plain_metric(out, "kept_bytes", "gauge", "Bytes of them.", head->kept_bytes);
	add_plain_metric(
	    out, "kept_accounts", "gauge", "Accounts of the users file that keep files.", head->kept_accounts);
	add_plain_metric(out, "kept_held_accounts", "gauge",
	    "Of them: those whose files stay longer, because the clock of this machine was set or the server did not run.",
	    head->kept_held);
	add_plain_metric(out, "kept_look_time_seconds", "gauge", "When the server last looked, since the epoch.",
	    head->kept_looked_s);
	add_plain_metric(out, "kept_purged_files_total", "counter",
	    "Kept files that were removed because they were old, without those of sessions.", head->purged_files);
	add_plain_metric(out, "kept_purged_bytes_total", "counter", "Bytes of them.", head->purged_bytes);
}

/* What the server says of the database of accounts, where it has one. */
static void
add_store(const struct view *view, struct buf *out)
{
	const struct board_head *head = view->board->head;

	if (head->has_store == 0)
		return;
	add_plain_metric(
	    out, "store_up", "gauge", "1 while the database of accounts answers.", head->store_state == BROKER_UP);
	add_plain_metric(out, "store_kept_accounts", "gauge",
	    "Accounts whose last answer is kept for the time in which the database does not answer.", head->store_kept);
	add_plain_metric(out, "node_known", "gauge", "1 while the database lends shares of quotas to this server.",
	    head->node_standing == NODE_KNOWN);
	add_plain_metric(out, "node_last_beat_time_seconds", "gauge",
	    "When the database heard this server last, since the epoch; 0: never.", head->node_beat_s);
	add_plain_metric(out, "node_shares", "gauge", "Shares of quotas that this server holds.", head->node_shares);
	add_plain_metric(out, "node_share_sessions", "gauge", "Sessions that use them.", head->node_sessions);
	add_family(out, "store_lookups_total", "counter", "Look-ups of accounts in the database, by their outcome.");
	for (int i = 0; i < LOOKUP_COUNT; i++)
		add_labelled(
		    out, "store_lookups_total", "outcome", lookup_name((enum lookup)i), view->totals.work.lookups[i]);
}

static void
add_connections(const struct view *view, struct buf *out)
{
	const struct totals *totals = &view->totals;

	add_plain_metric(out, "connections_total", "counter", "Connections that became sessions.", totals->connections);
	add_family(out, "connections_refused_total", "counter", "Connections that were refused, by the reason.");
	for (int i = 0; i < REFUSAL_COUNT; i++)
		add_labelled(
		    out, "connections_refused_total", "reason", refusal_name((enum refusal)i), totals->refused[i]);
	add_plain_metric(out, "health_checks_total", "counter",
	    "Health checks of a proxy that were answered without a session.", totals->health_checks);
	add_family(out, "logins_total", "counter", "Logins, by their result.");
	for (int i = 0; i < LOGIN_RESULT_COUNT; i++)
		add_labelled(
		    out, "logins_total", "result", login_result_name((enum login_result)i), totals->work.logins[i]);
	add_histogram(out, "tls_handshake_duration_seconds", "How long TLS handshakes of control connections took.",
	    &totals->work.handshakes, handshake_bounds_ms);
	add_plain_metric(out, "tls_handshake_failures_total", "counter", "TLS handshakes that failed.",
	    totals->work.handshake_failures);
}

static void
add_transfers(const struct view *view, struct buf *out)
{
	const struct work *work = &view->totals.work;

	add_family(out, "transfers_total", "counter", "Transfers that were completed, by direction.");
	for (int i = 0; i < DIRECTION_COUNT; i++)
		add_labelled(
		    out, "transfers_total", "direction", direction_name((enum ipc_direction)i), work->transfers[i]);
	add_family(out, "transfer_bytes_total", "counter", "Bytes of all transfers, by direction.");
	for (int i = 0; i < DIRECTION_COUNT; i++)
		add_labelled(
		    out, "transfer_bytes_total", "direction", direction_name((enum ipc_direction)i), work->bytes[i]);
	add_family(out, "transfer_failures_total", "counter", "Transfers that were not completed, by the reason.");
	for (int i = 0; i < TRANSFER_FAILURE_COUNT; i++)
		add_labelled(out, "transfer_failures_total", "reason", transfer_failure_name((enum transfer_failure)i),
		    work->failures[i]);
	add_histogram(out, "transfer_duration_seconds", "How long transfers took, completed or not.", &work->durations,
	    transfer_bounds_ms);
}

/* A label's value: '\\', '"' and a line's end are escaped. */
static void
add_label_text(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			buf_add(out, "\\", 1);
		buf_add(out, *text == '\n' ? "\\n" : text, *text == '\n' ? 2 : 1);
	}
}

static void
add_quota_family(
    struct buf *out, const char *name, const char *help, const struct quota_row *rows, size_t count, bool is_files)
{
	if (count == 0)
		return;
	add_family(out, name, "gauge", help);
	for (size_t i = 0; i < count; i++) {
		buf_addf(out, "sallyport_%s{user=\"", name);
		add_label_text(out, rows[i].user);
		buf_addf(out, "\"} %llu\n", (unsigned long long)(is_files ? rows[i].files : rows[i].bytes));
	}
}

static void
add_quota_metrics(const struct view *view, struct buf *out)
{
	static struct quota_row rows[QUOTA_BOARD_MAX];
	size_t count = view_quotas(view, rows);

	add_quota_family(out, "quota_used_bytes",
	    "Bytes that the accounts use that use most of their quotas; +NAME is a shared folder.", rows, count, false);
	add_quota_family(out, "quota_used_files", "Files and directories of the same accounts.", rows, count, true);
}

int
view_add_metrics(const struct view *view, struct buf *out)
{
	add_server(view, out);
	add_certificates(view, out);
	add_kept(view, out);
	add_states(view, out);
	add_connections(view, out);
	add_store(view, out);
	add_transfers(view, out);
	add_quota_metrics(view, out);
	return out->error;
}
