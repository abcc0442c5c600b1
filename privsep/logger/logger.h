/* SPDX-License-Identifier: ISC */
/* The logger process: owns the log descriptors, so that no session waits for a disk or a syslog. */
#ifndef PRIVSEP_LOGGER_LOGGER_H
#define PRIVSEP_LOGGER_LOGGER_H

#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"

struct logger {
	int records;		/* the reading end of the channel of all records */
	int reserved;		/* and of that of the records that matter most */
	int master_channel;	/* targets come here; requests for a new syslog or journal socket go out */
	int empty_directory_fd;
	uid_t uid;		/* the service user */
	gid_t gid;
	const uint64_t *dropped;
	enum config_log_format format;
};

/* Which target a log_target message carries. */
enum log_target_kind {
	LOG_TARGET_LINES,
	LOG_TARGET_SYSLOG,
	LOG_TARGET_JOURNAL,
	LOG_TARGET_XFERLOG,
	LOG_TARGET_STDERR,
	LOG_TARGET_STREAM,	/* standard error, which the journal reads */
	LOG_TARGET_COUNT
};

/*
 * Runs in the logger, first: go behind the walls. If they cannot be built, report the failed step to the master, and
 * end.
 */
void logger_enter_walls(const struct logger *logger);

/*
 * Runs in the logger process, forked from the master, still root: drop to the service user,
 * empty chroot, filter; then write records until every sender has closed the channel.
 */
void logger_run(const struct logger *logger) __attribute__((noreturn));

#endif
