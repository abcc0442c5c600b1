/* SPDX-License-Identifier: ISC */
/* The name of a server in a ClientHello (RFC 6066, 3). Pure. */
#ifndef PRIVSEP_TLS_SERVER_NAME_H
#define PRIVSEP_TLS_SERVER_NAME_H

#include <stddef.h>
#include <stdint.h>

#define SERVER_NAME_SIZE 256	/* with NUL; as libssl takes it */

/*
 * Parse the body of the extension "server_name": a list of which each kind of name is in at most once.
 *
 * bytes  what the client sent; borrowed.
 * name   filled only on success: the host name, without NUL inside, not empty.
 *
 * Returns 0, -EINVAL for anything else. Whether it is a name of DNS is not looked at: it is compared with names that
 * are.
 */
int server_name_parse(const uint8_t *bytes, size_t len, char name[SERVER_NAME_SIZE]);

#endif
