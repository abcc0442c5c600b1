/* SPDX-License-Identifier: ISC */
/* The status page: tables that need no script; what a script refreshes has an id. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/units.h"
#include "privsep/ipc/board_json.h"
#include "privsep/metrics/page_assets.h"
#include "privsep/metrics/view.h"

#include "common/banned.h"

#define GRAPH_WIDTH 600 /* as page.js has it */
#define GRAPH_BASE 150
#define GRAPH_HEIGHT 140
#define GRAPH_STEP 4
#define GRAPH_HIGHEST_MIN 1024 /* bytes a second that fill the height at least */

int
html_add(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			buf_add_text(out, "&amp;");
			break;
		case '<':
			buf_add_text(out, "&lt;");
			break;
		case '>':
			buf_add_text(out, "&gt;");
			break;
		case '"':
			buf_add_text(out, "&quot;");
			break;
		case '\'':
			buf_add_text(out, "&#39;");
			break;
		default:
			buf_add(out, text, 1);
			break;
		}
	}
	return out->error;
}

static void
add_size_down(struct buf *out, uint64_t bytes)
{
	char text[UNITS_TEXT_MAX];

	units_size_down(bytes, text);
	buf_add_text(out, text);
}

static void
add_span(struct buf *out, uint64_t s)
{
	unsigned long long seconds = s;

	if (seconds < 60)
		buf_addf(out, "%llu s", seconds);
	else if (seconds < 3600)
		buf_addf(out, "%llu min", seconds / 60);
	else if (seconds < 86400)
		buf_addf(out, "%llu h %llu min", seconds / 3600, seconds % 3600 / 60);
	else
		buf_addf(out, "%llu d %llu h", seconds / 86400, seconds % 86400 / 3600);
}

/* UTC, as ISO 8601 with a blank */
static void
add_date(struct buf *out, uint64_t s)
{
	time_t seconds = (time_t)s;
	char date[32] = "";
	struct tm utc;

	if (gmtime_r(&seconds, &utc) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &utc);
	buf_add_text(out, date);
}

static uint64_t
seconds_since(const struct view *view, uint64_t then_s)
{
	return view->now_s > then_s ? view->now_s - then_s : 0;
}

static void
add_rate(struct buf *out, const char *id, const char *title, uint64_t rate)
{
	buf_addf(out, "<div><dt>%s</dt><dd id=\"%s\">", title, id);
	add_size_down(out, rate);
	buf_add_text(out, "/s</dd></div>\n");
}

static void
add_certificate(const struct view *view, struct buf *out)
{
	uint64_t ends_s = board_first_end_s(view->board);
	int64_t days = view_days_left(view);

	buf_add_text(out, "<div><dt>Certificate</dt>");
	if (ends_s == 0) {
		buf_add_text(out, "<dd>none</dd></div>\n");
		return;
	}
	buf_add_text(out, "<dd title=\"until ");
	add_date(out, ends_s);
	buf_addf(out, " UTC\"%s>", days < 14 ? " class=\"bad\"" : "");
	if (days < 0)
		buf_add_text(out, "expired");
	else
		buf_addf(out, "%lld days left", (long long)days);
	buf_add_text(out, "</dd></div>\n");
}

/* The database of accounts, where there is one. */
static void
add_store_card(const struct view *view, struct buf *out)
{
	const struct board_head *head = view->board->head;
	enum broker_state state = (enum broker_state)head->store_state;

	if (head->has_store == 0)
		return;
	buf_addf(out,
	    "<div><dt>Database</dt><dd id=\"store\" title=\"%u accounts kept for the time without it\"%s>%s</dd></div>\n",
	    head->store_kept, state == BROKER_UP ? "" : " class=\"bad\"", broker_state_name(state));
}

/* Which of the servers that share a database this one is, and whether it may use quotas of theirs. */
static void
add_node_card(const struct view *view, struct buf *out)
{
	const struct board_head *head = view->board->head;
	enum node_standing standing = (enum node_standing)head->node_standing;
	bool has_lease = board_has_lease(head, view->now_s);

	if (head->has_store == 0)
		return;
	buf_addf(out,
	    "<div><dt>This server</dt><dd id=\"node\" title=\"%s%s; %u shares of quotas, %u sessions use them\"%s>",
	    node_standing_name(standing), has_lease ? ", its lease holds" : "", head->node_shares, head->node_sessions,
	    standing == NODE_KNOWN && has_lease ? "" : " class=\"bad\"");
	html_add(out, head->node_name[0] == '\0' ? "–" : head->node_name);
	buf_add_text(out, "</dd></div>\n");
}

static void
add_cards(const struct view *view, struct buf *out)
{
	const struct board_head *head = view->board->head;
	struct view_sample last = {0, 0};

	if (view->sample_count > 0)
		last = view->samples[view->sample_count - 1];
	buf_addf(out, "<dl class=\"cards\">\n<div><dt>Sessions</dt><dd id=\"live\">%u</dd></div>\n", head->live);
	add_rate(out, "down", "Downloads", last.down);
	add_rate(out, "up", "Uploads", last.up);
	buf_addf(out, "<div><dt>Addresses banned</dt><dd id=\"bans\">%u</dd></div>\n", head->bans);
	add_certificate(view, out);
	add_store_card(view, out);
	add_node_card(view, out);
	buf_add_text(out, "</dl>\n");
}

