/* SPDX-License-Identifier: ISC */
/* Connecting: names to addresses, and one address after the other, overlapping (RFC 8305). */
#ifndef CLIENT_ENGINE_CONNECT_H
#define CLIENT_ENGINE_CONNECT_H

#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

/* Where connections come from; zeroed: wherever the system's routes say. */
struct connect_source {
	union address address;	/* AF_UNSPEC: any; the port is 0 */
	char interface[IF_NAMESIZE];	/* "": any */
};

struct connect_wish {
	const char *host;	/* name or numeric address */
	uint16_t port;
	int family;	/* AF_UNSPEC: both */
	unsigned int timeout_ms;	/* for the look-up, and for each address */
	const struct connect_source *source;	/* NULL: any */
	const volatile sig_atomic_t *abort;	/* NULL none */
};

/*
 * Look the host up and connect. The families take turns. The next address starts when the last one has failed, or
 * after a quarter of a second. The first connection that succeeds wins.
 *
 * fd    non-blocking, close-on-exec, without delay; the caller's.
 * peer  the address that answered.
 * why   the error, with every address that was tried.
 *
 * Returns 0, -ECANCELED, -ETIMEDOUT, -ENOENT (no such host), -EAGAIN (the name servers fail), -errno of the last address.
 */
int connect_host(const struct connect_wish *wish, int *fd, union address *peer, char *why, size_t why_size);

#define CONNECT_ADDRESSES_MAX 8

/*
 * Look the host up. addresses has room for CONNECT_ADDRESSES_MAX. Returns the number of addresses (> 0), or as connect_host()
 * with why.
 */
int connect_resolve(const struct connect_wish *wish, union address *addresses, char *why, size_t why_size);

/* Parse an address, or the name of an interface of this machine. Returns 0, -EINVAL, -ENODEV (neither of both). */
int connect_source_parse(const char *text, struct connect_source *source);

/* Bind a socket to the source (NULL: nothing is done). Returns 0, -EAFNOSUPPORT (it is an address of the other family), -errno. */
int connect_bind(int fd, int family, const struct connect_source *source);

/* Begin to connect to one address; non-blocking. Returns the descriptor or -errno. */
int connect_begin(const union address *peer, const struct connect_source *source);

/*
 * Wait until connect_begin() has succeeded or failed. Returns 0, -ECONNRESET (it stood, and may have bytes to read),
 * -ETIMEDOUT, -ECANCELED, -errno.
 */
int connect_end(int fd, unsigned int timeout_ms, const volatile sig_atomic_t *abort);

#endif
