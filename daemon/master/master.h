/* SPDX-License-Identifier: ISC */
/*
 * The master process: root, one. Listens, accepts, counts, forks monitors, reaps, reloads.
 * It never reads a byte that a client sent.
 */
#ifndef DAEMON_MASTER_MASTER_H
#define DAEMON_MASTER_MASTER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "accounts/account.h"
#include "accounts/snapshot.h"
#include "common/address.h"
#include "config/config.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/certificates.h"
#include "daemon/master/control_socket.h"
#include "daemon/master/failures.h"
#include "daemon/master/judgements.h"
#include "daemon/master/listeners.h"
#include "daemon/master/loop.h"
#include "daemon/master/local_socket.h"
#include "daemon/master/reload.h"
#include "daemon/master/tally.h"
#include "daemon/master/turns.h"
#include "daemon/master/upgrade.h"
#include "daemon/master/worker.h"
#include "privsep/ipc/board.h"
#include "privsep/ipc/quota_board.h"
#include "privsep/monitor/monitor.h"

/* What an attempt to log in takes turns for: a hash computes; PAM waits, for other machines as well. */
enum turn_kind { TURN_HASH, TURN_PAM, TURN_KIND_COUNT };

/* One session, as the master knows it. */
struct slot {
	struct master *master;
	pid_t monitor_pid;	/* 0: the slot is free */
	struct loop_child monitor;
	int channel;		/* to the monitor; -1 when it has closed */
	struct loop_source source;	/* of the channel */
	char id[SESSION_ID_SIZE];
	struct address_key address;
	uint64_t started_ms;
	bool is_logged_in;
	bool was_told_to_end;
	bool has_abandoned;	/* its channel closed during a check that is not judged yet */
	bool is_arriving;	/* in the list of that name */
	struct turn turns[TURN_KIND_COUNT];	/* of the attempt under way */
	uint64_t granted_ms;	/* when its first turn began, */
	uint32_t refusal_step_ms;	/* and the step by which a refusal is answered */
	struct loop_timer overdue;	/* when its processes are killed */
	enum { WORK_TURN_NONE, WORK_TURN_WAITS, WORK_TURN_HELD } work;	/* long work of its files process */
	uint64_t work_since_ms;		/* the turn is held */
	pid_t work_pid;			/* of that files process */
	bool work_is_change;
	TAILQ_ENTRY(slot) work_next;	/* waiting, or working */
	union address announced;	/* a data port of a small range; AF_UNSPEC: none */
	uint64_t announced_ms, ports_short_ms;	/* since then; when its monitor last found the range full */
	TAILQ_ENTRY(slot) announcing;	/* the oldest announcement first */
	char user[ACCOUNT_NAME_MAX + 1];
	TAILQ_ENTRY(slot) live;		/* all sessions, oldest first */
	TAILQ_ENTRY(slot) arriving;	/* neither logged in nor about to end, oldest first */
	TAILQ_ENTRY(slot) free;
};

TAILQ_HEAD(slots, slot);

struct master {
	const char *config_path;
	struct config *config;
	bool is_foreground;
	bool is_stderr_journal;	/* see journal_is_stderr() */
	uid_t service_uid;
	gid_t service_gid;
	pid_t pid;
	uint8_t boot_id[16];
	int empty_directory_fd;
	struct loop *loop;

	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;

	struct slot *slots;	/* SESSIONS_MAX of them; touched from the front */
	struct board board;	/* row i is slots[i] */
	struct slots live, arriving, free;
	struct tally *by_address, *by_user;	/* the sessions, with those of a former server */
	size_t used;		/* slots ever touched */
	uint32_t live_count;
	struct loop_timer grant;	/* of turns to those who wait */

	struct turns *turns[TURN_KIND_COUNT];
	struct judgements *judgements;
	struct failures *failures;
	struct {
		struct slots waiting, working;	/* first come first served; those whose turn it is */
		struct loop_timer due;
		int nice;			/* the server's own */
	} work;
	struct slots announcing;	/* ports.h */

