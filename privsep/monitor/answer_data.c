/* SPDX-License-Identifier: ISC */
/* Data sockets: made here, to and from the client's own address. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/data_socket.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

/* A range with fewer ports has none to spare for transfers that may not come. */
#define PORTS_FOR_AHEAD 1024
#define SHORT_AGAIN_MS 250	/* report to the master again that there are none */

_Static_assert(LISTEN_SPARE_MAX == IPC_FDS_MAX, "as many listeners ahead as fit into a message");

static bool
is_range_small(const struct config *config)
{
	return config->passive_port_high - config->passive_port_low < PORTS_FOR_AHEAD;
}

static void
put_host(struct monitor *monitor, const union address *address)
{
	uint8_t host[16] = {0};
	bool is_v6 = address->family == AF_INET6;

	memcpy(
	    host, is_v6 ? (const void *)&address->v6.sin6_addr : (const void *)&address->v4.sin_addr, is_v6 ? 16 : 4);
	ipc_put_u8(&monitor->message, is_v6 ? 6 : 4);
	ipc_put_bytes(&monitor->message, host, sizeof(host));
}

/* The message in hand. */
static void
tell_master_of_ports(struct monitor *monitor)
{
	if (ipc_send_now(monitor->session->master_channel, &monitor->message, -1) < 0)
		monitor_end_session(monitor);
}

uint64_t
announced_due_ms(const struct monitor *monitor)
{
	return monitor->announced.is_kept ? monitor->announced.due_ms : NEVER;
}

/*
 * Protocol has the same socket open, and may keep it. Disconnected (connect(2), AF_UNSPEC), the socket no longer
 * listens in either process: the port is free for others. Protocol's accept(2) fails, and its client reads 425.
 * Accepted connections go on.
 */
void
announced_leave(struct monitor *monitor)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	if (!monitor->announced.is_kept)
		return;
	monitor->announced.is_kept = false;
	(void)connect(monitor->announced.fd, &nowhere, sizeof(nowhere));
	close_fd(&monitor->announced.fd);
	ipc_begin(&monitor->message, IPC_announced_end);
	tell_master_of_ports(monitor);
}

/* While ports are left, a client that connects early and sends its command later costs nobody anything. */
void
announced_is_due(struct monitor *monitor)
{
	struct pollfd wait = {.fd = monitor->announced.fd, .events = POLLIN};

	if (poll(&wait, 1, 0) > 0)
		monitor->announced.due_ms =
		    monotonic_ms() + 1000ULL * monitor->session->config->timeouts.data_connect_s;
	else
		announced_leave(monitor);
}

/* Protocol has got the listener; keep it here, too. */
static void
keep_announced(struct monitor *monitor, const union address *bound, int *fd)
{
	if (*fd < 0 || !is_range_small(monitor->session->config))
		return;
	monitor->announced.is_kept = true;
	monitor->announced.fd = *fd;
	*fd = -1;
	monitor->announced.due_ms = monotonic_ms() + 1000ULL * monitor->session->config->timeouts.data_connect_s;
	ipc_begin(&monitor->message, IPC_announced);
	put_host(monitor, bound);
	ipc_put_u32(&monitor->message, address_port(bound));
	tell_master_of_ports(monitor);
}

/* A few times a second, while protocol waits. */
static void
tell_ports_are_short(struct monitor *monitor)
{
	const struct config *config = monitor->session->config;
	uint64_t now = monotonic_ms();

	if (now - monitor->listen.told_ms < SHORT_AGAIN_MS)
		return;
	monitor->listen.told_ms = now;
	ipc_begin(&monitor->message, IPC_ports_short);
	put_host(monitor, &monitor->session->local);
	ipc_put_u32(&monitor->message, config->passive_port_low);
	ipc_put_u32(&monitor->message, config->passive_port_high);
	tell_master_of_ports(monitor);
}

