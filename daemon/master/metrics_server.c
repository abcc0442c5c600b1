/* SPDX-License-Identifier: ISC */
#include "daemon/master/metrics_server.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/master/master.h"
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
tell_listening(const struct master *master)
{
	union address bound;
	socklen_t len = sizeof(bound);
	char text[ADDRESS_TEXT_MAX];

	if (master->metrics.wanted.dir_fd >= 0) {
		log_message(LEVEL_INFO, "metrics", "served on %s", master->config->metrics_listen);
		return;
	}
	memset(&bound, 0, sizeof(bound));
	if (getsockname(master->metrics.wanted.fd, &bound.any, &len) < 0)
		return;
	address_text(&bound, text);
	log_message(LEVEL_INFO, "metrics",
	    bound.family == AF_INET6 ? "served on http://[%s]:%u/" : "served on http://%s:%u/", text,
	    address_port(&bound));
}

/* Have the address of metrics-listen, if there is one; else try again later. */
static void
open_wanted(struct master *master)
{
	const char *listen_on = master->config->metrics_listen;
	char why[TRUST_TEXT_MAX];
	int r;

	timer_stop(master->loop, &master->metrics.open);
	if (listen_on[0] == '\0' || master->metrics.wanted.fd >= 0)
		return;
	if (strncmp(listen_on, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		r = local_socket_open(
		    &master->metrics.wanted, listen_on + strlen(UNIX_PREFIX), 0666, BACKLOG, why, sizeof(why));
	else if ((r = open_tcp(&master->metrics.wanted, &master->config->metrics_address)) < 0)
		snprintf(why, sizeof(why), "%s", strerror(-r));
	if (r == 0) {
		tell_listening(master);
		return;
	}
	if (r != master->metrics.told_error)
		log_message(
		    LEVEL_ERROR, "metrics", "cannot serve metrics-listen '%s': %s; it is tried again", listen_on, why);
	master->metrics.told_error = r;
	timer_set(master->loop, &master->metrics.open, monotonic_ms() + RETRY_MS);
}

static void
open_own(struct master *master)
{
	char path[PATH_MAX], why[TRUST_TEXT_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/" SOCKET_NAME, master->config->runtime_directory);
	r = local_socket_open(&master->metrics.own, path, 0600, BACKLOG, why, sizeof(why));
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
	const struct master *master = arg;

	(void)channel;
	(void)error;
	(void)size;
	quota_board_share(master->quota_top.board, true);
	return 0;
}

static void
metrics_enter(void *arg, int channel)
{
	struct master *master = arg;
	struct metrics metrics = {
	    .master_channel = channel,
	    .empty_directory_fd = master->empty_directory_fd,
	    .uid = master->service_uid,
	    .gid = master->service_gid,
	    .master_pid = master->pid,
	    .board = &master->board,
	    .quotas = master->quota_top.board,
	};

	add_listener(&metrics, &master->metrics.own);
	add_listener(&metrics, &master->metrics.wanted);
	metrics_run(&metrics);
}

static void
metrics_release(void *arg)
{
	const struct master *master = arg;

	quota_board_share(master->quota_top.board, false);
}

static void
metrics_failed(void *arg, const char *error)
{
	struct master *master = arg;

	if (!master->metrics.was_told)
		log_message(LEVEL_ERROR, "metrics", "%s; it is tried again", error);
	master->metrics.was_told = true;
}

static void
metrics_down(void *arg)
{
	struct master *master = arg;

	master->metrics.was_told = false;
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
	struct master *master = arg;

	open_wanted(master);
	if (!timer_is_set(&master->metrics.open))
		worker_restart(&master->metrics.worker);
}

void
metrics_server_start(struct master *master)
{
	master->metrics.wanted = (struct local_socket)LOCAL_SOCKET_NONE;
	master->metrics.open = (struct loop_timer){.due = metrics_open_due, .arg = master};
	worker_init(&master->metrics.worker, &metrics_kind, master->loop, &master->board, master);
	open_own(master);
	open_wanted(master);
	worker_restart(&master->metrics.worker);
}

void
metrics_server_reload(struct master *master, const struct config *old)
{
	if (strcmp(old->metrics_listen, master->config->metrics_listen) == 0)
		return;
	local_socket_close(&master->metrics.wanted, false);
	master->metrics.told_error = 0;
	open_wanted(master);
	worker_restart(&master->metrics.worker);
}

void
metrics_server_stop(struct master *master)
{
	master->metrics.is_stopped = true;
	timer_stop(master->loop, &master->metrics.open);
	worker_stop(&master->metrics.worker);
	local_socket_close(&master->metrics.own, false);
	local_socket_close(&master->metrics.wanted, false);
}
