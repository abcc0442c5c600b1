/* SPDX-License-Identifier: ISC */
#include "privsep/monitor/data_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "common/io.h"

#include "common/banned.h"

#define LISTEN_BACKLOG 16	/* room for strangers in front of the client */
#define PORT_RESERVED_BELOW 1024

static int
set_flag(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int
new_socket(const union address *address, int *fd_out)
{
	int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	*fd_out = fd;
	return 0;
}

/*
 * Bind and listen on one port. With SO_REUSEADDR a bind beside another listener of the same
 * program can succeed and only the listen() fails: both mean "taken".
 */
static int
try_port(const union address *bound, int *fd_out)
{
	int fd = -1;
	int r = new_socket(bound, &fd);

	if (r < 0)
		return r;
	r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
	if (r == 0 && bind(fd, &bound->any, address_len(bound)) < 0)
		r = -errno;
	if (r == 0 && listen(fd, LISTEN_BACKLOG) < 0)
		r = -errno;
	if (r == 0) {
		*fd_out = fd;
		fd = -1;
	}
	close_fd(&fd);
	return r;
}

int
data_socket_listen(const union address *local, uint16_t low, uint16_t high, union address *bound, int *fd_out)
{
	uint32_t count = (uint32_t)high - low + 1;
	uint32_t start = 0;
	int r = -EADDRINUSE;

	if (getrandom(&start, sizeof(start), 0) != sizeof(start))
		return -EIO;
	start %= count;	/* a random port, then every other one once */
	*bound = *local;
	for (uint32_t tried = 0; tried < count; tried++) {
		address_set_port(bound, (uint16_t)(low + (start + tried) % count));
		r = try_port(bound, fd_out);
		if (r != -EADDRINUSE)
			break;
	}
	return r;
}

unsigned
data_socket_listen_spare(
    const union address *local, uint16_t low, uint16_t high, unsigned count, uint16_t *ports, int *fds)
{
	uint32_t drawn[LISTEN_SPARE_MAX];
	union address bound = *local;
	unsigned made = 0;

	if (count > LISTEN_SPARE_MAX ||
	    getrandom(drawn, count * sizeof(drawn[0]), 0) != (ssize_t)(count * sizeof(drawn[0])))
		return 0;
	for (; made < count; made++) {
		ports[made] = (uint16_t)(low + drawn[made] % ((uint32_t)high - low + 1));
		address_set_port(&bound, ports[made]);
		if (try_port(&bound, &fds[made]) < 0)
			break;
	}
	return made;
}

static bool
may_connect(const union address *peer, const union address *target)
{
	return address_same_host(peer, target) && address_port(target) >= PORT_RESERVED_BELOW;
}

int
data_socket_connect(
    const union address *local, uint16_t port, const union address *peer, const union address *target, int *fd_out)
{
	union address from = *local, dial;
	int fd = -1;
	int r;

	if (!may_connect(peer, target))
		return -EACCES;
	r = new_socket(target, &fd);
	if (r < 0)
		return r;
	address_set_port(&from, port);
	dial = *target;
	if (dial.family == AF_INET6)
		dial.v6.sin6_scope_id = peer->v6.sin6_scope_id;	/* EPRT has no place for it */
	r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
	/* the kernel picks the port at connect(), when the whole four-tuple counts, not at bind() */
	if (r == 0 && port == 0)
		r = set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
	if (r == 0 && bind(fd, &from.any, address_len(&from)) < 0)
		r = -errno;
	if (r == 0 && connect(fd, &dial.any, address_len(&dial)) < 0 && errno != EINPROGRESS)
		r = -errno;
	if (r == 0) {
		*fd_out = fd;
		fd = -1;
	}
	close_fd(&fd);
	return r;
}
