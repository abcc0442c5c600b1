/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the master share: the loop, the configuration in force, the identity of the server, the board of
 * all sessions, and what a session inherits. Each part has a struct of its own beside it, which others do not touch.
 */
#ifndef DAEMON_MASTER_SERVER_H
#define DAEMON_MASTER_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/address.h"
#include "common/bounds.h"
#include "config/config.h"
#include "privsep/ipc/board.h"
#include "privsep/tls/credentials.h"

struct loop;

/*
 * What the next session inherits. Each member has one writer: log_targets, hook_worker, resolver, broker_worker or
 * certificates.
 */
struct offer {
	int log_channel, reserved_log_channel; /* of all records; of those that matter most */
	int hook_channel; /* of uploads; 0: not made yet */
	union address passive_told; /* what PASV announces; AF_UNSPEC: the address that the client dialled */
	uid_t hook_uid, broker_uid; /* no account of a database has one of them; set where accounts names one */
	struct credentials credentials[CONFIG_SERVERS_MAX + 1]; /* of each server; keys are never read here */
};

struct server {
	struct loop *loop;
	const char *config_path;
	struct config *config; /* in force; a reload puts another one here */
	bool is_foreground;
	bool is_stderr_journal; /* see journal_is_stderr() */
	uid_t service_uid;
	gid_t service_gid;
	pid_t pid;
	uint8_t boot_id[16];
	int empty_directory_fd;
	struct board board; /* of SESSIONS_MAX rows */
	struct offer offer;
	uint64_t started_ms; /* of monotonic_ms() */
	bool is_draining; /* it stops, by a drain or at once */

	/* What SIGTERM (is_drain: transfers may finish) and SIGINT do. A second time: everything ends at once. */
	void (*stop)(struct server *server, bool is_drain);
};

#endif
