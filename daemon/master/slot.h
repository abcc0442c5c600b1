/* SPDX-License-Identifier: ISC */
/* One session, as the master knows it. */
#ifndef DAEMON_MASTER_SLOT_H
#define DAEMON_MASTER_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "accounts/account.h"
#include "common/address.h"
#include "common/bounds.h"
#include "daemon/master/loop.h"
#include "daemon/master/turns.h"
#include "privsep/monitor/monitor.h"

struct sessions;

/* The two kinds of turns of an attempt to log in: a hash computes; PAM waits, for other machines as well. */
enum turn_kind { TURN_HASH, TURN_PAM, TURN_KIND_COUNT };

struct slot {
	struct sessions *sessions;
	size_t row; /* of the board */
	pid_t monitor_pid; /* 0: the slot is free */
	struct loop_child monitor;
	int channel; /* to the monitor; -1 when it has closed */
	struct loop_source source; /* of the channel */
	int lent_fd; /* the monitor's end, until it has a table of descriptors of its own; then -1 */
	TAILQ_ENTRY(slot) lent;
	char id[SESSION_ID_SIZE];
	struct address_key address;
	uint64_t started_ms;
	bool is_logged_in;
	uint64_t logged_in_ms;
	bool was_told_to_end;
	bool is_expected_to_end; /* within the time of overdue, whatever it says until then */
	bool has_abandoned; /* its channel closed during a check that is not judged yet */
	bool is_arriving; /* in the list of that name */
	struct turn turns[TURN_KIND_COUNT]; /* of the attempt under way */
	uint32_t attempts, attempts_max; /* to log in; the configuration that it was forked with */
	uint64_t granted_ms; /* when its first turn began, */
	uint32_t refusal_step_ms; /* and the step by which a refusal is answered */
	struct loop_timer overdue; /* when its processes are killed */
	enum { WORK_TURN_NONE, WORK_TURN_WAITS, WORK_TURN_HELD } work; /* long work of its files process */
	uint64_t work_since_ms; /* the turn is held */
	pid_t work_pid; /* of that files process */
	bool work_is_change;
	TAILQ_ENTRY(slot) work_next; /* waiting, or working */
	union address announced; /* a data port of a small range; AF_UNSPEC: none */
	uint64_t announced_ms, ports_short_ms; /* since then; when its monitor last found the range full */
	TAILQ_ENTRY(slot) announcing; /* the oldest announcement first */
	char server[SERVER_NAME_MAX + 1]; /* that the attempt is for, by its name; "": the main one */
	char user[ACCOUNT_NAME_MAX + 1];
	char wanted_user[ACCOUNT_NAME_MAX + 1]; /* another server decides about this login; "": none */
	uint32_t max_sessions; /* of that account */
	char **folders; /* names of shared folders with a quota that the session uses. Ours */
	size_t folder_count;
	struct stored_home *home; /* of an account of the database that has a share; NULL: none. Ours */
	TAILQ_ENTRY(slot) live; /* all sessions, oldest first */
	TAILQ_ENTRY(slot) arriving; /* neither logged in nor about to end, oldest first */
	TAILQ_ENTRY(slot) free;
};

TAILQ_HEAD(slots, slot);

#endif
