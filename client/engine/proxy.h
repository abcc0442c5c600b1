/* SPDX-License-Identifier: ISC */
/* A proxy between this machine and the server: how it is named, and which servers are reached without it. Pure. */
#ifndef CLIENT_ENGINE_PROXY_H
#define CLIENT_ENGINE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proxy_kind {
	PROXY_SOCKS5,	/* RFC 1928; this machine looks the server's name up */
	PROXY_SOCKS5H,	/* the proxy does */
	PROXY_HTTP	/* CONNECT (RFC 9110, 9.3.6); the proxy looks the name up */
};

#define PROXY_TEXT_SIZE 300	/* of proxy_text() */
#define PROXY_SECRET_MAX 255	/* bytes of a user or a password (RFC 1929, 2) */

struct proxy {
	enum proxy_kind kind;
	char *host;	/* name or numeric address, without brackets; owned, as all texts */
	uint16_t port;
	char *user;	/* NULL: no login at the proxy */
	char *password;	/* NULL: not known; wiped when freed */
};

/*
 * Parse "[socks5://|socks5h://|http://][user[:password]@]host[:port][/]"; without a scheme it is http. The port of SOCKS is
 * 1080 where none is given; http needs one.
 *
 * Returns 0; -EINVAL with *why (static text) saying what is wrong and what would be right; -ENOMEM. proxy is empty on errors;
 * on success the caller calls proxy_free().
 */
int proxy_parse(const char *text, struct proxy *proxy, const char **why);

/* Wipes the password. An empty proxy is fine. */
void proxy_free(struct proxy *proxy);

/* "http://proxy.example:3128", without a login. Always NUL-terminated. */
void proxy_text(const struct proxy *proxy, char *text, size_t size);

/*
 * Whether a list as in $no_proxy names the server: words between commas or blanks. A word is "*", a name (which its subdomains
 * match, too; a dot before it changes nothing), a numeric address or a block of them, each with ":PORT" where only that is meant.
 */
bool proxy_is_bypassed(const char *list, const char *host, uint16_t port);

#endif
