#include "daemon/master/listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"
#include "daemon/master/master.h"

#include "common/banned.h"

#define BACKLOG 4096	/* the kernel cuts it to net.core.somaxconn */

static bool
set_option(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

static int
open_socket(const union address *address, int *fd_out)
{
	int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	/* sessions inherit these from the listener, which saves them the calls */
	if (!set_option(fd, SOL_SOCKET, SO_REUSEADDR) || !set_option(fd, SOL_SOCKET, SO_KEEPALIVE) ||
	    !set_option(fd, SOL_SOCKET, SO_OOBINLINE) || !set_option(fd, IPPROTO_TCP, TCP_NODELAY) ||
	    (address->family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
	    bind(fd, &address->any, address_len(address)) < 0 || listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r == 0) {
		*fd_out = fd;
		fd = -1;
	}
	close_fd(&fd);
	return r;
}

static int
find_old(const struct listener *old, size_t count, const struct listener *wanted)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(&old[i].address, &wanted->address, sizeof(old[i].address)) == 0 &&
		    old[i].is_tls == wanted->is_tls)
			return old[i].fd;
	return -1;
}

/* The socket addresses of one configured entry: one, or two for "*". */
static size_t
expand(const struct config_listen *entry, union address addresses[2])
{
	memset(addresses, 0, 2 * sizeof(addresses[0]));
	if (!entry->any_family) {
		addresses[0] = entry->address;
		address_set_port(&addresses[0], entry->port);
		return 1;
	}
	addresses[0].v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(entry->port)};
	addresses[1].v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(entry->port)};
	return 2;
}

static int
open_entry(const struct config_listen *entry, bool is_tls, const struct listener *old, size_t old_count,
    struct listener *listeners, size_t *count, char *error, size_t size)
{
	union address addresses[2];
	size_t n = expand(entry, addresses);

	for (size_t i = 0; i < n; i++) {
		struct listener *listener = &listeners[*count];
		char text[ADDRESS_TEXT_MAX];
		int r = 0;

		*listener = (struct listener){.fd = -1, .address = addresses[i], .is_tls = is_tls};
		listener->fd = find_old(old, old_count, listener);
		if (listener->fd < 0)
			r = open_socket(&addresses[i], &listener->fd);
		if (entry->any_family && i == 1 && (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL))
			continue;	/* a host without IPv6 */
		if (r < 0) {
			address_text(&addresses[i], text);
			snprintf(error, size, "cannot listen on %s port %u: %s", text, entry->port, strerror(-r));
			return r;
		}
		(*count)++;
	}
	return 0;
}

int
listeners_open(const struct config *config, const struct listener *old, size_t old_count, struct listener *listeners,
    char *error, size_t size)
{
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < config->listen_count && r == 0; i++)
		r = open_entry(&config->listen[i], false, old, old_count, listeners, &count, error, size);
	for (size_t i = 0; i < config->listen_tls_count && r == 0; i++)
		r = open_entry(&config->listen_tls[i], true, old, old_count, listeners, &count, error, size);
	if (r == 0)
		return (int)count;
	listeners_close_others(listeners, count, old, old_count);
	return r;
}

void
listeners_close_others(const struct listener *old, size_t old_count, const struct listener *kept, size_t count)
{
	for (size_t i = 0; i < old_count; i++) {
		bool is_kept = false;

		for (size_t k = 0; k < count; k++)
			is_kept = is_kept || kept[k].fd == old[i].fd;
		if (!is_kept) {
			int fd = old[i].fd;

			close_fd(&fd);
		}
	}
}
