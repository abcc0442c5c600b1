/* Data sockets: made here, to and from the client's own address. */
#include <errno.h>
#include <string.h>

#include "common/io.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/data_socket.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

/* A range with fewer ports has none to spare for transfers that may not come. */
#define PORTS_FOR_AHEAD 1024

_Static_assert(LISTEN_SPARE_MAX == IPC_FDS_MAX, "as many listeners ahead as fit into a message");

void
try_listen(struct monitor *monitor)
{
	const struct config *config = monitor->session->config;
	const union address *local = &monitor->session->local;
	union address bound;
	int fd = -1;
	int r = data_socket_listen(local, config->passive_port_low, config->passive_port_high, &bound, &fd);

	if (r == -EADDRINUSE && monotonic_ms() < monitor->listen.deadline_ms) {
		monitor->listen.is_waiting = true;
		return;
	}
	monitor->listen.is_waiting = false;
	records_expect_transfers(monitor, 1);
	ipc_begin_reply(&monitor->message, IPC_listen, r);
	if (r == 0) {
		uint8_t host[16] = {0};

		memcpy(host, bound.family == AF_INET6 ? (void *)&bound.v6.sin6_addr : (void *)&bound.v4.sin_addr,
		    bound.family == AF_INET6 ? 16 : 4);
		ipc_put_u8(&monitor->message, bound.family == AF_INET6 ? 6 : 4);
		ipc_put_bytes(&monitor->message, host, sizeof(host));
		ipc_put_u32(&monitor->message, address_port(&bound));
	}
	if (r < 0 && records_take(monitor, RECORD_NOTE, LEVEL_ERROR))
		log_message(LEVEL_ERROR, "data-refused", "no passive port: %s", strerror(-r));
	answer_protocol(monitor, &fd, fd >= 0);
	close_fd(&fd);
}

void
monitor_answer_listen(struct monitor *monitor)
{
	uint8_t family = ipc_get_u8(&monitor->message);

	if (!ipc_end(&monitor->message) || family != 0 || monitor->listen.is_waiting)
		end_for_violation(monitor, &monitor->protocol, "malformed listen");
	monitor->listen.deadline_ms = monotonic_ms() + 1000ULL * monitor->session->config->timeouts.data_connect_s;
	try_listen(monitor);
}

void
monitor_answer_listen_ahead(struct monitor *monitor)
{
	const struct config *config = monitor->session->config;
	uint8_t wanted = ipc_get_u8(&monitor->message);
	uint16_t ports[IPC_FDS_MAX];
	int fds[IPC_FDS_MAX];
	bool has_spare = config->passive_port_high - config->passive_port_low >= PORTS_FOR_AHEAD;
	unsigned count = 0;

	if (!ipc_end(&monitor->message) || wanted == 0 || wanted > IPC_FDS_MAX || monitor->listen.is_waiting)
		end_for_violation(monitor, &monitor->protocol, "malformed listen_ahead");
	if (has_spare)
		count = data_socket_listen_spare(&monitor->session->local, config->passive_port_low,
		    config->passive_port_high, wanted, ports, fds);
	records_expect_transfers(monitor, count);
	ipc_begin_reply(&monitor->message, IPC_listen_ahead, !has_spare ? -EOPNOTSUPP : count == 0 ? -EAGAIN : 0);
	if (count > 0)
		ipc_put_u8(&monitor->message, (uint8_t)count);
	for (unsigned i = 0; i < count; i++)
		ipc_put_u32(&monitor->message, ports[i]);
	answer_protocol(monitor, fds, count);
	for (unsigned i = 0; i < count; i++)
		close_fd(&fds[i]);
}

void
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
		end_for_violation(monitor, &monitor->protocol, "malformed connect");
	memset(&target, 0, sizeof(target));
	target.family = family == 6 ? AF_INET6 : AF_INET;
	memcpy(family == 6 ? (void *)&target.v6.sin6_addr : (void *)&target.v4.sin_addr, host, family == 6 ? 16 : 4);
	address_set_port(&target, (uint16_t)port);
	if (monitor->session->config->active_mode)
		r = data_socket_connect(&monitor->session->local, monitor->session->config->active_port,
		    &monitor->session->peer, &target, &fd);
	records_expect_transfers(monitor, 1);
	ipc_begin_reply(&monitor->message, IPC_connect, r);
	answer_protocol(monitor, &fd, fd >= 0);
	close_fd(&fd);
}
