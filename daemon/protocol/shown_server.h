/* SPDX-License-Identifier: ISC */
/* Whose certificate the client is shown, where several servers are at the address that it dialled. */
#ifndef DAEMON_PROTOCOL_SHOWN_SERVER_H
#define DAEMON_PROTOCOL_SHOWN_SERVER_H

#include <openssl/ssl.h>
#include <stdint.h>

struct protocol;

/* Before TLS begins: the name in the ClientHello of the control connection may choose (RFC 6066, 3). */
void shown_server_prepare(struct protocol *protocol);

/* The context of the server that HOST has named (RFC 7151, 4), else of the one at the address. */
SSL_CTX *shown_server_context(const struct protocol *protocol);

/* The server whose key signs for the control connection; data connections show the same certificate. */
uint8_t shown_server_signer(const struct protocol *protocol);

#endif