	struct {
		bool is_open;		/* the file is this server's to write */
		uint64_t write_at_ms;	/* 0: nothing to write */
		uint64_t written_ms, look_at_ms;
		struct loop_timer due;
	} bans;

	struct {
		int fd;				/* the snapshot in force, never mapped here */
		uint32_t refusal_step_ms;	/* see accounts/refusal_time.h; of these accounts */
		struct accounts_stamp tried;	/* the file that was last loaded, or refused */
		uint64_t not_before_ms;		/* no other try before */
		struct accounts_load load;	/* because the file has changed */
	} accounts;

	struct {
		struct worker worker;
		int records, records_read;	/* both ends of the channel of all records */
		int reserved, reserved_read;	/* and of that of the records that matter most */
		uint64_t *dropped;
		uint64_t death_told_ms;		/* on standard error, the last one */
		struct log_switches *switches;	/* written here, read everywhere */
		bool was_told;			/* that it cannot be started */
	} logger;

	struct {
		struct quota_board *board;
		struct errand errand;
		struct loop_timer look;
	} quota_top;

	struct {
		struct worker worker;
		struct local_socket own;	/* for sallyportctl */
		struct local_socket wanted;	/* of metrics-listen */
		struct loop_timer open;		/* not set: all sockets are there */
		int told_error;			/* of the last try to open one */
		bool was_told;			/* that the process cannot be started */
		bool is_stopped;		/* for good */
	} metrics;

	struct {
		struct worker worker;
		int uploads, uploads_read;	/* both ends of the channel of all uploads; 0: not made yet */
		int queue_fd;			/* while a process is forked; -1 */
		uid_t uid;			/* whom the program runs as */
		gid_t gid;
		bool is_stopped;		/* for good */
	} hooks;

	struct {
		SSL_CTX *context;		/* what sessions inherit; NULL: no certificate */
		int key_fd;			/* the key's numbers in sealed memory, never read here */
		struct accounts_stamp chain_stamp, key_stamp;	/* the files last looked at */
		struct certificate_check check;	/* because the files have changed */
		struct loop_timer look;
		uint64_t warn_at_ms;
		const char *kernel_trouble;	/* why the kernel does not encrypt; NULL: it does */
		const char *date_problem;	/* as it was told last; NULL: none */
	} certificate;

	struct {
		union address told;	/* what PASV tells; AF_UNSPEC: the address that the client dialled */
		struct errand lookup;
		struct loop_timer look;
	} passive;

	struct reload reload;
	struct control_socket control;
	struct upgrade upgrade;

	uint64_t started_ms;
	bool is_draining;
	uint64_t drain_deadline_ms;	/* when the sessions left are killed */
	struct loop_timer drain;
};

#define SESSIONS_MAX 100000

/* Make the loop, and take the signals. 0 or -errno. */
int master_init(struct master *master);

/*
 * Serve until told to stop: SIGTERM drains, SIGINT or a second SIGTERM ends at once, SIGHUP reloads.
 * master is set up by main(). Returns when every session has ended.
 */
void master_run(struct master *master);

/*
 * The last thing that a master does: wait until logger, hooks and metrics have ended, which were told, at most two
 * seconds. A service manager kills what is left when the master is gone, and lines of the log would be lost.
 */
void master_await_children(const struct master *master);

/* Have the loop watch master->listeners, and log them. */
void master_watch_listeners(struct master *master);

/* No longer, because other ones take their places in the array. */
void master_unwatch_listeners(struct master *master);

/* Accept who waits at a listener that is not watched and about to be closed (not at an activated one). */
void master_leave_listener(struct master *master, const struct listener *listener);

/* Close the listeners, which another server has taken over. */
void master_forget_listeners(struct master *master);

/* What SIGTERM (is_drain: transfers may finish) and SIGINT do. A second time: everything ends at once. */
void master_stop(struct master *master, bool is_drain);

#endif
