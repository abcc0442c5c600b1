/* SPDX-License-Identifier: ISC */
#include "daemon/master/metrics_server.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/death.h"
#include "common/io.h"
#include "daemon/master/master.h"
#include "daemon/master/oom.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/metrics/metrics.h"
#include "privsep/sandbox/sandbox.h"
#include "trusted/place.h"

#include "common/banned.h"

#define RETRY_MS 1000 /* at least between two starts, and between two tries to have an address */
#define BACKLOG 64
#define SOCKET_NAME "metrics.sock"
#define UNIX_PREFIX "unix:"

static struct ipc_message message;

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

	master->metrics.open_at_ms = 0;
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
	master->metrics.open_at_ms = monotonic_ms() + RETRY_MS;
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

/* runs in the child */
static void __attribute__((noreturn)) run(struct master *master, int channel)
{
	struct metrics metrics = {
	    .master_channel = channel,
	    .empty_directory_fd = master->empty_directory_fd,
	    .uid = master->service_uid,
	    .gid = master->service_gid,
	    .master_pid = master->pid,
	    .board = &master->board,
	    .quotas = master->quota_top.board,
	};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	oom_leave_protection();
	if (!sandbox_is_widened())
		dup2(STDIN_FILENO, STDERR_FILENO);
	add_listener(&metrics, &master->metrics.own);
	add_listener(&metrics, &master->metrics.wanted);
	metrics_run(&metrics);
}

static int
start(struct master *master)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &master->metrics};
	int channels[2] = {-1, -1};
	pid_t pid;
	int r;

	master->metrics.started_ms = monotonic_ms();
	r = ipc_pair(channels, 0);
	if (r < 0)
		return r;
	quota_board_share(master->quota_top.board, true);
	pid = sandbox_fork_whole();
	if (pid == 0)
		run(master, channels[1]);
	quota_board_share(master->quota_top.board, false);
	if (pid < 0) {
		r = -errno;
		close_fd(&channels[0]);
	} else {
		master->metrics.pid = pid;
		master->metrics.channel = channels[0];
		if (epoll_ctl(master->epoll_fd, EPOLL_CTL_ADD, channels[0], &event) < 0)
			r = -errno;
	}
	close_fd(&channels[1]);
	return r;
}

static void
start_or_retry(struct master *master)
{
	int r = start(master);

	master->metrics.start_at_ms = r < 0 ? monotonic_ms() + RETRY_MS : 0;
	if (r < 0 && !master->metrics.was_told)
		log_message(
		    LEVEL_ERROR, "metrics", "cannot start the metrics process: %s; it is tried again", strerror(-r));
	master->metrics.was_told = r < 0;
}

void
metrics_server_start(struct master *master)
{
	master->metrics.channel = -1;
	master->metrics.wanted = (struct local_socket)LOCAL_SOCKET_NONE;
	open_own(master);
	open_wanted(master);
	start_or_retry(master);
}

/* It ends, and its end starts another, with the sockets that there are now. */
static void
restart(struct master *master)
{
	if (master->metrics.pid != 0)
		close_fd(&master->metrics.channel);
	else
		start_or_retry(master);
}

void
metrics_server_reload(struct master *master, const struct config *old)
{
	if (strcmp(old->metrics_listen, master->config->metrics_listen) == 0)
		return;
	local_socket_close(&master->metrics.wanted, false);
	master->metrics.told_error = 0;
	open_wanted(master);
	restart(master);
}

void
metrics_server_stop(struct master *master)
{
	master->metrics.is_stopped = true;
	master->metrics.start_at_ms = master->metrics.open_at_ms = 0;
	close_fd(&master->metrics.channel);
	local_socket_close(&master->metrics.own, false);
	local_socket_close(&master->metrics.wanted, false);
}

void
metrics_server_receive(struct master *master)
{
	int r;

	if (master->metrics.channel < 0)
		return;
	r = ipc_receive_now(master->metrics.channel, IPC_MASTER, IPC_STATE_ANY, &message);
	if (r == 0 && message.kind == IPC_alarm) {
		log_begin(LEVEL_CRITICAL, "alarm");
		log_field_text("died", "metrics");
		log_field_text("stopped_at", sandbox_syscall_name(ipc_get_u32(&message)));
		log_end();
	} else if (r == -EPIPE || r == -EPROTO) {
		close_fd(&master->metrics.channel);
	}
}

bool
metrics_server_reaped(struct master *master, pid_t pid, int status)
{
	bool is_orderly = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	char cause[DEATH_TEXT_MAX];

	if (master->metrics.pid == 0 || pid != master->metrics.pid)
		return false;
	death_text(status, cause);
	metrics_server_receive(master);
	close_fd(&master->metrics.channel);
	master->metrics.pid = 0;
	if (!is_orderly)
		log_message(LEVEL_CRITICAL, "alarm", "metrics died (%s); another one is started", cause);
	if (master->metrics.is_stopped)
		return true;
	master->metrics.start_at_ms = is_orderly ? monotonic_ms() : master->metrics.started_ms + RETRY_MS;
	(void)!metrics_server_watch(master);
	return true;
}

int
metrics_server_watch(struct master *master)
{
	uint64_t now = monotonic_ms(), next = UINT64_MAX;

	if (master->metrics.open_at_ms != 0 && now >= master->metrics.open_at_ms) {
		open_wanted(master);
		if (master->metrics.open_at_ms == 0)
			restart(master);
	}
	if (master->metrics.start_at_ms != 0 && now >= master->metrics.start_at_ms)
		start_or_retry(master);
	if (master->metrics.open_at_ms != 0)
		next = master->metrics.open_at_ms;
	if (master->metrics.start_at_ms != 0 && master->metrics.start_at_ms < next)
		next = master->metrics.start_at_ms;
	return next == UINT64_MAX ? -1 : deadline_left_ms(next, now);
}
