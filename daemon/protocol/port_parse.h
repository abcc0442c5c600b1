/* SPDX-License-Identifier: ISC */
/* The arguments of PORT and EPRT, and the texts of 227 and 229. Pure. */
#ifndef DAEMON_PROTOCOL_PORT_PARSE_H
#define DAEMON_PROTOCOL_PORT_PARSE_H

#include <stddef.h>

#include "common/address.h"

/*
 * Parse the argument of PORT, "h1,h2,h3,h4,p1,p2" (RFC 959, 4.1.2).
 *
 * arg   without verb and line end.
 * peer  filled only on success.
 *
 * Returns 0, -EINVAL for bad syntax, -ERANGE for a field above 255.
 * Does not check whose address it is; the monitor decides that again (RFC 2577, 3).
 */
int port_parse(const char *arg, union address *peer);

/*
 * Parse the argument of EPRT, "|1|192.0.2.1|5282|" with any delimiter (RFC 2428, 2).
 * Returns 0, -EINVAL for bad syntax, -EPROTONOSUPPORT for a family that is neither 1 nor 2, -ERANGE for the port.
 */
int eprt_parse(const char *arg, union address *peer);

/* "(h1,h2,h3,h4,p1,p2)" for 227; address is IPv4. */
void port_format(const union address *address, char *text, size_t size);

#endif
