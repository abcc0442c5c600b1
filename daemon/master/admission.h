/* SPDX-License-Identifier: ISC */
/* Admission of clients: accepts what waits at a listener, refuses it by ban or limit, or forks a session for it. */
#ifndef DAEMON_MASTER_ADMISSION_H
#define DAEMON_MASTER_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

struct bans;
struct control_socket;
struct listener;
struct server;
struct sessions;

/* A connection whose client is known. */
struct arrival {
	int fd;
	bool is_tls; /* implicit */
	union address peer; /* the client */
	union address proxy; /* who has connected for it; AF_UNSPEC: nobody, it came itself */
	union address dialled; /* what the proxy says that the client dialled; AF_UNSPEC: nothing */
	const uint8_t *unique_id; /* of the proxy for this connection; any bytes */
	size_t unique_id_len;
};

struct admission {
	struct server *server;
	struct sessions *sessions;
	struct bans *bans;
	struct control_socket *control; /* no session keeps a copy of what it holds */
	int spare_fd; /* given up for a moment when there is no descriptor left */
	uint64_t told_ms; /* when it was last logged that there is none */
};

/* server->loop is there already. All but admission is borrowed. */
void admission_init(struct admission *admission, struct server *server, struct sessions *sessions, struct bans *bans,
    struct control_socket *control);

/*
 * Accept one connection, when there is one; peer is who made it. Returns its descriptor, which is the caller's; -EAGAIN:
 * nothing more waits; another -errno: it is gone, or there was no descriptor for it.
 */
int admission_accept_connection(struct admission *admission, const struct listener *listener, union address *peer);

/* Refuse the client by ban or limit, or fork a session for it. The descriptor stays the caller's. */
void admission_admit(struct admission *admission, const struct arrival *arrival);

/*
 * Accept what waits at listener, within limits, and fork a session for each. arg: the struct admission. True: more may
 * wait, but other events want their turn.
 */
bool admission_accept(void *arg, const struct listener *listener);

#endif
