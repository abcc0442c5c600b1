/* SPDX-License-Identifier: ISC */
/* URLs of FTP: ftp, ftpes (TLS required) and ftps (TLS from the first byte) (RFC 1738, 3.2; RFC 3986). */
#ifndef CLIENT_ENGINE_URL_H
#define CLIENT_ENGINE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ftp_tls {
	FTP_TLS_AUTO,	/* ftp: explicit TLS where the server offers it */
	FTP_TLS_REQUIRED,	/* ftpes: explicit TLS or nothing */
	FTP_TLS_IMPLICIT	/* ftps */
};

#define FTP_PORT 21
#define FTP_IMPLICIT_PORT 990

/* All strings are decoded, owned, without control characters that end a line of FTP (CR, LF, NUL). */
struct ftp_url {
	enum ftp_tls tls;
	char *user;	/* NULL: none was given */
	char *password;	/* NULL: none was given; wiped when freed */
	char *host;	/* name or numeric address, without brackets */
	uint16_t port;	/* the scheme's own when none was given */
	char *path;	/* what follows the first slash, "" when nothing does: relative to the directory of the
			 * login; with a slash at its front (two in the URL, or %2F) it is absolute */
};

/*
 * Parse "[scheme://][user[:password]@]host[:port][/path]"; IPv6 addresses stand in brackets.
 *
 * Returns 0; -EINVAL with *why (static text) saying what is wrong and what would be right; -ENOMEM.
 * url is empty on errors; on success the caller calls ftp_url_free().
 */
int ftp_url_parse(const char *text, struct ftp_url *url, const char **why);

/*
 * Parse "[user[:password]@]host[:port]", len bytes, the part of any URL that names the server. The port stays as it was where
 * none is given. Returns as ftp_url_parse(); url may be half filled on errors, and the caller calls ftp_url_free() in any case.
 */
int url_parse_server(const char *text, size_t len, struct ftp_url *url, const char **why);

/* True when text names a place on a server: it begins with ftp://, ftps:// or ftpes://, in any case. */
bool ftp_is_url(const char *text);

/* Wipes the password. An empty url is fine. */
void ftp_url_free(struct ftp_url *url);

#endif
