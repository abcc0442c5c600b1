/* SPDX-License-Identifier: ISC */
#include "privsep/metrics/metrics.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/title.h"
#include "privsep/ipc/board.h"
#include "privsep/metrics/serve.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

static struct server server;
static struct view view;

static void
prepare_metrics(const struct metrics *metrics)
{
	json_object_seed(0); /* /dev/urandom, which jansson reads, is out of reach afterwards */
	view.board = metrics->board;
	view.quotas = metrics->quotas;
	if (board_attach(metrics->board) < 0 || quota_board_make_read_only(metrics->quotas) < 0 ||
	    server_init(&server, &view) < 0)
		_exit(1);
}

/* The wait ends for the next sample at the latest, also when nobody asks: the graph wants the past. */
static int
timeout_of(int deadline_ms)
{
	return deadline_ms < 0 || deadline_ms > VIEW_SAMPLE_MS ? VIEW_SAMPLE_MS : deadline_ms;
}

void
metrics_run(const struct metrics *metrics)
{
	enum {
		MASTER,
		LISTENERS,
		CONNECTIONS = LISTENERS + METRICS_LISTENERS_MAX,
		WAITS = CONNECTIONS + CONNECTIONS_MAX
	};
	struct pollfd waits[WAITS];

	prepare_metrics(metrics);
	metrics_enter_walls(metrics);
	view_update(&view, (uint64_t)time(NULL), monotonic_ms());
	for (;;) {
		int timeout = timeout_of(server_prepare(&server, waits + CONNECTIONS, monotonic_ms()));

		waits[MASTER] = (struct pollfd){.fd = metrics->master_channel, .events = POLLIN};
		for (size_t i = 0; i < METRICS_LISTENERS_MAX; i++)
			waits[LISTENERS + i] = (struct pollfd){
			    .fd = i < metrics->listener_count ? metrics->listeners[i].fd : -1,
			    .events = POLLIN,
			};
		if (poll(waits, WAITS, timeout) < 0)
			continue;
		if (waits[MASTER].revents != 0)
			_exit(0);
		server_serve(&server, waits + CONNECTIONS, (uint64_t)time(NULL), monotonic_ms());
		for (size_t i = 0; i < metrics->listener_count; i++)
			if (waits[LISTENERS + i].revents != 0)
				server_accept(
				    &server, metrics->listeners[i].fd, metrics->listeners[i].is_unix, monotonic_ms());
	}
}
