/* SPDX-License-Identifier: ISC */
/*
 * The control socket: runtime-directory/control, mode 0600, for root alone. One request a connection
 * (control_request.h); the reply is JSON, one object a line, the last one with "done" or "error". The master never
 * waits for a client, and drops a slow one.
 */
#ifndef DAEMON_MASTER_CONTROL_SOCKET_H
#define DAEMON_MASTER_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "common/buf.h"
#include "daemon/master/control_request.h"
#include "daemon/master/local_socket.h"
#include "daemon/master/loop.h"

struct control_socket;
struct server;

#define CONTROL_CLIENTS_MAX 16
#define CONTROL_SOCKET "control" /* in runtime-directory */

enum control_state {
	CONTROL_FREE,
	CONTROL_READING,
	CONTROL_LISTING, /* rows of the board, or of bans, follow, as the client takes them */
	CONTROL_WAITING, /* for the end of a reload, or of an upgrade; or until other nodes are told */
	CONTROL_WRITING /* what is in out, then it is closed */
};

struct control_client {
	struct control_socket *control;
	enum control_state state;
	int fd;
	struct loop_source source;
	struct loop_timer overdue;
	char line[CONTROL_LINE_MAX];
	size_t line_len;
	struct buf out;
	bool lists_bans; /* CONTROL_LISTING: not sessions */
	size_t next_row; /* CONTROL_LISTING */
	bool is_upgrade, is_kick; /* CONTROL_WAITING: not a reload */
	uint64_t ticket; /* CONTROL_WAITING: of the reload; starts of an upgrade that had ended; number of the kick */
	size_t kicked; /* of its sessions, on this node */
	uint64_t end_ms; /* of all of it */
};

/* How requests are answered. */
struct control_kind {
	/* Begin the reply; the client's state says how it goes on. */
	void (*begin)(void *arg, struct control_client *client, const struct control_request *request);
	/* Add rows while there is room; at the end the last line, and the state changes. */
	void (*rows)(void *arg, struct control_client *client);
	/* What the client waits for may have ended: then its report is added, and the state changes. */
	void (*waiting)(void *arg, struct control_client *client);
};

struct control_socket {
	struct server *server;
	const struct control_kind *kind;
	void *arg;
	struct local_socket socket;
	struct loop_source source;
	bool keeps_path;
	struct control_client clients[CONTROL_CLIENTS_MAX];
};

/*
 * Make the socket in runtime-directory, in place of whatever has its name, and watch it. kind answers, with arg; all but
 * error is borrowed. error: what is wrong. 0 or -errno.
 */
int control_socket_open(struct control_socket *control, struct server *server, const struct control_kind *kind,
    void *arg, char *error, size_t size);

/* Close the socket and drop all clients; the name is removed unless keep_path, or another server has taken it over. */
void control_socket_close(struct control_socket *control, bool keep_path);

/*
 * The live process that listens at the name of the control socket: another server, once this one has retired. 0:
 * none.
 */
pid_t control_socket_server(const struct control_socket *control);

/* runs in a session that was just forked: wipe its copies of requests and replies under way. */
void control_socket_forget(struct control_socket *control);

/* A reload or the start of an upgrade has ended: answer the clients that wait for it. */
void control_socket_report(struct control_socket *control);

/* Another process has the client now: its descriptor is closed here, and nothing more is sent. */
void control_hand_on(struct control_client *client);

/* Add a line to the reply; takes line over (NULL: the client is dropped). */
void control_put(struct control_client *client, json_t *line);

/* The last line of a reply that failed. */
void control_fail(struct control_client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
