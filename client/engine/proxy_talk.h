/* SPDX-License-Identifier: ISC */
/* The dialogue with a proxy that opens a connection for us: bytes in, bytes out. Pure. */
#ifndef CLIENT_ENGINE_PROXY_TALK_H
#define CLIENT_ENGINE_PROXY_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "client/engine/proxy.h"

#define PROXY_HEAD_MAX 8192	/* bytes of an HTTP reply's head */

enum proxy_step {
	PROXY_STEP_METHOD,	/* SOCKS: which login the proxy wants */
	PROXY_STEP_LOGIN,
	PROXY_STEP_CONNECT,
	PROXY_STEP_HTTP,
	PROXY_STEP_DONE
};

struct proxy_talk {
	const struct proxy *proxy;
	const char *host;
	uint16_t port;
	enum proxy_step step;
	unsigned char in[PROXY_HEAD_MAX];	/* of the reply that is coming */
	size_t in_len, in_wanted;	/* in_wanted 0: up to an empty line */
	char out[2048];	/* to be sent before anything is read */
	size_t out_len;
	char why[512];	/* of an error; holds the proxy's words, not escaped */
};

/*
 * Begin: out has what to send first. proxy and host are borrowed; host is a name, or a numeric address without brackets.
 *
 * Returns 0, -EINVAL (host is longer than SOCKS allows) with why.
 */
int proxy_talk_begin(struct proxy_talk *talk, const struct proxy *proxy, const char *host, uint16_t port);

/*
 * Take bytes of the proxy. *used of them belong to the dialogue; that is all of them, unless the dialogue has ended and the
 * rest is the server's. When out_len is not 0 afterwards, that is to be sent, and out_len set to 0.
 *
 * Returns 1 when the connection to the server stands, 0 when more is to come, or an error with why. -EACCES: the login is wrong, or
 * one is wanted. -EPERM: the proxy may not do this. -EPROTO: these are no replies of such a proxy. -ECONNREFUSED, -EHOSTUNREACH,
 * -ENETUNREACH, -ETIMEDOUT, -EIO: the server cannot be reached from there.
 */
int proxy_talk_feed(struct proxy_talk *talk, const void *bytes, size_t len, size_t *used);

/* Wipe what may hold a password. */
void proxy_talk_end(struct proxy_talk *talk);

#endif
