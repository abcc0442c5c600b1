/* SPDX-License-Identifier: ISC */
/* A request of HTTP/1.1 (RFC 9112), as far as a read-only page needs it: no body, one request a connection. Pure. */
#ifndef PRIVSEP_METRICS_HTTP_H
#define PRIVSEP_METRICS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX 4096 /* bytes of a request line and its headers */
#define HTTP_HEADERS_MAX 64
#define HTTP_TARGET_MAX 255
#define HTTP_HOST_MAX 255

enum http_status {
	HTTP_INCOMPLETE = 0, /* more bytes, please */
	HTTP_OK = 200,
	HTTP_BAD_REQUEST = 400,
	HTTP_NOT_FOUND = 404,
	HTTP_METHOD_NOT_ALLOWED = 405,
	HTTP_TARGET_TOO_LONG = 414,
	HTTP_MISDIRECTED = 421,
	HTTP_HEADERS_TOO_LARGE = 431,
	HTTP_UNAVAILABLE = 503,
	HTTP_VERSION_UNKNOWN = 505
};

struct http_request {
	char path[HTTP_TARGET_MAX + 1]; /* of the target, without its query */
	char host[HTTP_HOST_MAX + 1]; /* of the header Host; "" without one */
};

/*
 * Parse what has come so far.
 *
 * Returns HTTP_OK with request filled; HTTP_INCOMPLETE; or the status that refuses it: anything but GET is
 * HTTP_METHOD_NOT_ALLOWED, more than the bounds above HTTP_HEADERS_TOO_LARGE or HTTP_TARGET_TOO_LONG.
 */
enum http_status http_parse(const char *bytes, size_t len, struct http_request *request);

/* "Not Found". */
const char *http_reason(enum http_status status);

/*
 * True for a Host header that names this machine: localhost, 127.0.0.0/8, [::1], with or without a port; and for
 * none. Another name comes from a page of another site whose name points to a loopback address.
 */
bool http_host_is_local(const char *host);

#endif
