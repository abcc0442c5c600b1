/* SPDX-License-Identifier: ISC */
/* Certificates as sallyportctl shows them. */
#ifndef ADMIN_CERT_H
#define ADMIN_CERT_H

#include <openssl/x509.h>

#include "common/buf.h"

#define CERT_TEXT_MAX 16384
#define CERT_TIME_SIZE 32

/* The names of a certificate, "DNS:a, IP:192.0.2.1"; "" when it has none. 0 or -errno. */
int cert_names(const X509 *certificate, struct buf *out);

/* The SHA-256 of the whole certificate, "AB:CD:..." as browsers and clients show it. 0 or -EIO. */
int cert_fingerprint(const X509 *certificate, struct buf *out);

/* "2026-11-21 02:03:43 UTC" */
const char *cert_time(const ASN1_TIME *time, char text[CERT_TIME_SIZE]);

#endif
