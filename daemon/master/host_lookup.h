/* SPDX-License-Identifier: ISC */
/*
 * The addresses of a host's name, by an errand without rights: it reads the network, and the master reads only bytes of
 * addresses from it.
 */
#ifndef DAEMON_MASTER_HOST_LOOKUP_H
#define DAEMON_MASTER_HOST_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/master/errand.h"

#define HOST_ADDRESS_BYTES 17 /* 4 or 6, then the bytes of the address */

struct server;

/*
 * In the errand: look name up (getaddrinfo(3)), and write at most most addresses in place of lines; then end.
 *
 * family  AF_INET or AF_INET6; AF_UNSPEC: both.
 */
void host_lookup_run(const struct errand *errand, const struct server *server, const char *name, int family,
    size_t most) __attribute__((noreturn));

/*
 * In the master, when the errand was reaped with status: end it, and take its addresses.
 *
 * bytes  room for most addresses of HOST_ADDRESS_BYTES each.
 *
 * Returns how many there are; 0: the name has none, or cannot be looked up.
 */
size_t host_lookup_take(struct errand *errand, int status, uint8_t *bytes, size_t most);

#endif
