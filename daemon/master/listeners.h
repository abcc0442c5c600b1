/* SPDX-License-Identifier: ISC */
/* The listening sockets: opened or inherited at start, changed at reload and handed over without a gap. */
#ifndef DAEMON_MASTER_LISTENERS_H
#define DAEMON_MASTER_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "config/config.h"
#include "daemon/master/loop.h"

#define LISTENERS_MAX (12 * CONFIG_LISTEN_MAX) /* all that can be configured, and as many activated ones */
#define LISTENERS_INHERITED_MAX (4 * CONFIG_LISTEN_MAX)

/* The purpose of an inherited socket, by its name. */
enum listener_kind { LISTENER_BY_PORT, LISTENER_PLAIN, LISTENER_TLS, LISTENER_PROXIED, LISTENER_PROXIED_TLS };

struct listeners;

/* One listening socket. */
struct listener {
	int fd;
	union address address; /* as configured; port 0 stays 0 */
	union address bound; /* what the socket has */
	bool is_tls;
	bool is_proxied; /* a proxy connects, and says for whom */
	bool is_dual; /* an IPv6 socket that takes IPv4 too; only of activated ones */
	bool is_activated; /* the service manager's, which keeps it: always served, never shut */
	enum listener_kind kind; /* of an activated one */
	struct listeners *owner;
	struct loop_source source;
};

/* Those that are served. */
struct listeners {
	struct loop *loop;
	struct listener all[LISTENERS_MAX];
	size_t count;
	/* Take who waits there, or at one for a proxy. True: more may wait. */
	bool (*accept)(void *arg, const struct listener *listener);
	void *arg;
	bool (*accept_proxied)(void *arg, const struct listener *listener);
	void *proxied_arg;
};

/* Take who waits at a listener of these, or one that was of them. True: more may wait. */
bool listeners_accept(const struct listeners *listeners, const struct listener *listener);

/* Is one of them for a proxy? */
bool listeners_have_proxied(const struct listeners *listeners);

/*
 * Bring together what config asks for and the sockets that there are, into listeners (room for
 * LISTENERS_MAX). Activated sockets of old come first, as plain or TLS by their name, or else by
 * the port in listen and listen-tls. Then every configured address that none of them covers, with the
 * socket of old that has it, or a new one. "*" is IPv4 and, where the kernel has it, IPv6.
 *
 * error  on failure: "FILE:LINE: KEY: which address and why"; size bytes.
 *
 * Returns the number of listeners, or -errno with nothing new left open.
 */
int listeners_open(const struct config *config, const struct listener *old, size_t old_count,
    struct listener *listeners, char *error, size_t size);

/* True when one of the listeners has this socket. */
bool listeners_have(const struct listener *listeners, size_t count, int fd);

/* Close those of old that are not in kept. */
void listeners_close_others(const struct listener *old, size_t old_count, const struct listener *kept, size_t count);

/*
 * Close one of our sockets to new clients: from now on the kernel drops their connections, so that the queue can be
 * accepted to its end before the socket is closed. Never for an activated one.
 */
void listener_shut(const struct listener *listener);

/* Find out what a socket is bound to: listener->bound. 0 or -errno. */
int listener_examine(struct listener *listener);

/*
 * The options that sessions inherit from the listener, which saves them the calls. For a new
 * socket before it is bound, for an inherited one at once. 0 or -errno.
 */
int listener_prepare(int fd);

/* Have the loop watch them all, and log them. */
void listeners_watch(struct listeners *listeners);

/* No longer, because other ones take their places in the array. */
void listeners_unwatch(struct listeners *listeners);

/* Accept clients that wait at one that is not watched and will be closed (not at an activated one). */
void listeners_leave(const struct listeners *listeners, const struct listener *listener);

/* Close them: another server has taken them over. */
void listeners_forget(struct listeners *listeners);

/*
 * Close them, after accepting all clients that wait. Those for a proxy stay open: its health checks are to read that
 * the server stops.
 */
void listeners_close_for_clients(struct listeners *listeners);

#endif
