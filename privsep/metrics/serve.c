/* SPDX-License-Identifier: ISC */
#include "privsep/metrics/serve.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"
#include "privsep/metrics/page_assets.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

#define ANSWER_MAX ((size_t)16 << 20) /* bytes; VIEW_SESSIONS_MAX rows stay far below */
#define SHA256_BASE64_SIZE 45

static const struct {
	const char *path, *type;
	int (*add)(const struct view *view, struct buf *out);
	bool is_page;
} pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", view_add_metrics, false},
    {"/sessions.json", "application/json", view_add_json, false},
    {"/", "text/html; charset=utf-8", view_add_page, true},
};

static int
add_hash(struct buf *policy, const char *what, const char *text)
{
	unsigned char sum[EVP_MAX_MD_SIZE], base64[SHA256_BASE64_SIZE];
	unsigned int len = 0;

	if (EVP_Digest(text, strlen(text), sum, &len, EVP_sha256(), NULL) != 1)
		return -EIO;
	EVP_EncodeBlock(base64, sum, (int)len);
	return buf_addf(policy, "; %s 'sha256-%s'", what, (const char *)base64);
}

int
server_init(struct server *server, struct view *view)
{
	struct buf policy;
	int r;

	memset(server, 0, sizeof(*server));
	server->view = view;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		server->connections[i].fd = -1;
		buf_init(&server->connections[i].answer, ANSWER_MAX);
	}
	buf_init(&policy, POLICY_MAX - 1);
	buf_add_text(&policy,
	    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	r = add_hash(&policy, "style-src", page_style);
	if (r == 0)
		r = add_hash(&policy, "script-src", page_script);
	if (r == 0)
		memcpy(server->policy, policy.data, policy.len + 1);
	buf_free(&policy);
	return r;
}

/* Answers. */

static void
add_answer(const struct server *server, struct buf *answer, enum http_status status, const char *type, bool is_page,
    const struct buf *body)
{
	buf_addf(answer,
	    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\nCache-Control: "
	    "no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n",
	    (int)status, http_reason(status), type, body->len);
	if (status == HTTP_METHOD_NOT_ALLOWED)
		buf_add_text(answer, "Allow: GET\r\n");
	if (is_page)
		buf_addf(answer, "Content-Security-Policy: %s\r\n", server->policy);
	buf_add_text(answer, "\r\n");
	buf_add(answer, body->data, body->len);
}

static void
add_refusal(const struct server *server, struct buf *answer, enum http_status status)
{
	struct buf body;

	buf_init(&body, 256);
	buf_addf(&body, "%d %s\n", (int)status, http_reason(status));
	if (status == HTTP_MISDIRECTED)
		buf_add_text(&body, "Ask by a loopback address or localhost.\n");
	if (status == HTTP_NOT_FOUND)
		buf_add_text(&body, "There is /, /metrics and /sessions.json.\n");
	add_answer(server, answer, status, "text/plain; charset=utf-8", false, &body);
	buf_free(&body);
}

static void
add_page(struct server *server, struct buf *answer, const char *path)
{
	struct buf body;

#ifdef SALLYPORT_TAKEOVER
	buf_init(&body, REPORT_MAX);
	if (takeover_metrics(path, &body)) {
		add_answer(server, answer, HTTP_OK, "text/plain", false, &body);
		buf_free(&body);
		return;
	}
#endif
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(pages[i].path, path) != 0)
			continue;
		buf_init(&body, ANSWER_MAX / 2);
		if (pages[i].add(server->view, &body) < 0)
			add_refusal(server, answer, HTTP_UNAVAILABLE);
		else
			add_answer(server, answer, HTTP_OK, pages[i].type, pages[i].is_page, &body);
		buf_free(&body);
		return;
	}
	add_refusal(server, answer, HTTP_NOT_FOUND);
}

bool
server_answer(struct server *server, const char *bytes, size_t len, bool is_unix, struct buf *answer)
{
	struct http_request request;
	enum http_status status = http_parse(bytes, len, &request);

	if (status == HTTP_INCOMPLETE)
		return false;
	if (status == HTTP_OK && !is_unix && !http_host_is_local(request.host))
		status = HTTP_MISDIRECTED;
	if (status == HTTP_OK)
		add_page(server, answer, request.path);
	else
		add_refusal(server, answer, status);
	return true;
}

/* Connections. */

static void
drop_connection(struct connection *connection)
{
	close_fd(&connection->fd);
	buf_free(&connection->answer);
	connection->request_len = connection->sent = 0;
	connection->is_answered = false;
}

static struct connection *
find_connection_place(struct server *server)
{
	struct connection *oldest = &server->connections[0];

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (server->connections[i].fd < 0)
			return &server->connections[i];
		if (server->connections[i].deadline_ms < oldest->deadline_ms)
			oldest = &server->connections[i];
	}
	drop_connection(oldest);
	return oldest;
}

void
server_accept(struct server *server, int listener_fd, bool is_unix, uint64_t now_ms)
{
	int fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;

	if (fd < 0)
		return;
	connection = find_connection_place(server);
	connection->fd = fd;
	connection->is_unix = is_unix;
	connection->deadline_ms = now_ms + CONNECTION_MS;
}

/* Ignore bytes after the request; the end, or an error, ends the connection. */
static void
receive_request(struct server *server, struct connection *connection)
{
	static char ignored[4096];
	bool is_reading = connection->answer.len == 0;
	char *to = is_reading ? connection->request + connection->request_len : ignored;
	size_t room = is_reading ? sizeof(connection->request) - connection->request_len : sizeof(ignored);
	ssize_t n = recv(connection->fd, to, room, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		drop_connection(connection);
		return;
	}
	if (n < 0 || !is_reading)
		return;
	connection->request_len += (size_t)n;
	if (server_answer(
		server, connection->request, connection->request_len, connection->is_unix, &connection->answer) &&
	    connection->answer.error != 0)
		drop_connection(connection);
}

static void
send_http_answer(struct connection *connection)
{
	ssize_t n = send(connection->fd, connection->answer.data + connection->sent,
	    connection->answer.len - connection->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		drop_connection(connection);
		return;
	}
	if (n > 0)
		connection->sent += (size_t)n;
	if (connection->sent < connection->answer.len)
		return;
	/* the client closes first: a close with its bytes unread would reset what it has not read yet */
	shutdown(connection->fd, SHUT_WR);
	connection->is_answered = true;
}

int
server_prepare(const struct server *server, struct pollfd waits[CONNECTIONS_MAX], uint64_t now_ms)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *connection = &server->connections[i];
		bool is_sending = connection->answer.len > 0 && !connection->is_answered;

		waits[i] = (struct pollfd){.fd = connection->fd, .events = (short)(is_sending ? POLLOUT : POLLIN)};
		if (connection->fd >= 0 && connection->deadline_ms < first)
			first = connection->deadline_ms;
	}
	return first == UINT64_MAX ? -1 : deadline_left_ms(first, now_ms);
}

void
server_serve(struct server *server, const struct pollfd waits[CONNECTIONS_MAX], uint64_t now_s, uint64_t now_ms)
{
	view_update(server->view, now_s, now_ms);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &server->connections[i];

		if (connection->fd < 0 || waits[i].fd != connection->fd)
			continue;
		if ((waits[i].revents & POLLOUT) != 0)
			send_http_answer(connection);
		else if (waits[i].revents != 0)
			receive_request(server, connection);
		if (connection->fd >= 0 && now_ms >= connection->deadline_ms)
			drop_connection(connection);
	}
}
