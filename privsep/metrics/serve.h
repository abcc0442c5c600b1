/* SPDX-License-Identifier: ISC */
/* Connections of the metrics process: bounded in number, time and bytes, one request each. */
#ifndef PRIVSEP_METRICS_SERVE_H
#define PRIVSEP_METRICS_SERVE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "privsep/metrics/http.h"
#include "privsep/metrics/view.h"

#define CONNECTIONS_MAX 32
#define CONNECTION_MS 5000 /* from the connection to the last byte of the answer, whatever its client does */
#define POLICY_MAX 512

struct connection {
	int fd; /* -1: free */
	bool is_unix;
	bool is_answered; /* the whole answer is out; the client's end is waited for */
	uint64_t deadline_ms;
	char request[HTTP_REQUEST_MAX];
	size_t request_len;
	struct buf answer; /* allocated: the answer is on its way */
	size_t sent;
};

struct server {
	struct connection connections[CONNECTIONS_MAX];
	struct view *view;
	char policy[POLICY_MAX]; /* Content-Security-Policy of the page */
};

/* Start without connections. Hashes style and script for the policy; before the walls. 0 or -errno. */
int server_init(struct server *server, struct view *view);

/* Take a client of listener_fd. Where all places are taken, the oldest connection gives way. */
void server_accept(struct server *server, int listener_fd, bool is_unix, uint64_t now_ms);

/* One entry of waits for each connection. Returns the ms until the first deadline, -1: none. */
int server_prepare(const struct server *server, struct pollfd waits[CONNECTIONS_MAX], uint64_t now_ms);

/* Serve what is ready; drop clients that are too late. now_s: CLOCK_REALTIME. */
void server_serve(struct server *server, const struct pollfd waits[CONNECTIONS_MAX], uint64_t now_s, uint64_t now_ms);

/* The answer to the request in bytes, or false: it is not whole yet. For tests; server_serve() calls it. */
bool server_answer(struct server *server, const char *bytes, size_t len, bool is_unix, struct buf *answer);

#endif
