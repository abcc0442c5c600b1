/* SPDX-License-Identifier: ISC */
#include "daemon/master/listeners.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

/* The state of listeners_open(). */
struct opening {
	const struct config *config;
	const struct listener *old;
	size_t old_count;
	struct listener *listeners;
	size_t count;
	char *error;
	size_t size;
};

static bool
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

int
listener_prepare(int fd)
{
	if (!set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) || !set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1) ||
	    !set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1))
		return -errno;
	return 0;
}

int
listener_examine(struct listener *listener)
{
	socklen_t len = sizeof(listener->bound);

	memset(&listener->bound, 0, sizeof(listener->bound));
	return getsockname(listener->fd, &listener->bound.any, &len) < 0 ? -errno : 0;
}

bool
listeners_have(const struct listener *listeners, size_t count, int fd)
{
	for (size_t i = 0; i < count; i++)
		if (listeners[i].fd == fd)
			return true;
	return false;
}

/*
 * When "*" replaces an address, or the other way round, our old sockets with that port block the new one. They let it
 * in with SO_REUSEPORT, for a moment.
 */
static bool
allow_overlap(const struct opening *opening, const union address *address, bool allow)
{
	bool is_any = false;

	for (size_t i = 0; i < opening->old_count; i++) {
		const struct listener *old = &opening->old[i];

		if (old->is_activated || old->bound.family != address->family ||
		    address_port(&old->bound) != address_port(address))
			continue;
		is_any = set_option(old->fd, SOL_SOCKET, SO_REUSEPORT, allow) || is_any;
	}
	return is_any;
}

static int
open_socket(const union address *address, bool shares_port, int *fd_out)
{
	int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = listener_prepare(fd);
	if (r == 0 &&
	    (!set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) || !set_option(fd, SOL_SOCKET, SO_REUSEPORT, shares_port) ||
		(address->family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
		bind(fd, &address->any, address_len(address)) < 0 || listen(fd, BACKLOG) < 0))
		r = -errno;
	if (r == 0) {
		/* nobody else may share it */
		(void)!set_option(fd, SOL_SOCKET, SO_REUSEPORT, 0);
		*fd_out = fd;
		fd = -1;
	}
	close_fd(&fd);
	return r;
}

static int
open_new(const struct opening *opening, const union address *address, int *fd_out)
{
	int r = open_socket(address, false, fd_out);

	if (r == -EADDRINUSE && allow_overlap(opening, address, true)) {
		r = open_socket(address, true, fd_out);
		allow_overlap(opening, address, false);
	}
	return r;
}

