/* SPDX-License-Identifier: ISC */
/* The master's answers to requests over the control socket. */
#ifndef DAEMON_MASTER_CONTROL_ANSWER_H
#define DAEMON_MASTER_CONTROL_ANSWER_H

#include "daemon/master/control_socket.h"

struct bans;
struct certificates;
struct fleet;
struct log_targets;
struct reload;
struct server;
struct sessions;
struct upgrade;

/* Whom requests are about. All borrowed. */
struct control_answers {
	struct server *server;
	struct sessions *sessions;
	struct bans *bans;
	struct fleet *fleet;
	struct certificates *certificates;
	struct log_targets *log;
	struct reload *reload;
	struct upgrade *upgrade;
};

/* For control_socket_open(); its arg is a struct control_answers. */
extern const struct control_kind control_answer_kind;

#endif
