/* SPDX-License-Identifier: ISC */
/* The argument of HOST. Pure. */
#ifndef DAEMON_PROTOCOL_HOST_PARSE_H
#define DAEMON_PROTOCOL_HOST_PARSE_H

#include "common/address.h"

/*
 * Parse a host name, an IPv4 address or an IPv6 address in brackets, without a port
 * (RFC 7151, 3.1).
 *
 * literal  filled on success: the address, or of the family AF_UNSPEC when it is a name.
 *
 * Returns 0, or -EINVAL for anything else.
 */
int host_parse(const char *argument, union address *literal);

#endif
