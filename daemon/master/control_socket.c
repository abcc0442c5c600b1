/* SPDX-License-Identifier: ISC */
#include "daemon/master/control_socket.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/wipe.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"
#include "trusted/place.h"

#include "common/banned.h"

#define BACKLOG 16
#define OUT_MAX (256 * 1024)
#define MOVE_MS 10000 /* a client has this long for its next byte */
#define RELOAD_MS 120000 /* for a reload, or an upgrade */
#define ALL_MS 60000 /* and this long for request and reply together */

/* The socket. */

static void control_socket_ready(void *arg);

int
control_socket_open(struct control_socket *control, struct server *server, const struct control_kind *kind, void *arg,
    char *error, size_t size)
{
	char path[PATH_MAX], why[TRUST_TEXT_MAX];
	int r;

	*control = (struct control_socket){.server = server, .kind = kind, .arg = arg, .socket = LOCAL_SOCKET_NONE};
	/* replies have names and addresses of sessions */
	json_set_alloc_funcs(malloc, free_wiped);
	snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, control->server->config->runtime_directory);
	r = local_socket_open(&control->socket, path, 0600, BACKLOG, why, sizeof(why));
	if (r == 0) {
		control->source = (struct loop_source){.ready = control_socket_ready, .arg = control};
		r = loop_watch(control->server->loop, &control->source, control->socket.fd);
		if (r < 0) {
			snprintf(why, sizeof(why), "%s", strerror(-r));
			local_socket_close(&control->socket, false);
		}
	}
	if (r < 0)
		snprintf(error, size, "cannot make the control socket '%s': %s", path, why);
	return r;
}

pid_t
control_socket_server(const struct control_socket *control)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, control->server->config->runtime_directory);
	return local_socket_server(path);
}

static void
drop_control_client(struct control_socket *control, struct control_client *client)
{
	loop_close(control->server->loop, &client->source, &client->fd);
	timer_stop(control->server->loop, &client->overdue);
	buf_free(&client->out);
	explicit_bzero(client->line, sizeof(client->line));
	client->state = CONTROL_FREE;
	give_memory_back();
}

void
control_socket_forget(struct control_socket *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (client->state == CONTROL_FREE)
			continue;
		explicit_bzero(client->line, sizeof(client->line));
		if (client->out.data != NULL)
			explicit_bzero(client->out.data, client->out.size);
	}
}

void
control_socket_close(struct control_socket *control, bool keep_path)
{

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].state != CONTROL_FREE)
			drop_control_client(control, &control->clients[i]);
	control->keeps_path = control->keeps_path || keep_path;
	loop_unwatch(control->server->loop, &control->source);
	local_socket_close(&control->socket, control->keeps_path);
}

/* Clients. */

/* It has this long for its next byte, and no longer than is left for all. */
static void
extend_deadline(struct control_client *client, uint64_t ms)
{
	uint64_t at = monotonic_ms() + ms;

	timer_set(client->control->server->loop, &client->overdue, at < client->end_ms ? at : client->end_ms);
}

void
control_fail(struct control_client *client, const char *format, ...)
{
	char text[512];
	json_t *line;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	line = json_pack("{s:s}", "error", text);
	control_put(client, line == NULL ? json_pack("{s:s}", "error", "failed") : line);
	client->state = CONTROL_WRITING;
}

void
control_hand_on(struct control_client *client)
{
	loop_close(client->control->server->loop, &client->source, &client->fd);
}

void
control_put(struct control_client *client, json_t *line)
{
	char *text = line == NULL ? NULL : json_dumps(line, JSON_COMPACT);

	if (text == NULL || buf_add_text(&client->out, text) < 0 || buf_add(&client->out, "\n", 1) < 0)
		client->out.error = -ENOBUFS; /* found by move_out() */
	free_wiped(text);
	json_decref(line);
}