static bool
same_address(const union address *a, const union address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The socket that there is for address, not yet taken; -1: none. */
static int
find_old(const struct opening *opening, const union address *address)
{
	for (size_t i = 0; i < opening->old_count; i++) {
		const struct listener *old = &opening->old[i];

		if (!old->is_activated &&
		    (same_address(&old->address, address) || same_address(&old->bound, address)) &&
		    !listeners_have(opening->listeners, opening->count, old->fd))
			return old->fd;
	}
	return -1;
}

/* Does a socket of the service manager take what comes for address? */
static bool
is_covered(const struct opening *opening, const union address *address)
{
	for (size_t i = 0; i < opening->count; i++) {
		const struct listener *have = &opening->listeners[i];
		bool has_family = have->bound.family == address->family || have->is_dual;

		if (!have->is_activated || !has_family || address_port(&have->bound) != address_port(address))
			continue;
		if (address_is_wildcard(&have->bound) || same_address(&have->bound, address))
			return true;
	}
	return false;
}

/* The socket addresses of one configured entry: one, or two for "*". */
static size_t
addresses_of_entry(const struct config_listen *entry, union address addresses[2])
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

/* The part that the error alone does not say. */
static const char *
advice_for(int error)
{
	if (error == -EACCES)
		return "; this needs CAP_NET_BIND_SERVICE, or a lower sysctl net.ipv4.ip_unprivileged_port_start";
	return "";
}

static void
report_listener_failure(const struct opening *opening, const struct config_listen *entry, const char *key,
    const union address *address, int error)
{
	char text[ADDRESS_TEXT_MAX];
	char line[32] = "";

	if (entry->line > 0)
		snprintf(line, sizeof(line), "%d:", entry->line);
	address_text(address, text);
	snprintf(opening->error, opening->size, "%s:%s %s: cannot listen on %s port %u: %s%s", opening->config->path,
	    line, key, text, entry->port, strerror(-error), advice_for(error));
}

/* One of the keys that name addresses. */
struct listen_key {
	const char *name;
	const struct config_listen *entries;
	size_t count;
	bool is_tls, is_proxied;
};

#define LISTEN_KEYS 4

static void
list_keys(const struct config *config, struct listen_key keys[LISTEN_KEYS])
{
	keys[0] = (struct listen_key){"listen", config->listen, config->listen_count, false, false};
	keys[1] =
	    (struct listen_key){"listen-proxied", config->listen_proxied, config->listen_proxied_count, false, true};
	keys[2] = (struct listen_key){"listen-tls", config->listen_tls, config->listen_tls_count, true, false};
	keys[3] = (struct listen_key){
	    "listen-proxied-tls", config->listen_proxied_tls, config->listen_proxied_tls_count, true, true};
}

static int
open_entry(struct opening *opening, const struct listen_key *key, const struct config_listen *entry)
{
	union address addresses[2];
	size_t n = addresses_of_entry(entry, addresses);

	for (size_t i = 0; i < n; i++) {
		struct listener listener = {.fd = -1, .is_tls = key->is_tls, .is_proxied = key->is_proxied};
		int r = 0;

		listener.address = addresses[i];
		if (is_covered(opening, &addresses[i]))
			continue;
		listener.fd = find_old(opening, &addresses[i]);
		if (listener.fd < 0)
			r = open_new(opening, &addresses[i], &listener.fd);
		if (r == 0)
			r = listener_examine(&listener);
		if (entry->any_family && i == 1 && (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL))
			continue; /* a host without IPv6 */
		if (r < 0) {
			report_listener_failure(opening, entry, key->name, &addresses[i], r);
			return r;
		}
		opening->listeners[opening->count++] = listener;
	}
	return 0;
}

_Static_assert(LISTENERS_MAX - LISTENERS_INHERITED_MAX >= 2 * LISTEN_KEYS * CONFIG_LISTEN_MAX,
    "each configured entry has room for two");

static bool
has_port(const struct listen_key *key, uint16_t port)
{
	for (size_t i = 0; i < key->count; i++)
		if (key->entries[i].port == port)
			return true;
	return false;
}

/* What is spoken at an activated socket: its name says so, or else the first key that has its port. */
static void
set_speech(const struct opening *opening, struct listener *listener)
{
	struct listen_key keys[LISTEN_KEYS];
	uint16_t port = address_port(&listener->bound);

	listener->is_tls = listener->kind == LISTENER_TLS || listener->kind == LISTENER_PROXIED_TLS;
	listener->is_proxied = listener->kind == LISTENER_PROXIED || listener->kind == LISTENER_PROXIED_TLS;
	if (listener->kind != LISTENER_BY_PORT)
		return;
	list_keys(opening->config, keys);
	for (size_t i = 0; i < LISTEN_KEYS; i++) {
		if (!has_port(&keys[i], port))
			continue;
		listener->is_tls = keys[i].is_tls;
		listener->is_proxied = keys[i].is_proxied;
		return;
	}
}

/* An activated socket exists whatever is configured; only its protocol depends on the configuration. */
static int
take_activated(struct opening *opening)
{
	for (size_t i = 0; i < opening->old_count; i++) {
		struct listener *listener = &opening->listeners[opening->count];
		uint16_t port = address_port(&opening->old[i].bound);

		if (!opening->old[i].is_activated || opening->count == LISTENERS_INHERITED_MAX)
			continue;
		*listener = opening->old[i];
		set_speech(opening, listener);
		if (listener->is_proxied && opening->config->proxy_from_count == 0) {
			snprintf(opening->error, opening->size,
			    "%s: the socket for a proxy that was inherited, port %u, needs proxy-from, the addresses of "
			    "the proxy",
			    opening->config->path, port);
			return -EINVAL;
		}
		if (listener->is_tls && opening->config->tls.certificate[0] == '\0') {
			snprintf(opening->error, opening->size,
			    "%s: the socket for TLS that was inherited, port %u, needs a certificate; set "
			    "tls.certificate "
			    "and tls.key",
			    opening->config->path, port);
			return -EINVAL;
		}
		opening->count++;
	}
	return 0;
}

int
listeners_open(const struct config *config, const struct listener *old, size_t old_count, struct listener *listeners,
    char *error, size_t size)
{
	struct opening opening = {
	    .config = config,
	    .old = old,
	    .old_count = old_count,
	    .listeners = listeners,
	    .error = error,
	    .size = size,
	};
	struct listen_key keys[LISTEN_KEYS];
	int r = take_activated(&opening);

	list_keys(config, keys);
	for (size_t k = 0; k < LISTEN_KEYS; k++)
		for (size_t i = 0; i < keys[k].count && r == 0; i++)
			r = open_entry(&opening, &keys[k], &keys[k].entries[i]);
	if (r == 0)
		return (int)opening.count;
	listeners_close_others(listeners, opening.count, old, old_count);
	return r;
}

void
listeners_close_others(const struct listener *old, size_t old_count, const struct listener *kept, size_t count)
{
	for (size_t i = 0; i < old_count; i++) {
		int fd = old[i].fd;

		if (!listeners_have(kept, count, fd))
			close_fd(&fd);
	}
}

void
listener_shut(const struct listener *listener)
{
	/* the filter of a listening socket sees TCP headers: drop SYN without ACK, take the rest */
	static struct sock_filter rows[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x12),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	static const struct sock_fprog program = {.len = sizeof(rows) / sizeof(rows[0]), .filter = rows};

	(void)!setsockopt(listener->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* --- those that are served --- */

static void
log_listener(const struct listener *listener)
{
	char text[ADDRESS_TEXT_MAX];

	address_text(&listener->bound, text);
	log_set_context(NULL, NULL, text, NULL);
	log_begin(LEVEL_INFO, "listening");
	log_field_u64("port", address_port(&listener->bound));
	log_field_text("tls", listener->is_tls ? "implicit" : "no");
	if (listener->is_proxied)
		log_field_text("for", "proxy");
	log_end();
	log_set_context(NULL, NULL, "", NULL);
}

static void
listener_ready(void *arg)
{
	const struct listener *listener = arg;

	(void)!listeners_accept(listener->owner, listener);
}

bool
listeners_accept(const struct listeners *listeners, const struct listener *listener)
{
	return listener->is_proxied ? listeners->accept_proxied(listeners->proxied_arg, listener)
				    : listeners->accept(listeners->arg, listener);
}

bool
listeners_have_proxied(const struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		if (listeners->all[i].is_proxied)
			return true;
	return false;
}

void
listeners_watch(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++) {
		struct listener *listener = &listeners->all[i];
		int r;

		listener->owner = listeners;
		listener->source = (struct loop_source){.ready = listener_ready, .arg = listener};
		r = loop_watch(listeners->loop, &listener->source, listener->fd);
		if (r < 0)
			log_message(LEVEL_ERROR, "listening", "a listener cannot be watched: %s", strerror(-r));
		log_listener(listener);
	}
}

void
listeners_unwatch(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++)
		loop_unwatch(listeners->loop, &listeners->all[i].source);
}

void
listeners_leave(const struct listeners *listeners, const struct listener *listener)
{
	if (listener->is_activated)
		return; /* the next server serves clients that wait there */
	listener_shut(listener);
	while (listeners_accept(listeners, listener))
		;
	shutdown(listener->fd, SHUT_RDWR);
}

void
listeners_forget(struct listeners *listeners)
{
	listeners_unwatch(listeners);
	listeners_close_others(listeners->all, listeners->count, NULL, 0);
	listeners->count = 0;
}

void
listeners_close_for_clients(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->count; i++) {
		struct listener *listener = &listeners->all[i];

		if (listener->is_proxied)
			continue;
		loop_unwatch(listeners->loop, &listener->source);
		listeners_leave(listeners, listener);
		close_fd(&listener->fd);
	}
}
