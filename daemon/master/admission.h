/* SPDX-License-Identifier: ISC */
/* Who may come in: accepts what waits at a listener, refuses it by ban or limit, or forks a session for it. */
#ifndef DAEMON_MASTER_ADMISSION_H
#define DAEMON_MASTER_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

struct bans;
struct control_socket;
struct listener;
struct server;
struct sessions;

struct admission {
	struct server *server;
	struct sessions *sessions;
	struct bans *bans;
	struct control_socket *control; /* no session keeps a copy of what it holds */
	int spare_fd; /* given up for a moment when there is no descriptor left */
	uint64_t told_ms; /* when the log was last told that there is none */
};

/* server->loop is there already. All but admission is borrowed. */
void admission_init(struct admission *admission, struct server *server, struct sessions *sessions, struct bans *bans,
    struct control_socket *control);

/*
 * Accept what waits at listener, within limits, and fork a session for each. arg: the struct admission. True: more may
 * wait, but other events want their turn.
 */
bool admission_accept(void *arg, const struct listener *listener);

#endif
