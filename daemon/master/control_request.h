/* SPDX-License-Identifier: ISC */
/*
 * Requests over the control socket: one line, words separated by tabs, ended by '\n'. The parser is pure. The peer is
 * checked before a byte is read (control_socket.c).
 */
#ifndef DAEMON_MASTER_CONTROL_REQUEST_H
#define DAEMON_MASTER_CONTROL_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "privsep/ipc/log.h"
#include "privsep/ipc/messages.h"

#define CONTROL_LINE_MAX 2048 /* with the '\n' */
#define CONTROL_WORDS_MAX 4

/*
 * name            words  what they are
 */
#define CONTROL_COMMANDS(X) \
	X(STATUS, "status", 0, "") \
	X(SESSION_LIST, "session-list", 0, "") \
	X(SESSION_WATCH, "session-watch", 0, "") \
	X(SESSION_KICK, "session-kick", 2, "id|user|address VALUE") \
	X(SESSION_KICK_ALL, "session-kick-all", 2, "user|address VALUE") \
	X(SESSION_NOTIFY, "session-notify", 3, "all|id|user VALUE TEXT") \
	X(RELOAD, "reload", 0, "") \
	X(UPGRADE, "upgrade", 0, "") \
	X(DRAIN, "drain", 0, "") \
	X(STOP, "stop", 0, "") \
	X(LOG_LEVEL, "log-level", 1, "LEVEL") \
	X(COUNT_HOME, "count-home", 1, "USER") \
	X(BRAKE_LIFTED, "brake-lifted", 1, "USER") \
	X(BAN_LIST, "ban-list", 0, "") \
	X(BAN_ADD, "ban-add", 2, "ADDRESS SECONDS") \
	X(BAN_DEL, "ban-del", 1, "ADDRESS")

#define X(name, text, words, usage) CONTROL_##name,
enum control_command { CONTROL_COMMANDS(X) CONTROL_COMMAND_COUNT };
#undef X

/* Which sessions a request is about. */
enum control_target { CONTROL_ALL, CONTROL_ID, CONTROL_USER, CONTROL_ADDRESS, CONTROL_TARGET_COUNT };

/* A checked request. Texts point into the line. */
struct control_request {
	enum control_command command;
	enum control_target target; /* session-kick, session-notify */
	const char *value; /* of the target, "" for all; count-home, brake-lifted: a name that an account may have */
	const char *text; /* session-notify: UTF-8 without control characters, 1 to NOTICE_TEXT_MAX bytes */
	union address address; /* ban-add, ban-del, session-kick address; unmapped */
	uint64_t seconds; /* ban-add; 0: limits.ban-time */
	enum log_level level; /* log-level */
};

/*
 * Parse a line of len bytes without its '\n'; the tabs in it become NULs.
 *
 * error  on failure: what is wrong and what would be right, without bytes of the line.
 *
 * Returns 0 or -EINVAL.
 */
int control_request_parse(char *line, size_t len, struct control_request *request, const char **error);

#endif
