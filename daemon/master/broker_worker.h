/* SPDX-License-Identifier: ISC */
/*
 * The broker: a program of its own that asks the database of accounts, where accounts names one. The master executes it,
 * again when it dies, anew when what it depends on changes. It makes a channel to it for each session that logs in,
 * and looks up the names of the database's hosts for it. Of what it says, the master believes a state, a name and counts.
 */
#ifndef DAEMON_MASTER_BROKER_WORKER_H
#define DAEMON_MASTER_BROKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "accounts/node_boot.h"
#include "common/budget.h"
#include "common/file_stamp.h"
#include "daemon/master/errand.h"
#include "daemon/master/worker.h"
#include "privsep/ipc/messages.h"

struct config;
struct ipc_message;
struct server;

/* Of fleet.c, which hears what other nodes tell. */
struct broker_listener {
	bool (*heard)(void *arg, struct ipc_message *word); /* false: no broker sends that */
	void (*changed)(void *arg); /* the database has come up or gone, or the broker has ended */
	void *arg;
};

struct broker_worker {
	struct server *server;
	struct broker_listener listener; /* functions are NULL where nobody is */
	struct worker worker;
	uid_t uid; /* whom it runs as */
	gid_t gid;
	char boot[NODE_BOOT_SIZE]; /* of this node, as it was started with */
	struct file_stamp program, store_conf; /* that it was started with */
	struct errand lookup; /* of a name that it has asked for */
	char host[BROKER_HOST_MAX + 1];
	struct budget lookups;
	uint64_t quiet_until_ms; /* sessions get no channel until then: it does not answer */
	uint64_t silent_since_ms, silent_ms; /* the first and the last time in a row that it did not */
	bool was_up; /* when it ended */
	bool was_told; /* that it cannot be started */
	bool was_refused; /* the database lent no shares to this node, when it was heard last */
	bool is_alone; /* no other server of this node has a broker for its sessions */
	bool is_retired; /* another master serves: it ends with the last session that may ask */
};

/* There is none. server is borrowed. */
void broker_worker_init(struct broker_worker *broker, struct server *server);

/* Start it, if accounts names a database. At the start of the server; is_successor: sessions of a former one may live. */
void broker_worker_start(struct broker_worker *broker, bool is_successor);

/* The configuration has been replaced. One whose program, user and file are the same goes on. */
void broker_worker_reload(struct broker_worker *broker, const struct config *old);

/* A session is about to log in. Returns an end of a new channel to it, which is the caller's, or -errno: there is none. */
int broker_worker_open_channel(struct broker_worker *broker);

/* A session has asked in vain. It may be busy, so others wait a little. One that never answers is killed. */
void broker_worker_note_silence(struct broker_worker *broker);

/* Send it a message without waiting. 0 or -errno: there is no broker, or it has no room. */
int broker_worker_send(struct broker_worker *broker, const struct ipc_message *word);

/* May sessions of another server of this node ask a broker of their own? Each counts its sessions. */
void broker_worker_set_alone(struct broker_worker *broker, bool is_alone);

/* Another master serves. is_idle: no session is left that may ask. */
void broker_worker_retire(struct broker_worker *broker, bool is_idle);

/* No session is left that may ask, unless new ones come. */
void broker_worker_note_idle(struct broker_worker *broker);

/* End it for good. */
void broker_worker_stop(struct broker_worker *broker);

#endif