void
monitor_retry_listen(struct monitor *monitor)
{
	const struct config *config = monitor->session->config;
	const union address *local = &monitor->session->local;
	union address bound;
	int fd = -1;
	int r = data_socket_listen(local, config->passive_port_low, config->passive_port_high, &bound, &fd);

	if (r == -EADDRINUSE && monotonic_ms() < monitor->listen.deadline_ms) {
		monitor->listen.is_waiting = true;
		tell_ports_are_short(monitor);
		return;
	}
	monitor->listen.is_waiting = false;
	records_expect_transfers(monitor, 1);
	ipc_begin_reply(&monitor->message, IPC_listen, r);
	if (r == 0) {
		put_host(monitor, &bound);
		ipc_put_u32(&monitor->message, address_port(&bound));
	}
	if (r < 0 && records_take(monitor, RECORD_NOTE, LEVEL_ERROR))
		log_message(LEVEL_ERROR, "data-refused", "no passive port: %s", strerror(-r));
	monitor_send_answer(monitor, &fd, fd >= 0);
	keep_announced(monitor, &bound, &fd);
	close_fd(&fd);
}

bool
monitor_answer_listen(struct monitor *monitor)
{
	uint8_t family = ipc_get_u8(&monitor->message);

	if (!ipc_end(&monitor->message) || family != 0 || monitor->listen.is_waiting)
		return false;
	announced_leave(monitor);
	monitor->listen.deadline_ms = monotonic_ms() + 1000ULL * monitor->session->config->timeouts.data_connect_s;
	monitor_retry_listen(monitor);
	return true;
}

bool
monitor_answer_listen_ahead(struct monitor *monitor)
{
	const struct config *config = monitor->session->config;
	uint8_t wanted = ipc_get_u8(&monitor->message);
	uint16_t ports[IPC_FDS_MAX];
	int fds[IPC_FDS_MAX];
	bool has_spare = !is_range_small(config);
	unsigned count = 0;

	if (!ipc_end(&monitor->message) || wanted == 0 || wanted > IPC_FDS_MAX || monitor->listen.is_waiting)
		return false;
	if (has_spare)
		count = data_socket_listen_spare(
		    &monitor->session->local, config->passive_port_low, config->passive_port_high, wanted, ports, fds);
	records_expect_transfers(monitor, count * LISTENER_USES_MAX);
	ipc_begin_reply(&monitor->message, IPC_listen_ahead, !has_spare ? -EOPNOTSUPP : count == 0 ? -EAGAIN : 0);
	if (count > 0)
		ipc_put_u8(&monitor->message, (uint8_t)count);
	for (unsigned i = 0; i < count; i++)
		ipc_put_u32(&monitor->message, ports[i]);
	monitor_send_answer(monitor, fds, count);
	for (unsigned i = 0; i < count; i++)
		close_fd(&fds[i]);
	return true;
}

bool
monitor_answer_connect(struct monitor *monitor)
{
	union address target;
	uint8_t family = ipc_get_u8(&monitor->message);
	size_t len;
	const void *host = ipc_get_bytes(&monitor->message, 16, &len);
	uint32_t port = ipc_get_u32(&monitor->message);
	int fd = -1;
	int r = -EACCES;

	if (!ipc_end(&monitor->message) || (family != 4 && family != 6) || len != 16 || port > UINT16_MAX)
		return false;
	memset(&target, 0, sizeof(target));
	target.family = family == 6 ? AF_INET6 : AF_INET;
	memcpy(family == 6 ? (void *)&target.v6.sin6_addr : (void *)&target.v4.sin_addr, host, family == 6 ? 16 : 4);
	address_set_port(&target, (uint16_t)port);
	if (monitor->session->config->active_mode)
		r = data_socket_connect(&monitor->session->local, monitor->session->config->active_port,
		    &monitor->session->peer, &target, &fd);
	records_expect_transfers(monitor, 1);
	ipc_begin_reply(&monitor->message, IPC_connect, r);
	monitor_send_answer(monitor, &fd, fd >= 0);
	close_fd(&fd);
	return true;
}
