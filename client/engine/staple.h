/* SPDX-License-Identifier: ISC */
/* The stapled answer of an authority that the server's certificate is not revoked (RFC 6066, 8; RFC 6960). */
#ifndef CLIENT_ENGINE_STAPLE_H
#define CLIENT_ENGINE_STAPLE_H

#include <openssl/ssl.h>

/*
 * Judge what the server of a connection has stapled in its handshake. NULL: it says that the certificate is good, is signed by
 * its authority, and is of now; otherwise what is wrong with it (static text).
 */
const char *staple_fault(SSL *tls);

#endif
