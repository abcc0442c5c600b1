/* SPDX-License-Identifier: ISC */
/* Sockets of data connections: passive listeners and active connections, for one client only. */
#ifndef PRIVSEP_MONITOR_DATA_SOCKET_H
#define PRIVSEP_MONITOR_DATA_SOCKET_H

#include <stdint.h>

#include "common/address.h"

/*
 * A listening TCP socket on local's host and a port drawn at random from low to high.
 *
 * local   the address that the client dialled; bound receives it with the port.
 * fd_out  the caller's.
 *
 * Returns 0, -EADDRINUSE when every port of the range is taken (try again later), or -errno.
 */
int data_socket_listen(const union address *local, uint16_t low, uint16_t high, union address *bound, int *fd_out);

#define LISTEN_SPARE_MAX 8

/*
 * Up to count (at most LISTEN_SPARE_MAX) such sockets, each on a port that is drawn for it, for transfers that may
 * come. Stops at the first port in use: the fuller the range, the fewer are taken from it.
 *
 * Returns how many there are; ports and fds have their ports and descriptors, which are the caller's.
 */
unsigned data_socket_listen_spare(
    const union address *local, uint16_t low, uint16_t high, unsigned count, uint16_t *ports, int *fds);

/*
 * A TCP socket on its way (non-blocking connect) from local's host and port (0: any) to target.
 *
 * Returns 0, -EACCES when target is not peer's host (RFC 2577, 3), or its port is below
 * 1024, -errno of the connect when it failed at once.
 */
int data_socket_connect(
    const union address *local, uint16_t port, const union address *peer, const union address *target, int *fd_out);

#endif
