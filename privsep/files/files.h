/* SPDX-License-Identifier: ISC */
/* The files process: works inside one home, as its user, without the network. */
#ifndef PRIVSEP_FILES_FILES_H
#define PRIVSEP_FILES_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "accounts/keep_rules.h"
#include "accounts/patterns.h"
#include "accounts/rights.h"
#include "accounts/zones.h"
#include "config/config.h"

#define FILES_FOLDERS_MAX 8

/* A shared folder that the session sees. */
struct files_folder {
	int fd;			/* O_PATH directory, checked by the monitor */
	const char *path;	/* where the account sees it: a home path, but not "/" */
	gid_t gid;		/* among the groups of the process */
	unsigned rights;	/* enum account_right */
	uint32_t file_mode, directory_mode;
	bool has_quota, sweeps;
	int quota_slot_fd;	/* as in files_session */
};

/* What the monitor decides at login and this process enforces. */
struct files_session {
	int home_fd;		/* O_PATH directory, checked by the monitor to belong to uid */
	int protocol_channel;	/* requests come here */
	int monitor_channel;	/* alarms, questions about the quota and turns, and reports of uploads go here */
	bool has_quota;
	int quota_slot_fd;	/* mostly -1; else kept open while this process lives (accounts/ledger.h) */
	uid_t uid;
	gid_t gid;
	bool takes_turns;	/* long work asks the monitor for a turn */
	uint32_t account_sessions;	/* how many the account had when this one began, with it; 0 counts as one */
	bool sweeps;		/* first search the whole home for old partials */
	bool is_read_only;
	unsigned rights;	/* enum account_right, where no zone decides; without the changing ones when read-only */
	const struct zones *zones;	/* directories with rights of their own; NULL: none */
	const struct patterns *patterns;	/* names that are not listed, or not to be used; NULL: none */
	uint32_t file_mode, directory_mode;	/* of what it makes; 0: as configured */
	uint32_t least_file_mode, least_directory_mode;	/* bits that every mode has, SITE CHMOD or not */
	bool has_some_quota;	/* the home or one of the folders has one: no byte is written that was not granted */
	const struct files_folder *folders;
	size_t folder_count;
	struct keep_rules keep;
	bool has_brake;		/* the monitor is asked before a file is replaced or removed (braked.h) */
	const struct config *config;	/* uploads, upload_sync, partial_keep_s, file_mode, directory_mode */
};

/* The modes of new files and directories. */
mode_t files_file_mode(const struct files_session *session);
mode_t files_directory_mode(const struct files_session *session);

/* Do uploads go through partials? Always where what they replace is kept. */
bool files_is_atomic(const struct files_session *session);

/* How the process ends, for the monitor's log. */
enum files_exit {
	FILES_EXIT_END = 0,		/* the protocol process has closed the channel */
	FILES_EXIT_WALLS = 71,		/* a wall could not be put up: no session */
	FILES_EXIT_HELD = 75,	/* protocol keeps the descriptor of an upload after its end */
	FILES_EXIT_PROTOCOL = 76	/* a request that is not in the table, malformed or out of order */
};

/*
 * Fetch once in the master what every files process needs of OpenSSL: a fetch costs more than the rest of a login. 0
 * or -errno.
 */
int files_prepare(void);

/*
 * Runs in the files process, first: go behind the walls. If they cannot be built, report the failed step to the
 * monitor, and end. parent: the monitor.
 */
void files_enter_walls(const struct files_session *session, pid_t parent);

/*
 * Runs in the files process, forked from the monitor, still root: chroot into the home, drop to uid and gid, Landlock,
 * filter; then answer requests until the protocol process closes the channel. Never returns.
 */
void files_run(const struct files_session *session) __attribute__((noreturn));

#endif
