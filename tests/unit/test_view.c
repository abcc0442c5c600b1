/* SPDX-License-Identifier: ISC */
/* Figures from the board: numbers that never go back, and texts in HTML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "privsep/metrics/serve.h"
#include "privsep/ipc/board_json.h"
#include "privsep/metrics/view.h"

#include "common/banned.h"

#define NOW_S 1767225599

static struct board board;
static struct view view;
static struct server server;

static int
make_board(void **state)
{
	(void)state;
	memset(&view, 0, sizeof(view));
	view.board = &board;
	return board_new(&board, 4, NOW_S - 100);
}

static struct buf
text_of(int (*add)(const struct view *view, struct buf *out))
{
	struct buf out;

	buf_init(&out, 1 << 20);
	assert_int_equal(add(&view, &out), 0);
	return out;
}

static void
assert_has(int (*add)(const struct view *view, struct buf *out), const char *what, bool has)
{
	struct buf text = text_of(add);

	if ((strstr(text.data, what) != NULL) != has)
		fail_msg("%s: %s in %s", has ? "missing" : "found", what, text.data);
	buf_free(&text);
}

static void
test_counters_never_go_back(void **state)
{
	(void)state;
	board.head->ended.work.logins[LOGIN_OK] = 7;
	view_update(&view, NOW_S, 1000);
	assert_has(view_add_metrics, "\nsallyport_logins_total{result=\"ok\"} 7\n", true);
	board.head->ended.work.logins[LOGIN_OK] = 5;
	view_update(&view, NOW_S, 1001);
	assert_has(view_add_metrics, "\nsallyport_logins_total{result=\"ok\"} 7\n", true);
}

static void
test_histograms_are_cumulative(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 4; ms++)
		histogram_add(&board.head->ended.work.handshakes, handshake_bounds_ms, ms);
	histogram_add(&board.head->ended.work.handshakes, handshake_bounds_ms, 1u << 31);
	view_update(&view, NOW_S, 1000);
	assert_has(view_add_metrics, "\nsallyport_tls_handshake_duration_seconds_bucket{le=\"+Inf\"} 5\n", true);
	assert_has(view_add_metrics, "\nsallyport_tls_handshake_duration_seconds_count 5\n", true);
	assert_has(view_add_metrics, "\nsallyport_tls_handshake_duration_seconds_sum 2147483.654\n", true);
}

static void
test_samples(void **state)
{
	uint64_t *bytes = board.head->ended.work.bytes;

	(void)state;
	view_update(&view, NOW_S, 1000);
	assert_int_equal(view.sample_count, 0);
	bytes[DIRECTION_DOWN] = 8000;
	bytes[DIRECTION_UP] = 2000;
	view_update(&view, NOW_S, 2999); /* not due */
	assert_int_equal(view.sample_count, 0);
	view_update(&view, NOW_S, 5000);
	assert_int_equal(view.sample_count, 1);
	assert_int_equal(view.samples[0].down, 2000);
	assert_int_equal(view.samples[0].up, 500);
	for (uint64_t i = 1; i <= VIEW_SAMPLES; i++)
		view_update(&view, NOW_S, 5000 + i * VIEW_SAMPLE_MS);
	assert_int_equal(view.sample_count, VIEW_SAMPLES);
	assert_int_equal(view.samples[0].down, 0); /* the oldest sample is gone */
}

static void
test_certificate(void **state)
{
	(void)state;
	view_update(&view, NOW_S, 1000);
	assert_has(view_add_metrics, "certificate", false);
	assert_has(view_add_page, "<dd>none</dd>", true);
	board.head->certificate_ends_s = NOW_S + 3 * 86400 + 1;
	assert_has(view_add_metrics, "\nsallyport_certificate_days_left 3\n", true);
	assert_has(view_add_page, "class=\"bad\">3 days left", true);
	board.head->certificate_ends_s = NOW_S;
	assert_int_equal(view_days_left(&view), 0);
	board.head->certificate_ends_s = NOW_S - 1;
	assert_int_equal(view_days_left(&view), -1);
	assert_has(view_add_page, ">expired<", true);
}

static void
test_texts_of_others_are_no_html(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	html_add(&out, "<a href='x' b=\"y\">&amp;\xc3\xa4");
	assert_string_equal(out.data, "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;\xc3\xa4");
	buf_free(&out);
	board_begin(&board, 0, "0123456789abcdef", "192.0.2.1", false, NOW_S - 60, 1000);
	board_login(&board, 0, "<b>", "");
	view_update(&view, NOW_S, 61000);
	assert_has(view_add_page, "<td>&lt;b&gt;</td><td>192.0.2.1</td><td>in clear</td>", true);
	assert_has(view_add_page, "<td>1 min</td>", false);
	assert_has(view_add_page, "<td class=\"number\">1 min</td>", true);
	assert_has(view_add_json, "\"user\":\"<b>\"", true);
}