static void
add_line(const struct view *view, struct buf *out, const char *name, uint64_t highest, bool is_up)
{
	buf_addf(out, "<polyline class=\"%s\" id=\"graph-%s\" points=\"", name, name);
	for (size_t i = 0; i < view->sample_count; i++) {
		uint64_t value = is_up ? view->samples[i].up : view->samples[i].down;
		double height = (double)value * GRAPH_HEIGHT / (double)highest;

		buf_addf(out, "%s%zu,%d", i == 0 ? "" : " ", GRAPH_WIDTH - (view->sample_count - 1 - i) * GRAPH_STEP,
		    GRAPH_BASE - (int)height);
	}
	buf_add_text(out, "\"/>\n");
}

static void
add_graph(const struct view *view, struct buf *out)
{
	uint64_t highest = GRAPH_HIGHEST_MIN;

	for (size_t i = 0; i < view->sample_count; i++) {
		if (view->samples[i].down > highest)
			highest = view->samples[i].down;
		if (view->samples[i].up > highest)
			highest = view->samples[i].up;
	}
	buf_add_text(out,
	    "<section>\n<p class=\"key\"><b class=\"down\">downloads</b> <b class=\"up\">uploads</b>, highest "
	    "<span id=\"graph-highest\">");
	add_size_down(out, highest);
	buf_add_text(out,
	    "/s</span></p>\n<h2>Throughput, last five minutes</h2>\n"
	    "<svg viewBox=\"0 0 600 160\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"throughput\">\n"
	    "<path class=\"grid\" d=\"M0 10H600M0 80H600M0 150H600\"/>\n");
	add_line(view, out, "down", highest, false);
	add_line(view, out, "up", highest, true);
	buf_add_text(out, "</svg>\n</section>\n");
}

static void
add_cell(struct buf *out, const char *text)
{
	buf_add_text(out, "<td>");
	html_add(out, text);
	buf_add_text(out, "</td>");
}

static void
add_progress(struct buf *out, const struct board_session *session)
{
	unsigned percent;

	buf_add_text(out, "<td class=\"number\">");
	if (session->is_transfer && board_percent(session->bytes_done, session->size, &percent)) {
		buf_addf(out, "<progress max=\"100\" value=\"%u\"></progress> %u %%", percent, percent);
	} else if (session->is_transfer) {
		add_size_down(out, session->bytes_done);
	}
	buf_add_text(out, "</td><td class=\"number\">");
	if (session->is_transfer) {
		add_size_down(out, session->rate);
		buf_add_text(out, "/s");
	}
	buf_add_text(out, "</td>");
}

static void
add_session(const struct view *view, struct buf *out, const struct board_session *session)
{
	buf_add_text(out, "<tr>");
	add_cell(out, session->user[0] == '\0' ? "–" : session->user);
	add_cell(out, session->address);
	add_cell(out, session->tls[0] == '\0' ? "in clear" : session->tls);
	add_cell(out, session->state);
	buf_add_text(out, "<td class=\"path\">");
	html_add(out, session->path);
	buf_add_text(out, "</td>");
	add_progress(out, session);
	buf_add_text(out, "<td class=\"number\">");
	add_span(out, seconds_since(view, session->since_s));
	buf_add_text(out, "</td></tr>\n");
}

static void
add_sessions(const struct view *view, struct buf *out)
{
	struct board_session session;
	size_t shown = 0;

	buf_add_text(out,
	    "<section>\n<h2>Sessions</h2>\n<table>\n<thead><tr><th>user</th><th>address</th><th>TLS</th>"
	    "<th>state</th><th>path</th><th class=\"number\">done</th><th class=\"number\">rate</th>"
	    "<th class=\"number\">since</th></tr></thead>\n<tbody id=\"sessions\">\n");
	for (size_t row = 0; row < board_used(view->board) && shown < VIEW_SESSIONS_MAX; row++) {
		if (!board_session(view->board, row, view->now_ms, &session))
			continue;
		add_session(view, out, &session);
		shown++;
	}
	if (shown == 0)
		buf_add_text(out, "<tr><td class=\"soft\" colspan=\"8\">nobody</td></tr>\n");
	buf_add_text(out, "</tbody>\n</table>\n");
	if (shown == VIEW_SESSIONS_MAX)
		buf_addf(out, "<p class=\"soft\">the first %d are shown</p>\n", VIEW_SESSIONS_MAX);
	buf_add_text(out, "</section>\n");
}

/* "logins-ok" is "ok" in the table "logins". */
struct counter_table {
	struct buf *out;
	const char *prefix;
};