/* Send what the socket takes. False: the client was dropped. */
static bool
move_out(struct control_socket *control, struct control_client *client)
{
	while (client->out.error == 0) {
		ssize_t n;

		if (client->state == CONTROL_LISTING && client->out.len < OUT_MAX / 4)
			control->kind->rows(control->arg, client);
		if (client->out.len == 0)
			break;
		n = send(client->fd, client->out.data, client->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			loop_want(control->server->loop, &client->source, EPOLLOUT);
			return true;
		}
		if (n <= 0)
			break;
		buf_consume(&client->out, (size_t)n);
		extend_deadline(client, MOVE_MS);
	}
	if (client->state == CONTROL_WAITING && client->out.len == 0 && client->out.error == 0) {
		loop_want(control->server->loop, &client->source, 0);
		return true;
	}
	drop_control_client(control, client);
	return false;
}

static void
serve_control_client(struct control_socket *control, struct control_client *client)
{
	struct control_request request;
	const char *error;

	client->state = CONTROL_WRITING;
	if (control_request_parse(client->line, client->line_len, &request, &error) < 0)
		control_fail(client, "%s", error);
	else
		control->kind->begin(control->arg, client, &request);
	if (client->state == CONTROL_WAITING) {
		control->kind->waiting(control->arg, client); /* it may have ended at once */
		client->end_ms = monotonic_ms() + RELOAD_MS;
		extend_deadline(client, RELOAD_MS);
	}
	if (client->fd < 0)
		drop_control_client(control, client); /* handed on */
	else
		move_out(control, client);
}

/* One line, and nothing after it. */
static void
move_in(struct control_socket *control, struct control_client *client)
{
	size_t room = sizeof(client->line) - client->line_len;
	ssize_t n = recv(client->fd, client->line + client->line_len, room, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_control_client(control, client);
		return;
	}
	end = memchr(client->line + client->line_len, '\n', (size_t)n);
	client->line_len += (size_t)n;
	if (end == NULL && client->line_len < sizeof(client->line))
		return;
	if (end == NULL || end + 1 != client->line + client->line_len) {
		control_fail(client, "a request is one line of at most %d bytes", CONTROL_LINE_MAX);
		move_out(control, client);
		return;
	}
	client->line_len--;
	serve_control_client(control, client);
}

static void
control_client_ready(void *arg)
{
	struct control_client *client = arg;

	switch (client->state) {
	case CONTROL_FREE:
		break;
	case CONTROL_READING:
		move_in(client->control, client);
		break;
	case CONTROL_WAITING: /* only its end can have come */
		drop_control_client(client->control, client);
		break;
	case CONTROL_LISTING:
	case CONTROL_WRITING:
		move_out(client->control, client);
		break;
	}
}

/* It is too slow. */
static void
control_client_due(void *arg)
{
	struct control_client *client = arg;

	drop_control_client(client->control, client);
}

static bool
is_root_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == 0;
}

/* A line that fits into any socket's buffer; then it is closed. */
static void
refuse_control_client(int fd, const char *line)
{
	(void)!send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void
control_socket_ready(void *arg)
{
	struct control_socket *control = arg;
	struct control_client *client = control->clients;
	int fd = accept4(control->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (!is_root_peer(fd)) {
		log_message(LEVEL_WARNING, "control-refused", "a process of a user other than root sent a request");
		refuse_control_client(fd, "{\"error\":\"only root may ask\"}\n");
		return;
	}
	while (client < control->clients + CONTROL_CLIENTS_MAX && client->state != CONTROL_FREE)
		client++;
	if (client == control->clients + CONTROL_CLIENTS_MAX) {
		refuse_control_client(
		    fd, "{\"error\":\"too many control connections at once; try again in a minute\"}\n");
		return;
	}
	*client = (struct control_client){
	    .control = control,
	    .state = CONTROL_READING,
	    .fd = fd,
	    .source = {.ready = control_client_ready, .arg = client},
	    .overdue = {.due = control_client_due, .arg = client},
	    .end_ms = monotonic_ms() + ALL_MS,
	};
	buf_init(&client->out, OUT_MAX);
	extend_deadline(client, MOVE_MS);
	/* its whole room at once: a buffer that grows is moved, and leaves its bytes where it was */
	if (buf_room(&client->out, OUT_MAX) == NULL || loop_watch(control->server->loop, &client->source, fd) < 0)
		drop_control_client(control, client);
}

void
control_socket_report(struct control_socket *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (client->state != CONTROL_WAITING)
			continue;
		control->kind->waiting(control->arg, client);
		if (client->state != CONTROL_WAITING)
			move_out(control, client);
	}
}