static void
test_quotas(void **state)
{
	struct quota_board *quotas = quota_board_new();
	struct quota_row rows[3] = {0};
	size_t count = 0;

	(void)state;
	assert_non_null(quotas);
	for (uint64_t i = 0; i < 6; i++) {
		struct quota_row row = {.user = "x\\y\"", .bytes = i * 5 % 6, .files = i};

		count = quota_board_insert(rows, count, 3, &row);
	}
	assert_int_equal(count, 3);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(rows[i].bytes, 5 - i);
	assert_int_equal(quota_board_insert(rows, 0, 0, &rows[0]), 0);
	view.quotas = quotas;
	view_update(&view, NOW_S, 1000);
	assert_has(view_add_metrics, "quota", false);
	quota_board_write(quotas, rows, 1);
	assert_has(view_add_metrics, "\nsallyport_quota_used_bytes{user=\"x\\\\y\\\"\"} 5\n", true);
	assert_has(view_add_page, "<td>x\\y&quot;</td>", true);
	quotas->sequence++; /* a writer was killed in the middle */
	assert_has(view_add_metrics, "quota", false);
	quota_board_write(quotas, rows, 2);
	assert_has(view_add_metrics, "quota", true);
}

static void
test_percent(void **state)
{
	static const struct {
		uint64_t done, size;
		int percent;	/* -1: unknown */
	} rows[] = {
	    {0, 10, 0},
	    {1, 3, 33},
	    {10, 10, 100},
	    {0, 0, 100},
	    {11, 10, -1},
	    {5, CLAIM_SIZE_UNKNOWN, -1},
	    {UINT64_MAX - 2, UINT64_MAX - 1, 100},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned percent = 0;
		bool is_known = board_percent(rows[i].done, rows[i].size, &percent);

		assert_int_equal(is_known ? (int)percent : -1, rows[i].percent);
	}
}

static void
assert_answer(const char *request, bool is_unix, const char *begin)
{
	struct buf answer;

	buf_init(&answer, 1 << 20);
	assert_true(server_answer(&server, request, strlen(request), is_unix, &answer));
	if (strncmp(answer.data, begin, strlen(begin)) != 0)
		fail_msg("%s: %s", request, answer.data);
	buf_free(&answer);
}

static void
test_answers(void **state)
{
	struct buf answer;

	(void)state;
	view_update(&view, NOW_S, 1000);
	assert_int_equal(server_init(&server, &view), 0);
	assert_answer(
	    "GET /metrics HTTP/1.0\r\n\r\n", false, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4;");
	assert_answer(
	    "GET /sessions.json HTTP/1.0\r\n\r\n", false, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
	assert_answer("GET / HTTP/1.0\r\n\r\n", false, "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n");
	assert_answer("GET /metrics/ HTTP/1.0\r\n\r\n", false, "HTTP/1.1 404 Not Found\r\n");
	assert_answer("PUT / HTTP/1.0\r\n\r\n", false, "HTTP/1.1 405 Method Not Allowed\r\n");
	assert_answer("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", false, "HTTP/1.1 421 Misdirected Request\r\n");
	assert_answer("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", true, "HTTP/1.1 200 OK\r\n");
	buf_init(&answer, 100);
	assert_false(server_answer(&server, "GET /", 5, false, &answer));
	buf_free(&answer);
}

/* The name is what a database and the administrator say; a lease that has ended is bad. */
static void
test_name_of_this_server(void **state)
{
	(void)state;
	view_update(&view, NOW_S, 1);
	assert_has(view_add_page, "id=\"node\"", false);
	assert_has(view_add_json, "\"store\":null", true);
	board.head->has_store = 1;
	board.head->store_state = BROKER_STARTING;
	assert_has(view_add_page, ">starting</dd>", true);
	assert_has(view_add_page, " class=\"bad\">–</dd>", true);
	assert_has(view_add_json, "\"beat\":null", true);
	snprintf(board.head->node_name, sizeof(board.head->node_name), "a<b");
	board.head->node_standing = NODE_KNOWN;
	board.head->node_beat_s = NOW_S - 29;
	board.head->node_shares = 3;
	board.head->node_sessions = 4;
	assert_has(view_add_page,
	    "title=\"known, its lease holds; 3 shares of quotas, 4 sessions use them\">a&lt;b</dd>", true);
	assert_has(
	    view_add_json, "\"standing\":\"known\",\"beat\":29,\"lease\":true,\"shares\":3,\"sessions\":4", true);
	board.head->node_beat_s = NOW_S - 30;
	assert_has(
	    view_add_page, "title=\"known; 3 shares of quotas, 4 sessions use them\" class=\"bad\">a&lt;b</dd>", true);
	assert_has(view_add_json, "\"lease\":false", true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_counters_never_go_back, make_board),
	    cmocka_unit_test_setup(test_histograms_are_cumulative, make_board),
	    cmocka_unit_test_setup(test_samples, make_board),
	    cmocka_unit_test_setup(test_certificate, make_board),
	    cmocka_unit_test_setup(test_texts_of_others_are_no_html, make_board),
	    cmocka_unit_test_setup(test_quotas, make_board),
	    cmocka_unit_test(test_percent),
	    cmocka_unit_test_setup(test_answers, make_board),
	    cmocka_unit_test_setup(test_name_of_this_server, make_board),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