static void
add_counter(void *arg, const char *name, uint64_t value)
{
	const struct counter_table *table = arg;
	size_t len = strlen(table->prefix);

	if (strncmp(name, table->prefix, len) != 0)
		return;
	buf_addf(table->out, "<tr><td>%s</td><td class=\"number\" id=\"counter-%s\">", name + len, name);
	if (strcmp(table->prefix, "bytes-") == 0)
		add_size_down(table->out, value);
	else
		buf_addf(table->out, "%llu", (unsigned long long)value);
	buf_add_text(table->out, "</td></tr>\n");
}

static void
add_bans(const struct view *view, struct buf *out)
{
	static struct board_ban bans[BOARD_BANS_MAX];
	size_t count = board_get_bans(view->board, bans);

	buf_add_text(out,
	    "<section>\n<h2>Banned addresses</h2>\n<table>\n<thead><tr><th>address</th><th>until (UTC)</th>"
	    "<th>by</th></tr></thead>\n<tbody id=\"banned\">\n");
	for (size_t i = 0; i < count; i++) {
		buf_add_text(out, "<tr>");
		add_cell(out, bans[i].address);
		buf_add_text(out, "<td>");
		add_date(out, bans[i].until_s);
		buf_addf(out, "</td><td>%s</td></tr>\n", bans[i].is_by_hand ? "hand" : "failures");
	}
	if (count == 0)
		buf_add_text(out, "<tr><td class=\"soft\" colspan=\"3\">none</td></tr>\n");
	buf_add_text(out, "</tbody>\n</table>\n</section>\n");
}

static void
add_quota_rows(const struct view *view, struct buf *out)
{
	static struct quota_row rows[QUOTA_BOARD_MAX];
	size_t count = view_quotas(view, rows);

	if (count == 0)
		return;
	buf_add_text(out, "<section>\n<h2>Largest accounts and folders with a quota</h2>\n<table>\n");
	for (size_t i = 0; i < count; i++) {
		buf_add_text(out, "<tr>");
		add_cell(out, rows[i].user);
		buf_add_text(out, "<td class=\"number\">");
		add_size_down(out, rows[i].bytes);
		buf_addf(out, "</td><td class=\"number\">%llu files</td></tr>\n", (unsigned long long)rows[i].files);
	}
	buf_add_text(out, "</table>\n</section>\n");
}

static void
add_lookups(const struct view *view, struct buf *out)
{
	if (view->board->head->has_store == 0)
		return;
	buf_add_text(out, "<section>\n<h2>Look-ups in the database</h2>\n<table>\n");
	for (int i = 0; i < LOOKUP_COUNT; i++)
		buf_addf(out, "<tr><td>%s</td><td class=\"number\" id=\"lookup-%s\">%llu</td></tr>\n",
		    lookup_name((enum lookup)i), lookup_name((enum lookup)i),
		    (unsigned long long)view->totals.work.lookups[i]);
	buf_add_text(out, "</table>\n</section>\n");
}

static void
add_counters(const struct view *view, struct buf *out)
{
	static const struct {
		const char *title, *prefix;
	} tables[] = {
	    {"Logins", "logins-"},
	    {"Transfers completed", "transfers-"},
	    {"Bytes", "bytes-"},
	    {"Transfers that failed", "failures-"},
	    {"Connections refused", "refused-"},
	    {"Other events", "other-"},
	};

	buf_add_text(out, "<div class=\"columns\">\n");
	add_bans(view, out);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct counter_table table = {out, tables[i].prefix};

		buf_addf(out, "<section>\n<h2>%s</h2>\n<table>\n", tables[i].title);
		view_each_counter(view, add_counter, &table);
		buf_add_text(out, "</table>\n</section>\n");
	}
	add_lookups(view, out);
	add_quota_rows(view, out);
	buf_add_text(out, "</div>\n");
}

static void
add_head(const struct view *view, struct buf *out)
{
	const struct board_head *head = view->board->head;

	buf_add_text(out,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<title>sallyport</title>\n<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n<style>");
	buf_add_text(out, page_style);
	buf_addf(out, "</style>\n</head>\n<body>\n<header>\n<h1>sallyport</h1>\n<p>version %s, up <span id=\"uptime\">",
	    SALLYPORT_VERSION);
	add_span(out, seconds_since(view, head->started_s));
	buf_addf(out, "</span></p>\n<p class=\"bad\" id=\"trouble\">%s</p>\n</header>\n<main>\n",
	    head->is_draining ? "the server is stopping" : "");
}

int
view_add_page(const struct view *view, struct buf *out)
{
	add_head(view, out);
	add_cards(view, out);
	add_graph(view, out);
	add_sessions(view, out);
	add_counters(view, out);
	buf_add_text(out,
	    "</main>\n<footer>Since the start of the server. The same for programs: "
	    "<a href=\"metrics\">metrics</a>, <a href=\"sessions.json\">sessions.json</a></footer>\n<script>");
	buf_add_text(out, page_script);
	return buf_add_text(out, "</script>\n</body>\n</html>\n");
}
