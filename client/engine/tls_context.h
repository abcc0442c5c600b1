/* SPDX-License-Identifier: ISC */
/* TLS as the options want it: authorities, this client's own certificate, versions, suites, lists of revoked certificates. */
#ifndef CLIENT_ENGINE_TLS_CONTEXT_H
#define CLIENT_ENGINE_TLS_CONTEXT_H

#include "client/engine/session.h"

/*
 * Make ftp->context for ftp->host, where it is not there yet. verify judges each certificate of a chain, as
 * SSL_CTX_set_verify(3) says. FTP_LOCAL for a file that cannot be used, FTP_USAGE for a setting that OpenSSL does not know.
 */
enum ftp_class tls_context_make(struct ftp *ftp, int (*verify)(int, X509_STORE_CTX *));

/* The host without the zone of an IPv6 address; whether it is an address, which SNI does not have. */
bool is_host_address(const char *host, char *plain, size_t size);

#endif
