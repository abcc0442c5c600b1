/* SPDX-License-Identifier: ISC */
/* The sessions of servers that this one has taken over from: they count for its limits until they end. */
#ifndef DAEMON_MASTER_FORMER_SESSIONS_H
#define DAEMON_MASTER_FORMER_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "accounts/account.h"
#include "common/address.h"
#include "privsep/monitor/monitor.h"

struct former_server;
struct sessions;

struct former_session {
	const struct former_server *server; /* whose it is */
	char id[SESSION_ID_SIZE];
	struct address_key address;
	char user[ACCOUNT_NAME_MAX + 1];
	TAILQ_ENTRY(former_session) entry;
};

TAILQ_HEAD(former_list, former_session);

struct former_sessions {
	struct sessions *sessions;
	struct former_list list;
	struct former_list unused; /* those of room that were in the list once */
	struct former_session *room; /* for SESSIONS_MAX, which no process inherits; NULL: none was ever needed */
	uint32_t count; /* in the list */
	uint32_t used; /* of room, from its front */
};

/* There are none. sessions, where they are counted, is borrowed. */
void former_init(struct former_sessions *former, struct sessions *sessions);

/* One more of server. text: "ID KEY USER", KEY in hexadecimal digits, USER "" before the login. What is no such text is ignored. */
void former_add(struct former_sessions *former, const struct former_server *server, const char *text);

/* The session with this id has logged in, and counts for user from now on. What is unknown is ignored. */
void former_log_in(struct former_sessions *former, const char *id, const char *user);

/* The session with this id has ended. False: there is none. */
bool former_remove(struct former_sessions *former, const char *id);

/* One of server has ended; its id is in id. False: there is none. */
bool former_remove_of(struct former_sessions *former, const struct former_server *server, char id[SESSION_ID_SIZE]);

#endif
