/* SPDX-License-Identifier: ISC */
#include "daemon/master/metrics_server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"
#include "daemon/master/quota_top.h"
#include "daemon/master/server.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/metrics/metrics.h"
#include "trusted/place.h"

#include "common/banned.h"

#define RETRY_MS 1000 /* at least between two starts, and between two tries to have an address */
#define BACKLOG 64
#define SOCKET_NAME "metrics.sock"
#define UNIX_PREFIX "unix:"

/* Sockets. */

static int
open_tcp(struct local_socket *tcp, const union address *address)
{
	int one = 1;
	int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, &address->any, address_len(address)) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		close_fd(&fd);
		return r;
	}
	tcp->fd = fd;
	return 0;
}

static void
tell_listening(const struct metrics_server *metrics_server)
{
	union address bound;
	socklen_t len = sizeof(bound);
	char text[ADDRESS_TEXT_MAX];

	if (metrics_server->wanted.dir_fd >= 0) {
		log_message(LEVEL_INFO, "metrics", "served on %s", metrics_server->server->config->metrics_listen);
		return;
	}
	memset(&bound, 0, sizeof(bound));
	if (getsockname(metrics_server->wanted.fd, &bound.any, &len) < 0)
		return;
	address_text(&bound, text);
	log_message(LEVEL_INFO, "metrics",
	    bound.family == AF_INET6 ? "served on http://[%s]:%u/" : "served on http://%s:%u/", text,
	    address_port(&bound));
}

/* Have the address of metrics-listen, if there is one; else try again later. */
static void
open_wanted(struct metrics_server *metrics_server)
{
	const char *listen_on = metrics_server->server->config->metrics_listen;
	char why[TRUST_TEXT_MAX];
	int r;

	timer_stop(metrics_server->server->loop, &metrics_server->open);
	if (listen_on[0] == '\0' || metrics_server->wanted.fd >= 0)
		return;
	if (strncmp(listen_on, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		r = local_socket_open(
		    &metrics_server->wanted, listen_on + strlen(UNIX_PREFIX), 0666, BACKLOG, why, sizeof(why));
	else if ((r = open_tcp(&metrics_server->wanted, &metrics_server->server->config->metrics_address)) < 0)
		snprintf(why, sizeof(why), "%s", strerror(-r));
	if (r == 0) {
		tell_listening(metrics_server);
		return;
	}
	if (r != metrics_server->told_error)
		log_message(
		    LEVEL_ERROR, "metrics", "cannot serve metrics-listen '%s': %s; it is tried again", listen_on, why);
	metrics_server->told_error = r;
	timer_set(metrics_server->server->loop, &metrics_server->open, monotonic_ms() + RETRY_MS);
}

static void
open_own(struct metrics_server *metrics_server)
{
	char path[PATH_MAX], why[TRUST_TEXT_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/" SOCKET_NAME, metrics_server->server->config->runtime_directory);
	r = local_socket_open(&metrics_server->own, path, 0600, BACKLOG, why, sizeof(why));
	if (r < 0)
		log_message(LEVEL_ERROR, "metrics", "cannot make '%s' for 'sallyportctl metrics': %s", path, why);
}

/* The process. */

static void
add_listener(struct metrics *metrics, const struct local_socket *local)
{
	if (local->fd >= 0)
		metrics->listeners[metrics->listener_count++] =
		    (struct metrics_listener){local->fd, local->dir_fd >= 0};
}

static int
metrics_prepare(void *arg, int channel, char *error, size_t size)
{
	const struct metrics_server *metrics_server = arg;

	(void)channel;
	(void)error;
	(void)size;
	quota_board_share(metrics_server->quota_top->board, true);
	return 0;
}

static void
metrics_enter(void *arg, int channel)
{
	struct metrics_server *metrics_server = arg;
	struct metrics metrics = {
	    .master_channel = channel,
	    .empty_directory_fd = metrics_server->server->empty_directory_fd,
	    .uid = metrics_server->server->service_uid,
	    .gid = metrics_server->server->service_gid,
	    .master_pid = metrics_server->server->pid,
	    .board = &metrics_server->server->board,
	    .quotas = metrics_server->quota_top->board,
	};

	add_listener(&metrics, &metrics_server->own);
	add_listener(&metrics, &metrics_server->wanted);
	metrics_run(&metrics);
}

static void
metrics_release(void *arg)
{
	const struct metrics_server *metrics_server = arg;

	quota_board_share(metrics_server->quota_top->board, false);
}

static void
metrics_failed(void *arg, const char *error)
{
	struct metrics_server *metrics_server = arg;

	if (!metrics_server->was_told)
		log_message(LEVEL_ERROR, "metrics", "%s; it is tried again", error);
	metrics_server->was_told = true;
}

static void
metrics_down(void *arg)
{
	struct metrics_server *metrics_server = arg;

	metrics_server->was_told = false;
}

static const struct worker_kind metrics_kind = {
    .name = "metrics",
    .sees_board = true,
    .prepare = metrics_prepare,
    .run = metrics_enter,
    .release = metrics_release,
    .down = metrics_down,
    .failed = metrics_failed,
    .retry_ms = RETRY_MS,
};

/* An address that was taken is free now, perhaps: then the process has to have the socket. */
static void
metrics_open_due(void *arg)
{
	struct metrics_server *metrics_server = arg;

	open_wanted(metrics_server);
	if (!timer_is_set(&metrics_server->open))
		worker_restart(&metrics_server->worker);
}

void
metrics_server_start(struct metrics_server *metrics_server, struct server *server, struct quota_top *quota_top)
{
	*metrics_server = (struct metrics_server){
	    .server = server,
	    .quota_top = quota_top,
	    .own = LOCAL_SOCKET_NONE,
	    .wanted = LOCAL_SOCKET_NONE,
	    .open = {.due = metrics_open_due, .arg = metrics_server},
	};
	worker_init(&metrics_server->worker, &metrics_kind, metrics_server->server->loop,
	    &metrics_server->server->board, metrics_server);
	open_own(metrics_server);
	open_wanted(metrics_server);
	worker_restart(&metrics_server->worker);
}

void
metrics_server_reload(struct metrics_server *metrics_server, const struct config *old)
{
	if (strcmp(old->metrics_listen, metrics_server->server->config->metrics_listen) == 0)
		return;
	local_socket_close(&metrics_server->wanted, false);
	metrics_server->told_error = 0;
	open_wanted(metrics_server);
	worker_restart(&metrics_server->worker);
}

void
metrics_server_stop(struct metrics_server *metrics_server)
{
	quota_top_stop(metrics_server->quota_top);
	timer_stop(metrics_server->server->loop, &metrics_server->open);
	worker_stop(&metrics_server->worker);
	local_socket_close(&metrics_server->own, false);
	local_socket_close(&metrics_server->wanted, false);
}
